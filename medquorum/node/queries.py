"""What the node answers about its ledger: proposals, blocks, patients, status, why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection

from medquorum.consensus.proofs import provable
from medquorum.consensus.validation import panelists
from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import CodecError, KeyMaterialError
from medquorum.ledger.keys import Address, address_of, address_text, parse_address
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.types import ADDRESS_PREFIX, Standing
from medquorum.ledger.vote import Vote
from medquorum.node import why
from medquorum.node.archive import prove
from medquorum.node.bodies import Bodies
from medquorum.node.desk import DeskError
from medquorum.node.driver import Driver, now_ms
from medquorum.node.histories import Histories
from medquorum.node.presenter import Presenter, is_doctor
from medquorum.node.store.chain_rows import (
    height_of_hash,
    heights_after,
    load_batches,
    log_index_of_block,
)
from medquorum.node.store.clinical_rows import (
    ProposalRow,
    load_accesses,
    load_proposal,
    load_proposals,
    load_votes,
)
from medquorum.node.store.context_rows import ProposalContext, load_context
from medquorum.node.store.engine import Store
from medquorum.node.views import BlockView, PatientView, ProposalView, WhyView

MOST = 500
"""Rows of one answer."""
WHOLE_CHAIN = "shows only in the whole chain: check it with `medquorum chain export`"
NOT_READABLE = "not readable here"
"""Phase of a consultation whose prescriptions or reports are sealed for others."""
NOT_HERE = "look up the id with `medquorum inbox` or `medquorum chain show`"

_Known = tuple[ProposalRow, list[Vote], ProposalContext]


class Queries:
    """Reads of the node; nothing here changes anything."""

    def __init__(
        self, driver: Driver, store: Store, bodies: Bodies, histories: Histories, own: Address
    ) -> None:
        self._driver = driver
        self._store = store
        self._bodies = bodies
        self._histories = histories
        self._own = own
        self._charters = driver.charters
        self._presenter = Presenter(driver.charters, driver.replica)

    async def inbox(self) -> tuple[ProposalView, ...]:
        """Open proposals where this node's doctor's vote counts and is not cast, oldest first.

        The replica may know one that the store does not hold yet; it comes when it is durable.
        """
        if not is_doctor(self._driver.replica.state.charter, self._own):
            return ()
        replica, now = self._driver.replica, now_ms()
        wanted = [
            entry.proposal.id
            for entry in replica.pool
            if self._own in (standing := entry.tally(replica.state, now)).missing
            and standing.standing is Standing.PENDING
        ]
        found = [await self._durable_view(identifier) for identifier in wanted[:MOST]]
        return tuple(view for view in found if view is not None)

    async def proposals(self, state: str | None, limit: int) -> tuple[ProposalView, ...]:
        """Proposals, newest first."""
        most = max(1, min(limit, MOST))

        def read(connection: Connection) -> list[_Known]:
            rows = load_proposals(connection, state, most)
            return [_known(connection, row) for row in rows]

        found = await self._store.read(read)
        return tuple(self._proposal_view(*known) for known in found)

    def _proposal_view(
        self, row: ProposalRow, votes: list[Vote], context: ProposalContext
    ) -> ProposalView:
        body = self._bodies.state_of(row.proposal).value
        view = self._presenter.proposal(row, votes, body, now_ms())
        return replace(view, images=context.images, decided_at_ms=context.decided_at_ms)

    async def row(self, identifier: str) -> ProposalRow:
        """One proposal's row by hex id; DeskError 404 when unknown."""
        octets = hex_id(identifier)
        row = await self._store.read(lambda connection: load_proposal(connection, octets))
        if row is None:
            raise DeskError(404, "unknown_proposal", NOT_HERE)
        return row

    async def proposal(self, identifier: str) -> ProposalView:
        """One proposal by hex id."""
        view = await self._durable_view(hex_id(identifier))
        if view is None:
            raise DeskError(404, "unknown_proposal", NOT_HERE)
        return view

    async def _durable_view(self, identifier: bytes) -> ProposalView | None:
        """One proposal as the store holds it."""

        def read(connection: Connection) -> _Known | None:
            row = load_proposal(connection, identifier)
            return None if row is None else _known(connection, row)

        known = await self._store.read(read)
        return None if known is None else self._proposal_view(*known)

    async def why(self, identifier: str) -> WhyView:
        """Why it is not final: who has not voted, which certificate is missing."""
        row = await self.row(identifier)
        known = await self._store.read(lambda connection: _known(connection, row))
        view, votes = self._proposal_view(*known), known[1]
        replica = self._driver.replica
        waiting, charter = replica.ordering.waiting, replica.state.charter
        return WhyView(
            id=view.id,
            state=view.state,
            sentences=tuple(self._sentences(view, row.proposal, votes)),
            missing_voters=view.verdict.missing,
            missing_certificate=waiting.missing.value if waiting.missing else None,
            slot=waiting.slot,
            leader=charter.doctors[waiting.leader].name,
        )

    def _sentences(self, view: ProposalView, proposal: Proposal, votes: list[Vote]) -> list[str]:
        replica, over = self._driver.replica, why.closed(view)
        if over is not None:
            return [over]
        panel = panelists(proposal, replica.state, now_ms())
        said = [why.counted(view, panel)]
        if view.verdict.standing == "pending":
            cast = {vote.ballot.voter: vote for vote in votes}
            said += why.undecided(view, panel, cast, self._presenter.name)
        else:
            said += why.unordered(view, replica.ordering.waiting, replica.state.charter)
        if view.body == "failed":
            said.append("This node could not open the body and has complained; do not approve.")
        if self._driver.halted:
            said.append(f"Ordering is halted: {self._driver.halted}.")
        return said

    async def blocks(self, after: int, limit: int, patient: int | None) -> tuple[BlockView, ...]:
        """Blocks above a height, ascending."""
        most = max(1, min(limit, MOST))

        def read(connection: Connection) -> list[BlockView]:
            views = []
            for n_bc, log_index in heights_after(connection, after, most, patient):
                final = load_batches(connection, log_index, 1)[0]
                index = n_bc - final.batch.header.first_nbc
                views.append(self._presenter.block(final, index))
            return views

        return tuple(await self._store.read(read))

    async def block(self, n_bc: int) -> BlockView:
        """One block by N BC; DeskError 404 when there is none yet."""

        def read(connection: Connection) -> BlockView | None:
            log_index = log_index_of_block(connection, n_bc)
            if log_index is None:
                return None
            final = load_batches(connection, log_index, 1)[0]
            return self._presenter.block(final, n_bc - final.batch.header.first_nbc)

        view = await self._store.read(read)
        if view is None:
            raise DeskError(404, "unknown_block", f"the chain ends at block {self.tip}")
        return view

    @property
    def tip(self) -> int:
        """N BC of the last final block."""
        return self._driver.durable.n_bc

    @property
    def charter(self) -> Charter:
        """The charter in force."""
        return self._charters.current

    def naming(self, address: Address) -> str:
        """A member's name; a former member keeps it."""
        return self._presenter.name(address)

    async def block_by_hash(self, block: str) -> BlockView:
        """One block by hex hash."""
        octets = hex_id(block)
        n_bc = await self._store.read(lambda connection: height_of_hash(connection, octets))
        if n_bc is None:
            raise DeskError(404, "unknown_block", NOT_HERE)
        return await self.block(n_bc)

    async def patients(self) -> tuple[PatientView, ...]:
        """Every registered patient, by N PB."""
        numbers = range(1, min(self._driver.durable.patients, MOST) + 1)
        return tuple([await self.patient(number) for number in numbers])

    async def patient(self, number: int) -> PatientView:
        """One patient by N PB; DeskError 404 when there is none."""
        patient = self._driver.replica.state.patient(number)
        if patient is None:
            raise DeskError(404, "unknown_patient", "see `medquorum patient list`")
        consultation = await self._histories.consultation(number)
        if consultation is None:
            return self._presenter.patient(patient, NOT_READABLE, ())
        steps = tuple(step.step.value for step in consultation.permitted)
        return self._presenter.patient(patient, consultation.phase.value, steps)

    async def patient_by_address(self, address: str) -> PatientView:
        """One patient by the address of the patient's key."""
        try:
            wanted, _ = parse_address(address)
        except KeyMaterialError as error:
            raise DeskError(400, "bad_address", str(error)) from None
        state = self._driver.replica.state
        for number in range(1, state.patients + 1):
            patient = state.patient(number)
            if patient is not None and address_of(patient.key) == wanted:
                return await self.patient(number)
        raise DeskError(404, "unknown_patient", "the registration may not be final yet")

    async def proof(self, n_bc: int) -> bytes:
        """The offline proof of one block; DeskError where there is none that verifies or fits."""
        versions = self._charters.versions
        proof = await self._store.read(lambda connection: prove(connection, n_bc, versions))
        if proof is None:
            raise DeskError(404, "unknown_block", f"the chain ends at block {self.tip}")
        shown = provable(proof, self._charters.founding)
        if shown is None:
            raise DeskError(409, "not_provable_alone", f"what rejected it {WHOLE_CHAIN}")
        try:
            return shown.encoded()
        except CodecError:
            raise DeskError(413, "proof_too_long", f"the patient's history {WHOLE_CHAIN}") from None

    async def accesses(self, patient: int | None) -> tuple[Mapping[str, object], ...]:
        """The access log, newest first."""
        rows = await self._store.read(lambda connection: load_accesses(connection, patient))
        return tuple(self._access(row) for row in rows)

    def _access(self, row: Mapping[str, object]) -> Mapping[str, object]:
        return {column: self._shown(column, value) for column, value in row.items()}

    def _shown(self, column: str, value: object) -> object:
        if not isinstance(value, bytes):
            return value
        member = self._charters.member(Address(value))
        if column in ("organisation", "origin") and member is not None:
            return address_text(member.address, ADDRESS_PREFIX[member.role])
        return value.hex()


def hex_id(text: str) -> bytes:
    """Thirty-two bytes from hex; DeskError 400 otherwise."""
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        octets = b""
    if len(octets) != 32:
        raise DeskError(400, "bad_id", "an id is 64 hexadecimal digits")
    return octets


def _known(connection: Connection, row: ProposalRow) -> _Known:
    """A proposal with its votes and what the chain says around it."""
    return row, load_votes(connection, row.proposal.id), load_context(connection, row.proposal)
