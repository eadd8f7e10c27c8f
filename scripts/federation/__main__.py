"""``scripts/federated``: run the example and print what training together was worth."""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from scripts.federation.deal import make_phantom_archive
from scripts.federation.example import ROUNDS, STEPS, Settings, run_example
from scripts.federation.flower import FederationFailed
from scripts.federation.result import document, table, write_result

ROOT = Path(__file__).resolve().parents[2]
PHANTOMS_PER_HOSPITAL = 6
PHANTOM_HOLD_OUT = 4


def parsed(arguments: list[str]) -> argparse.Namespace:
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
    return parser.parse_args(arguments)


def settings_of(options: argparse.Namespace, scratch: Path) -> Settings:
    """Which cases, and how long."""
    shared = Path(os.environ.get("MEDQUORUM_SHARED_DATA", ROOT.parent / "shared" / "data"))
    archive = options.petct or shared / "petct" / "soft_tissue_sarcoma_40.npz"
    source = (
        "real patients: Soft-tissue-Sarcoma collection, TCIA (Vallieres 2015), CC BY 3.0"
        if not options.petct
        else f"cases of {archive.name}"
    )
    if options.phantoms or not archive.is_file():
        archive = scratch / "phantoms.npz"
        count = options.hospitals * PHANTOMS_PER_HOSPITAL + PHANTOM_HOLD_OUT
        tell(f"making {count} torso phantoms")
        make_phantom_archive(archive, count)
        source = "PHANTOMS, no patients: they show that it runs, not what it is worth"
    return Settings(
        archive, source, hospitals=options.hospitals, rounds=options.rounds, steps=options.steps
    )


def tell(sentence: str) -> None:
    """To standard error, with the time since the start."""
    print(f"[{time.monotonic() - STARTED:4.0f} s] {sentence}", file=sys.stderr, flush=True)


def main() -> int:
    """Run, print, and leave nothing behind but --out."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = parsed(sys.argv[1:])
    if not 2 <= options.hospitals <= 8:
        print("scripts/federated: 2 to 8 hospitals", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="mq-") as scratch:
        settings = settings_of(options, Path(scratch))
        try:
            outcome = run_example(Path(scratch) / "run", ROOT / ".venv-federated", settings, tell)
        except FederationFailed as failed:
            print(f"scripts/federated: {failed}", file=sys.stderr)
            return 1
        told = (
            document(outcome, settings)
            if options.out is None
            else write_result(options.out, outcome, settings)
        )
    print(json.dumps(told, indent=1) if options.json else table(told))
    return 0


STARTED = time.monotonic()
if __name__ == "__main__":
    sys.exit(main())
