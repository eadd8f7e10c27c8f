"""Every crash point of three doctors over three slots, with each slot proposed or skipped."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from medquorum.consensus.effects import Effect, Persist
from medquorum.consensus.ordering.journal import Finalised, JournalRecord, Notarised, Skipped
from medquorum.simulation.twins.crashes import (
    DOCTORS,
    STORIES,
    Away,
    CrashScenario,
    crash_count,
    crash_scenarios,
    play_crash,
    steps_of,
)
from medquorum.simulation.twins.machine import Machine


def test_the_enumeration_is_published() -> None:
    """Eight stories, three machines, every step, three ways to come back."""
    every = list(crash_scenarios())
    assert len(every) == len(set(every)) == crash_count() == 3_630
    assert {(one.story, one.place) for one in every} == {
        (story, place) for story in range(STORIES) for place in range(DOCTORS)
    }
    assert all(steps > 30 for story in range(STORIES) for steps in steps_of(story))


@pytest.mark.timeout(600)
def test_no_crash_point_forks_stops_or_convicts() -> None:
    """R-SIM2, R-SIM8, R-SIM10, R-SIM11: all of them."""
    stories = list(crash_scenarios())
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        results = list(pool.map(play_crash, stories, chunksize=100))
    wrong = [(one, told) for one, told in zip(stories, results, strict=True) if told.faults]
    assert wrong == []
    assert all(told.convicted == frozenset() for told in results)
    assert max(told.recovery_ms for told in results) < Away.LONG + 2_000


@pytest.mark.parametrize(
    "lost, noticed",
    [
        pytest.param(Notarised, True, id="notar"),
        pytest.param(Skipped, True, id="skip"),
        pytest.param(Finalised, False, id="final"),
    ],
)
def test_a_disk_that_loses_a_kind_of_record_is_found(
    lost: type[JournalRecord], noticed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-SIM10: votes that were sent and are not in the journal after a crash.

    A final vote alone is not missed: it follows from the notar vote and the kept certificate.
    """
    keep = Machine.keep

    def forgetful(self: Machine, effect: Effect) -> None:
        if not (isinstance(effect, Persist) and isinstance(effect.record, lost)):
            keep(self, effect)

    monkeypatch.setattr(Machine, "keep", forgetful)
    faults = {
        fault
        for one in list(crash_scenarios())[::11]
        if one.away is Away.SHORT
        for fault in play_crash(one).faults
    }
    assert any("ceases to vote" in fault or "signs" in fault for fault in faults) == noticed


def test_a_step_beyond_the_story_is_not_passed_over() -> None:
    beyond = CrashScenario(0, 0, steps_of(0)[0] + 500, Away.SHORT)
    assert play_crash(beyond).faults == ("nobody died: the step is beyond the story",)
