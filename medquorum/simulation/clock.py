"""Virtual time: one queue of things to come, one seed split by purpose, the nodes' own clocks."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from medquorum.simulation.crypto import START_MS

_MILLION = 1_000_000


def stream(seed: int, purpose: str) -> random.Random:
    """The random numbers of one purpose: what one part draws never shifts another's."""
    return random.Random(f"{seed}/{purpose}")


@dataclass(slots=True)
class NodeClock:
    """One node's clock: where it stood at a moment of virtual time, and how fast it runs."""

    local_ms: int = START_MS
    virtual_ms: int = START_MS
    drift_ppm: int = 0

    def now_ms(self, virtual_ms: int) -> int:
        """What this clock shows."""
        passed_ms = virtual_ms - self.virtual_ms
        return self.local_ms + passed_ms + passed_ms * self.drift_ppm // _MILLION

    def when(self, local_ms: int) -> int:
        """The first virtual millisecond at which this clock shows at least that."""
        wanted_ms = local_ms - self.local_ms
        if not self.drift_ppm:
            return self.virtual_ms + wanted_ms
        guess_ms = self.virtual_ms + wanted_ms * _MILLION // (_MILLION + self.drift_ppm) - 1
        while self.now_ms(guess_ms) < local_ms:
            guess_ms += 1
        return guess_ms

    def set(self, virtual_ms: int, *, ahead_ms: int, drift_ppm: int) -> None:
        """From now on the clock is ahead of virtual time by so much and runs at this rate."""
        self.virtual_ms, self.local_ms = virtual_ms, virtual_ms + ahead_ms
        self.drift_ppm = drift_ppm


class Timeline:
    """What happens next; of two things at one moment the one planned first."""

    __slots__ = ("_planned", "_sequence", "now_ms")

    def __init__(self) -> None:
        self.now_ms = START_MS
        self._planned: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._sequence = 0

    def at(self, when_ms: int, happen: Callable[..., None], *arguments: Any) -> None:
        """Plan a call; a moment that is past means now."""
        self._sequence += 1
        heapq.heappush(
            self._planned, (max(when_ms, self.now_ms), self._sequence, happen, arguments)
        )

    def after(self, delay_ms: int, happen: Callable[..., None], *arguments: Any) -> None:
        """Plan a call some time from now."""
        self.at(self.now_ms + delay_ms, happen, *arguments)

    def advance(self, until_ms: int) -> None:
        """Let everything happen that is due by then, and let the time come."""
        planned = self._planned
        while planned and planned[0][0] <= until_ms:
            self.now_ms, _, happen, arguments = heapq.heappop(planned)
            happen(*arguments)
        self.now_ms = max(self.now_ms, until_ms)

    def __len__(self) -> int:
        return len(self._planned)
