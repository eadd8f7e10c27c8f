"""What `scripts/bench` is asked for: read before anything is installed, without packages."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

NAMES: Final = (
    "finality",
    "throughput",
    "idle",
    "body",
    "viewing",
    "fracture",
    "tumour",
    "simulation",
    "large",
)
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


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure a network of real nodes on this machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=NAMES,
        metavar="NAME",
        help="run this benchmark only; may be repeated",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    parser.add_argument("--quick", action="store_true", help="fewer blocks, shorter waiting")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    parse(sys.argv[1:])
