"""Reading and writing the ceremony's files: limited, never half-written, never overwritten."""

from __future__ import annotations

import os
import re
import secrets
import unicodedata
from pathlib import Path

from medquorum.node.cli.outcome import CommandError, Exit
from medquorum.node.private_files import sync_folder


def read_limited(path: Path, limit_bytes: int) -> bytes:
    """The bytes of a file; CommandError when there is none or it is too large."""
    if path.is_dir():
        raise CommandError(Exit.USAGE, f"{path} is a folder; name a file")
    with path.open("rb") as stream:
        content = stream.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise CommandError(
            Exit.VERIFICATION, f"{path} is larger than {limit_bytes} bytes: not the expected file"
        )
    return content


def write_whole(path: Path, content: bytes, *, replace: bool) -> None:
    """Write durably: temporary file, fsync, rename, fsync the folder.

    Without `replace` an existing file of other content is kept and CommandError raised.
    """
    if path.exists() and not replace:
        if path.read_bytes() == content:
            return
        raise CommandError(Exit.FAILED, f"{path} exists already; move it away or name another")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def file_stem(name: str) -> str:
    """A file name for a member's name: `Dr. Amara` becomes `dr-amara`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "member"
