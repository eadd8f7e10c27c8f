"""What stands between an isolated child and whoever waits for it: its progress, and "stop".

The child writes how far it is as decimal thousandths, one line each, growing. The parent believes
nothing else: other bytes, or more of them than a thousand lines can be, end the child.
"""

import os
import threading
from collections.abc import Callable
from typing import Final

from medquorum.ai_entity.errors import IsolationError, Reason

Progress = Callable[[float], None]
"""Called with a share 0..1 of the work done."""

STEPS: Final = 1_000
"""Progress is told in thousandths: each is a line, hence the bound below."""

MAX_LINE_BYTES: Final = 4
MAX_PROGRESS_BYTES: Final = (STEPS + 1) * (MAX_LINE_BYTES + 1)


class Watch:
    """One run as seen from outside: it is told progress and can be stopped from any thread."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """End the run: within a tenth of a second its process group is gone."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody has said stop."""
        return self._cancelled.is_set()

    def tell(self, share: float) -> None:
        """Pass a share 0..1 on to whoever listens."""
        if self._progress is not None:
            self._progress(share)


class ProgressReader:
    """The parent's ear: bytes of a stranger to growing thousandths."""

    def __init__(self) -> None:
        self._rest = b""
        self._taken = 0
        self._highest = -1

    def feed(self, octets: bytes) -> float | None:
        """The newest share 0..1 when it has grown. Raises IsolationError for anything else."""
        self._taken += len(octets)
        if self._taken > MAX_PROGRESS_BYTES:
            raise _babble()
        *lines, self._rest = (self._rest + octets).split(b"\n")
        before = self._highest
        for line in lines:
            self._take(line)
        if len(self._rest) > MAX_LINE_BYTES:
            raise _babble()
        return self._highest / STEPS if self._highest > before else None

    def _take(self, line: bytes) -> None:
        if not (0 < len(line) <= MAX_LINE_BYTES and line.isdigit() and int(line) <= STEPS):
            raise _babble()
        self._highest = max(self._highest, int(line))


class ProgressWriter:
    """The child's mouth: a share 0..1 becomes a line when a thousandth is completed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._told = -1

    def __call__(self, share: float) -> None:
        """Tell how far the work is; going back or repeating says nothing."""
        step = int(min(max(share, 0.0), 1.0) * STEPS)
        if step > self._told:
            self._told = step
            os.write(self._descriptor, b"%d\n" % step)


def part_of(progress: Progress | None, start: float, stop: float) -> Progress:
    """Progress of one stage (0..1) as the stretch ``start`` to ``stop`` of the whole."""

    def told(share: float) -> None:
        if progress is not None:
            progress(start + (stop - start) * min(max(share, 0.0), 1.0))

    return told


def _babble() -> IsolationError:
    return IsolationError(
        Reason.CHILD_DIED, "the analysis process said something other than its progress"
    )
