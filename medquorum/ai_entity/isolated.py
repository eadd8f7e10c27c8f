"""Hostile bytes are parsed in a child process with limits on memory, CPU, files and wall time.

A DICOM file is a program for its parser. ``run_isolated`` starts a fresh interpreter (nothing
inherited but its standard streams and the two named files), lowers its limits before anything heavy
is imported, and lets it call one function of this package by name. The request and the answer are a
map of plain values and numpy arrays in an ``.npz`` archive read without pickle, so a child that was
taken over cannot make its parent run anything.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.errors import ERROR_CLASSES, IsolationError, Reason
from medquorum.ai_entity.limits import (
    CHILD_ANSWER_BYTES,
    CHILD_CPU_SECONDS,
    CHILD_MEMORY_BYTES,
    CHILD_OPEN_FILES,
    CHILD_WALL_SECONDS,
)

ALLOWED_PREFIX: Final = "medquorum.ai_entity."
"""Only functions of this room can be named."""

CHILD_THREADS: Final = "1"
"""Numeric libraries reserve address space per thread; one also keeps results repeatable."""

OUT_OF_TIME_SIGNALS: Final = (-24, -9)
"""SIGXCPU at the soft limit, SIGKILL at the hard one."""

PLAIN: Final = "plain"
"""Name of the JSON entry of an archive; every other entry is an array."""

MAX_MESSAGE: Final = 500
"""Characters of the child's words that are passed on."""

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What the child may use."""

    memory_bytes: int = CHILD_MEMORY_BYTES
    cpu_seconds: int = CHILD_CPU_SECONDS
    wall_seconds: int = CHILD_WALL_SECONDS
    open_files: int = CHILD_OPEN_FILES


@dataclass(frozen=True, slots=True)
class Answer:
    """What an isolated function returns: JSON values and arrays apart."""

    plain: Mapping[str, Any]
    arrays: Mapping[str, Array]
    peak_memory_bytes: int = 0
    """Largest resident size of the child, filled in by the child runner."""

    def __repr__(self) -> str:
        return f"Answer({sorted(self.plain)}, {sorted(self.arrays)})"


def write_answer(path: Path, answer: Answer) -> None:
    """One compressed archive, no pickle."""
    words = json.dumps(answer.plain, sort_keys=True).encode()
    entries = dict(answer.arrays)
    if PLAIN in entries:
        raise ValueError(f"an array cannot be named {PLAIN}")
    entries[PLAIN] = np.frombuffer(words, dtype=np.uint8)
    with path.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **entries)


def read_answer(path: Path) -> Answer:
    """The archive of ``write_answer``. Raises IsolationError when it is not one."""
    try:
        if path.stat().st_size > CHILD_ANSWER_BYTES:
            raise IsolationError(Reason.OVERSIZE, f"an answer over {CHILD_ANSWER_BYTES} bytes")
        with zipfile.ZipFile(path) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > CHILD_ANSWER_BYTES:
                raise IsolationError(Reason.OVERSIZE, f"an answer over {CHILD_ANSWER_BYTES} bytes")
        with np.load(path, allow_pickle=False) as archive:
            plain = json.loads(bytes(archive[PLAIN]))
            arrays = {name: np.asarray(archive[name]) for name in archive.files if name != PLAIN}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise IsolationError(
            Reason.CHILD_DIED, "the analysis process left no readable answer"
        ) from error
    return Answer(plain, arrays)


def run_isolated(
    function: str, arguments: Mapping[str, Any], limits: ChildLimits | None = None
) -> Answer:
    """Call ``module:name`` of this package with JSON ``arguments`` in a limited child.

    Blocks until the child ends: call it from a worker thread, never from an event loop. Raises the
    child's own AnalysisError, or IsolationError (OUT_OF_MEMORY, OUT_OF_TIME, CHILD_DIED,
    UNEXPECTED).
    """
    bounds = limits or ChildLimits()
    if not function.startswith(ALLOWED_PREFIX) or function.count(":") != 1:
        raise ValueError(f"only functions of {ALLOWED_PREFIX} can be isolated")
    with tempfile.TemporaryDirectory(prefix="medquorum-child-") as folder:
        target = Path(folder) / "answer.npz"
        request = {
            "function": function,
            "arguments": dict(arguments),
            "answer": str(target),
            "memory_bytes": bounds.memory_bytes,
            "cpu_seconds": bounds.cpu_seconds,
            "open_files": bounds.open_files,
        }
        status = _run_child(json.dumps(request).encode(), folder, bounds.wall_seconds)
        if status in OUT_OF_TIME_SIGNALS:
            raise _out_of_time()
        if status != 0 or not target.exists():
            raise IsolationError(
                Reason.CHILD_DIED, f"the analysis process ended with status {status}"
            )
        return _unwrap(read_answer(target))


def _run_child(request: bytes, folder: str, wall_seconds: int) -> int:
    root = str(Path(__file__).resolve().parents[2])
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": root,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "TMPDIR": folder,
        "HOME": folder,
        **dict.fromkeys(
            ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), CHILD_THREADS
        ),
    }
    child = [sys.executable, "-P", "-m", "medquorum.ai_entity.isolated_child"]
    try:
        finished = subprocess.run(  # noqa: S603 - our own module, no shell
            child,
            input=request,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=folder,
            timeout=wall_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _out_of_time() from error
    return finished.returncode


def _out_of_time() -> IsolationError:
    return IsolationError(
        Reason.OUT_OF_TIME, "the analysis took longer than its limit and was stopped"
    )


def _unwrap(answer: Answer) -> Answer:
    plain = answer.plain
    if "failure" in plain:
        failure = plain["failure"]
        kind = ERROR_CLASSES.get(str(failure["kind"]), IsolationError)
        raise kind(Reason(failure["reason"]), str(failure["message"])[:MAX_MESSAGE])
    return Answer(plain["result"], answer.arrays, int(plain["peak_memory_bytes"]))


def lower_limits(memory_bytes: int, cpu_seconds: int, open_files: int) -> None:
    """Set this process's limits; never raises them above what it already has."""
    wanted = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_NOFILE: open_files,
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))
