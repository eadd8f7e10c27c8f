"""Files on their way from a browser, by user and upload; a name is shown and never opened.

Plaintext: a folder of the spool, private to the node, emptied at its start, removed when an upload
was proposed or nothing happened to it for hours. What has arrived of a file stays when a
connection breaks; the sender asks for the offset and goes on.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from medquorum.node.desk import DeskError, Receipt
from medquorum.node.uploads.limits import (
    BATCH_BYTES,
    BATCH_FILES,
    BATCHES,
    BATCHES_OF_USER,
    FILE_BYTES,
    IDLE_SECONDS,
)
from medquorum.node.uploads.told import Inspection

PIECE_BYTES: Final = 1_048_576
ABSENT: Final = DeskError(
    404, "no_upload", "there is no such upload of yours; send the files again"
)


@dataclass(slots=True, eq=False)
class UploadedFile:
    """One file on its way."""

    id: str
    ordinal: int
    name: str
    """As the browser calls it, with its folders."""
    length: int
    path: Path
    batch: Batch
    key: str = ""
    """What its sender calls it, so that announcing it again makes no second; "" of none."""
    received: int = 0
    busy: bool = False
    """Whether a request is appending to it."""

    @property
    def complete(self) -> bool:
        """Whether all of it is here."""
        return self.received == self.length


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal that was made of an upload."""

    ordinals: frozenset[int]
    """The files of its series."""
    patient: int
    asked: str
    """The wish it was made for but the number of the series, which more files may change."""
    receipt: Receipt


@dataclass(slots=True, eq=False)
class Batch:
    """One upload: files that belong together."""

    id: str
    user: str
    folder: Path
    files: dict[str, UploadedFile] = field(default_factory=dict)
    used_at_s: float = field(default_factory=time.monotonic)
    inspection: Inspection | None = None
    busy: bool = False
    """Whether a part is being made of it."""
    highest: int = 0
    proposed: list[Proposed] = field(default_factory=list)
    """What was made of it, oldest first: a page that is opened anew knows it from here."""

    @property
    def complete(self) -> bool:
        """Whether every file is here."""
        return bool(self.files) and all(one.complete for one in self.files.values())

    @property
    def ordinals(self) -> dict[int, UploadedFile]:
        """The files by number."""
        return {one.ordinal: one for one in self.files.values()}


class UploadRoom:
    """Every upload under way. Methods raise DeskError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._batches: dict[tuple[str, str], Batch] = {}
        self._files: dict[str, UploadedFile] = {}

    # --- what there is ----------------------------------------------------------------------

    def batch(self, user: str, batch: str) -> Batch:
        """One upload of a user."""
        found = self._batches.get((user, batch))
        if found is None:
            raise ABSENT
        found.used_at_s = time.monotonic()
        return found

    def file(self, user: str, file: str) -> UploadedFile:
        """One file of a user."""
        found = self._files.get(file)
        if found is None or found.batch.user != user:
            raise ABSENT
        found.batch.used_at_s = time.monotonic()
        return found

    def create(
        self, user: str, batch: str, name: str, length: int, *, key: str = ""
    ) -> UploadedFile:
        """A new file of an upload, which begins with its first; the same again for the same key."""
        if not 0 < length <= FILE_BYTES:
            raise DeskError(413, "file_size", f"a file has 1 to {FILE_BYTES} bytes; leave it out")
        whole = self._batches.get((user, batch)) or self._new_batch(user, batch)
        whole.used_at_s = time.monotonic()
        if whole.busy:
            raise DeskError(409, "upload_busy", "this upload is being worked on; wait a moment")
        announced = _announced(whole, name, length, key)
        if announced is not None:
            return announced
        if len(whole.files) >= BATCH_FILES:
            raise DeskError(413, "too_many_files", f"an upload has at most {BATCH_FILES} files")
        if sum(one.length for one in whole.files.values()) + length > BATCH_BYTES:
            raise DeskError(
                413, "upload_size", f"an upload has at most {BATCH_BYTES} bytes; send one study"
            )
        whole.highest += 1
        path = whole.folder / f"{whole.highest:06d}"
        file = UploadedFile(secrets.token_hex(16), whole.highest, name, length, path, whole, key)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        whole.files[file.id] = self._files[file.id] = file
        whole.inspection = None
        return file

    def _new_batch(self, user: str, batch: str) -> Batch:
        own = sum(one.user == user for one in self._batches.values())
        if own >= BATCHES_OF_USER or len(self._batches) >= BATCHES:
            raise DeskError(
                429, "too_many_uploads", "too many uploads are open here; remove one you gave up"
            )
        folder = self._folder / secrets.token_hex(16)
        folder.mkdir(mode=0o700, parents=True)
        made = self._batches[user, batch] = Batch(batch, user, folder)
        return made

    # --- receiving ----------------------------------------------------------------------------

    async def append(
        self, file: UploadedFile, offset: int, pieces: AsyncIterator[bytes], threads: Executor
    ) -> None:
        """Append a stream that begins at an offset; what arrived before it breaks off stays."""
        if file.busy or file.batch.busy:
            raise DeskError(409, "upload_busy", "another request is sending this file; wait for it")
        if offset != file.received:
            raise DeskError(409, "offset", f"{file.received} bytes are here; go on from there")
        file.busy = True
        loop = asyncio.get_running_loop()
        descriptor = os.open(file.path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            async for gathered in _gathered(pieces):
                if file.received + len(gathered) > file.length:
                    raise DeskError(413, "too_long", "more came than was announced for this file")
                await asyncio.shield(
                    loop.run_in_executor(threads, _write, descriptor, gathered, file.received)
                )
                file.received += len(gathered)
        finally:
            os.close(descriptor)
            file.busy = False
            file.batch.inspection = None
            file.batch.used_at_s = time.monotonic()

    # --- removing -------------------------------------------------------------------------------

    async def remove_file(self, user: str, file: str) -> None:
        """Remove one file, and an upload with its last."""
        found = self.file(user, file)
        if found.busy or found.batch.busy:
            raise DeskError(409, "upload_busy", "this file is being worked on; wait a moment")
        del self._files[file], found.batch.files[file]
        found.batch.inspection = None
        found.path.unlink(missing_ok=True)
        if not found.batch.files:
            await self.remove(found.batch)

    async def remove(self, batch: Batch) -> None:
        """Remove an upload with everything in it."""
        self._batches.pop((batch.user, batch.id), None)
        for file in batch.files:
            self._files.pop(file, None)
        await asyncio.to_thread(shutil.rmtree, batch.folder, ignore_errors=True)

    async def sweep(self) -> None:
        """Remove what was given up."""
        now_s = time.monotonic()
        for batch in tuple(self._batches.values()):
            busy = batch.busy or any(one.busy for one in batch.files.values())
            if not busy and now_s - batch.used_at_s > IDLE_SECONDS:
                await self.remove(batch)

    async def close(self) -> None:
        """Remove everything."""
        for batch in tuple(self._batches.values()):
            await self.remove(batch)


def _announced(batch: Batch, name: str, length: int, key: str) -> UploadedFile | None:
    """What an earlier announcement made, whose answer was lost. By key: two may share a name."""
    for one in batch.files.values():
        if key and one.key == key:
            if (one.name, one.length) != (name, length):
                raise DeskError(409, "upload_key", "another file has this key; choose a new one")
            return one
    return None


def _write(descriptor: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


async def _gathered(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pieces of about PIECE_BYTES; of a stream that breaks off also the last and smaller one."""
    gathered = bytearray()
    try:
        async for piece in pieces:
            gathered += piece
            if len(gathered) >= PIECE_BYTES:
                yield bytes(gathered)
                gathered.clear()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        if gathered:
            yield bytes(gathered)
        raise
    if gathered:
        yield bytes(gathered)
