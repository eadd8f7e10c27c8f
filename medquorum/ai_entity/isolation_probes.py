"""Functions that misbehave on purpose, to prove the limits of ``isolated`` on this machine.

An operator's self-check and the tests run them; they touch no image.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np

from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.isolated_answer import Answer
from medquorum.ai_entity.isolated_watch import Progress
from medquorum.ai_entity.limits import model_threads


def echo(number: int, size: int) -> Answer:
    """The number, and ``size`` squares."""
    return Answer({"number": number}, {"squares": np.arange(size) ** 2})


def limits() -> Answer:
    """The limits and the environment the child runs under."""
    kinds = {
        "memory": resource.RLIMIT_AS,
        "cpu": resource.RLIMIT_CPU,
        "files": resource.RLIMIT_NOFILE,
        "core": resource.RLIMIT_CORE,
    }
    told: dict[str, object] = {name: resource.getrlimit(kind)[0] for name, kind in kinds.items()}
    told |= {"pid": os.getpid(), "environment": sorted(os.environ), "threads": model_threads()}
    return Answer(told, {})


def allocate(size: int) -> Answer:
    """Ask for ``size`` bytes at once."""
    return Answer({"length": len(bytearray(size))}, {})


def spin() -> NoReturn:
    """Use the processor for ever."""
    while True:
        pass


def die() -> NoReturn:
    """End as a crash in native code does."""
    os.kill(os.getpid(), signal.SIGSEGV)
    raise SystemExit(1)


def refuse() -> NoReturn:
    """Fail as a reader does."""
    raise SeriesError(Reason.MIXED_SERIES, "a probe")


def blunder(secret: str) -> NoReturn:
    """Fail with words that must not leave the child."""
    raise RuntimeError(secret)


def work(steps: int, progress: Progress) -> Answer:
    """Tell ``steps`` equal steps, each twice."""
    for step in range(steps + 1):
        progress(step / steps)
        progress(step / steps)
    return Answer({"steps": steps}, {})


def linger(mark: str, progress: Progress) -> NoReturn:
    """Start a second process that waits, tell it by ``mark``, and wait without using time."""
    second = subprocess.Popen(["sleep", "600"])  # noqa: S607 - a probe of this machine
    Path(mark).write_text(f"{os.getpid()} {second.pid}")
    progress(0.5)
    while True:
        signal.pause()


def hold(size: int) -> NoReturn:
    """Really use ``size`` bytes, and keep them."""
    kept = np.ones(size, dtype=np.uint8)
    while kept.any():
        signal.pause()
    raise SystemExit(1)


def babble(words: str, repeat: int) -> Answer:
    """Say something else where progress is told."""
    descriptor = json.loads(sys.argv[1])["progress"]
    for _ in range(repeat):
        os.write(descriptor, words.encode())
    signal.pause()
    return Answer({}, {})


def modules() -> Answer:
    """What is imported, and which process this is."""
    return Answer({"names": sorted(sys.modules), "pid": os.getpid()}, {})


def forge(plain: str) -> NoReturn:
    """Leave an answer of one's own making where the parent looks for it."""
    target = Path(os.environ["TMPDIR"]) / "answer.npz"
    words = np.frombuffer(plain.encode(), dtype=np.uint8)
    with target.open("wb") as stream:
        np.savez(stream, plain=words)
    os._exit(0)
