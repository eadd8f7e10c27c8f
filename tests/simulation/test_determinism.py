"""One seed is one story: in another process, under another hash seed, to the last event."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from medquorum.simulation.run import RunOptions, run, simulate
from medquorum.simulation.scenario import Scenario
from tests.simulation.stories import scenario_for

SEEDS = (3, 14, 25, 38, 49)
PROGRAM = """
import sys
from medquorum.simulation.run import run
from tests.simulation.stories import scenario_for
for seed in map(int, sys.argv[1:]):
    print(run(scenario_for(seed), seed).trace_hash)
"""


def _hashes(repository: Path, hash_seed: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, SEEDS)],
        cwd=repository,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return done.stdout.split()


def test_the_same_seed_tells_the_same_story_under_any_hash_seed(repository: Path) -> None:
    first, second = _hashes(repository, "1"), _hashes(repository, "271828")
    assert first == second
    assert len(set(first)) == len(SEEDS)


def test_a_transcript_changes_nothing() -> None:
    report, lines = simulate(scenario_for(7), 7, RunOptions(told=True))
    assert report == run(scenario_for(7), 7)
    assert any("holds final batch" in line for line in lines)


def test_another_seed_or_scenario_tells_another_story() -> None:
    short = replace(Scenario(), duration_ms=5_000)
    hashes = {run(short, 1).trace_hash, run(short, 2).trace_hash}
    hashes.add(run(replace(short, doctors=6), 1).trace_hash)
    assert len(hashes) == 3
