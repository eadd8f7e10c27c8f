"""A sample of a file: enough to tell it from another of its name and length, and quick to read.

Files up to `WHOLE_BYTES` are taken whole; of larger ones `WINDOWS` pieces, the first at the start,
the last at the end: a volume without compression may begin with nothing but air. The page takes the
same sample (`static/upload/sample.js`) of a file that it is given again after it was closed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

WHOLE_BYTES: Final = 65_536
WINDOW_BYTES: Final = 8_192
WINDOWS: Final = WHOLE_BYTES // WINDOW_BYTES


def windows_of(length: int, received: int) -> Iterator[tuple[int, int]]:
    """Beginnings and ends of the sampled pieces in bytes, as far as they have been received."""
    pieces = [(0, length)]
    if length > WHOLE_BYTES:
        last = length - WINDOW_BYTES
        starts = [last * place // (WINDOWS - 1) for place in range(WINDOWS)]
        pieces = [(start, start + WINDOW_BYTES) for start in starts]
    for start, end in pieces:
        if start < received:
            yield start, min(end, received)


def sample_of(path: Path, length: int, received: int) -> str:
    """SHA-256 of the sampled pieces one after the other, in hex; blocks. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        for start, end in windows_of(length, received):
            source.seek(start)
            digest.update(source.read(end - start))
    return digest.hexdigest()
