"""A failing story is cut down to what it needs, and fails in the same way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medquorum.simulation.faults import draw_story
from medquorum.simulation.run import RunOptions, run
from medquorum.simulation.scenario import FaultKind, Scenario, Workload
from medquorum.simulation.shrink import first_breach, shrink

FRAME = Scenario(
    name="shrink",
    doctors=4,
    followers=1,
    faults=frozenset({FaultKind.CRASH, FaultKind.LOSS, FaultKind.CLOCK_STEP}),
    fault_probability=1.0,
    faults_per_minute=60,
    duration_ms=8_000,
    healing_ms=20_000,
    workload=Workload(consultations=2, blocks_per_minute=60, vote_delay_ms=100),
)


def test_a_seed_that_does_not_fail_has_nothing_to_shrink() -> None:
    assert shrink(FRAME, 1) is None


def test_a_failing_story_becomes_shorter_and_fails_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("medquorum.simulation.disk.Disk._journal", lambda *_: None)
    whole, breach = draw_story(FRAME, 1), first_breach(run(FRAME, 1))
    assert breach == "R-SIM10"
    assert len(whole.schedule) > 3
    small = shrink(FRAME, 1)
    assert small is not None
    assert small.story.schedule == ()
    assert small.story.kinds == frozenset()
    assert small.scenario.duration_ms < FRAME.duration_ms
    assert first_breach(small.report) == breach
    assert any("R-SIM10" in line for line in small.transcript)
    again = run(small.scenario, 1, RunOptions(story=small.story))
    assert again == replace(small.report)
