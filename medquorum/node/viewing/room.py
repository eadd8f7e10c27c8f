"""The images a node shows: opened once, decoded once, kept while someone looks (R-BOD8).

A body is decrypted into a private folder, decoded by a child and read from there. The folder dies
with the process, is emptied at the start, and holds nothing of a body that the node no longer has.
Every opening of an image by a user goes through `Desk.read_part`, which checks that this node is
entitled and writes the access log before the first byte.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from medquorum.ledger.types import IMAGE_PARTS, RecordId
from medquorum.node.desk import Desk, DeskError, Reader
from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.viewing.decoded import DecodedImage
from medquorum.node.viewing.decoder import Child, Spare
from medquorum.node.viewing.limits import (
    CACHE_BYTES,
    CHILDREN,
    DESCRIBED_SECONDS,
    IDLE_SECONDS,
)
from medquorum.node.viewing.openings import Openings, PartKey

NO_IMAGE: Final = DeskError(404, "no_image", "this part is no image; read it as a record")


class ViewingRoom:
    """Decoded images by record and part. Methods raise DeskError and IntakeRefused."""

    def __init__(
        self, folder: Path, desk: Desk, openings: Openings, cache_bytes: int = CACHE_BYTES
    ) -> None:
        self._folder = folder
        self._desk = desk
        self._cache_bytes = cache_bytes
        self._images: OrderedDict[PartKey, asyncio.Task[DecodedImage]] = OrderedDict()
        self._openings = openings
        self._turn = asyncio.Semaphore(CHILDREN)
        self.spare: Final = Spare()

    async def open(self, key: PartKey, reader: Reader) -> DecodedImage:
        """The image; logged, whether it is decoded already or not."""
        if key.part not in IMAGE_PARTS:
            raise NO_IMAGE
        pieces = await self._desk.read_part(key.record, key.part, reader)
        self._openings.remember(reader, key)
        task = self._images.get(key)
        if task is None or (task.done() and task.exception() is not None):
            task = asyncio.create_task(self._decode(key, pieces))
            self._images[key] = task
        else:
            await _closed(pieces)
        return await self._image(key, task)

    async def image(self, key: PartKey, reader: Reader) -> DecodedImage | None:
        """An image this user has open for this purpose; None when it must be opened first."""
        if not await self._openings.current(reader, key):
            return None
        task = self._images.get(key)
        if task is None:
            return None
        return await self._image(key, task)

    async def _image(self, key: PartKey, task: asyncio.Task[DecodedImage]) -> DecodedImage:
        """A caller who goes away does not end the decoding for others."""
        image = await asyncio.shield(task)
        if key in self._images:
            self._images.move_to_end(key)
        return image

    # --- decoding -------------------------------------------------------------------------------

    async def _decode(self, key: PartKey, pieces: AsyncIterator[bytes]) -> DecodedImage:
        folder = self._folder / secrets.token_hex(16)
        folder.mkdir(mode=0o700, parents=True)
        image: DecodedImage | None = None
        child: Child | None = None
        try:
            async with self._turn:
                child = await self.spare.take()
                await _spooled(pieces, folder / "source")
                os.close(_new_file(folder / "planes"))
                child.tell(_request(folder, key))
                async with asyncio.timeout(DESCRIBED_SECONDS):
                    description = await child.description()
                self._make_place(key, description.total_bytes)
                image = DecodedImage(folder, description, child)
                # The next one's imports are not to take the core that the first slices need.
                image.filling.add_done_callback(lambda _: self.spare.warm())
                return image
        except TimeoutError:
            raise IntakeRefused(Fault.OUT_OF_TIME) from None
        finally:
            if image is None:
                await _closed(pieces)
                if child is not None:
                    await child.end()
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _make_place(self, key: PartKey, wanted_bytes: int) -> None:
        """Let the images longest unread go until this one fits."""
        kept = {
            other: task.result().description.total_bytes
            for other, task in self._images.items()
            if other != key and task.done() and not task.cancelled() and task.exception() is None
        }
        for other in tuple(kept):
            if sum(kept.values()) + wanted_bytes <= self._cache_bytes:
                return
            del kept[other]
            self._let_go(other)

    def _let_go(self, key: PartKey) -> asyncio.Task[None] | None:
        task = self._images.pop(key, None)
        return None if task is None else asyncio.ensure_future(_removed(task))

    # --- keeping ----------------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Remove what is idle, what could not be decoded, and what the node no longer holds."""
        now_s = time.monotonic()
        for key, task in tuple(self._images.items()):
            gone = not self._desk.holds(key.record)
            if gone or (task.done() and _stale(task, now_s)):
                removal = self._let_go(key)
                if removal is not None:
                    await removal

    async def forget(self, record: RecordId) -> None:
        """Remove what was made of a body, at once."""
        for key in tuple(self._images):
            removal = self._let_go(key) if key.record == record else None
            if removal is not None:
                await removal

    async def close(self) -> None:
        """End every child and remove every byte."""
        await self.spare.close()
        for key in tuple(self._images):
            removal = self._let_go(key)
            if removal is not None:
                await removal
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


def _request(folder: Path, key: PartKey) -> dict[str, str]:
    return {
        "source": str((folder / "source").resolve()),
        "target": str((folder / "planes").resolve()),
        "part": key.part.value,
    }


def _stale(task: asyncio.Task[DecodedImage], now_s: float) -> bool:
    if task.cancelled() or task.exception() is not None:
        return True
    return now_s - task.result().used_at_s > IDLE_SECONDS


async def _removed(task: asyncio.Task[DecodedImage]) -> None:
    task.cancel()
    [image] = await asyncio.gather(task, return_exceptions=True)
    if isinstance(image, DecodedImage):
        await image.close()


def _new_file(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


async def _spooled(pieces: AsyncIterator[bytes], path: Path) -> None:
    """Write the plaintext aside; receiving the next piece and writing this one overlap."""
    descriptor = _new_file(path)
    written: Awaitable[None] | None = None
    try:
        async for piece in pieces:
            if written is not None:
                await written
            written = asyncio.ensure_future(asyncio.to_thread(_write, descriptor, piece))
        if written is not None:
            await written
    finally:
        if isinstance(written, asyncio.Future) and not written.done():
            await asyncio.wait({written})
        os.close(descriptor)


def _write(descriptor: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(descriptor, view) :]


async def _closed(pieces: AsyncIterator[bytes]) -> None:
    close: Callable[[], Awaitable[Any]] | None = getattr(pieces, "aclose", None)
    if close is not None:
        await close()
