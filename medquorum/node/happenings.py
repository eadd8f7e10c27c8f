"""Live changes: a bounded memory that many may follow, each from where it left off."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from itertools import takewhile
from typing import Final

from medquorum.node.views import EventView

REMEMBERED: Final = 10_000
"""Events a follower may have missed and still catch up on; older ones are in the store."""


class Happenings:
    """Block, proposal, vote, body, peer and halt events of one node, in order.

    An event's sequence is the moment it was noted, in microseconds since 1970 by a clock that is
    set at the start and never back: who followed the node before a restart is behind, never ahead.
    It counts nothing. Where events are kept from a follower, such as votes from a doctor who has
    not voted, a running number would tell her how many they were.
    """

    def __init__(self) -> None:
        self._events: deque[EventView] = deque(maxlen=REMEMBERED)
        self._changed = asyncio.Condition()
        self._offset_ns = time.time_ns() - time.monotonic_ns()
        self._sequence = self._before = self._now_us()
        self._wake: asyncio.Task[None] | None = None

    def _now_us(self) -> int:
        return (self._offset_ns + time.monotonic_ns()) // 1_000

    @property
    def last(self) -> int:
        """The sequence of the newest event."""
        return self._sequence

    def note(self, kind: str, subject: str, **detail: object) -> None:
        """Remember an event and wake the followers; call it in the node's loop."""
        # A microsecond holds one event: noting one takes longer, but a clock may be coarse.
        self._sequence = max(self._now_us(), self._sequence + 1)
        now_us = time.time_ns() // 1_000
        self._events.append(EventView(self._sequence, kind, now_us, subject, detail))
        if self._wake is None or self._wake.done():
            self._wake = asyncio.get_running_loop().create_task(self._notify())

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def follow(self, after: int) -> AsyncIterator[EventView]:
        """Every event after a sequence, then the live ones; never ends by itself.

        A sequence below zero means the live ones only.
        """
        seen = after if self._before <= after <= self._sequence else self._before
        if after < 0:
            seen = self._sequence
        while True:
            for event in self._since(seen):
                seen = event.sequence
                yield event
            async with self._changed:
                while self._sequence <= seen:
                    await self._changed.wait()

    def _since(self, seen: int) -> list[EventView]:
        """What is remembered of what came after a sequence, in order."""
        missed = list(takewhile(lambda event: event.sequence > seen, reversed(self._events)))
        missed.reverse()
        return missed
