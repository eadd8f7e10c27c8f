"""Live changes: in order, each once, from where a follower left off."""

from __future__ import annotations

import asyncio

import pytest

from medquorum.node import happenings
from medquorum.node.happenings import REMEMBERED, Happenings


class Clock:
    """The module's clock: it stands still unless it is moved."""

    def __init__(self) -> None:
        self.now_us = 1_800_000_000_000_000

    def time_ns(self) -> int:
        return self.now_us * 1_000

    monotonic_ns = time_ns


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What `Happenings` takes for the time."""
    made = Clock()
    monkeypatch.setattr(happenings, "time", made)
    return made


async def take(news: Happenings, after: int, count: int) -> list[int]:
    follower = news.follow(after)
    found = [(await anext(follower)).sequence for _ in range(count)]
    await follower.aclose()  # type: ignore[attr-defined]
    return found


async def test_a_follower_of_a_node_where_nothing_happened_waits() -> None:
    news = Happenings()
    for after in (0, news.last, news.last + 999):
        waiting = asyncio.ensure_future(take(news, after, 1))
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()


async def test_followers_get_what_they_missed_and_then_what_comes() -> None:
    news = Happenings()
    before = news.last
    for number in range(3):
        news.note("block", str(number))
    follower = news.follow(before + 1)
    assert [(await anext(follower)).subject for _ in range(2)] == ["1", "2"]
    waiting = asyncio.ensure_future(anext(follower))
    await asyncio.sleep(0)
    assert not waiting.done()
    news.note("vote", "x", voter="Dr. A")
    event = await waiting
    assert (event.sequence, event.kind, event.detail) == (before + 4, "vote", {"voter": "Dr. A"})


async def test_many_followers_wake_at_one_event() -> None:
    news = Happenings()
    before = news.last
    waiting = [asyncio.ensure_future(take(news, 0, 2)) for _ in range(20)]
    await asyncio.sleep(0)
    news.note("a", "1")
    await asyncio.sleep(0)
    news.note("b", "2")
    assert await asyncio.gather(*waiting) == [[before + 1, before + 2]] * 20


async def test_a_follower_of_an_earlier_start_begins_anew() -> None:
    news = Happenings()
    before = news.last
    news.note("a", "1")
    for after in (0, before - 5, before + 999):
        assert await take(news, after, 1) == [before + 1]


async def test_the_memory_is_bounded_and_a_gap_is_passed_over() -> None:
    news = Happenings()
    before = news.last
    for number in range(REMEMBERED + 5):
        news.note("a", str(number))
    assert (await take(news, 0, 1), news.last) == ([before + 6], before + REMEMBERED + 5)
    last = [before + REMEMBERED + n for n in range(1, 6)]
    assert await take(news, before + REMEMBERED, 5) == last


async def test_events_during_a_replay_are_neither_lost_nor_doubled() -> None:
    news = Happenings()
    before = news.last
    for number in range(5):
        news.note("a", str(number))
    follower = news.follow(0)
    seen = []
    for _ in range(8):
        seen.append((await anext(follower)).sequence)
        if len(seen) <= 3:
            news.note("b", "later")
    assert seen == list(range(before + 1, before + 9))


async def shown_beside(clock: Clock, hidden: int) -> list[tuple[int, int]]:
    """Sequence and time of two events with this many between them that a follower is not told."""
    clock.now_us = 1_800_000_000_000_000
    news = Happenings()
    clock.now_us += 1_000_000
    news.note("proposal", "1")
    for _ in range(hidden):
        clock.now_us += 10_000
        news.note("vote", "1")
    clock.now_us = 1_800_000_002_000_000
    news.note("block", "1")
    events = news.follow(0)
    every = [await anext(events) for _ in range(hidden + 2)]
    return [(event.sequence, event.at_us) for event in every if event.kind != "vote"]


async def test_a_number_does_not_tell_how_many_events_were_kept_from_a_follower(
    clock: Clock,
) -> None:
    assert await shown_beside(clock, 0) == await shown_beside(clock, 40)


async def test_a_clock_that_is_set_back_lets_no_number_come_twice_or_count(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    news = Happenings()
    monkeypatch.setattr(clock, "time_ns", lambda: 1_000)
    for _ in range(3):
        clock.now_us += 500
        news.note("a", "1")
    first, second, third = await take(news, 0, 3)
    assert (second - first, third - second) == (500, 500)


async def test_numbers_stay_exact_in_a_browser_and_fit_the_header_that_resumes() -> None:
    news = Happenings()
    news.note("a", "1")
    assert news.last < 2**53
    assert len(str(news.last)) <= 16
