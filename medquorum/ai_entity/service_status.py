"""What the service is doing, for operators: one small file, replaced as a whole.

It names a block of the ledger by its hash and a share of work, never a patient, an image or a
finding. Progress comes from the analysis' thread, states from the loop.
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

FORMAT: Final = "medquorum-ai-service/1"
QUIET_S: Final = 0.25
"""Progress is written this often at most."""


class State(StrEnum):
    """What the service does now."""

    STARTING = "starting"
    WATCHING = "watching"
    """Nothing is owed: it waits for news."""
    ANALYSING = "analysing"
    MODEL_REFUSED = "model_refused"
    """The model is not as registered or failed: nothing is proposed until that is mended."""
    NODE_AWAY = "node_away"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Report:
    """One state of the service."""

    state: State = State.STARTING
    since_ms: int = 0
    """Unix time of the state's begin."""
    block: str | None = None
    """Hash of the image block that is worked on."""
    percent: int | None = None
    reason: str | None = None
    """Why it is refused or away, as a reason of the closed set."""
    height: int = 0
    """Last block that was read."""
    proposed: int = 0
    """Reports proposed since the start."""


class ServiceStatus:
    """The current state, kept in memory and, where a path is given, in a file."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._written_s = 0.0
        self._now = Report(since_ms=_now_ms())

    @property
    def now(self) -> Report:
        """The state at this moment."""
        return self._now

    def enter(self, state: State, block: str | None = None, reason: str | None = None) -> None:
        """Begin a state; entering the same one again changes nothing."""
        with self._lock:
            if (self._now.state, self._now.block, self._now.reason) == (state, block, reason):
                return
            percent = 0 if state is State.ANALYSING else None
            self._now = replace(
                self._now,
                state=state,
                since_ms=_now_ms(),
                block=block,
                percent=percent,
                reason=reason,
            )
            self._write()

    def progress(self, share: float) -> None:
        """How far the analysis is, 0..1."""
        with self._lock:
            if self._now.state is not State.ANALYSING:
                return
            self._now = replace(self._now, percent=int(100 * share))
            if time.monotonic() - self._written_s >= QUIET_S:
                self._write()

    def count(self, *, height: int | None = None, proposed: int = 0) -> None:
        """Take in what was read and proposed."""
        with self._lock:
            known = self._now.height if height is None else height
            if (known, proposed) == (self._now.height, 0):
                return
            self._now = replace(self._now, height=known, proposed=self._now.proposed + proposed)
            self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        self._written_s = time.monotonic()
        words = json.dumps({"format": FORMAT, "pid": os.getpid(), **asdict(self._now)}) + "\n"
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        fresh.write_text(words, encoding="ascii")
        fresh.replace(self._path)


def _now_ms() -> int:
    return int(time.time() * 1000)
