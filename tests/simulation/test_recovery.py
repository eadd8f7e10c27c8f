"""The last questions to a world can each find something, and accuse nothing that must be so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medquorum.consensus.pool import Pool
from medquorum.simulation.recovery import Recovery
from medquorum.simulation.run import RunOptions, simulate
from medquorum.simulation.world import World
from tests.simulation.quiet import CALM, QUIET, broken, quiet_world


@pytest.fixture
def world() -> World:
    return quiet_world()


def test_an_acknowledged_proposal_that_is_lost(world: World) -> None:
    matter = next(iter(world.people.matters.values()))
    world.checks.ledger.heights.pop(matter.proposal.id)
    Recovery(world, CALM).conclude(stalled=False)
    assert broken(world) == ["R-SIM10"]


def test_a_disk_that_differs_from_memory(world: World) -> None:
    world.machines[2].disk.chain.pop()
    Recovery(world, CALM).conclude(stalled=False)
    assert broken(world) == ["R-SIM10"]


def test_a_network_that_does_not_finish() -> None:
    slow = replace(QUIET, healing_ms=1_000, workload=replace(QUIET.workload, vote_delay_ms=60_000))
    report, _ = simulate(slow, 1, RunOptions(story=CALM))
    assert report.stalled
    assert report.recovery_ms is None
    assert "liveness" in {violation.invariant for violation in report.violations}


@pytest.mark.parametrize(("late_ms", "told"), [(0, True), (1, False)])
def test_a_verdict_that_is_not_ordered_though_it_came_in_time(
    world: World, monkeypatch: pytest.MonkeyPatch, late_ms: int, told: bool
) -> None:
    identifier, matter = next(iter(world.people.matters.items()))
    matter.final_ms = None
    matter.verdict_ms = matter.proposal.core.expires_at_ms + late_ms
    monkeypatch.setattr(Pool, "decided", lambda _, one: one == identifier)
    Recovery(world, replace(CALM, liars=(3,))).conclude(stalled=True)
    assert bool(broken(world)) == told
