"""Watching every node from outside: how high its chain is, and whether it stays up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from medquorum.node.client import ApiProblem, NodeUnreachable
from medquorum.node.views import StatusView
from scripts.chaos_network.history import Sighting
from scripts.chaos_network.ward import Ward
from scripts.local_network import LocalMember, log_tail

LOOK_S: Final = 0.25
ANSWER_S: Final = 3.0
"""A node that takes longer is looked at again later: it may be paused."""


class Watch:
    """Notes what each node shows, and when the network's chain last grew."""

    def __init__(self, ward: Ward) -> None:
        self.grown: list[tuple[float, int]] = [(0.0, 0)]
        """(seconds, height) whenever some node first showed a greater height."""
        self.statuses: dict[str, StatusView] = {}
        self._ward = ward

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for member in self._ward.network.members:
                group.create_task(self._follow(member))

    async def _follow(self, member: LocalMember) -> None:
        while True:
            self._check_process(member)
            try:
                async with asyncio.timeout(ANSWER_S):
                    self._see(member.name, await self._ward.clients[member.name].status())
            except (ApiProblem, NodeUnreachable, TimeoutError):
                pass  # Down, paused or busy; what the chain lost shows at the end.
            await asyncio.sleep(LOOK_S)

    def _see(self, name: str, status: StatusView) -> None:
        history, before = self._ward.history, self.statuses.get(name)
        if before is not None and status.n_bc < before.n_bc:
            history.accuse(f"{name} showed block {before.n_bc} and later only {status.n_bc}")
        if status.ordering.startswith("halted"):
            history.accuse(f"{name}: {status.ordering}")
        if before is None or status.n_bc != before.n_bc:
            history.sightings.append(Sighting(name, status.n_bc, status.tip_hash))
        self.statuses[name] = status
        if status.n_bc > self.grown[-1][1]:
            self.grown.append((history.now_s(), status.n_bc))

    def _check_process(self, member: LocalMember) -> None:
        """A process nobody killed must be running."""
        ended = member.process is not None and member.process.poll() is not None
        if ended and member.name not in self._ward.down:
            self._ward.down.add(member.name)
            self._ward.history.accuse(f"{member.name} ended by itself: {log_tail(member)}")

    def first_growth_after(self, moment_s: float) -> tuple[float, int] | None:
        """When and to what height the chain first grew after a moment."""
        return next((grown for grown in self.grown if grown[0] > moment_s), None)

    def longest_gap_s(self, spans: Sequence[tuple[float, bool]] = ((0.0, True),)) -> float:
        """The longest time in which no node showed a new block, within the spans that count.

        Each span lasts from its moment to that of the next, the last one to the last block.
        """
        times = [at_s for at_s, _ in self.grown]
        longest = 0.0
        for (begin_s, counts), (end_s, _) in pairwise([*spans, (times[-1], False)]):
            if counts and begin_s < end_s:
                within = [at_s for at_s in times if begin_s < at_s < end_s]
                moments = [begin_s, *within, end_s]
                longest = max(longest, *(later - at_s for at_s, later in pairwise(moments)))
        return longest
