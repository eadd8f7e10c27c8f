"""The abstract model: which votes there are, and which certificates a set of them makes.

Doctors' nodes that follow the rules vote in any order their guards allow. Liars have signed
everything, so a certificate exists as soon as `quorum - liars` honest nodes signed its statement,
and it counts as known to everybody from then on; nobody has to act upon it. Every order of
messages, every delay and every crash of a node with a durable journal is therefore among the
orders explored: votes are all that a node leaves behind.

Every statement has a field of four bits. A node's votes are an integer with the lowest bit of a
field set for every statement signed, and the sum of such integers counts the signers of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from medquorum.ledger.errors import CharterError
from medquorum.ledger.quorum import quorum_size
from medquorum.ledger.types import OrderingKind, QuorumMode

FIELD_BITS: Final = 4
"""Three bits count up to seven nodes, the fourth takes the carry of the comparison."""
MOST_HONEST: Final = 7
"""What three bits can count."""


class Flaw(StrEnum):
    """A rule left out on purpose, to show that its absence is found."""

    NONE = "none"
    """The rules as they are."""
    GAP_WITHOUT_SKIPS = "gap_without_skips"
    """R-SIM6 does not ask for certificates of the skipped slots."""
    FINAL_AFTER_SKIP = "final_after_skip"
    """R-SIM8 does not look for the own skip."""
    SKIP_AFTER_FINAL = "skip_after_final"
    """R-SIM8 does not look for the own final vote."""
    NOTAR_TWICE = "notar_twice"
    """R-SIM6 does not look for the own notar vote."""


@dataclass(frozen=True, slots=True)
class ModelBatch:
    """A batch that may be proposed: its slot, and its parent's place in the list of batches."""

    slot: int
    parent: int | None
    """None: slot 0."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """One statement a node may sign; `batch` is the place of the batch, None for a skip."""

    kind: OrderingKind
    slot: int
    batch: int | None


@dataclass(frozen=True)
class Model:
    """What is explored: a network, how far, and with which rule left out."""

    doctors: int
    quorum: int
    liars: int
    slots: int
    rivals: int
    """Batches per slot and parent: more than one where the slot's leader lies."""
    flaw: Flaw = Flaw.NONE

    def __post_init__(self) -> None:
        if not 1 <= self.threshold <= self.honest <= MOST_HONEST:
            raise CharterError("an exploration takes 1 to 7 honest nodes, and fewer liars than q")

    @property
    def honest(self) -> int:
        """Nodes that follow the rules."""
        return self.doctors - self.liars

    @property
    def threshold(self) -> int:
        """Honest votes that make a certificate, since liars have signed everything."""
        return self.quorum - self.liars

    @cached_property
    def batches(self) -> tuple[ModelBatch, ...]:
        """Every batch on every parent of an earlier slot, parents first."""
        known: list[ModelBatch] = []
        for slot in range(1, self.slots + 1):
            parents = [None, *range(len(known))]
            known.extend(ModelBatch(slot, one) for one in parents for _ in range(self.rivals))
        return tuple(known)

    @cached_property
    def ballots(self) -> tuple[Ballot, ...]:
        """Every statement; its place is the number of its field."""
        skips = [Ballot(OrderingKind.SKIP, slot, None) for slot in range(1, self.slots + 1)]
        return (
            *skips,
            *(Ballot(OrderingKind.NOTAR, one.slot, at) for at, one in enumerate(self.batches)),
            *(Ballot(OrderingKind.FINAL, one.slot, at) for at, one in enumerate(self.batches)),
        )

    def certified(self, signed: int) -> frozenset[Ballot]:
        """The statements whose field is set in a mask."""
        return frozenset(
            ballot for at, ballot in enumerate(self.ballots) if signed >> at * FIELD_BITS & 0xF
        )

    def ancestors(self, batch: int) -> tuple[int, ...]:
        """A batch and everything it rests on, downward."""
        chain, at = [batch], self.batches[batch].parent
        while at is not None:
            chain.append(at)
            at = self.batches[at].parent
        return tuple(chain)


def model_of(mode: QuorumMode, doctors: int, liars: int, *, slots: int, rivals: int) -> Model:
    """The model of a charter's mode, with the quorum the ledger computes (R-CHA8)."""
    return Model(doctors, quorum_size(mode, doctors), liars, slots, rivals)
