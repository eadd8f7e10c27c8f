"""What `scripts/chaos` is asked for: read before anything is installed, without packages."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

EPILOG = """\
Five doctors (four are a quorum), a hospital and a radiologist, each a process of this machine; the
links run through relays. Faults come from the seed; what the machine makes of them in which order
does not. Checked at the end: every block a node showed as final, every submission and vote a node
acknowledged, and every accepted body still stand; all chains are equal, every patient's chain is
linear, and the independent verifier says VALID for every node's export. Exit 0: all of it held.
"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/chaos",
        description="Torment real nodes with kill -9, pauses, one-way cuts, partitions and delays "
        "while consultations go on, then judge what stands.",
        epilog=EPILOG,
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="of faults (default 10)")
    parser.add_argument("--seed", type=int, default=1, help="of the faults (default 1)")
    parser.add_argument("--json", type=Path, metavar="REPORT", help="write the numbers to a file")
    parser.add_argument("--keep", action="store_true", help="keep the nodes' folders afterwards")
    chosen = parser.parse_args(arguments)
    if not 0.1 <= chosen.minutes <= 24 * 60:
        parser.error("--minutes is between 0.1 and 1440")
    return chosen


if __name__ == "__main__":
    parse(sys.argv[1:])
