"""The ledger after a chain of batches: numbers, heads, patients, stand-ins, the charter in force.

R-ORD2, R-ORD3, R-ORD15; what governance changes of them R-GOV5, R-GOV8 and R-GOV9.

A state is a thin layer over the one before it, so that ordering can look at several possible
futures at once; when a batch is final its layer is absorbed by the index below. Nothing here
judges: `extend` applies what admission has accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import assert_never

from medquorum.ledger import registry
from medquorum.ledger.amendment import apply
from medquorum.ledger.batch import Absence, Batch, registry_hash
from medquorum.ledger.block import Block, BlockHeader, place
from medquorum.ledger.chain_index import ChainIndex, Layer, MemoryIndex, PatientState
from medquorum.ledger.charter import Charter
from medquorum.ledger.evidence import EvidenceKey, evidence_key
from medquorum.ledger.governance import (
    AbsenceAct,
    Act,
    Amendment,
    DelegationAct,
    EvidenceAct,
    OpeningAct,
)
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import Address, PublicKey
from medquorum.ledger.proposal import Core, Proposal
from medquorum.ledger.reasons import Reject
from medquorum.ledger.types import BlockHash, BlockType, NetworkId, Outcome, ProposalId


@dataclass(slots=True, eq=False)
class ChainState:
    """The ledger after one batch; treat as immutable, `absorb` only moves its layer down."""

    network: NetworkId
    charter: Charter
    """In force at every block after this batch, until the epoch ends."""
    index: ChainIndex
    n_bc: int
    tip: BlockHash
    patients: int
    time_ms: int
    absences: tuple[Absence, ...] = ()
    """The registry as the last batch left it: the next one is judged by it (R-ORD15)."""
    declaring: tuple[Act, ...] = ()
    """What the blocks so far of the batch under way declare."""
    earlier: tuple[Charter, ...] = ()
    """The charters of the epochs before, from the founding one on."""
    amended: Charter | None = None
    """The next epoch's charter, once a batch holds an accepted amendment (R-GOV8)."""
    layer: Layer = field(default_factory=Layer)
    below: ChainState | None = None

    def _layers(self) -> list[Layer]:
        layers, state = [], self
        while True:
            layers.append(state.layer)
            if state.below is None:
                return layers
            state = state.below

    def patient(self, number: int) -> PatientState | None:
        """The patient with this N PB."""
        for layer in self._layers():
            if number in layer.patients:
                return layer.patients[number]
        return self.index.patient(number)

    def number_of(self, key: PublicKey) -> int | None:
        """The N PB registered for this Kp."""
        for layer in self._layers():
            if key in layer.numbers:
                return layer.numbers[key]
        return self.index.number_of(key)

    def patient_of_block(self, block: BlockHash) -> int | None:
        """The N PB whose chain holds this accepted block."""
        for layer in self._layers():
            if block in layer.blocks:
                return layer.blocks[block]
        return self.index.patient_of_block(block)

    def type_of_block(self, block: BlockHash) -> BlockType | None:
        """The type of this accepted block."""
        for layer in self._layers():
            if block in layer.types:
                return layer.types[block]
        return self.index.type_of_block(block)

    def height_of(self, proposal: ProposalId) -> int | None:
        """The N BC of the block of this proposal, if it is in the chain."""
        for layer in self._layers():
            if proposal in layer.proposals:
                return layer.proposals[proposal]
        return self.index.height_of(proposal)

    def evidence_shown(self, key: EvidenceKey) -> bool:
        """Whether a block holds evidence of this (R-GOV5)."""
        shown = any(key in layer.evidence for layer in self._layers())
        return shown or self.index.evidence_shown(key)

    @property
    def charters(self) -> tuple[Charter, ...]:
        """Every charter so far by version, the one in force last: that of epoch e has place e."""
        return (*self.earlier, self.charter)

    @property
    def registry(self) -> tuple[Absence, ...]:
        """The entries with what the batch under way declares: its next act is judged by them."""
        return self.declared_at(self.time_ms)

    def declared_at(self, time_ms: int) -> tuple[Absence, ...]:
        """The same for a batch of that time: openings are counted from it."""
        rule = self.charter.absence
        moment = registry.Moment(self.time_ms, time_ms, rule.silence_hours)
        entries = self.absences
        for act in self.declaring:
            entries = registry.declared(entries, act, moment)
        return entries

    def delegates_of(self, core: Core, proposal: ProposalId, time_ms: int) -> frozenset[Address]:
        """The active doctors who stand in for a proposal's attending at a batch time (R-ORD15)."""
        attending = self.attending_for(core)
        if attending is None:
            return frozenset()
        named = registry.delegates(self.absences, attending, core.patient, proposal, time_ms)
        return named & self.charter.doctor_addresses

    def attending_of(self, number: int) -> Address | None:
        """Who attends a patient under the charter in force (R-GOV9)."""
        patient = self.patient(number)
        return None if patient is None else self.charter.responsible(patient.attending)

    def attending_for(self, core: Core) -> Address | None:
        """Whose approval a proposal needs: the patient's attending, or the form's doctor."""
        if core.act is not None:
            return None
        return core.doctor if core.patient is None else self.attending_of(core.patient)

    def registry_hash(self) -> bytes:
        """The hash of the registry document (R-ORD15)."""
        return registry_hash(self.network, self.absences)

    def absorb(self) -> None:
        """Move this state's layer into the index: its batch is final."""
        if self.below is not None:
            self.below.absorb()
            self.below = None
        self.index.absorb(self.layer)
        self.layer = Layer()

    def extend(self, batch: Batch) -> ChainState:
        """The state after a batch that admission has accepted."""
        builder = ChainBuilder(self)
        for block in batch.blocks:
            builder.append(block)
        return builder.state(batch.header.time_ms)

    def next_epoch(self) -> ChainState:
        """The same ledger under the charter its last batch made (R-GOV8)."""
        if self.amended is None:
            raise AssertionError("R-GOV8: only an accepted amendment ends an epoch")
        return replace(self, charter=self.amended, earlier=self.charters, amended=None)


def genesis(charter: Charter, index: ChainIndex | None = None) -> ChainState:
    """The empty ledger of a founding charter (R-ORD2, R-ORD9)."""
    network = charter.network_id
    return ChainState(network, charter, index or MemoryIndex(), 0, BlockHash(network), 0, 0)


class ChainBuilder:
    """Grows one layer block by block; used to compose, to judge and to extend."""

    __slots__ = ("_patients", "_view", "n_bc", "tip")

    def __init__(self, below: ChainState) -> None:
        self.n_bc = below.n_bc
        self.tip = below.tip
        self._patients = below.patients
        self._view = replace(below, layer=Layer(), below=below)

    @property
    def view(self) -> ChainState:
        """The state with the blocks appended so far (its numbers are the builder's)."""
        return self._view

    def place(self, proposal: Proposal, outcome: Outcome) -> Block:
        """The block this proposal would be if it came next (R-ORD2, R-ORD3, R-ORD5, R-GOV1)."""
        core = proposal.core
        patient = None if core.patient is None else self._view.patient(core.patient)
        if core.act is not None:
            n_pb, n_pa, hpatient = 0, 0, BlockHash(ZERO)
        elif outcome is Outcome.REJECTED:
            n_pb, n_pa, hpatient = core.patient or 0, 0, BlockHash(ZERO)
        elif patient is None:
            n_pb, n_pa, hpatient = self._patients + 1, 1, BlockHash(ZERO)
        else:
            n_pb, n_pa, hpatient = patient.number, patient.length + 1, patient.head
        header = BlockHeader(self.n_bc + 1, self.tip, n_pb, n_pa, hpatient, outcome, proposal.id)
        return place(header, proposal)

    def append(self, block: Block) -> None:
        """Apply one block; it must be the one `place` gives."""
        header, core, layer = block.header, block.proposal.core, self._view.layer
        self.n_bc, self.tip = header.n_bc, block.hash
        layer.proposals[header.proposal] = header.n_bc
        if header.outcome is Outcome.REJECTED:
            return
        if core.act is not None:
            self._govern(core.act, core.issuer)
            return
        layer.blocks[block.hash] = header.n_pb
        layer.types[block.hash] = core.type
        layer.patients[header.n_pb] = self._patient_after(block)
        if core.registration is not None:
            layer.numbers[core.patient_key] = header.n_pb
            self._patients += 1

    def _govern(self, act: Act, issuer: Address) -> None:
        view = self._view
        match act:
            case Amendment():
                amended = apply(view.charter, act, issuer)
                if isinstance(amended, Reject):
                    raise AssertionError("R-GOV5: an admitted amendment applies")
                view.amended = amended
            case EvidenceAct():
                view.layer.evidence.add(evidence_key(act))
            case AbsenceAct() | DelegationAct() | OpeningAct():
                view.declaring = (*view.declaring, act)
            case _:
                assert_never(act)

    def _patient_after(self, block: Block) -> PatientState:
        header, core = block.header, block.proposal.core
        named = frozenset({core.issuer, core.doctor})
        if core.registration is not None:
            return PatientState(
                header.n_pb,
                core.patient_key,
                core.registration.encryption_key,
                core.patient_name,
                core.doctor,
                block.hash,
                1,
                named,
            )
        before = self._view.patient(header.n_pb)
        if before is None:
            raise AssertionError("R-ORD4: an admitted block has a registered patient")
        names_attending = core.type in (BlockType.MEDICAL_FORM, BlockType.ATTENDING)
        return replace(
            before,
            attending=core.doctor if names_attending else before.attending,
            head=block.hash,
            length=header.n_pa,
            care_team=before.care_team | named,
        )

    def state(self, time_ms: int) -> ChainState:
        """The state after the blocks appended, at a batch time."""
        view = self._view
        entries = view.declared_at(time_ms)
        return replace(
            view,
            n_bc=self.n_bc,
            tip=self.tip,
            patients=self._patients,
            time_ms=time_ms,
            absences=registry.remaining(entries, view.layer.proposals.keys(), time_ms),
            declaring=(),
        )
