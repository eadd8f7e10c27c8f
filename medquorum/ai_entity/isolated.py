"""Hostile bytes are parsed in a child process with limits on memory, CPU, files and wall time.

A DICOM file is a program for its parser. ``run_isolated`` starts a fresh interpreter (nothing
inherited but its pipes and the files its request names), lowers its limits before anything heavy is
imported, and lets it call one function of this package by name. The request and the answer are a
map of plain values and numpy arrays in an ``.npz`` archive read without pickle, so a child that was
taken over cannot make its parent run anything. A child serves one request: what one patient's file
did to a parser never meets another patient's. ``WarmWorkers`` keeps the next child started, because
importing the libraries takes longer than reading an X-ray.
"""

import threading
from collections.abc import Mapping
from typing import Any, Self

from medquorum.ai_entity.isolated_answer import Answer, read_answer, write_answer
from medquorum.ai_entity.isolated_watch import Watch
from medquorum.ai_entity.isolated_worker import ALLOWED_PREFIX, ChildLimits, Worker

__all__ = [
    "ALLOWED_PREFIX",
    "Answer",
    "ChildLimits",
    "WarmWorkers",
    "Watch",
    "read_answer",
    "run_isolated",
    "write_answer",
]


def run_isolated(
    function: str,
    arguments: Mapping[str, Any],
    limits: ChildLimits | None = None,
    watch: Watch | None = None,
) -> Answer:
    """Call ``module:name`` of this package with JSON ``arguments`` in a limited child.

    A function with a parameter ``progress`` gets one to tell ``watch`` how far it is. Blocks until
    the child ends: call it from a worker thread, never from an event loop. Raises the child's own
    AnalysisError, or IsolationError (OUT_OF_MEMORY, OUT_OF_TIME, CANCELLED, CHILD_DIED,
    UNEXPECTED). However it ends, also by an interrupt, the child and its files are gone.
    """
    _check_name(function)
    with Worker(limits) as worker:
        return worker.call(function, arguments, watch or Watch())


class WarmWorkers:
    """Single-use children of which the next one is already started and has its libraries."""

    def __init__(self, preload: tuple[str, ...], limits: ChildLimits | None = None) -> None:
        self._preload = preload
        self._limits = limits
        self._lock = threading.Lock()
        self._next: Worker | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def warm(self) -> None:
        """Start the next child unless one is waiting."""
        with self._lock:
            if not self._closed and (self._next is None or not self._next.alive):
                self._drop()
                self._next = Worker(self._limits, self._preload)

    def run(
        self, function: str, arguments: Mapping[str, Any], watch: Watch | None = None
    ) -> Answer:
        """``run_isolated`` in the child that waits; afterwards the next one is started."""
        _check_name(function)
        seen = watch or Watch()
        try:
            with self._take() as worker:
                return worker.call(function, arguments, seen)
        finally:
            if not seen.cancelled:
                self.warm()

    def close(self) -> None:
        """End the child that waits; nothing is started any more."""
        with self._lock:
            self._closed = True
            self._drop()

    def _take(self) -> Worker:
        with self._lock:
            worker, self._next = self._next, None
        if worker is not None and worker.alive:
            return worker
        if worker is not None:
            worker.close()
        return Worker(self._limits)

    def _drop(self) -> None:
        if self._next is not None:
            self._next.close()
            self._next = None


def _check_name(function: str) -> None:
    if not function.startswith(ALLOWED_PREFIX) or function.count(":") != 1:
        raise ValueError(f"only functions of {ALLOWED_PREFIX} can be isolated")
