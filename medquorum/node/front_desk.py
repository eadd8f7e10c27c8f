"""The Desk of a running node: the API's requests, each handed to the part that answers it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from medquorum.consensus.effects import CeaseVoting, Commit, Halt
from medquorum.consensus.events import Accepted, Effect, Forgotten
from medquorum.ledger.ceremony import CharterFile
from medquorum.ledger.charter import Charter
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.types import PartName, RecordId
from medquorum.ledger.vote import Vote
from medquorum.node.archive import export_frames
from medquorum.node.bodies import Bodies
from medquorum.node.desk import Reader, Receipt, Submission, VoteReceipt
from medquorum.node.dossiers import NodeDossiers
from medquorum.node.driver import Driver
from medquorum.node.governance_desk import NodeGovernance
from medquorum.node.happenings import Happenings
from medquorum.node.membership import EXPLAINED, Membership
from medquorum.node.peers.hub import Hub
from medquorum.node.queries import Queries
from medquorum.node.reading import Reading
from medquorum.node.statistics import Statistics
from medquorum.node.store.engine import Store
from medquorum.node.submissions import Submissions
from medquorum.node.views import (
    BlockView,
    EventView,
    PatientView,
    PeerView,
    ProposalView,
    StatusView,
    WhyView,
)
from medquorum.node.voting import Voting


@dataclass(frozen=True, slots=True)
class Rooms:
    """The parts a desk hands requests to."""

    driver: Driver
    queries: Queries
    submissions: Submissions
    voting: Voting
    bodies: Bodies
    reading: Reading
    dossiers: NodeDossiers
    statistics: Statistics
    store: Store
    news: Happenings
    hub: Hub
    governance: NodeGovernance


class FrontDesk:
    """Carries out the Desk protocol for one node."""

    def __init__(self, membership: Membership, rooms: Rooms) -> None:
        self.charter_file: CharterFile = membership.charter_file
        self.governance = rooms.governance
        self.dossiers = rooms.dossiers
        self.statistics = rooms.statistics
        self._membership = membership
        self._own = membership.own
        self._rooms = rooms
        rooms.driver.watchers.append(self._watch)

    @property
    def charter(self) -> Charter:
        """The charter in force."""
        return self._rooms.driver.charters.current

    def _watch(self, effect: Effect) -> None:
        """Turn what became durable into news."""
        news = self._rooms.news
        match effect:
            case Accepted(Proposal() as proposal):
                news.note("proposal", proposal.id.hex(), type=proposal.core.type.value)
            case Accepted(Vote() as vote):
                news.note("vote", vote.ballot.proposal.hex(), voter=self._name(vote.ballot.voter))
            case Forgotten(proposal, reason):
                news.note("closed", proposal.hex(), reason=reason.value)
            case Halt() | CeaseVoting():
                news.note("halt", self._own.hex(), reason=self._rooms.driver.halted)
            case Commit(batch):
                for block in batch.blocks:
                    header = block.header
                    news.note(
                        "block",
                        block.hash.hex(),
                        n_bc=header.n_bc,
                        n_pb=header.n_pb,
                        n_pa=header.n_pa,
                        type=block.proposal.core.type.value,
                        outcome=header.outcome.value,
                        proposal=header.proposal.hex(),
                    )
            case _:
                pass

    def _name(self, address: Address) -> str:
        member = self._rooms.driver.charters.member(address)
        return member.name if member else address.hex()

    # --- status -----------------------------------------------------------------------------

    def status(self) -> StatusView:
        """The node in one glance."""
        driver = self._rooms.driver
        member = driver.charters.member(self._own)
        replica, state = driver.replica, driver.durable
        not_ready = self._not_ready()
        return StatusView(
            name=self._name(self._own),
            role=member.role.value if member else "not yet a member",
            address=member.address_text if member else self._own.hex(),
            network=state.network.hex(),
            network_name=self.charter.name,
            charter_version=self.charter.version,
            doctors=len(self.charter.doctors),
            quorum=self.charter.quorum,
            mode=self.charter.ordering.mode.value,
            n_bc=state.n_bc,
            tip_hash=state.tip.hex(),
            patients=state.patients,
            epoch=replica.epoch,
            slot=replica.ordering.current_slot,
            final_slot=replica.ordering.final_slot,
            leader=replica.state.charter.doctors[replica.ordering.leader].name,
            open_proposals=len(replica.pool),
            peers=self._peers(),
            ready=not not_ready,
            not_ready=not_ready,
            ordering=self._ordering_state(),
        )

    def _ordering_state(self) -> str:
        driver = self._rooms.driver
        if driver.halted:
            return f"halted: {driver.halted}"
        if not driver.replica.ordering.voting:
            return "observing"
        return "idle" if driver.replica.ordering.waiting.missing is None else "ordering"

    def _not_ready(self) -> tuple[str, ...]:
        driver, linked = self._rooms.driver, set(self._rooms.hub.connected())
        reasons = [f"ordering is halted: {driver.halted}"] if driver.halted else []
        standing = self._membership.standing(driver.charters)
        reasons.extend([EXPLAINED[standing]] if standing in EXPLAINED else ())
        doctors = {doctor.address for doctor in self.charter.doctors}
        reachable = len(doctors & (linked | {self._own}))
        if reachable < self.charter.quorum:
            reasons.append(
                f"{reachable} doctors' nodes are linked, ordering needs {self.charter.quorum}"
            )
        return tuple(reasons)

    def _peers(self) -> tuple[PeerView, ...]:
        linked = set(self._rooms.hub.connected())
        return tuple(
            PeerView(
                member.name,
                member.role.value,
                member.address_text,
                member.address in linked,
                None,
            )
            for member in self.charter.members
            if member.address != self._own
        )

    # --- writing ----------------------------------------------------------------------------

    async def submit(self, submission: Submission) -> Receipt:
        """Seal, sign, store durably and gossip."""
        return await self._rooms.submissions.submit(submission)

    async def accept_sealed(self, proposal: bytes, wraps: Sequence[bytes]) -> Receipt:
        """Take a proposal sealed and signed elsewhere."""
        return await self._rooms.submissions.accept_sealed(proposal, wraps)

    async def put_chunk(self, record: RecordId, part: PartName, index: int, sealed: bytes) -> None:
        """Store one sealed chunk of a body that is to be submitted."""
        await self._rooms.submissions.put_chunk(record, part, index, sealed)

    async def vote(self, encoded: bytes) -> VoteReceipt:
        """Take a signed vote of this node's own doctor."""
        return await self._rooms.voting.vote(encoded)

    # --- reading ----------------------------------------------------------------------------

    async def inbox(self) -> tuple[ProposalView, ...]:
        """Open proposals where this node's doctor's vote counts and is not cast yet."""
        return await self._rooms.queries.inbox()

    async def proposals(self, state: str | None, limit: int) -> tuple[ProposalView, ...]:
        """Proposals, newest first."""
        return await self._rooms.queries.proposals(state, limit)

    async def proposal(self, identifier: str) -> ProposalView:
        """One proposal by hex id."""
        return await self._rooms.queries.proposal(identifier)

    async def proposal_bytes(self, identifier: str) -> bytes:
        """Its canonical bytes."""
        return (await self._rooms.queries.row(identifier)).proposal.encoded()

    async def why(self, identifier: str) -> WhyView:
        """Why it is not final."""
        return await self._rooms.queries.why(identifier)

    async def blocks(self, after: int, limit: int, patient: int | None) -> tuple[BlockView, ...]:
        """Blocks above a height, ascending."""
        return await self._rooms.queries.blocks(after, limit, patient)

    async def block(self, n_bc: int) -> BlockView:
        """One block by N BC."""
        return await self._rooms.queries.block(n_bc)

    async def block_by_hash(self, block: str) -> BlockView:
        """One block by hex hash."""
        return await self._rooms.queries.block_by_hash(block)

    async def patients(self) -> tuple[PatientView, ...]:
        """Every registered patient."""
        return await self._rooms.queries.patients()

    async def patient(self, number: int) -> PatientView:
        """One patient by N PB."""
        return await self._rooms.queries.patient(number)

    async def patient_by_address(self, address: str) -> PatientView:
        """One patient by the address of the patient's key."""
        return await self._rooms.queries.patient_by_address(address)

    async def read_part(
        self, record: RecordId, part: PartName, reader: Reader
    ) -> AsyncIterator[bytes]:
        """The plaintext of a part this node may open; logged before the first byte."""
        return await self._rooms.reading.read_part(record, part, reader)

    async def permits(self, record: RecordId, reader: Reader) -> bool:
        """Whether this reading may go on now."""
        return await self._rooms.reading.permits(record, reader)

    def holds(self, record: RecordId) -> bool:
        """Whether the chunks of a body are here."""
        return self._rooms.bodies.held(record) is not None

    async def proof(self, n_bc: int) -> bytes:
        """The offline proof of one block."""
        return await self._rooms.queries.proof(n_bc)

    def export(self) -> AsyncIterator[bytes]:
        """The frames of an export of the whole final chain."""
        return export_frames(self._rooms.store, self._rooms.driver.replica.state.network)

    def events(self, after: int) -> AsyncIterator[EventView]:
        """Live changes with a sequence greater than `after`."""
        return self._rooms.news.follow(after)

    async def accesses(self, patient: int | None) -> tuple[Mapping[str, object], ...]:
        """The access log."""
        return await self._rooms.queries.accesses(patient)
