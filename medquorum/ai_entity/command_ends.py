"""How the AI entity's commands end: one sentence on stderr and a number that scripts can use."""

from __future__ import annotations

import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from types import FrameType
from typing import NoReturn

import typer


class Exit(IntEnum):
    """The numbers that `medquorum`'s other commands end with, too."""

    FAILED = 1
    """The images or the model were refused, or a limit was passed."""
    USAGE = 2
    """The options do not fit together, or a path is of the wrong kind."""
    NOT_FOUND = 4
    """A path does not exist."""
    INTERRUPTED = 130
    """Ctrl-C: the analysis was stopped, nothing is left of it."""
    TERMINATED = 143
    """SIGTERM: the same."""


def end(code: Exit, advice: str) -> NoReturn:
    """Say what is wrong and what to do, and end."""
    print(f"error: {advice}", file=sys.stderr)
    raise typer.Exit(int(code))


def must_be_file(path: Path | None, option: str) -> None:
    """End unless ``path`` is a plain file; a pipe or device would be read without end."""
    if path is None:
        return
    if stat.S_ISDIR(_mode(path)):
        end(Exit.USAGE, f"{path} is a folder; {option} takes one file")
    if not stat.S_ISREG(_mode(path)):
        end(Exit.USAGE, f"{path} is a pipe or a device; {option} takes a plain file")


def must_be_series(path: Path | None, option: str) -> None:
    """End unless ``path`` is a folder or a plain file, an archive of the ledger."""
    if path is not None and not (stat.S_ISDIR(_mode(path)) or stat.S_ISREG(_mode(path))):
        end(Exit.USAGE, f"{path} is a pipe or a device; {option} takes a folder of DICOM files")


def must_be_writable(path: Path) -> None:
    """End unless a plain file can stand at ``path``."""
    if not path.parent.is_dir():
        end(Exit.NOT_FOUND, f"there is no folder {path.parent}; make it first")
    if path.exists() and not path.is_file():
        end(Exit.USAGE, f"{path} is not a plain file; choose another name")


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        end(Exit.NOT_FOUND, f"there is no {path}; check the path")


@contextmanager
def one_sentence(folders: dict[str, Path | None]) -> Iterator[None]:
    """Turn refusals into one sentence that names the file, and an exit code."""
    try:
        from medquorum.ai_entity.errors import AnalysisError
        from medquorum.ai_entity.telling import with_file_names
    except ImportError:
        end(Exit.FAILED, "the AI entity is not installed; run: pip install 'medquorum[ai]'")
    try:
        yield
    except AnalysisError as error:
        series = error.message.partition(":")[0]
        end(Exit.FAILED, with_file_names(error.message, folders.get(series)))
    except ImportError as error:
        end(Exit.FAILED, f"{error.name} is missing; run: pip install 'medquorum[ai]'")
    except OSError as error:
        end(Exit.FAILED, f"{error.filename or 'the system'}: {error.strerror}")
    except KeyboardInterrupt:
        end(Exit.INTERRUPTED, "stopped; nothing was written")


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind like Ctrl-C does, so that the child and its files are gone, too."""

    def stop(_: int, __: FrameType | None) -> NoReturn:
        raise SystemExit(int(Exit.TERMINATED))

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread, where nobody is signalled
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
