"""What `scripts/demo` is asked for: read before anything is installed, by the standard library."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / ".demo"


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Eight nodes carry a cancer and a fracture consultation from image file to "
        "doctor-approved, offline-provable blocks. Not for clinical use.",
    )
    parser.add_argument("--headless", action="store_true", help="end instead of staying up")
    parser.add_argument("--ct", type=Path, metavar="DIR", help="folder of one CT series (DICOM)")
    parser.add_argument("--pet", type=Path, metavar="DIR", help="folder of one PET series (DICOM)")
    parser.add_argument("--xray", type=Path, metavar="FILE", help="radiograph: DICOM, PNG or JPEG")
    parser.add_argument(
        "--governance",
        action="store_true",
        help="show instead how the doctors change the charter: one comes, one changes keys while "
        "her node is down, one is away, one leaves",
    )
    parser.add_argument(
        "--learning",
        action="store_true",
        help="show instead how the AI entity learns: thirty consultations, a training set from the "
        "verified ledger, a gate, and a model used once the doctors approve it",
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write what happened as JSON")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="save the timeline as SVG")
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help=f"where the nodes live (default {FOLDER.name}/)"
    )
    chosen = parser.parse_args(arguments)
    if chosen.pet is not None and chosen.ct is None:
        parser.error("--pet needs --ct: a PET is read together with the CT of the same patient")
    if (chosen.governance or chosen.learning) and (chosen.ct or chosen.xray or chosen.report):
        parser.error("--governance and --learning need no images and write no report")
    if chosen.governance and chosen.learning:
        parser.error("choose --governance or --learning")
    return chosen


if __name__ == "__main__":
    parse(sys.argv[1:])
