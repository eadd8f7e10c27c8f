"""The canonical record of a run: hashed always, told in words where somebody wants to read it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from medquorum.simulation.crypto import START_MS

_FLUSHED = 4_096


class Trace:
    """Every event in order; equal hashes mean equal stories."""

    __slots__ = ("_hash", "_kept", "lines")

    def __init__(self, *, told: bool) -> None:
        self._hash = hashlib.sha256()
        self._kept: list[bytes] = []
        self.lines: list[str] | None = [] if told else None

    def note(self, now_ms: int, what: str, place: int, brief: bytes = b"") -> None:
        """One event of one machine; `brief` identifies what it was about."""
        kept = self._kept
        kept.append(b"%d %s %d %s\n" % (now_ms - START_MS, what.encode(), place, brief))
        if len(kept) >= _FLUSHED:
            self._hash.update(b"".join(kept))
            kept.clear()

    def tell(self, now_ms: int, sentence: Callable[[], str]) -> None:
        """Words for people; made only when a transcript is wanted."""
        if self.lines is not None:
            self.lines.append(f"{now_ms - START_MS:>8} ms  {sentence()}")

    def digest(self) -> str:
        """The hash so far, hex."""
        self._hash.update(b"".join(self._kept))
        self._kept.clear()
        return self._hash.hexdigest()
