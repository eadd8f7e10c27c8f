"""Files that hold secrets: written whole or not at all, readable by their owner only.

A secret file is refused when a group or another user can read it, because a node that starts
anyway teaches its operator to leave it so.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path

OWNER_ONLY_MODE = 0o600


class PrivateFileError(Exception):
    """A secret file cannot be read or written safely; the message says what to do."""


def read_private_file(path: Path, *, limit_bytes: int) -> bytes:
    """Return the bytes of an owner-only regular file of at most `limit_bytes`.

    Raises PrivateFileError when the file is missing, not regular, readable by others, owned by
    another user, or larger than the limit.
    """
    try:
        # O_NONBLOCK: a named pipe put in the file's place must not hang the start.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise PrivateFileError(f"cannot open {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as stream:
        _check_ownership(path, os.fstat(descriptor))
        content = stream.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise PrivateFileError(f"{path} is larger than {limit_bytes} bytes: not the expected file")
    return content


def _check_ownership(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise PrivateFileError(f"{path} is not a regular file")
    if status.st_mode & 0o077:
        raise PrivateFileError(f"{path} can be read by other users; run: chmod 600 {path}")
    if status.st_uid not in (0, os.geteuid()):
        raise PrivateFileError(f"{path} belongs to another user; run: chown $(id -u) {path}")


def write_private_file(path: Path, content: bytes, *, replace: bool) -> None:
    """Write `content` durably with mode 0600: temporary file, fsync, rename, fsync the folder.

    With `replace` false an existing file is kept and PrivateFileError raised.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_new_file(temporary, content)
        if replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)
    except FileExistsError as error:
        raise PrivateFileError(f"{path} exists already; move it away first") from error
    except OSError as error:
        raise PrivateFileError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    sync_folder(path.parent)


def _write_new_file(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(path, flags, OWNER_ONLY_MODE)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names inside `folder` durable (POSIX: a rename is durable only after this)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
