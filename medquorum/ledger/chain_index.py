"""What is final, by key; and the layer of each batch above it (R-ORD2, R-ORD3, R-GOV5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from medquorum.ledger.evidence import EvidenceKey
from medquorum.ledger.keys import Address, PublicKey
from medquorum.ledger.types import BlockHash, BlockType, ProposalId


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
    """As the chain named her last; `ChainState.attending_of` says who attends now (R-GOV9)."""
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
    evidence: set[EvidenceKey] = field(default_factory=set)


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

    def evidence_shown(self, key: EvidenceKey) -> bool:
        """Whether a block holds evidence of this (R-GOV5)."""

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

    def evidence_shown(self, key: EvidenceKey) -> bool:
        """Whether a block holds evidence of this (R-GOV5)."""
        return key in self._layer.evidence

    def absorb(self, layer: Layer) -> None:
        """Take in what became final."""
        self._layer.patients.update(layer.patients)
        self._layer.numbers.update(layer.numbers)
        self._layer.blocks.update(layer.blocks)
        self._layer.types.update(layer.types)
        self._layer.proposals.update(layer.proposals)
        self._layer.evidence |= layer.evidence
