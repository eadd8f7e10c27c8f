"""Doing what the schedule says to processes and wires, and undoing it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

from scripts.chaos_network.schedule import Fault, FaultKind
from scripts.chaos_network.ward import Ward
from scripts.local_machine import listens
from scripts.local_network import LocalMember, log_tail

START_S: Final = 90.0
"""Longest start of a node on a busy machine."""
_PAIRED: Final = frozenset({FaultKind.CUT, FaultKind.DELAY})
"""Faults of one wire: with an end that is down they would harm nobody."""


class Havoc:
    """Carries out a plan."""

    def __init__(self, ward: Ward) -> None:
        self.counts: Counter[str] = Counter()
        self.healed_s = 0.0
        """When the last fault was healed, a killed node started again."""
        self.calm: list[tuple[float, bool]] = [(0.0, True)]
        """Since when a quorum of doctors' nodes was, or was not, struck by nothing but delays."""
        self._ward = ward
        self._struck: Counter[str] = Counter()

    async def run(self, faults: Sequence[Fault]) -> None:
        """Everything in its time; returns when all is healed and every node is back."""
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                group.create_task(self._carry_out(fault))

    async def _carry_out(self, fault: Fault) -> None:
        history = self._ward.history
        await asyncio.sleep(max(0.0, fault.at_s - history.now_s()))
        members = self._up(fault)
        spared = not members or (fault.kind in _PAIRED and len(members) < len(fault.struck))
        if spared:
            history.say(f"{'spared':<12} {fault.kind.value}: {', '.join(fault.struck)} is down")
            self.counts["spared"] += 1
            return
        who = ", ".join(fault.struck) if len(fault.struck) < 4 else f"{len(fault.struck)} nodes"
        counts = history.counts()
        history.say(
            f"{fault.kind.value:<12} {who}{_way(fault)} for {fault.lasts_s:.1f} s  ({counts})"
        )
        self.counts[fault.kind.value] += 1
        self._note(fault, 1)
        await self._strike(fault, members)
        await asyncio.sleep(fault.lasts_s)
        await self._heal(fault, members)
        self._note(fault, -1)
        self.healed_s = max(self.healed_s, history.now_s())
        history.say(f"{'healed':<12} {fault.kind.value} of {who}")

    def _note(self, fault: Fault, change: int) -> None:
        """Keep `calm`: every cut way has an end that is struck, so the rest hear each other."""
        if fault.kind is not FaultKind.DELAY:
            self._struck.update(dict.fromkeys(fault.struck, change))
        spared = [name for name in self._ward.members.doctors if self._struck[name] == 0]
        calm = len(spared) >= self._ward.charter.quorum
        if calm is not self.calm[-1][1]:
            self.calm.append((self._ward.history.now_s(), calm))

    def _up(self, fault: Fault) -> list[LocalMember]:
        """The struck members whose nodes are not down already, slow in starting again."""
        named = [one for one in self._ward.network.members if one.name in fault.struck]
        return [one for one in named if one.name not in self._ward.down]

    async def _strike(self, fault: Fault, members: Sequence[LocalMember]) -> None:
        match fault.kind:
            case FaultKind.KILL | FaultKind.BLACKOUT:
                self._ward.down.update(member.name for member in members)
                for member in members:
                    self._ward.network.kill(member)
            case FaultKind.PAUSE:
                _signal(members, signal.SIGSTOP)
            case FaultKind.CUT | FaultKind.PARTITION:
                self._ward.wires.cut(fault.ways)
            case FaultKind.DELAY:
                self._ward.wires.slow(fault.ways, fault.delay_ms)

    async def _heal(self, fault: Fault, members: Sequence[LocalMember]) -> None:
        match fault.kind:
            case FaultKind.KILL | FaultKind.BLACKOUT:
                self._ward.network.start(members)
                await asyncio.gather(*(self._until_back(member) for member in members))
            case FaultKind.PAUSE:
                _signal(members, signal.SIGCONT)
            case FaultKind.CUT | FaultKind.PARTITION:
                self._ward.wires.mend(fault.ways, breaks=fault.breaks)
            case FaultKind.DELAY:
                self._ward.wires.hasten(fault.ways, fault.delay_ms)

    async def _until_back(self, member: LocalMember) -> None:
        """Wait until a node started again answers; a node that cannot start is a violation."""
        end_s = time.monotonic() + START_S
        while not listens(member.api_port):
            ended = member.process is None or member.process.poll() is not None
            if ended or time.monotonic() > end_s:
                self._ward.history.accuse(f"{member.name} did not start again: {log_tail(member)}")
                return
            await asyncio.sleep(0.05)
        self._ward.down.discard(member.name)


def _signal(members: Sequence[LocalMember], which: signal.Signals) -> None:
    """To the processes and all they started."""
    for member in members:
        if member.process is not None and member.process.poll() is None:
            os.killpg(member.process.pid, which)


def _way(fault: Fault) -> str:
    """What a fault of links does, for one line."""
    if fault.kind is FaultKind.DELAY:
        return f" by {fault.delay_ms} ms"
    if fault.kind is not FaultKind.CUT:
        return ""
    mute = fault.ways[0][0] in fault.struck
    beyond = len({way[1] if mute else way[0] for way in fault.ways})
    return f" not heard by {beyond}" if mute else f" deaf to {beyond}"
