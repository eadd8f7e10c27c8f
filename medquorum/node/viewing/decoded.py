"""One decoded image in the cache: its file, which planes stand there, and who waits for others."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.viewing.decoder import Child
from medquorum.node.viewing.limits import CHILD_WALL_SECONDS
from medquorum.node.viewing.told import Description

if TYPE_CHECKING:
    from medquorum.node.viewing.projection import Projections


class DecodedImage:
    """A described image whose planes appear in a file of its own folder."""

    def __init__(self, folder: Path, description: Description, child: Child) -> None:
        self.description: Final = description
        self.used_at_s = time.monotonic()
        self._folder = folder
        self._child = child
        self._file = os.open(folder / "planes", os.O_RDONLY | os.O_CLOEXEC)
        self._there = bytearray(description.slices)
        self._missing = description.slices
        self._waiting: dict[int, asyncio.Event] = {}
        self._refusal: IntakeRefused | None = None
        self._closed = False
        self._projecting: asyncio.Task[Projections] | None = None
        self.filling: Final = asyncio.create_task(self._fill())

    @property
    def complete(self) -> bool:
        """Whether every plane stands there."""
        return self._missing == 0

    async def _fill(self) -> None:
        try:
            async with asyncio.timeout(CHILD_WALL_SECONDS):
                async for index in self._child.decoded():
                    self._arrived(index)
                    if self.complete:
                        break
            if self._missing:
                raise IntakeRefused(Fault.DIED)
        except TimeoutError:
            self._refusal = IntakeRefused(Fault.OUT_OF_TIME)
        except IntakeRefused as refused:
            self._refusal = refused
        finally:
            if self._missing and self._refusal is None:
                self._refusal = IntakeRefused(Fault.DIED)
            for event in self._waiting.values():
                event.set()
            (self._folder / "source").unlink(missing_ok=True)
            await self._child.end()

    def _arrived(self, index: int) -> None:
        if index >= len(self._there) or self._there[index]:
            raise IntakeRefused(Fault.DIED)
        self._there[index] = 1
        self._missing -= 1
        if index in self._waiting:
            self._waiting.pop(index).set()

    async def plane(self, index: int) -> bytes:
        """One plane, decoded before the others if need be. Raises IntakeRefused."""
        self.used_at_s = time.monotonic()
        if not self._there[index]:
            self._child.tell({"wanted": index})
            await self._until(index)
        offset, length = self.description.place_of(index)
        return await asyncio.to_thread(self._read, offset, length)

    async def whole(self) -> None:
        """Wait until every plane stands there. Raises IntakeRefused."""
        for index in range(self.description.slices):
            await self._until(index)

    async def projections(self) -> Projections:
        """The views of a PET, made once. Raises IntakeRefused, or ValueError where it has none."""
        self.used_at_s = time.monotonic()
        if self._projecting is None:
            self._projecting = asyncio.create_task(self._project())
        return await asyncio.shield(self._projecting)

    async def _project(self) -> Projections:
        from medquorum.node.viewing.projection import projected  # needs numpy

        await self.whole()
        return await asyncio.to_thread(
            projected, self.description, lambda index: self._read(*self.description.place_of(index))
        )

    async def _until(self, index: int) -> None:
        if self._refusal is None and not self._there[index]:
            await self._waiting.setdefault(index, asyncio.Event()).wait()
        if not self._there[index]:
            raise self._refusal or IntakeRefused(Fault.DIED)

    def _read(self, offset: int, length: int) -> bytes:
        if self._closed:
            raise IntakeRefused(Fault.DIED)
        content = os.pread(self._file, length, offset)
        if len(content) != length:
            raise IntakeRefused(Fault.DIED)
        return content

    async def read(self, offset: int, length: int) -> bytes:
        """Bytes of the decoded file, for whoever wants the volume as a whole."""
        self.used_at_s = time.monotonic()
        return await asyncio.to_thread(self._read, offset, length)

    async def close(self) -> None:
        """Stop decoding and remove every byte."""
        self.filling.cancel()
        # Projections end by themselves, refused or in a moment: until then they read the file.
        readers = [] if self._projecting is None else [self._projecting]
        await asyncio.gather(self.filling, *readers, return_exceptions=True)
        if not self._closed:
            self._closed = True
            os.close(self._file)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
