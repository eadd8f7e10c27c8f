"""A process gives up, for good and for its children, all files and network it does not need.

Linux only, by Landlock (kernel 5.13, network rules 6.7): no privilege needed, no way back. The
trainer keeps its own hospital's folder and loses TCP; the courier keeps the network and never has
the images. Where the kernel has no Landlock, ``confine`` says so and changes nothing: then separate
users or containers must do it.

Must run before any thread is started: the kernel confines the calling thread and what it starts.
"""

import ctypes
import os
import platform
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

CREATE_RULESET: Final = 444
ADD_RULE: Final = 445
RESTRICT_SELF: Final = 446
"""System call numbers, the same on every architecture that has them."""
VERSION_FLAG: Final = 1
RULE_PATH_BENEATH: Final = 1
NO_NEW_PRIVILEGES: Final = 38
PARENT_DEATH_SIGNAL: Final = 1

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_FOLDER: Final = 1 << 3
TRUNCATE: Final = 1 << 14
READING: Final = EXECUTE | READ_FILE | READ_FOLDER
ON_FILES: Final = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
FIRST_RIGHTS: Final = (1 << 13) - 1
TCP: Final = 0b11
"""Bind and connect."""

TCP_VERSION: Final = 4


class Confined(StrEnum):
    """What the kernel holds the process to from now on."""

    FILES_AND_TCP = "files and TCP"
    FILES = "files"
    NOTHING = "nothing"
    """No Landlock here; the folders are separate, but nothing enforces it."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a process keeps; paths that do not exist are passed over."""

    read: Sequence[Path]
    write: Sequence[Path]
    tcp: bool


def landlock_version() -> int:
    """The kernel's Landlock version; 0 without."""
    if platform.system() != "Linux":
        return 0
    return max(_call(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION_FLAG)), 0)


def confine(allowed: Allowed) -> Confined:
    """Give up everything else. Raises OSError when the kernel has Landlock and it fails."""
    version = landlock_version()
    if version == 0:
        return Confined.NOTHING
    rights = FIRST_RIGHTS | (1 << 13 if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    tcp_refused = version >= TCP_VERSION and not allowed.tcp
    ruleset = _Ruleset(rights, TCP if tcp_refused else 0)
    size = ctypes.sizeof(ruleset) if version >= TCP_VERSION else 8
    rules = _checked(
        CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(size), ctypes.c_uint32(0)
    )
    try:
        _add_rules(rules, allowed.read, READING & rights)
        _add_rules(rules, allowed.write, rights)
        library = ctypes.CDLL(None, use_errno=True)
        if library.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no_new_privs was refused")
        _checked(RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0))
    finally:
        os.close(rules)
    return Confined.FILES_AND_TCP if tcp_refused else Confined.FILES


def interpreter_folders() -> tuple[Path, ...]:
    """What this interpreter, its packages and the system's libraries need to be read."""
    code = Path(__file__).resolve().parents[2]
    places = ["/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/sys"]
    places += [sys.prefix, sys.base_prefix, sys.exec_prefix, str(code)]
    places += [place for place in os.environ.get("PYTHONPATH", "").split(":") if place]
    return tuple(sorted({Path(place) for place in places}))


def device_files() -> tuple[Path, ...]:
    """Devices that programs write to without harm."""
    return tuple(Path("/dev") / name for name in ("null", "zero", "urandom", "random", "tty"))


def end_with_parent() -> None:
    """Be terminated when the process that started this one is gone, however it went. Linux only."""
    if platform.system() == "Linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, int(signal.SIGTERM), 0, 0, 0)


def _add_rules(rules: int, paths: Iterable[Path], rights: int) -> None:
    for path in paths:
        try:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fitting = rights if path.is_dir() else rights & ON_FILES
            rule = _PathBeneath(fitting, opened)
            _checked(
                ADD_RULE,
                ctypes.c_int(rules),
                ctypes.c_int(RULE_PATH_BENEATH),
                ctypes.byref(rule),
                ctypes.c_uint32(0),
            )
        finally:
            os.close(opened)


def _checked(number: int, *arguments: object) -> int:
    answer = _call(number, *arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), f"Landlock refused: {os.strerror(ctypes.get_errno())}")
    return answer


def _call(number: int, *arguments: object) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    return int(library.syscall(ctypes.c_long(number), *arguments))


def main() -> None:
    """``python -m ... WRITABLE[:WRITABLE...] -- PROGRAM ARGUMENT...``: confine files, then exec."""
    writable, dashes, program = sys.argv[1], sys.argv[2], sys.argv[3:]
    if dashes != "--" or not program:
        raise SystemExit("usage: WRITABLE[:WRITABLE...] -- PROGRAM [ARGUMENT...]")
    end_with_parent()
    write = [Path(place) for place in writable.split(":") if place]
    held = confine(Allowed(interpreter_folders(), [*write, *device_files()], tcp=True))
    print(f"confined: {held}", file=sys.stderr, flush=True)
    os.execv(program[0], program)  # noqa: S606 - the caller's own program, no shell


if __name__ == "__main__":
    main()
