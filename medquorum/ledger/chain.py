"""The ledger after a chain of batches: numbers, heads, patients (R-ORD2, R-ORD3, R-ORD15).

A state is a thin layer over the one before it, so that ordering can look at several possible
futures at once; when a batch is final its layer is absorbed by the index below. Nothing here
judges: `extend` applies what admission has accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from medquorum.ledger.batch import Absence, Batch, registry_hash
from medquorum.ledger.block import Block, BlockHeader, place
from medquorum.ledger.charter import Charter
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import Address, PublicKey
from medquorum.ledger.proposal import Core, Proposal
from medquorum.ledger.types import BlockHash, BlockType, NetworkId, Outcome, ProposalId


@dataclass(frozen=True, slots=True)
class PatientState:
    """What the chain knows of one patient."""

    number: int
    """N PB."""
    key: PublicKey
    """Kp."""
    encryption_key: PublicKey
    name: bytes
    """Commitment to the sealed name."""
    attending: Address
    head: BlockHash
    length: int
    """N PA of the head."""
    care_team: frozenset[Address]
    """Every address that issued, or is named as doctor in, one of the patient's blocks."""


@dataclass(slots=True)
class Layer:
    """What one batch adds."""

    patients: dict[int, PatientState] = field(default_factory=dict)
    numbers: dict[PublicKey, int] = field(default_factory=dict)
    blocks: dict[BlockHash, int] = field(default_factory=dict)
    types: dict[BlockHash, BlockType] = field(default_factory=dict)
    proposals: dict[ProposalId, int] = field(default_factory=dict)


class ChainIndex(Protocol):
    """What is final, by key; a store may stand behind it."""

    def patient(self, number: int) -> PatientState | None:
        """The patient with this N PB."""

    def number_of(self, key: PublicKey) -> int | None:
        """The N PB registered for this Kp."""

    def patient_of_block(self, block: BlockHash) -> int | None:
        """The N PB whose chain holds this accepted block."""

    def type_of_block(self, block: BlockHash) -> BlockType | None:
        """The type of this accepted block."""

    def height_of(self, proposal: ProposalId) -> int | None:
        """The N BC of the block of this proposal."""

    def absorb(self, layer: Layer) -> None:
        """Take in what became final."""


class MemoryIndex:
    """A ChainIndex in memory."""

    __slots__ = ("_layer",)

    def __init__(self) -> None:
        self._layer = Layer()

    def patient(self, number: int) -> PatientState | None:
        """The patient with this N PB."""
        return self._layer.patients.get(number)

    def number_of(self, key: PublicKey) -> int | None:
        """The N PB registered for this Kp."""
        return self._layer.numbers.get(key)

    def patient_of_block(self, block: BlockHash) -> int | None:
        """The N PB whose chain holds this accepted block."""
        return self._layer.blocks.get(block)

    def type_of_block(self, block: BlockHash) -> BlockType | None:
        """The type of this accepted block."""
        return self._layer.types.get(block)

    def height_of(self, proposal: ProposalId) -> int | None:
        """The N BC of the block of this proposal."""
        return self._layer.proposals.get(proposal)

    def absorb(self, layer: Layer) -> None:
        """Take in what became final."""
        self._layer.patients.update(layer.patients)
        self._layer.numbers.update(layer.numbers)
        self._layer.blocks.update(layer.blocks)
        self._layer.types.update(layer.types)
        self._layer.proposals.update(layer.proposals)


@dataclass(slots=True, eq=False)
class ChainState:
    """The ledger after one batch; treat as immutable, `absorb` only moves its layer down."""

    network: NetworkId
    charter: Charter
    index: ChainIndex
    n_bc: int
    tip: BlockHash
    patients: int
    time_ms: int
    absences: tuple[Absence, ...] = ()
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

    def delegate_of(self, attending: Address, time_ms: int) -> Address | None:
        """Who stands in for an attending physician at a batch time."""
        for absence in self.absences:
            if absence.attending == attending and absence.from_ms <= time_ms <= absence.to_ms:
                return absence.delegate
        return None

    def attending_for(self, core: Core) -> Address | None:
        """Whose approval a proposal needs: the patient's attending, or the form's doctor."""
        if core.patient is None:
            return core.doctor
        patient = self.patient(core.patient)
        return patient.attending if patient else None

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
        """The block this proposal would be if it came next (R-ORD2, R-ORD3, R-ORD5)."""
        core = proposal.core
        patient = None if core.patient is None else self._view.patient(core.patient)
        if outcome is Outcome.REJECTED:
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
        if header.outcome is Outcome.ACCEPTED:
            layer.blocks[block.hash] = header.n_pb
            layer.types[block.hash] = core.type
            layer.patients[header.n_pb] = self._patient_after(block)
            if core.registration is not None:
                layer.numbers[core.patient_key] = header.n_pb
                self._patients += 1

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
        is_form = core.type is BlockType.MEDICAL_FORM
        return replace(
            before,
            attending=core.doctor if is_form else before.attending,
            head=block.hash,
            length=header.n_pa,
            care_team=before.care_team | named,
        )

    def state(self, time_ms: int) -> ChainState:
        """The state after the blocks appended, at a batch time."""
        return replace(
            self._view, n_bc=self.n_bc, tip=self.tip, patients=self._patients, time_ms=time_ms
        )
