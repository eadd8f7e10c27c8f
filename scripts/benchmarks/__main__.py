"""`scripts/bench`: run benchmarks, print tables, write JSON."""

from __future__ import annotations

import argparse
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
ASKED_FOR: Final = frozenset({"large"})
"""Takes minutes: run only where it is named."""

EPILOG = """\
finality    four doctors: from the deciding vote to the block on the slowest node
throughput  four doctors: certified blocks per second when verdicts queue up
idle        eight nodes with nothing to do: messages, CPU, memory
body        a CT of 300 slices: taken in, then fetched and opened by four nodes
viewing     a CT of 300 slices: from opening it to the first slice, and to each next one
fracture    an X-ray from file to findings beside the bare libraries; peak memory
tumour      a PET/CT of 300 slices from files to findings beside the bare network; peak memory
simulation  seven doctors under faults: seeds a second of one core; memory over 10,000 blocks
large       a thousand simulated nodes, two hundred blocks; only with --only large (minutes)

The first four run nodes as processes of this machine with durable storage. Figures depend on what
else runs here: compare the ratios to the floors, which are measured in the same run. The exit
status is 0 when everything ran, whatever the figures say.
"""


def main() -> int:
    """Run what was asked for; 1 when a benchmark could not be carried out."""
    arguments = _arguments()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="medquorum-bench-") as folder:
        report = Report(environment(Path(folder)))
    facts = ", ".join(f"{name} {value}" for name, value in report.environment.items())
    console.print(facts, highlight=False)
    failed = False
    for name in arguments.only or [name for name in BENCHMARKS if name not in ASKED_FOR]:
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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure a network of real nodes on this machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=tuple(BENCHMARKS),
        metavar="NAME",
        help="run this benchmark only; may be repeated",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    parser.add_argument("--quick", action="store_true", help="fewer blocks, shorter waiting")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
