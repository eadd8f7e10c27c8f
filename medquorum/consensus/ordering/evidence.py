"""Two messages of one signer that contradict each other: proof anyone can check (R-SIM11)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from medquorum.ledger.certificate import OrderingVote
from medquorum.ledger.evidence import SignedHeader
from medquorum.ledger.types import OrderingKind


class Contradiction(StrEnum):
    """The pairs a correct node never signs within one slot."""

    TWO_NOTARS = "two_notars"
    """Notar votes for two hashes."""
    SKIP_AND_FINAL = "skip_and_final"
    """Given up and finalised: what keeps forks out."""
    TWO_FINALS = "two_finals"
    """Final votes for two hashes."""
    NOTAR_AND_FINAL = "notar_and_final"
    """A final vote for another hash than the one notarised."""
    TWO_PROPOSALS = "two_proposals"
    """Two batches proposed by the slot's leader."""


@dataclass(frozen=True, slots=True)
class VoteEvidence:
    """Two verified ordering votes of one doctor's node, both kept as signed."""

    contradiction: Contradiction
    signer: int
    slot: int
    first: OrderingVote
    second: OrderingVote


@dataclass(frozen=True, slots=True)
class ProposalEvidence:
    """Two batches that one leader signed for one slot."""

    contradiction: Contradiction
    signer: int
    slot: int
    first: SignedHeader
    second: SignedHeader


Evidence = VoteEvidence | ProposalEvidence

_PAIRS = {
    (OrderingKind.NOTAR, OrderingKind.NOTAR): Contradiction.TWO_NOTARS,
    (OrderingKind.FINAL, OrderingKind.FINAL): Contradiction.TWO_FINALS,
    (OrderingKind.SKIP, OrderingKind.FINAL): Contradiction.SKIP_AND_FINAL,
    (OrderingKind.FINAL, OrderingKind.SKIP): Contradiction.SKIP_AND_FINAL,
    (OrderingKind.NOTAR, OrderingKind.FINAL): Contradiction.NOTAR_AND_FINAL,
    (OrderingKind.FINAL, OrderingKind.NOTAR): Contradiction.NOTAR_AND_FINAL,
}


def contradiction(first: OrderingVote, second: OrderingVote) -> Contradiction | None:
    """How two votes of one signer contradict each other, or None.

    Notar after skip is allowed: liveness needs it (R-SIM6).
    """
    one, other = first.statement, second.statement
    same_slot = (first.signer, one.epoch, one.slot) == (second.signer, other.epoch, other.slot)
    if not same_slot or one.hash == other.hash:
        return None
    return _PAIRS.get((one.kind, other.kind))
