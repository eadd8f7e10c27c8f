"""A chain over several epochs: every act of governance, ends of epochs with and without a tail."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from medquorum.consensus.composition import compose
from medquorum.consensus.pool import Candidate
from medquorum.ledger import merkle
from medquorum.ledger.batch import Absence, Batch, BatchHeader, room_beside
from medquorum.ledger.block import Block
from medquorum.ledger.certificate import Certificate, Statement, certify, state
from medquorum.ledger.chain import ChainBuilder, ChainState, genesis
from medquorum.ledger.export import ExportHead, encode_batch, encode_head
from medquorum.ledger.governance import Act, EvidenceAct
from medquorum.ledger.keys import Address, Purpose
from medquorum.ledger.proof import Inclusion, Proof
from medquorum.ledger.proposal import GovernanceIssue, Proposal, governance_core, issue
from medquorum.ledger.types import (
    BatchHash,
    Decision,
    OrderingKind,
    Outcome,
    RecordId,
    VoterRole,
)
from medquorum.ledger.vote import Vote
from tests.ledger.charter_kit import signer_of
from tests.support.network import (
    LIFETIME_MS,
    START_MS,
    Network,
    address,
    digest,
    make_network,
    vote,
    witness,
)

BATCH_STEP_MS = 1_000


@dataclass(frozen=True)
class Entry:
    """One final batch, what makes it final, and what it was judged by."""

    batch: Batch
    certificate: Certificate | None
    tail: tuple[Batch, ...]
    registry: tuple[Absence, ...]


@dataclass
class Governed:
    """Grows batch by batch; `network` is the founding one, names are everybody's for ever."""

    network: Network = field(default_factory=make_network)
    state: ChainState = field(init=False)
    entries: list[Entry] = field(default_factory=list)
    labels: dict[Address, str] = field(default_factory=dict)
    """Whose consensus key follows from another label than the name."""
    slot: int = 0
    time_ms: int = START_MS
    _staged: list[Candidate] = field(default_factory=list)
    _builder: ChainBuilder = field(init=False)

    def __post_init__(self) -> None:
        self.state = genesis(self.network.charter)
        self._builder = ChainBuilder(self.state)

    @property
    def view(self) -> ChainState:
        """The chain with the staged blocks."""
        return self._builder.view

    @property
    def doctors(self) -> tuple[str, ...]:
        """The names of the doctors in force, in order of their numbers."""
        return tuple(doctor.name for doctor in self.state.charter.doctors)

    @property
    def blocks(self) -> list[Block]:
        """All blocks in order."""
        return [block for entry in self.entries for block in entry.batch.blocks]

    def propose_act(self, act: Act, issuer: str) -> Proposal:
        """A signed act, asked for now."""
        asked = GovernanceIssue(
            network=self.network.id,
            issuer=address(issuer),
            record=RecordId(digest(f"act {self.time_ms} {len(self._staged)} {issuer}")),
            issued_at_ms=self.time_ms,
            expires_at_ms=self.time_ms + LIFETIME_MS,
        )
        by_node = isinstance(act, EvidenceAct)
        label = self.labels.get(address(issuer), issuer) if by_node else issuer
        purpose = Purpose.CONSENSUS if by_node else Purpose.CLINICAL
        return issue(governance_core(act, asked), signer_of(label, purpose))

    def govern(
        self, act: Act, issuer: str, voters: Sequence[str] | None = None, *, reject: bool = False
    ) -> Block:
        """Stage an act with these doctors' approvals, or all rejecting."""
        proposal = self.propose_act(act, issuer)
        decision = Decision.REJECT if reject else Decision.APPROVE
        names = self.doctors if voters is None else voters
        votes = [vote(self.network, proposal, name, decision) for name in names]
        return self.stage(proposal, votes, Outcome.REJECTED if reject else Outcome.ACCEPTED)

    def stage(
        self, proposal: Proposal, votes: Iterable[Vote], outcome: Outcome = Outcome.ACCEPTED
    ) -> Block:
        """Give a decided proposal the next place."""
        block = self._builder.place(proposal, outcome)
        self._builder.append(block)
        self._staged.append(Candidate(proposal, outcome, witness(votes)))
        return block

    def approve(self, proposal: Proposal, roles: Mapping[str, VoterRole] | None = None) -> Block:
        """Stage a clinical proposal that everybody named approves; all, the attending as such."""
        attending = self.view.attending_for(proposal.core)
        said = roles or {
            name: VoterRole.ATTENDING if address(name) == attending else VoterRole.PEER
            for name in self.doctors
        }
        votes = [vote(self.network, proposal, name, role=role) for name, role in said.items()]
        return self.stage(proposal, votes)

    def close(self, *, final: bool = True, tail: int = 0, after_ms: int = BATCH_STEP_MS) -> Batch:
        """The batch of what was staged; with an amendment in it the next epoch begins."""
        batch = self._batch(self.state, self._staged, self.slot, self._parent())
        assert len(batch.blocks) == len(self._staged), "a staged block is not admissible"
        registry, self.state = self.state.absences, self.state.extend(batch)
        ends = [batch, *self._tail(batch, tail)]
        own = self._certificate(OrderingKind.FINAL, ends[-1]) if final else None
        self.entries.append(Entry(batch, own, tuple(ends[1:]), registry))
        self.slot, self.time_ms = batch.header.slot, self.time_ms + after_ms
        if self.state.amended is not None:
            assert final, "an epoch ends with a final batch"
            self.state, self.slot = self.state.next_epoch(), 0
        self._staged, self._builder = [], ChainBuilder(self.state)
        return batch

    def _parent(self) -> BatchHash:
        return self.entries[-1].batch.hash if self.entries else BatchHash(self.network.id)

    def _tail(self, end: Batch, count: int) -> Iterable[Batch]:
        view, before = self.state, end
        for _ in range(count):
            self.time_ms += BATCH_STEP_MS
            before = self._batch(view, (), before.header.slot, before.hash)
            view = view.extend(before)
            yield before

    def _batch(
        self, view: ChainState, staged: Sequence[Candidate], slot: int, parent: BatchHash
    ) -> Batch:
        justification = []
        if slot:
            justification = [self._vouch(OrderingKind.NOTAR, slot, parent)]
        contents = compose(staged, view, len(staged), self.time_ms, room_beside(justification))
        epoch = self.state.charter.version
        header = BatchHeader(
            network=self.network.id,
            epoch=epoch,
            slot=slot + 1,
            leader=(epoch + slot + 1) % len(self.state.charter.doctors),
            parent_slot=slot,
            parent_hash=parent,
            first_nbc=contents.first_nbc,
            count=len(contents.blocks),
            blocks_root=merkle.root([block.encoded() for block in contents.blocks]),
            witness_root=merkle.root([one.encoded() for one in contents.witnesses]),
            justification_root=merkle.root([one.encoded() for one in justification]),
            last_block_hash=contents.last_block_hash,
            registry_hash=contents.registry_hash,
            charter_version=contents.charter_version,
            time_ms=self.time_ms,
        )
        return Batch(header, contents.blocks, contents.witnesses, tuple(justification))

    def _certificate(self, kind: OrderingKind, batch: Batch) -> Certificate:
        return self._vouch(kind, batch.header.slot, batch.hash)

    def _vouch(self, kind: OrderingKind, slot: int, digest_of: BatchHash) -> Certificate:
        charter = self.state.charter
        statement = Statement(charter.version, slot, kind, digest_of)
        votes = []
        for number in range(charter.quorum):
            doctor = charter.doctors[number]
            label = self.labels.get(doctor.address, doctor.name)
            key = signer_of(label, Purpose.CONSENSUS)
            votes.append(state(statement, number, self.network.id, key))
        return certify(statement, votes)

    def export(self) -> list[bytes]:
        """The frames of the export, each with its length."""
        last = self.entries[-1].batch.header
        head = ExportHead(
            self.network.id, last.hash(), self.state.n_bc, last.slot, tip_epoch=last.epoch
        )
        frames = [encode_head(head)]
        for entry in self.entries:
            frames.extend(encode_batch(entry.batch, entry.certificate, entry.tail))
        return frames

    def proof(self, n_bc: int) -> Proof:
        """The proof of one block."""
        block = self.blocks[n_bc - 1]
        included = self._included(n_bc)
        patient = block.proposal.core.patient
        history = tuple(
            (one.header, one.proposal.core)
            for one in self.blocks[: n_bc - 1]
            if patient is not None
            and (one.header.outcome, one.header.n_pb) == (Outcome.ACCEPTED, patient)
        )
        ends = [
            entry.batch.header.first_nbc + entry.batch.header.count - 1
            for entry, after in zip(self.entries, self.entries[1:], strict=False)
            if after.batch.header.epoch > entry.batch.header.epoch
            and after.batch.header.first_nbc <= n_bc
        ]
        registry = next(one.registry for one in self.entries if block in one.batch.blocks)
        return Proof(
            block=included.block,
            witness=included.witness,
            index=included.index,
            block_path=included.block_path,
            witness_path=included.witness_path,
            headers=included.headers,
            certificate=included.certificate,
            patient_chain=history,
            epochs=tuple(self._included(end) for end in ends),
            registry=registry,
        )

    def _included(self, n_bc: int) -> Inclusion:
        block = self.blocks[n_bc - 1]
        place = next(n for n, one in enumerate(self.entries) if block in one.batch.blocks)
        last = next(n for n in range(place, len(self.entries)) if self.entries[n].certificate)
        batch, certificate = self.entries[place].batch, self.entries[last].certificate
        assert certificate is not None
        index = n_bc - batch.header.first_nbc
        until = [entry.batch for entry in self.entries[place : last + 1]]
        return Inclusion(
            block,
            batch.witnesses[index],
            index,
            merkle.path([one.encoded() for one in batch.blocks], index),
            merkle.path([one.encoded() for one in batch.witnesses], index),
            tuple(one.header for one in [*until, *self.entries[last].tail]),
            certificate,
        )
