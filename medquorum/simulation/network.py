"""The network between nodes: delay by region, and everything that goes wrong on the way.

Links keep their order, as TCP does, unless messages are held up. A cut direction swallows what is
sent; a partition cuts both ways between its two sides. Nothing here knows what a message is.
"""

from __future__ import annotations

import random
from typing import Final

from medquorum.simulation.scenario import FaultKind, Latency, Weather

_FACTORS: Final = 1_024
"""Jitter factors drawn beforehand: one draw of ten bits per message."""
HELD_UP_MS: Final = 3_000
"""A message that is held up arrives at most so much later."""


class Network:
    """All links; machines are numbers from 0."""

    def __init__(self, latency: Latency, weather: Weather, machines: int, dice: random.Random):
        self.raining: frozenset[FaultKind] = frozenset()
        """The kinds of weather in force."""
        self.cuts: set[tuple[int, int]] = set()
        self.sides: dict[int, int] = {}
        """Who is on the other side of a partition; empty without one."""
        self.slow: set[int] = set()
        self.weather = weather
        self.lost = 0
        self._dice = dice
        self._draw = dice.random
        self._bits = dice.getrandbits
        regions = len(latency.regions)
        self._median_ms = [
            [latency.median_ms[one % regions][other % regions] for other in range(regions)]
            for one in range(regions)
        ]
        self._region = [machine % regions for machine in range(machines)]
        self._factors = [dice.lognormvariate(0, latency.jitter) for _ in range(_FACTORS)]
        self._last_ms: dict[tuple[int, int], int] = {}

    def arrivals(self, sender: int, receiver: int, now_ms: int) -> tuple[int, ...]:
        """When copies of a message sent now arrive; none: it is lost."""
        if (self.cuts or self.sides) and self.severed(sender, receiver):
            self.lost += 1
            return ()
        delay_ms = (
            self._median_ms[self._region[sender]][self._region[receiver]]
            * self._factors[self._bits(10)]
        )
        if self.slow and (sender in self.slow or receiver in self.slow):
            delay_ms *= self.weather.slow_factor
        link = sender, receiver
        arrival_ms = max(now_ms + max(1, int(delay_ms)), self._last_ms.get(link, 0))
        if not self.raining:
            self._last_ms[link] = arrival_ms
            return (arrival_ms,)
        return self._rained_upon(link, arrival_ms)

    def _rained_upon(self, link: tuple[int, int], arrival_ms: int) -> tuple[int, ...]:
        raining, weather = self.raining, self.weather
        if FaultKind.LOSS in raining and self._draw() < weather.loss_rate:
            self.lost += 1
            return ()
        if FaultKind.REORDER in raining and self._draw() < weather.reorder_rate:
            arrival_ms += self._dice.randint(1, HELD_UP_MS)
        else:
            self._last_ms[link] = arrival_ms
        if FaultKind.DUPLICATE in raining and self._draw() < weather.duplicate_rate:
            return arrival_ms, arrival_ms + self._dice.randint(0, HELD_UP_MS)
        return (arrival_ms,)

    def severed(self, sender: int, receiver: int) -> bool:
        """Whether nothing gets through in this direction."""
        if (sender, receiver) in self.cuts:
            return True
        return self.sides.get(sender, 0) != self.sides.get(receiver, 0)

    def corrupts(self) -> bool:
        """Whether the next message's bytes change on the way."""
        return FaultKind.CORRUPT in self.raining and self._draw() < self.weather.corrupt_rate

    def spares(self) -> bool:
        """Whether they only take the way over bytes, unharmed."""
        return self._draw() < 0.5

    def damage(self, payload: bytes) -> bytes:
        """The bytes with a bit flipped, an octet lost or the end cut off."""
        if not payload:
            return b"\x00"
        place = self._dice.randrange(len(payload))
        match self._dice.randrange(3):
            case 0:
                flipped = payload[place] ^ 1 << self._dice.randrange(8)
                return payload[:place] + bytes([flipped]) + payload[place + 1 :]
            case 1:
                return payload[:place] + payload[place + 1 :]
            case _:
                return payload[:place]

    def heal(self) -> None:
        """Every link works again."""
        self.raining = frozenset()
        self.cuts.clear()
        self.sides.clear()
        self.slow.clear()
