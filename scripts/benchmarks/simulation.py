"""The simulator on one core: stories a second, memory as a chain grows, a thousand nodes."""

from __future__ import annotations

import asyncio
import json
import sys

from scripts.benchmarks.machine import MIB
from scripts.benchmarks.report import Figure, Outcome, Sense, Target

QUICK_BLOCKS, BLOCKS = 1_000, 10_000
LARGE = "thousand-nodes"
LARGE_TIMEOUT_S = 3_600.0
TIMEOUT_S = 1_800.0


async def measure(*, quick: bool) -> Outcome:
    """Seeds a second for seven doctors, then one replica's memory over many blocks."""
    stories = await _child("faults", "10" if quick else "30")
    grown = await _child("growth", str(QUICK_BLOCKS if quick else BLOCKS))
    further = grown["end_blocks"] - grown["half_blocks"]
    per_block = (grown["end_bytes"] - grown["half_bytes"]) / max(1, further)
    return Outcome(
        "simulation",
        f"{stories['seeds']:.0f} seeds of 7 doctors and 60 s of faults; then "
        f"{grown['end_blocks']:,.0f} blocks of 4 doctors",
        (
            Figure("seeds", stories["seeds"] / stories["cpu_s"], "per second of one core"),
            Figure("seeds that failed", stories["failed"], "", Target(Sense.AT_MOST, 0)),
            Figure("one replica's memory, half way", grown["half_bytes"] / MIB, "MiB"),
            Figure("one replica's memory, at the end", grown["end_bytes"] / MIB, "MiB"),
            Figure(
                "growth for each further block", per_block, "bytes", Target(Sense.AT_MOST, 1_024)
            ),
            Figure("most entries ordering held at once", grown["largest_queue"], ""),
        ),
        (
            "memory: objects a doctor's replica reaches, its disk (the chain itself) left out",
            "what grows is the index of blocks; queues do not",
        ),
    )


async def measure_large(*, quick: bool) -> Outcome:
    """One seed of a hundred doctors and nine hundred followers; minutes."""
    name = "scale-out-100" if quick else LARGE
    found = await _child("scenario", name, timeout_s=LARGE_TIMEOUT_S)
    return Outcome(
        "large",
        f"one seed of {name}: {found['blocks']:.0f} blocks",
        (
            Figure("time", found["seconds"], "s"),
            Figure("time of the processor", found["cpu_s"], "s"),
            Figure("memory of the whole simulation, at most", found["peak_bytes"] / MIB, "MiB"),
            Figure("messages", found["messages"], ""),
            Figure("failed", found["failed"], "", Target(Sense.AT_MOST, 0)),
        ),
    )


async def _child(*words: str, timeout_s: float = TIMEOUT_S) -> dict[str, float]:
    """What a process of its own found: its memory is nobody else's."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.benchmarks.simulated", *words, stdout=asyncio.subprocess.PIPE
    )
    try:
        printed, _ = await asyncio.wait_for(process.communicate(), timeout_s)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"the simulation of {' '.join(words)} failed; its words are above")
    return {name: float(value) for name, value in json.loads(printed).items()}
