"""What `scripts/federated` is asked for: read before anything is installed, without packages."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

ROUNDS: Final = 6
STEPS: Final = 40


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/federated",
        description="Hospitals train one network on Flower without giving their images away.",
    )
    parser.add_argument("--hospitals", type=int, default=3, help="2 to 8 (3)")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--steps", type=int, default=STEPS, help="per hospital and round")
    parser.add_argument("--petct", type=Path, help="an archive of cases; default: see README")
    parser.add_argument("--phantoms", action="store_true", help="phantoms even if there are cases")
    parser.add_argument(
        "--json", action="store_true", help="the outcome as JSON on standard output"
    )
    parser.add_argument("--out", type=Path, help="write model, card and outcome into this folder")
    chosen = parser.parse_args(arguments)
    if not 2 <= chosen.hospitals <= 8:
        parser.error("--hospitals is between 2 and 8")
    return chosen


if __name__ == "__main__":
    parse(sys.argv[1:])
