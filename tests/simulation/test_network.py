"""Links in virtual time: order, loss, doubling, cuts, sides, damage; and messages over bytes."""

from __future__ import annotations

import random

import pytest

from medquorum.simulation.courier import Courier
from medquorum.simulation.faults import draw_story
from medquorum.simulation.network import Network
from medquorum.simulation.run import run
from medquorum.simulation.scenario import (
    FaultKind,
    Latency,
    Scenario,
    ScenarioError,
    Weather,
)
from medquorum.simulation.wire import Parcel, PoolDigest, encoded, reread, size_of
from tests.simulation.stories import scenario_for

FAR = Latency(("a", "b"), ((5.0, 50.0), (50.0, 5.0)), 0.2)


def network(**weather: float) -> Network:
    return Network(FAR, Weather(**weather), 4, random.Random(1))


def test_a_calm_link_keeps_its_order_and_its_distance() -> None:
    links = network()
    near = [links.arrivals(0, 2, now_ms)[0] for now_ms in range(1_000)]
    far = [links.arrivals(0, 1, now_ms)[0] for now_ms in range(1_000)]
    assert near == sorted(near)
    assert far == sorted(far)
    assert sum(far) - sum(near) > 30 * 1_000


@pytest.mark.parametrize(
    ("kind", "weather", "copies"),
    [
        (FaultKind.LOSS, {"loss_rate": 1.0}, 0),
        (FaultKind.DUPLICATE, {"duplicate_rate": 1.0}, 2),
        (FaultKind.REORDER, {"reorder_rate": 1.0}, 1),
    ],
)
def test_weather_befalls_what_it_may(
    kind: FaultKind, weather: dict[str, float], copies: int
) -> None:
    links = network(**weather)
    assert len(links.arrivals(0, 1, 0)) == 1
    links.raining = frozenset({kind})
    assert {len(links.arrivals(0, 1, 0)) for _ in range(50)} == {copies}
    links.heal()
    assert len(links.arrivals(0, 1, 0)) == 1


def test_what_is_held_up_is_overtaken() -> None:
    links = network(reorder_rate=0.5)
    links.raining = frozenset({FaultKind.REORDER})
    arrivals = [links.arrivals(0, 1, now_ms)[0] for now_ms in range(100)]
    assert arrivals != sorted(arrivals)


def test_cuts_have_a_direction_and_sides_have_none() -> None:
    links = network()
    links.cuts.add((0, 1))
    assert links.severed(0, 1)
    assert not links.severed(1, 0)
    links.sides = {0: 0, 1: 0, 2: 1, 3: 1}
    assert links.severed(1, 2)
    assert links.severed(2, 1)
    assert not links.severed(2, 3)
    links.heal()
    assert not links.severed(0, 1)
    assert not links.severed(1, 2)


def test_damaged_bytes_are_other_bytes() -> None:
    links, payload = network(), bytes(range(40))
    assert all(links.damage(payload) != payload for _ in range(200))
    assert links.damage(b"") != b""


def test_sizes_are_those_of_the_bytes_and_bytes_give_equal_objects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinds: set[str] = set()
    ship = Courier.ship

    def watched(self: Courier, machine: object, places: list[int], parcel: Parcel) -> None:
        made = None if isinstance(parcel, PoolDigest) else encoded(parcel)
        if made is not None:
            kinds.add(made[0])
            assert size_of(parcel) == len(made[1])
            assert reread(*made) == parcel
        ship(self, machine, places, parcel)  # type: ignore[arg-type]

    monkeypatch.setattr(Courier, "ship", watched)
    for seed in (3, 14, 25):
        assert not run(scenario_for(seed), seed).failed
    assert {"ordering-vote", "certificate", "status", "sync", "proposal", "vote"} <= kinds


def test_a_story_stays_within_what_the_mode_withstands() -> None:
    for seed in range(300):
        scenario = scenario_for(seed)
        story = draw_story(scenario, seed)
        assert story == draw_story(scenario, seed)
        assert len(story.impaired) <= scenario.tolerance.liars_for_safety
        gone = story.impaired | set(story.silent)
        if not scenario.beyond_liveness:
            assert len(gone) <= scenario.tolerance.absences_for_liveness
        assert story.kinds <= scenario.faults


@pytest.mark.parametrize(
    "fields",
    [
        {"doctors": 0},
        {"doctors": 129},
        {"fault_probability": 1.5},
        {"healing_ms": 0},
        {"charter_changes": -1},
    ],
)
def test_an_impossible_scenario_names_its_field(fields: dict[str, float]) -> None:
    with pytest.raises(ScenarioError, match=next(iter(fields))):
        Scenario(**fields)  # type: ignore[arg-type]
    with pytest.raises(ScenarioError, match="median_ms"):
        Latency(("a", "b"), ((1.0,),))
