"""One machine: a process that runs a replica, its disk and clock, and how it performs effects.

Durable effects of a step are written as one unit, then the rest is performed in order; steps taken
while the disk writes wait their turn (R-SIM10). A process may die before, within or after a write
and between any two effects; what a new process knows is what the disk holds.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from medquorum.consensus.errors import JournalError
from medquorum.consensus.events import Effect, Event
from medquorum.consensus.replica import Replica
from medquorum.ledger.types import Role
from medquorum.simulation.clock import NodeClock
from medquorum.simulation.contact import Identity, start_replica
from medquorum.simulation.disk import DURABLE, Disk

UNFINISHED: Final = 32
"""Steps taken ahead of the disk; then a process waits for it, as a node's driver does."""


@dataclass(slots=True)
class Writing:
    """A step whose durable part is on its way to the disk."""

    event: Event
    effects: tuple[Effect, ...]
    durable: tuple[Effect, ...]
    done_ms: int


@dataclass(slots=True)
class Habits:
    """How one machine's disk behaves in a run."""

    write_ms: int = 0
    atomic: bool = True
    """Whether a unit is written as a whole or not at all, as a database transaction is."""
    fails_next: bool = False
    """The next write reports an error: the process must end."""


@dataclass(slots=True, eq=False)
class Machine:
    """One node; `place` is its number in the run."""

    place: int
    identity: Identity
    role: Role
    dice: random.Random
    disk: Disk = field(default_factory=Disk)
    clock: NodeClock = field(default_factory=NodeClock)
    habits: Habits = field(default_factory=Habits)
    replica: Replica | None = None
    life: int = 0
    """Counts processes: what was planned for an earlier one does not happen."""
    peers: set[int] = field(default_factory=set)
    """Machines it is connected with."""
    writing: deque[Writing] = field(default_factory=deque)
    inbox: deque[Event] = field(default_factory=deque)
    """Events that wait for the disk."""
    tick_ms: int | None = None
    """Virtual time of the tick that is planned."""
    effects_left: int | None = None
    """The process dies after so many more effects."""
    down_ms: int = 1_000
    """How long it stays down after the next crash of its own."""
    away: bool = False
    """Stays down until the end."""
    ceased: bool = False
    """Does not vote any more, because a peer showed a vote its journal lacks."""
    impaired: bool = False
    """Lies, has a twin or lost its journal: it may sign contradictions."""
    lying: bool = False
    logged: int = 0
    """Final batches on its disk that were looked at."""

    @property
    def up(self) -> bool:
        """Whether a process runs."""
        return self.replica is not None

    @property
    def waits_for_disk(self) -> bool:
        """Whether events wait until the disk has caught up."""
        return len(self.writing) >= UNFINISHED

    @property
    def is_doctor(self) -> bool:
        """Whether it is a doctor's node."""
        return self.role is Role.DOCTOR

    @property
    def honest(self) -> bool:
        """Whether its word counts in every check."""
        return not self.lying

    def start(self) -> str | None:
        """A new process from the disk; what is wrong with the journal, if it must not vote."""
        self.life += 1
        self.ceased, self.effects_left, self.tick_ms = False, None, None
        self.logged = len(self.disk.chain)
        try:
            self.replica = start_replica(self.identity, self.disk)
        except JournalError as error:
            return str(error)
        return None

    def die(self) -> None:
        """The process ends at once; of units being written a prefix has reached the disk."""
        self.life += 1
        self.replica = None
        self.peers.clear()
        self.inbox.clear()
        self.habits.fails_next = False
        waiting = [one for one in self.writing if one.durable]
        self.writing.clear()
        reached = self.dice.randint(0, len(waiting))
        for unit in waiting[:reached]:
            self.disk.apply(unit.durable)
        if reached < len(waiting):
            self.tear(waiting[reached].durable)

    def tear(self, unit: tuple[Effect, ...]) -> None:
        """A write was cut off: nothing of it, or a prefix where units are not atomic."""
        if not self.habits.atomic:
            self.disk.apply(unit[: self.dice.randint(0, len(unit))])

    def lose(self, unit: tuple[Effect, ...]) -> None:
        """A write was not confirmed: done or not, and nothing after it has reached the disk."""
        self.writing.clear()
        if self.dice.random() < 0.5:
            self.disk.apply(unit)
        else:
            self.tear(unit)

    def write(self, unit: tuple[Effect, ...]) -> bool:
        """Make a unit durable; False when the disk reports an error instead."""
        if self.habits.fails_next:
            return False
        self.disk.apply(unit)
        return True


def durable_of(effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    """What of the effects must be on disk before the rest is performed."""
    return tuple(effect for effect in effects if type(effect) in DURABLE)
