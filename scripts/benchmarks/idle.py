"""What eight nodes do when nothing is to be done: messages, CPU, memory."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from medquorum.ledger.types import Role
from scripts.benchmarks.finality import DOCTORS
from scripts.benchmarks.machine import MIB, use_of
from scripts.benchmarks.report import Figure, Outcome, Sense, Target
from scripts.benchmarks.stage import staged

MEMBERS = (
    ("Hospital", Role.HOSPITAL),
    ("Laboratory", Role.LABORATORY),
    ("Radiology", Role.RADIOLOGIST),
    *DOCTORS,
    ("AI entity", Role.AI_ENTITY),
)
SETTLE_SECONDS = 5.0


async def measure(*, quick: bool) -> Outcome:
    """Watch an idle network from a ninth member's node."""
    seconds = 10.0 if quick else 30.0
    async with staged(MEMBERS) as stage:
        await stage.hospital.wait_connected(
            tuple(
                one.address
                for one in stage.charter.members
                if one.address != stage.hospital.address
            )
        )
        await asyncio.sleep(SETTLE_SECONDS)
        stage.hospital.counted.clear()
        before, started = use_of(stage.running), time.perf_counter()
        await asyncio.sleep(seconds)
        taken_s = time.perf_counter() - started
        after = use_of(stage.running)
        kinds: Counter[str] = Counter()
        for (_, kind), number in stage.hospital.counted.items():
            kinds[kind] += number
    shares = [(b - a) / taken_s * 100 for a, b in zip(before.cpu_s, after.cpu_s, strict=True)]
    unasked = sum(kinds.values()) - kinds["status"]
    memory = max(after.rss_bytes) / MIB
    return Outcome(
        "idle",
        f"8 nodes, nothing to do for {taken_s:.0f} s",
        (
            Figure("messages other than STATUS", unasked, "", Target(Sense.AT_MOST, 0)),
            Figure("STATUS received by one more member", kinds["status"], ""),
            Figure("CPU, busiest node", max(shares), "% of a core", Target(Sense.AT_MOST, 0.5)),
            Figure(
                "memory, largest node",
                memory,
                "MiB",
                Target(Sense.AT_MOST, 200),
            ),
        ),
        (
            f"counted at a ninth member's node linked with all: {dict(kinds)}",
            "each node also follows one event stream of this bench at the doctors' nodes",
        ),
    )
