"""A zip archive written as it is read: no file on disk, no archive in memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator, Collection
from typing import IO, Final, cast

OLDEST: Final = (1980, 1, 1, 0, 0, 0)
"""Date of every member: the archive says when things were in its contents."""


class _Outbox(io.RawIOBase):
    """What the zip writer has written and nobody has taken yet."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, octets: object) -> int:
        piece = bytes(cast(bytes, octets))
        self._pieces.append(piece)
        return len(piece)

    def taken(self) -> bytes:
        """What is written so far; it is forgotten here."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


async def zip_stream(
    members: AsyncIterator[tuple[str, AsyncIterator[bytes]]], *, stored: Collection[str] = ()
) -> AsyncIterator[bytes]:
    """The archive of (name, content) in pieces; names in `stored` are not compressed."""
    outbox, plain = _Outbox(), frozenset(stored)
    with zipfile.ZipFile(cast(IO[bytes], outbox), "w", zipfile.ZIP_DEFLATED) as archive:
        async for name, pieces in members:
            entry = zipfile.ZipInfo(name, OLDEST)
            entry.compress_type = zipfile.ZIP_STORED if name in plain else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            with archive.open(entry, "w", force_zip64=True) as target:
                async for piece in pieces:
                    target.write(piece)
                    if written := outbox.taken():
                        yield written
            if written := outbox.taken():
                yield written
    if written := outbox.taken():
        yield written
