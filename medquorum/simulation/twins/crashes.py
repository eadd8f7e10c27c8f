"""Every point at which a machine can die, in the first three slots of three doctors (R-SIM10).

Majority mode: two of three decide, no liar is tolerated, one may be away. A *story* says which of
the slots 1 to 3 lose their proposals on the way and are skipped instead. In each story each machine
dies once before every single step that others or its own disk could notice: a journal record (so
before writing, and after writing before sending), a message to one peer (so after sending to the
first of two), a commit. It comes back soon, or late, or never. The points are counted by playing
the story undisturbed: all steps until three verdicts are final everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from itertools import product
from typing import Final

from medquorum.consensus.messages import BatchProposal, Message
from medquorum.ledger.quorum import quorum_size
from medquorum.ledger.types import QuorumMode
from medquorum.simulation.twins.arena import Arena
from medquorum.simulation.twins.machine import Machine, electorate_of
from medquorum.simulation.twins.play import GREETING_MS, Played, played

DOCTORS: Final = 3
STORIES: Final = 8
"""One bit per slot: whether its proposals are lost."""
VERDICTS: Final = (1, 2, 3)
_LONGEST_MS: Final = 20_000


class Away(IntEnum):
    """How long a machine stays away, in ms."""

    SHORT = 20
    """The others are still in the same slot or the next."""
    LONG = 1_500
    """They have gone on without it as far as they could."""
    FOR_EVER = 0
    """It never comes back; two of three remain."""


@dataclass(frozen=True, slots=True)
class CrashScenario:
    """Which story, who dies, before which of its steps, and for how long."""

    story: int
    place: int
    step: int
    away: Away


class _Life:
    """Counts what every machine does; one of them dies before its last step."""

    def __init__(self, scenario: CrashScenario | None) -> None:
        self.steps = [0] * DOCTORS
        self._scenario = scenario
        self.died = False

    def pays(self, machine: Machine) -> bool:
        """Whether it lives on."""
        scenario = self._scenario
        if scenario and not self.died and machine.place == scenario.place:
            self.died = self.steps[machine.place] == scenario.step
            if self.died:
                return False
        self.steps[machine.place] += 1
        return True


def _arena(story: int) -> Arena:
    machines = [Machine(place, place, liar=False) for place in range(DOCTORS)]
    arena = Arena(electorate_of(DOCTORS, quorum_size(QuorumMode.MAJORITY, DOCTORS)), machines)

    def delivers(sender: Machine, receiver: Machine, message: Message) -> bool:
        lost = isinstance(message, BatchProposal) and story << 1 >> message.header.slot & 1
        return not lost

    arena.delivers = delivers
    return arena


def _begin(arena: Arena, life: _Life) -> None:
    arena.start()
    arena.run(arena.now_ms + GREETING_MS)
    arena.pays = life.pays
    for machine in arena.machines:
        arena.submit(machine, VERDICTS)


def _complete(arena: Arena) -> bool:
    return all(
        one.ward.blocks == len(VERDICTS) for one in arena.machines if one.ordering is not None
    )


@cache
def steps_of(story: int) -> tuple[int, ...]:
    """How many steps each machine takes when nobody dies."""
    arena, life = _arena(story), _Life(None)
    _begin(arena, life)
    arena.run(arena.now_ms + _LONGEST_MS, lambda: arena.quiet and _complete(arena))
    if arena.faults or not _complete(arena):
        raise AssertionError(f"the undisturbed story {story} goes wrong: {arena.faults}")
    return tuple(life.steps)


def crash_scenarios() -> Iterator[CrashScenario]:
    """All of them."""
    for story, place in product(range(STORIES), range(DOCTORS)):
        for step, away in product(range(steps_of(story)[place]), Away):
            yield CrashScenario(story, place, step, away)


def crash_count() -> int:
    """How many there are."""
    return len(Away) * sum(sum(steps_of(story)) for story in range(STORIES))


def play_crash(scenario: CrashScenario) -> Played:
    """Run one crash to its end: agreement, nobody accused, and progress (R-SIM10, R-SIM11)."""
    arena, life = _arena(scenario.story), _Life(scenario)
    _begin(arena, life)
    machine = arena.machines[scenario.place]
    until_ms = arena.now_ms + _LONGEST_MS
    arena.run(until_ms, lambda: life.died or (arena.quiet and _complete(arena)))
    died_ms = arena.now_ms
    if life.died and scenario.away is not Away.FOR_EVER:
        arena.run(arena.now_ms + scenario.away)
        arena.start(machine)
    arena.run(until_ms, lambda: arena.quiet and _complete(arena))
    if not life.died:
        arena.faults.append("nobody died: the step is beyond the story")
    if not _complete(arena):
        arena.faults.append("no progress")
    return played(arena, max(0, arena.now_ms - died_ms))
