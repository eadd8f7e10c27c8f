"""A sweep: every variant of a study under many seeds, with what failed and how to see it again."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from medquorum.simulation.cluster import ClusterError, Crew, Job, perform_all
from medquorum.simulation.report import STALL
from medquorum.simulation.results import RunRow
from medquorum.simulation.toml import Study

"""Named as the broken rule when healed work did not become final in time."""
HALT: Final = "halt"
"""Named so when an honest node stopped ordering for good though no rule was seen broken."""
HIGHEST_SEED: Final = 2**63 - 1
"""What a table's column holds."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A seed that went wrong, and the command that tells its story."""

    seed: int
    invariant: str
    replay: str


@dataclass(slots=True)
class Totals:
    """What a sweep found so far."""

    runs: int = 0
    violations: int = 0
    """Runs that broke a rule."""
    stalls: int = 0
    blocks: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    """Whether somebody stopped it before all runs were made."""
    failures: list[Failure] = field(default_factory=list)

    @property
    def seeds_per_second(self) -> float:
        """Runs made in a second of real time, by all workers together."""
        return self.runs / self.seconds if self.seconds else 0.0

    def add(self, row: RunRow, source: str) -> None:
        """Count one run; `source` names its scenario on the command line."""
        self.runs += 1
        self.blocks += row.blocks
        self.violations += bool(row.violations)
        self.stalls += row.stalled
        if row.failed:
            replay = replay_command(source, row.seed, row.variant)
            self.failures.append(Failure(row.seed, broken_rule(row), replay))

    def as_json(self) -> str:
        """The summary for programs, on one line."""
        failures: list[dict[str, Any]] = [
            {"seed": one.seed, "invariant": one.invariant, "replay": one.replay}
            for one in self.failures
        ]
        return json.dumps(
            {
                "runs": self.runs,
                "violations": self.violations,
                "stalls": self.stalls,
                "seeds_per_second": round(self.seeds_per_second, 3),
                "failures": failures,
            }
        )


def broken_rule(row: RunRow) -> str:
    """The first rule a failed run broke."""
    if row.violations:
        return row.violations[0]
    return STALL if row.stalled else HALT


def replay_command(source: str, seed: int, variant: str) -> str:
    """The command that tells the story of this run."""
    chosen = f" --variant {shlex.quote(variant)}" if variant else ""
    return f"medquorum simulate replay {shlex.quote(source)} --seed {seed}{chosen}"


def jobs_of(study: Study, seeds: range) -> Iterator[Job]:
    """Every variant under every seed, variant by variant."""
    return (Job(variant, seed) for variant in study.variants for seed in seeds)


def sweep(study: Study, seeds: range, crew: Crew, take: Callable[[RunRow, Totals], None]) -> Totals:
    """Make all runs; `take` is handed each row, in order, with the totals that include it.

    Stopped by Ctrl-C it answers the totals of what was done; ClusterError when a worker died.
    """
    totals = Totals()
    started = time.perf_counter()
    try:
        for row in perform_all(jobs_of(study, seeds), crew):
            totals.seconds = time.perf_counter() - started
            totals.add(row, study.source)
            take(row, totals)
    except KeyboardInterrupt:
        totals.interrupted = True
    except BrokenExecutor:
        raise ClusterError(
            f"a worker died after {totals.runs} runs, most likely for want of memory; "
            "try fewer with --workers"
        ) from None
    return totals
