"""Twins: one doctor's key on two machines, every leader and every division of three slots."""

import os
from concurrent.futures import ProcessPoolExecutor
from itertools import permutations
from multiprocessing import get_context

import pytest

from medquorum.simulation.twins import play as playing
from medquorum.simulation.twins.arena import Arena
from medquorum.simulation.twins.machine import electorate_of
from medquorum.simulation.twins.play import VERDICTS, Played, play, twins_arena
from medquorum.simulation.twins.scenarios import (
    DOCTORS,
    ENUMERATED,
    MACHINES,
    SLOTS,
    TWINNED,
    TwinsScenario,
    count,
    distinct,
    scenario,
    scenarios,
    spread,
)

EXHAUSTIVE = bool(os.environ.get("MEDQUORUM_TWINS_ALL"))
"""Play all 25,740 instead of a spread: about eleven minutes on one core."""
PLAYED = 600


def test_the_enumeration_is_published() -> None:
    """Leaders and divisions of three slots, like ones counted once."""
    assert ENUMERATED == 262_144
    assert count() == len(set(distinct())) == sum(1 for _ in scenarios()) == 25_740
    assert len({one.number for one in spread(PLAYED)}) == PLAYED


def alike(one: TwinsScenario) -> set[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Every renaming of like machines, written down naively."""
    found = set()
    for honest in permutations(range(1, DOCTORS)):
        for twins in ((0, DOCTORS), (DOCTORS, 0)):
            places = (twins[0], *honest, twins[1])
            leaders = tuple(places[leader] % DOCTORS for leader in one.leaders)
            sides = []
            for side in one.sides:
                there = {places[place] for place in range(MACHINES) if side >> place & 1}
                if 0 in there:
                    there = set(range(MACHINES)) - there
                sides.append(sum(1 << place for place in there))
            found.add((leaders, tuple(sides)))
    return found


def test_one_of_each_kind_is_played() -> None:
    """The first of those alike, and no other."""
    numbers = set(distinct())
    every = {(one.leaders, one.sides): one.number for one in map(scenario, range(ENUMERATED))}
    for at in range(0, ENUMERATED, 997):
        kind = {every[one] for one in alike(scenario(at))}
        assert numbers & kind == {min(kind)}


def test_a_message_stays_on_its_side_of_its_slot() -> None:
    divided = TwinsScenario(0, (0,) * SLOTS, (0b00110, 0, 0b10000))
    assert divided.together(1, 1, 2) and divided.together(1, 0, 4)
    assert not divided.together(1, 0, 1) and not divided.together(3, 0, 4)
    assert divided.together(2, 0, 1) and divided.together(SLOTS + 1, 0, 4)


def chosen() -> list[TwinsScenario]:
    return list(scenarios() if EXHAUSTIVE else spread(PLAYED))


@pytest.mark.timeout(7_200 if EXHAUSTIVE else 600)
def test_twins_neither_fork_nor_stop_nor_smear_the_honest() -> None:
    """R-SIM2, R-SIM8, R-SIM11, R-ORD17: at the fault bound, over the whole enumeration."""
    stories = chosen()
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        results = list(pool.map(play, stories, chunksize=50))
    wrong = [(one, told) for one, told in zip(stories, results, strict=True) if told.faults]
    assert wrong == []
    assert all(told.convicted <= {TWINNED} for told in results)
    assert max(told.recovery_ms for told in results) < 2_000
    caught = sum(bool(told.convicted) for told in results)
    assert caught > len(results) // 2, "most twins contradict each other, or they test nothing"


def test_the_same_scenario_gives_the_same_run() -> None:
    story = scenario(distinct()[12_345])
    assert play(story) == play(story)


def first_fault(stories: list[TwinsScenario]) -> Played | None:
    return next((told for told in map(play, stories) if told.faults), None)


def test_a_quorum_that_is_too_small_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-CHA8: two of four and one liar fork; this harness can fail."""
    monkeypatch.setattr(playing, "quorum_size", lambda mode, doctors: 2)
    told = first_fault(list(spread(60)))
    assert told is not None
    assert any("forks" in fault or "halts" in fault for fault in told.faults)


def test_a_second_liar_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-SIM11: a machine that forgets what it signed is convicted, and here counts as honest."""

    def forgetful(one: TwinsScenario) -> Arena:
        arena = twins_arena(one)
        arena.machines[TWINNED].liar = arena.machines[MACHINES - 1].liar = False
        return arena

    monkeypatch.setattr(playing, "twins_arena", forgetful)
    told = first_fault(list(spread(20)))
    assert told is not None
    assert any("ceases to vote" in fault or "signs" in fault for fault in told.faults)


def test_an_honest_machine_shown_its_twin_stops_voting() -> None:
    """R-SIM10: two processes with one key by an operator's mistake, software unchanged."""
    divided = TwinsScenario(0, (2, 2, 2), (0b11100,) * SLOTS)
    arena = twins_arena(divided)
    first, second = arena.machines[TWINNED], arena.machines[MACHINES - 1]
    first.liar = False
    arena.start()
    arena.run(arena.now_ms + playing.GREETING_MS)
    arena.delivers = lambda sender, receiver, message: divided.together(
        1, sender.place, receiver.place
    )
    for machine in arena.machines:
        arena.submit(machine, VERDICTS)
    arena.run(arena.now_ms + 50)
    assert second.ward.blocks == len(VERDICTS) and first.ward.blocks == 0
    arena.delivers = lambda sender, receiver, message: True
    arena.connect()
    arena.run(arena.now_ms + 500)
    assert first.ordering is not None and not first.ordering.voting
    assert first.ward.blocks == len(VERDICTS), "it follows"


def test_leaders_are_those_chosen_and_then_rotate() -> None:
    """R-ORD9 from the first slot nobody chose on."""
    electorate = electorate_of(4, 3, (3, 3, 0))
    assert [electorate.leader(slot) for slot in range(1, 7)] == [3, 3, 0, 0, 1, 2]
