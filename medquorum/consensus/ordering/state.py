"""What one node's ordering knows, and what follows from it directly (R-SIM3, R-SIM4).

The rules are functions over this state in the modules beside it; each changes it and fills the
outbox. They are repeated until none has anything left to do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic

from medquorum.consensus.effects import (
    Broadcast,
    CeaseVoting,
    Commit,
    Convict,
    Effect,
    Halt,
    Persist,
    Send,
)
from medquorum.consensus.messages import BatchProposal, Message, Sync
from medquorum.consensus.ordering.application import Application, Timing, View
from medquorum.consensus.ordering.branches import Branches
from medquorum.consensus.ordering.journal import JournalRecord
from medquorum.consensus.ordering.pen import Pen
from medquorum.consensus.ordering.shelf import Shelf
from medquorum.consensus.ordering.tally import Tally
from medquorum.ledger.certificate import Certificate, Electorate
from medquorum.ledger.keys import Address
from medquorum.ledger.signature import Verifier
from medquorum.ledger.types import BatchHash, OrderingKind


class Work(StrEnum):
    """Why the current slot should bring forth a batch (R-SIM4)."""

    NONE = "none"
    """No timer runs."""
    VERDICTS = "verdicts"
    """Something admissible is not in the best parent's chain."""
    FINALITY = "finality"
    """A certified tip still waits to become final."""


class Outbox:
    """The effects of one call: records first, then messages, then the rest (R-SIM10)."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._records: list[Persist] = []
        self._messages: list[Send | Broadcast] = []
        self._outcomes: list[Commit | Convict | Halt | CeaseVoting] = []

    def persist(self, record: JournalRecord) -> None:
        """Before any message of this call."""
        self._records.append(Persist(record, self._epoch))

    def send(self, to: Address, message: Message) -> None:
        """To one peer."""
        self._messages.append(Send(to, message))

    def broadcast(self, message: Message) -> None:
        """To every other doctor's node."""
        self._messages.append(Broadcast(message))

    def tell(self, outcome: Commit | Convict | Halt | CeaseVoting) -> None:
        """To the shell; others do not wait for it."""
        self._outcomes.append(outcome)

    def drain(self) -> tuple[Effect, ...]:
        """Everything in order, once."""
        effects = (*self._records, *self._messages, *self._outcomes)
        for kept in (self._records, self._messages, self._outcomes):
            kept.clear()
        return effects


@dataclass(slots=True)
class Want:
    """A body that is asked for from one peer after another."""

    slot: int
    due_ms: int
    asked: int = 0


@dataclass(slots=True)
class CatchUp:
    """What peers claim to have, and the request under way (R-SIM9)."""

    claims: dict[Address, int] = field(default_factory=dict)
    behind_since_ms: int | None = None
    asked: Address | None = None
    asked_until_ms: int = 0
    asked_up_to: int = 0
    offers: dict[int, dict[Address, Sync]] = field(default_factory=dict)


@dataclass(slots=True)
class Clock:
    """Local times; None until the first event."""

    now_ms: int = 0
    began_ms: int | None = None
    entered_slot: int = 0
    entered_ms: int = 0
    armed_ms: int | None = None
    """Since when the current slot has had work: its timeout runs from here."""
    status_ms: int = 0
    commit_ms: int | None = None
    heard_ms: dict[int, int] = field(default_factory=dict)
    answered_ms: dict[Address, int] = field(default_factory=dict)
    retry_ms: int | None = None
    """When the earliest batch that is not due yet becomes due (R-ORD13)."""


@dataclass(slots=True)
class State(Generic[View]):
    """Everything ordering holds in memory; bounded by the window of R-SIM6 and the limits."""

    electorate: Electorate
    doctors: tuple[Address, ...]
    timing: Timing
    application: Application[View]
    verify: Verifier
    pen: Pen | None
    branches: Branches[View]
    shelf: Shelf
    tally: Tally = field(default_factory=Tally)
    proposals: dict[int, list[BatchProposal]] = field(default_factory=dict)
    unrebuilt: set[BatchHash] = field(default_factory=set)
    """Batches not to be tried again before the pool changes."""
    idle_parents: set[BatchHash] = field(default_factory=set)
    """Parents after which nothing was admissible, until the pool changes."""
    wants: dict[BatchHash, Want] = field(default_factory=dict)
    catch_up: CatchUp = field(default_factory=CatchUp)
    clock: Clock = field(default_factory=Clock)
    observers: dict[Address, None] = field(default_factory=dict)
    shown_by: set[int] = field(default_factory=set)
    """Doctors whose STATUS came since the start, and with it this node's votes they hold."""
    outbox: Outbox = field(init=False)
    known_work: tuple[BatchHash, bool] | None = None
    known_parent: tuple[int, int, tuple[int, BatchHash] | None] = (-1, -1, None)
    """The best parent, and the changes of shelf and branches it was found at."""
    halted: Halt | None = None
    ended: bool = False
    """The last final batch ended the epoch: nothing more happens in this one (R-GOV8)."""

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.electorate.epoch)

    @property
    def final_slot(self) -> int:
        """tf."""
        return self.branches.final.slot

    @property
    def top(self) -> int:
        """The highest slot with any certificate, or the last final one."""
        certified, final = self.shelf.top, self.branches.final.slot
        return certified if certified > final else final

    @property
    def current(self) -> int:
        """The slot this node is in: the one after `top`, which is asked for most of all."""
        certified, final = self.shelf.top, self.branches.final.slot
        return (certified if certified > final else final) + 1

    @property
    def leader(self) -> int:
        """The number of the doctor whose node leads the current slot."""
        return self.electorate.leader(self.current)

    @property
    def listening(self) -> bool:
        """Whether too few have shown what they hold of this node's votes for it to vote (R-SIM10).

        Together with this node they must be a quorum: with fewer nothing could be certified anyway.
        """
        return self.pen is not None and len(self.shown_by) < self.electorate.quorum - 1

    def number_of(self, peer: Address) -> int | None:
        """A doctor's number by address."""
        return self.doctors.index(peer) if peer in self.doctors else None

    def final_certificate(self) -> Certificate | None:
        """A certificate of this epoch's last final batch, from memory or the log."""
        final = self.branches.final
        known = self.shelf.get(final.slot, OrderingKind.FINAL)
        if known is not None or final.slot == 0:
            return known
        stored = self.application.final_batch(final.log_length - 1)
        if stored is None or stored.certificate is None:
            return None
        return stored.certificate if stored.certificate.statement.hash == final.hash else None

    def pool_grew(self) -> None:
        """The pool holds more than before: what was missing is tried again, work stays work."""
        if self.known_work is not None and self.known_work[1]:
            self.unrebuilt.clear()
            self.idle_parents.clear()
        else:
            self.pool_changed()

    def pool_changed(self) -> None:
        """Whatever hung on the pool, or on the time, is tried again."""
        self.known_work = None
        self.unrebuilt.clear()
        self.idle_parents.clear()


def best_parent(state: State[View]) -> tuple[int, BatchHash] | None:
    """The highest certified batch on a whole chain; None while a hole is in the way (R-SIM5)."""
    shelf_changes, branch_changes, parent = state.known_parent
    if (shelf_changes, branch_changes) != (state.shelf.changes, state.branches.changes):
        parent = _find_parent(state)
        state.known_parent = state.shelf.changes, state.branches.changes, parent
    return parent


def _find_parent(state: State[View]) -> tuple[int, BatchHash] | None:
    final = state.branches.final
    for slot in range(state.top, final.slot, -1):
        for digest in state.shelf.certified(slot):
            if state.branches.view(digest) is not None:
                return slot, digest
        if state.shelf.get(slot, OrderingKind.SKIP) is None:
            return None
    return final.slot, final.hash


def work(state: State[View]) -> Work:
    """Whether there is anything to do in the current slot (R-SIM4)."""
    parent = best_parent(state)
    digest = state.branches.final.hash if parent is None else parent[1]
    if state.known_work is None or state.known_work[0] != digest:
        view = state.branches.view(digest)
        state.known_work = digest, view is not None and state.application.has_work(view)
    if state.known_work[1] and digest not in state.idle_parents:
        return Work.VERDICTS
    return Work.FINALITY if state.top > state.final_slot else Work.NONE
