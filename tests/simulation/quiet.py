"""Four doctors' network in which nothing ever happens to anybody, and what its checks found."""

from __future__ import annotations

from medquorum.simulation.crypto import START_MS
from medquorum.simulation.faults import Story
from medquorum.simulation.run import build
from medquorum.simulation.scenario import Scenario, Workload
from medquorum.simulation.world import World

CALM = Story(kinds=frozenset(), schedule=())
QUIET = Scenario(
    name="quiet",
    doctors=4,
    followers=0,
    duration_ms=30_000,
    workload=Workload(blocks_per_minute=40, vote_delay_ms=200, consultations=2),
)


def quiet_world() -> World:
    """Four doctors after half a minute without any fault."""
    made = build(QUIET, 1, CALM)
    for machine in made.machines:
        made.boot(machine)
    made.people.begin(START_MS + QUIET.duration_ms)
    made.line.advance(START_MS + QUIET.duration_ms + 20_000)
    assert made.checks.violations == []
    assert made.checks.ledger.blocks > 10
    return made


def broken(world: World) -> list[str]:
    """The rules that were broken, in order."""
    return [violation.invariant for violation in world.checks.violations]
