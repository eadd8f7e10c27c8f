"""`scripts/bench`: run benchmarks, print tables, write JSON."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from rich.console import Console

from scripts.benchmarks import (
    bodies,
    finality,
    fracture,
    idle,
    simulation,
    throughput,
    tumour,
    viewing,
)
from scripts.benchmarks.arguments import ASKED_FOR, NAMES, parse
from scripts.benchmarks.machine import environment
from scripts.benchmarks.report import Outcome, Report, show

BENCHMARKS: Final[dict[str, Callable[..., Awaitable[Outcome]]]] = {
    "finality": finality.measure,
    "throughput": throughput.measure,
    "idle": idle.measure,
    "body": bodies.measure,
    "viewing": viewing.measure,
    "fracture": fracture.measure,
    "tumour": tumour.measure,
    "simulation": simulation.measure,
    "large": simulation.measure_large,
}


def main() -> int:
    """Run what was asked for; 1 when a benchmark could not be carried out."""
    arguments = parse(sys.argv[1:])
    console = Console()
    with tempfile.TemporaryDirectory(prefix="medquorum-bench-") as folder:
        report = Report(environment(Path(folder)))
    facts = ", ".join(f"{name} {value}" for name, value in report.environment.items())
    console.print(facts, highlight=False)
    failed = False
    for name in arguments.only or [name for name in NAMES if name not in ASKED_FOR]:
        try:
            outcome = asyncio.run(_measured(name, quick=arguments.quick))
        except (RuntimeError, OSError, TimeoutError) as error:
            console.print(f"[red]{name} could not be carried out[/]: {error}")
            failed = True
            continue
        report.outcomes.append(outcome)
        show(console, outcome)
    if arguments.json is not None:
        arguments.json.write_text(report.as_json() + "\n", encoding="utf-8")
    return 1 if failed else 0


async def _measured(name: str, *, quick: bool) -> Outcome:
    return await BENCHMARKS[name](quick=quick)


if __name__ == "__main__":
    sys.exit(main())
