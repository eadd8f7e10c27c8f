"""The acts of governance: what a governance proposal asks for (R-GOV1, R-GOV2).

Forms only: who may act, and when an act is admissible, is judged with the chain before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from medquorum.ledger.change import Change, change_as_map, parse_change
from medquorum.ledger.errors import CharterError, CodecError
from medquorum.ledger.hashing import DIGEST_BYTES
from medquorum.ledger.keys import Address
from medquorum.ledger.limits import CHANGES, RECORD
from medquorum.ledger.schema import Reader
from medquorum.ledger.types import BlockType, ProposalId

TIME_LIMIT_MS: Final = 2**53
"""Larger integers are not exact in a browser."""


class EvidenceKind(StrEnum):
    """How two statements of one signer contradict each other (R-GOV5, R-SIM11)."""

    TWO_NOTARS = "two_notars"
    SKIP_AND_FINAL = "skip_and_final"
    TWO_FINALS = "two_finals"
    NOTAR_AND_FINAL = "notar_and_final"
    TWO_PROPOSALS = "two_proposals"
    TWO_VOTES = "two_votes"


@dataclass(frozen=True, slots=True)
class Amendment:
    """Changes of the charter of one version, taken in order."""

    base_version: int
    changes: tuple[Change, ...]

    def as_map(self) -> dict[str, object]:
        """The act of R-GOV2."""
        return {
            "base_version": self.base_version,
            "changes": [change_as_map(change) for change in self.changes],
        }


@dataclass(frozen=True, slots=True)
class AbsenceAct:
    """An attending physician is away and names who stands in; delegate None ends that."""

    attending: Address
    delegate: Address | None
    from_ms: int = 0
    to_ms: int = 0

    def as_map(self) -> dict[str, object]:
        """The act of R-GOV2."""
        return {
            "attending": self.attending,
            "delegate": self.delegate,
            "from_ms": self.from_ms,
            "to_ms": self.to_ms,
        }


@dataclass(frozen=True, slots=True)
class DelegationAct:
    """An attending physician hands one patient's decisions to another; None takes them back."""

    attending: Address
    delegate: Address | None
    patient: int

    def as_map(self) -> dict[str, object]:
        """The act of R-GOV2."""
        return {"attending": self.attending, "delegate": self.delegate, "patient": self.patient}


@dataclass(frozen=True, slots=True)
class OpeningAct:
    """A proposal whose attending is silent gets a delegate."""

    attending: Address
    delegate: Address
    proposal: ProposalId

    def as_map(self) -> dict[str, object]:
        """The act of R-GOV2."""
        return {
            "attending": self.attending,
            "delegate": self.delegate,
            "proposal": self.proposal,
        }


@dataclass(frozen=True, slots=True)
class EvidenceAct:
    """Two statements that one member signed and that contradict each other."""

    culprit: Address
    kind: EvidenceKind
    first: bytes = field(repr=False)
    second: bytes = field(repr=False)

    def as_map(self) -> dict[str, object]:
        """The act of R-GOV2."""
        return {
            "culprit": self.culprit,
            "first": self.first,
            "kind": self.kind.value,
            "second": self.second,
        }


Act = Amendment | AbsenceAct | DelegationAct | OpeningAct | EvidenceAct

ACT_TYPES: Final[Mapping[BlockType, type[Act]]] = {
    BlockType.AMENDMENT: Amendment,
    BlockType.ABSENCE: AbsenceAct,
    BlockType.DELEGATION: DelegationAct,
    BlockType.OPENING: OpeningAct,
    BlockType.EVIDENCE: EvidenceAct,
}
"""The act each type of block holds."""


def parse_act(block_type: BlockType, value: object) -> Act:
    """Read the act of a type; CodecError when malformed or for a type without acts."""
    try:
        return _parse_act(block_type, value)
    except CharterError as error:
        raise CodecError(str(error)) from None


def _parse_act(block_type: BlockType, value: object) -> Act:
    match block_type:
        case BlockType.AMENDMENT:
            return _parse_amendment(value)
        case BlockType.ABSENCE:
            reader = Reader(value, ("attending", "delegate", "from_ms", "to_ms"), "absence")
            return AbsenceAct(
                _address(reader, "attending"),
                _delegate(reader),
                reader.integer("from_ms", 0, TIME_LIMIT_MS),
                reader.integer("to_ms", 0, TIME_LIMIT_MS),
            )
        case BlockType.DELEGATION:
            reader = Reader(value, ("attending", "delegate", "patient"), "delegation")
            patient = reader.integer("patient", 1, 2**53)
            return DelegationAct(_address(reader, "attending"), _delegate(reader), patient)
        case BlockType.OPENING:
            reader = Reader(value, ("attending", "delegate", "proposal"), "opening")
            proposal = ProposalId(reader.octets("proposal", DIGEST_BYTES))
            return OpeningAct(_address(reader, "attending"), _address(reader, "delegate"), proposal)
        case BlockType.EVIDENCE:
            reader = Reader(value, ("culprit", "first", "kind", "second"), "evidence")
            return EvidenceAct(
                _address(reader, "culprit"),
                reader.closed("kind", EvidenceKind),
                reader.opaque("first", RECORD.binary),
                reader.opaque("second", RECORD.binary),
            )
        case _:
            raise CodecError(f"R-GOV2: {block_type.value} holds no act")


def _parse_amendment(value: object) -> Amendment:
    reader = Reader(value, ("base_version", "changes"), "amendment")
    changes = reader.listed("changes", CHANGES, parse_change)
    if not changes:
        raise CodecError("R-GOV2: an amendment changes something; add a change")
    return Amendment(reader.integer("base_version", 0, TIME_LIMIT_MS), changes)


def _address(reader: Reader, name: str) -> Address:
    return Address(reader.octets(name, DIGEST_BYTES))


def _delegate(reader: Reader) -> Address | None:
    return reader.optional("delegate", lambda name: _address(reader, name))
