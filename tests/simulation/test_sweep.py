"""More than a thousand whole stories under random faults: no rule breaks, and everything ends well.

`MEDQUORUM_SIMULATION_SEEDS` says how many (2,000 by default), `MEDQUORUM_SIMULATION_FIRST` where
they begin. Seeds that failed once are told first, for ever.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import pytest

from medquorum.simulation.report import RunReport
from medquorum.simulation.run import run
from medquorum.simulation.scenario import FaultKind
from tests.simulation.stories import scenario_for

SEEDS = int(os.environ.get("MEDQUORUM_SIMULATION_SEEDS", "2000"))
FIRST = int(os.environ.get("MEDQUORUM_SIMULATION_FIRST", "0"))
WORKERS = 2
KEPT = (30, 50, 54, 87, 99, 105, 116, 190, 205, 212, 253, 563, 599, 670, 830, 1032)
"""Seeds that found something once."""


def _collect_seldom() -> None:
    """A story makes many objects and hardly a cycle: look for those seldom."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _told(seed: int) -> RunReport:
    return run(scenario_for(seed), seed)


def _failures(report: RunReport) -> str:
    broken = "; ".join(f"{one.invariant} {one.detail}" for one in report.violations)
    return f"seed {report.seed} ({report.scenario}): {broken or 'stalled'}"


@pytest.mark.parametrize("seed", KEPT)
def test_stories_that_once_failed(seed: int) -> None:
    report = _told(seed)
    assert not report.failed, _failures(report)


@pytest.mark.timeout(3_600)
def test_random_stories_break_no_rule_and_end_well() -> None:
    context = multiprocessing.get_context("spawn")
    kinds: Counter[FaultKind] = Counter()
    figures: Counter[str] = Counter()
    failed: list[str] = []
    with ProcessPoolExecutor(WORKERS, context, _collect_seldom) as workers:
        for report in workers.map(_told, range(FIRST, FIRST + SEEDS), chunksize=16):
            kinds.update(report.faults_used)
            figures.update(
                runs=1,
                blocks=report.blocks,
                steps=report.steps,
                messages=report.messages,
                crashes=report.crashes,
                recovered=report.recovery_ms is not None,
            )
            if report.failed:
                failed.append(_failures(report))
    print(", ".join(f"{name} {count:,}" for name, count in sorted(figures.items())))
    print(", ".join(f"{kind.value} {count}" for kind, count in sorted(kinds.items())))
    assert failed == []
    assert figures["blocks"] > 2 * SEEDS, "the stories are too empty to prove anything"
    assert SEEDS < 200 or set(kinds) == set(FaultKind)
