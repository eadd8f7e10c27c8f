"""Functions that misbehave on purpose, to prove the limits of ``isolated`` on this machine.

An operator's self-check and the tests run them; they touch no image.
"""

import os
import resource
import signal
from typing import NoReturn

import numpy as np

from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.isolated import Answer


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
    return Answer({**told, "pid": os.getpid(), "environment": sorted(os.environ)}, {})


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
