"""Virtual time, the nodes' clocks, and random numbers by purpose."""

from __future__ import annotations

import pytest

from medquorum.simulation.clock import NodeClock, Timeline, stream
from medquorum.simulation.crypto import START_MS


def test_things_happen_in_order_of_time_then_of_planning() -> None:
    line = Timeline()
    seen: list[object] = []
    for delay_ms, name in ((5, "b"), (1, "a"), (5, "c"), (9, "late")):
        line.after(delay_ms, seen.append, name)
    line.advance(START_MS + 6)
    assert seen == ["a", "b", "c"]
    assert line.now_ms == START_MS + 6
    assert len(line) == 1


def test_what_is_planned_for_the_past_happens_now() -> None:
    line = Timeline()
    seen: list[object] = []
    line.advance(START_MS + 10)
    line.at(START_MS + 3, lambda: seen.append(line.now_ms))
    line.advance(START_MS + 11)
    assert seen == [START_MS + 10]


@pytest.mark.parametrize("drift_ppm", [-20_000, -1, 0, 7, 20_000])
@pytest.mark.parametrize("ahead_ms", [-5_000, 0, 2_500])
def test_a_deadline_is_met_at_the_first_millisecond_that_shows_it(
    drift_ppm: int, ahead_ms: int
) -> None:
    clock = NodeClock()
    clock.set(START_MS + 1_000, ahead_ms=ahead_ms, drift_ppm=drift_ppm)
    for wait_ms in (0, 1, 49, 50, 51, 999, 123_456):
        local_ms = START_MS + 1_000 + ahead_ms + wait_ms
        when_ms = clock.when(local_ms)
        assert clock.now_ms(when_ms) >= local_ms
        assert clock.now_ms(when_ms - 1) < local_ms


def test_purposes_do_not_share_their_numbers() -> None:
    first, second = stream(1, "network"), stream(1, "people")
    assert [first.random() for _ in range(3)] != [second.random() for _ in range(3)]
    assert stream(1, "network").random() == stream(1, "network").random()
