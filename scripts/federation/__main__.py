"""``scripts/federated``: run the example and print what training together was worth."""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from scripts.federation.arguments import parse
from scripts.federation.deal import make_phantom_archive
from scripts.federation.example import Settings, run_example
from scripts.federation.flower import FederationFailed
from scripts.federation.result import document, table, write_result

ROOT = Path(__file__).resolve().parents[2]
PHANTOMS_PER_HOSPITAL = 6
PHANTOM_HOLD_OUT = 4


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
    options = parse(sys.argv[1:])
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
