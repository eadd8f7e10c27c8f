"""One child process for one call: started, watched, ended.

It is a fresh interpreter in a process group of its own that inherits nothing but three pipes: its
request, its progress, and the lifeline (the request's pipe stays open; when the parent is gone the
child sees its end and stops). While it runs the parent looks every few hundredths of a second at
its resident memory, the clock, and whether somebody has said stop; the group is then killed at
once. Nothing is left to clean up inside it: its one folder belongs to the parent.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from medquorum.ai_entity.errors import ERROR_CLASSES, IsolationError, Reason
from medquorum.ai_entity.isolated_answer import Answer, read_answer
from medquorum.ai_entity.isolated_watch import ProgressReader, Watch
from medquorum.ai_entity.limits import (
    CHILD_CPU_SECONDS,
    CHILD_MEMORY_BYTES,
    CHILD_OPEN_FILES,
    CHILD_RESIDENT_BYTES,
    CHILD_WALL_SECONDS,
    MAX_THREADS,
    THREADS_VARIABLE,
)
from medquorum.ai_entity.working_folder import WorkingFolder

ALLOWED_PREFIX: Final = "medquorum.ai_entity."
"""Only functions of this room can be named."""

LOOK_SECONDS: Final = 0.05
"""Between two looks at memory, clock and stop sign."""

MAX_MESSAGE: Final = 500
"""Characters of the child's words that are passed on."""

NUMERIC_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Numeric libraries reserve address space per thread; one also keeps results repeatable."""


def default_threads() -> int:
    """Two, or one where there is one processor: a hospital's node works on the same machine."""
    return min(MAX_THREADS, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What the child may use."""

    memory_bytes: int = CHILD_MEMORY_BYTES
    """Address space, by the kernel: a reservation counts like use."""
    cpu_seconds: int = CHILD_CPU_SECONDS
    wall_seconds: int = CHILD_WALL_SECONDS
    open_files: int = CHILD_OPEN_FILES
    resident_bytes: int = CHILD_RESIDENT_BYTES
    """What is really in memory, watched by the parent."""
    threads: int = field(default_factory=default_threads)
    """Of the model; everything else computes with one."""


class Worker:
    """A child that waits for its one request; ``call`` it once, or ``close`` it."""

    def __init__(self, limits: ChildLimits | None = None, preload: tuple[str, ...] = ()) -> None:
        """Start it. ``preload`` names modules of this room to import before there is work."""
        self._limits = limits or ChildLimits()
        self._folder = WorkingFolder("child")
        self._peak = 0
        progress, told = os.pipe()
        self._progress = progress
        try:
            self._process = self._start(told, preload)
        except BaseException:
            os.close(progress)
            self._folder.close()
            raise
        finally:
            os.close(told)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether it still waits or works."""
        return self._process.poll() is None

    def call(self, function: str, arguments: Mapping[str, Any], watch: Watch) -> Answer:
        """The answer of ``module:name``; raises like ``isolated.run_isolated``. Ends the child."""
        target = self._folder.path / "answer.npz"
        request = {"function": function, "arguments": dict(arguments), "answer": str(target)}
        try:
            assert self._process.stdin is not None  # noqa: S101 - it was asked for, see _start
            with suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps(request).encode() + b"\n")
                self._process.stdin.flush()
            self._supervise(watch)
            self._check_end(target)
            return self._unwrap(read_answer(target))
        finally:
            self.close()

    def close(self) -> None:
        """Kill the process group, wait for it, remove its folder."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        if self._progress >= 0:
            os.close(self._progress)
            self._progress = -1
        self._folder.close()

    def _start(self, told: int, preload: tuple[str, ...]) -> subprocess.Popen[bytes]:
        folder = str(self._folder.path)
        setting = {"limits": asdict(self._limits), "preload": preload, "progress": told}
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "TMPDIR": folder,
            "HOME": folder,
            THREADS_VARIABLE: str(self._limits.threads),
            **dict.fromkeys(NUMERIC_THREADS, "1"),
        }
        child = [sys.executable, "-P", "-m", "medquorum.ai_entity.isolated_child"]
        return subprocess.Popen(  # noqa: S603 - our own module, no shell
            [*child, json.dumps(setting)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=folder,
            pass_fds=(told,),
            start_new_session=True,
        )

    def _supervise(self, watch: Watch) -> None:
        """Until the child ends; raises IsolationError when it must be ended."""
        deadline = time.monotonic() + self._limits.wall_seconds
        reader = ProgressReader()
        with selectors.DefaultSelector() as ready:
            ready.register(self._progress, selectors.EVENT_READ)
            while self._process.poll() is None:
                if watch.cancelled:
                    raise IsolationError(Reason.CANCELLED, "the analysis was stopped; start again")
                if time.monotonic() > deadline:
                    raise out_of_time("wall", self._limits.wall_seconds)
                self._look_at_memory()
                if not ready.get_map():
                    self._doze()
                elif ready.select(LOOK_SECONDS):
                    octets = os.read(self._progress, 4_096)
                    share = reader.feed(octets)
                    if share is not None:
                        watch.tell(share)
                    if not octets:
                        ready.unregister(self._progress)

    def _doze(self) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(LOOK_SECONDS)

    def _look_at_memory(self) -> None:
        self._peak = max(self._peak, resident_peak_bytes(self._process.pid))
        if self._peak > self._limits.resident_bytes:
            raise out_of_memory(self._limits.resident_bytes)

    def _check_end(self, target: Path) -> None:
        status = self._process.returncode
        if status == -signal.SIGXCPU:
            raise out_of_time("processor", self._limits.cpu_seconds)
        if status == -signal.SIGKILL:
            raise IsolationError(
                Reason.CHILD_DIED,
                "the system killed the analysis process; look for a lack of memory in its log",
            )
        if status != 0 or not target.exists():
            raise IsolationError(
                Reason.CHILD_DIED, f"the analysis process ended with status {status}"
            )

    def _unwrap(self, answer: Answer) -> Answer:
        try:
            failure = answer.plain.get("failure")
            if failure is not None:
                kind = ERROR_CLASSES.get(str(failure["kind"]), IsolationError)
                raise kind(Reason(failure["reason"]), str(failure["message"])[:MAX_MESSAGE])
            peak = max(self._peak, int(answer.plain["peak_memory_bytes"]))
            return Answer(dict(answer.plain["result"]), answer.arrays, peak)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise IsolationError(
                Reason.CHILD_DIED, "the analysis process gave a malformed answer"
            ) from error


def resident_peak_bytes(process: int) -> int:
    """The largest resident size so far by the kernel's count; 0 where it does not tell."""
    try:
        status = Path(f"/proc/{process}/status").read_text("ascii", errors="replace")
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def out_of_time(clock: str, seconds: int) -> IsolationError:
    """The refusal of an analysis that ran too long."""
    return IsolationError(
        Reason.OUT_OF_TIME,
        f"the analysis took more than its {seconds} s of {clock} time and was stopped; send "
        "fewer or smaller images",
    )


def out_of_memory(limit_bytes: int) -> IsolationError:
    """The refusal of an analysis that needs too much."""
    return IsolationError(
        Reason.OUT_OF_MEMORY,
        f"the analysis needs more memory than its limit of {limit_bytes >> 20} MiB; send a "
        "smaller part of the body, or use another model if a small image ends like this too",
    )
