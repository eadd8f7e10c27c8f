"""What a command says while it works: steps and elapsed time on stderr, never in its result."""

import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from medquorum.ai_entity.dicom_source import files_of

TICK_SECONDS: Final = 5.0
"""Silence longer than this looks like a hang."""

ORDINAL: Final = re.compile(r"\b(files?|and) (\d+)\b")


def tell(words: str) -> None:
    """One line on stderr."""
    print(words, file=sys.stderr, flush=True)


@contextmanager
def telling(step: str) -> Iterator[None]:
    """Say that ``step`` begins, every few seconds that it goes on, and how long it took."""
    tell(f"{step} ...")
    begun = time.monotonic()
    over = threading.Event()

    def tick() -> None:
        while not over.wait(TICK_SECONDS):
            tell(f"  still at it after {time.monotonic() - begun:.0f} s")

    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
        tell(f"  done in {time.monotonic() - begun:.1f} s")
    finally:
        over.set()
        ticker.join()


def with_file_names(message: str, folder: Path | None) -> str:
    """``file 3`` of an error as ``file 3 (IM0003.dcm)``: the user's own folder and screen.

    Errors number files because elsewhere a name may identify a patient.
    """
    if folder is None or not folder.is_dir():
        return message
    names = [path.name for path in files_of(folder)]

    def named(found: re.Match[str]) -> str:
        ordinal = int(found[2])
        if not 1 <= ordinal <= len(names):
            return found[0]
        shown = "".join(letter if letter.isprintable() else "?" for letter in names[ordinal - 1])
        return f"{found[0]} ({shown})"

    return ORDINAL.sub(named, message)
