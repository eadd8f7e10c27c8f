"""What `scripts/mutants` is asked for: read before anything is installed, without packages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

WORKERS: Final = 2


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/mutants", description="Deliberate bugs, and which test finds each of them."
    )
    doing = parser.add_subparsers(dest="do", required=True)
    listing = doing.add_parser("list", help="every deliberate bug and the rule it breaks")
    running = doing.add_parser("run", help="hunt these, or all of them and the source as it is")
    running.add_argument("names", nargs="*", metavar="NAME")
    running.add_argument(
        "--seeds", type=int, help="send the stories of seeds 0 to this first, to find new killers"
    )
    running.add_argument("--workers", type=int, default=WORKERS, help="hunts at once")
    for one in (listing, running):
        one.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    parse(sys.argv[1:])
