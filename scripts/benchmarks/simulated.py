"""A child process that simulates one thing and prints what it took as one line of JSON.

python -m scripts.benchmarks.simulated faults SECONDS
python -m scripts.benchmarks.simulated scenario NAME
python -m scripts.benchmarks.simulated growth BLOCKS
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from dataclasses import replace
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Final

from medquorum.simulation.catalogue import DEFAULT, built_in
from medquorum.simulation.crypto import START_MS
from medquorum.simulation.faults import draw_story
from medquorum.simulation.machine import Machine
from medquorum.simulation.run import build, run
from medquorum.simulation.scenario import Scenario, Workload

KIB: Final = 1_024
_CODE: Final = (type, ModuleType, FunctionType, BuiltinFunctionType)
GROWTH: Final = Scenario(
    name="growth",
    doctors=4,
    followers=0,
    faults=frozenset(),
    workload=Workload(
        consultations=200,
        blocks_per_minute=600,
        vote_delay_ms=50,
        reject_share=0,
        abstain_share=0,
    ),
)
"""Ten proposals a second: a quarter of an hour makes about ten thousand blocks."""


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB


def faults(seconds: float) -> dict[str, float]:
    """Seeds of the default scenario, one after another in this process."""
    (variant,) = built_in(DEFAULT).variants
    started, cpu = time.perf_counter(), time.process_time()
    seeds = failed = 0
    while time.perf_counter() - started < seconds or not seeds:
        seeds += 1
        failed += run(variant.scenario, seeds).failed
    return {
        "seeds": seeds,
        "failed": failed,
        "seconds": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu,
    }


def scenario(name: str) -> dict[str, float]:
    """One seed of one built-in scenario."""
    chosen = built_in(name).variants[0].scenario
    started, cpu = time.perf_counter(), time.process_time()
    report = run(chosen, 1)
    return {
        "blocks": report.blocks,
        "failed": report.failed,
        "messages": report.messages,
        "seconds": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu,
        "peak_bytes": _peak_bytes(),
    }


def growth(blocks: int) -> dict[str, float]:
    """What one doctor's replica holds in memory at half of so many blocks, and at all of them.

    Its disk and its identity are left out: a node keeps these elsewhere.
    """
    started = time.perf_counter()
    scenario = replace(
        GROWTH, duration_ms=blocks * 60_000 // int(GROWTH.workload.blocks_per_minute)
    )
    world = build(scenario, 1, draw_story(scenario, 1))
    for machine in world.machines:
        world.boot(machine)
    world.people.begin(START_MS + scenario.duration_ms)
    found: dict[str, float] = {"nodes": scenario.doctors}
    for place, name in enumerate(("half", "end"), 1):
        world.line.advance(START_MS + scenario.duration_ms * place // 2)
        found[f"{name}_blocks"] = world.checks.ledger.blocks
        found[f"{name}_bytes"] = _held_bytes(world.machines[0])
    return found | {
        "failed": len(world.checks.violations),
        "largest_queue": world.checks.largest_queue,
        "seconds": time.perf_counter() - started,
    }


def _held_bytes(machine: Machine) -> int:
    """Bytes of every object a replica reaches and its disk and identity do not."""
    gc.collect()
    apart = set(_reached([machine.disk, machine.identity], set()))
    return sum(map(sys.getsizeof, _reached([machine.replica], apart).values()))


def _reached(roots: list[Any], seen: set[int]) -> dict[int, Any]:
    """Objects by id, without classes, functions and modules."""
    found: dict[int, Any] = {}
    waiting = roots
    while waiting:
        one = waiting.pop()
        if id(one) in seen or id(one) in found or isinstance(one, _CODE):
            continue
        found[id(one)] = one
        waiting.extend(gc.get_referents(one))
    return found


def main() -> None:
    """Do what the arguments say."""
    what, argument = sys.argv[1:]
    if what == "faults":
        found = faults(float(argument))
    elif what == "scenario":
        found = scenario(argument)
    else:
        found = growth(int(argument))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
