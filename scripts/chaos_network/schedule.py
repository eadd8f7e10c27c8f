"""What goes wrong, where and when: a fault schedule that follows from a seed alone.

Every kind comes once before any comes twice; faults overlap, so that a quorum of doctors' nodes is
sometimes there and sometimes not. A process is killed or paused by one fault at a time; a blackout
waits until all are up, and no other process is struck before it came.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, product
from typing import Final, TypeAlias

Way: TypeAlias = tuple[str, str]
"""A direction between two members: (who sends, who receives)."""

FIRST_FAULT_S: Final = 2.0
GAP_S: Final = (2.5, 8.0)
"""Between the beginnings of two faults, in a run of minutes."""
RESTART_S: Final = 8.0
"""What a node may need to be back after a kill on a busy machine: it is not struck meanwhile."""
SHORTEST_S: Final = 0.5
FULL_PACE_S: Final = 120.0
"""Runs shorter than this have shorter gaps and faults."""


class FaultKind(StrEnum):
    """What happens."""

    KILL = "kill -9"
    BLACKOUT = "blackout"
    """kill -9 of every node at once, as when the power fails."""
    PAUSE = "pause"
    """SIGSTOP, later SIGCONT: a machine that hangs and goes on without knowing it."""
    CUT = "one-way cut"
    PARTITION = "partition"
    DELAY = "delay"


WEIGHTS: Final = {
    FaultKind.KILL: 5,
    FaultKind.PAUSE: 4,
    FaultKind.CUT: 5,
    FaultKind.PARTITION: 2,
    FaultKind.DELAY: 3,
    FaultKind.BLACKOUT: 1,
}
LASTS_S: Final = {
    FaultKind.KILL: (0.5, 15.0),
    FaultKind.PAUSE: (1.0, 20.0),
    FaultKind.CUT: (3.0, 20.0),
    FaultKind.PARTITION: (3.0, 20.0),
    FaultKind.DELAY: (4.0, 25.0),
    FaultKind.BLACKOUT: (0.5, 5.0),
}
OF_PROCESSES: Final = frozenset({FaultKind.KILL, FaultKind.PAUSE, FaultKind.BLACKOUT})
OF_LINKS: Final = (FaultKind.CUT, FaultKind.PARTITION, FaultKind.DELAY)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: times are seconds since the first consultation."""

    kind: FaultKind
    at_s: float
    lasts_s: float
    struck: tuple[str, ...]
    """Whose process or links."""
    ways: tuple[Way, ...] = ()
    """Directions cut or delayed."""
    delay_ms: int = 0
    breaks: bool = False
    """Whether connections held by a cut are reset when it ends, or go on where they stood."""

    @property
    def ends_s(self) -> float:
        """When it is healed."""
        return self.at_s + self.lasts_s


@dataclass(frozen=True, slots=True)
class Members:
    """Who can be struck."""

    doctors: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Everybody."""
        return self.doctors + self.others


def plan(seed: int, seconds: float, members: Members) -> tuple[Fault, ...]:
    """The faults of a run, by their beginning; all are healed after `seconds`."""
    rng = random.Random(f"faults {seed}")  # noqa: S311 - the same faults for the same seed
    pace = min(1.0, max(0.5, seconds / FULL_PACE_S))
    free_s = dict.fromkeys(members.names, 0.0)
    faults: list[Fault] = []
    kinds = _kinds(rng)
    blackout_due = False
    at_s = FIRST_FAULT_S
    while seconds - at_s >= SHORTEST_S:
        free = [name for name in members.names if free_s[name] <= at_s]
        kind = next(kinds)
        blackout_due |= kind is FaultKind.BLACKOUT
        if blackout_due and kind in OF_PROCESSES:
            all_up = len(free) == len(members.names)
            kind = FaultKind.BLACKOUT if all_up else rng.choice(OF_LINKS)
            blackout_due = not all_up
        lasts_s = min(max(SHORTEST_S, rng.uniform(*LASTS_S[kind]) * pace), seconds - at_s)
        fault = _fault(rng, kind, members, free)
        if fault is not None:
            faults.append(replace(fault, at_s=round(at_s, 2), lasts_s=round(lasts_s, 2)))
            if kind in OF_PROCESSES:
                free_s |= dict.fromkeys(fault.struck, at_s + lasts_s + RESTART_S * pace)
        at_s += rng.uniform(*GAP_S) * pace
    return tuple(faults)


def _kinds(rng: random.Random) -> Iterator[FaultKind]:
    first = list(FaultKind)
    rng.shuffle(first)
    yield from first
    while True:
        yield rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]


def _fault(
    rng: random.Random, kind: FaultKind, members: Members, free: Sequence[str]
) -> Fault | None:
    """A fault without its times; None where every process it could strike is struck already."""
    if kind in (FaultKind.KILL, FaultKind.PAUSE):
        struck = _struck(rng, members, free)
        return Fault(kind, 0, 0, struck) if struck else None
    if kind is FaultKind.BLACKOUT:
        return Fault(kind, 0, 0, members.names)
    return _of_links(rng, kind, members)


def _struck(rng: random.Random, members: Members, free: Sequence[str]) -> tuple[str, ...]:
    """Mostly one doctor, at times two, at times somebody else."""
    doctors = [name for name in members.doctors if name in free]
    others = [name for name in members.others if name in free]
    drawn = rng.random()
    if drawn < 0.25 and others:
        return (rng.choice(others),)
    return tuple(rng.sample(doctors, min(len(doctors), 2 if drawn > 0.75 else 1)))


def _of_links(rng: random.Random, kind: FaultKind, members: Members) -> Fault:
    names = members.names
    struck = tuple(rng.sample(names, rng.choice((1, 1, 2))))
    rest = tuple(name for name in names if name not in struck)
    breaks = rng.random() < 0.5
    if kind is FaultKind.DELAY:
        return Fault(kind, 0, 0, struck, _both_ways(struck, rest), rng.randrange(50, 1_500))
    if kind is FaultKind.PARTITION:
        return Fault(kind, 0, 0, struck, _both_ways(struck, rest), breaks=breaks)
    beyond = tuple(rng.sample(rest, rng.randrange(1, len(rest) + 1)))
    mute = rng.random() < 0.5
    ways = tuple(product(struck, beyond) if mute else product(beyond, struck))
    return Fault(kind, 0, 0, struck, ways, breaks=breaks)


def _both_ways(some: Sequence[str], others: Sequence[str]) -> tuple[Way, ...]:
    return tuple(chain(product(some, others), product(others, some)))
