"""The rooms of uploads as part of the application: made with it, swept while it runs, emptied."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web

from medquorum.node.desk import DeskError
from medquorum.node.uploads.limits import SWEEP_SECONDS
from medquorum.node.uploads.looking import Looker
from medquorum.node.uploads.memory import PassingMemory, SeriesMemory
from medquorum.node.uploads.room import UploadRoom

FOLDER: Final = "uploads"
SECRET_FILE: Final = "identifiers.key"  # noqa: S105  # the name of a file
SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Uploading:
    """What the operations about uploads work with."""

    room: UploadRoom
    secret: Path
    """What identifiers are hashed with: the same for CT and PET, today and next year."""
    memory: SeriesMemory = field(default_factory=PassingMemory)
    """What was proposed of earlier uploads."""
    looker: Looker = field(default_factory=Looker)

    making: set[bytes] = field(default_factory=set)
    """Origins of series that are being proposed: one at a time, whoever's upload they are in."""

    @contextmanager
    def only_here(self, origin: bytes) -> Iterator[None]:
        """Propose a series from no second upload meanwhile. Raises DeskError."""
        if origin in self.making:
            raise DeskError(
                409, "upload_busy", "this series is being proposed from another upload; wait"
            )
        self.making.add(origin)
        try:
            yield
        finally:
            self.making.discard(origin)

    def read_secret(self) -> bytes:
        """The secret, made at its first use."""
        try:
            descriptor = os.open(self.secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return self.secret.read_bytes()
        with os.fdopen(descriptor, "wb") as file:
            made = os.urandom(SECRET_BYTES)
            file.write(made)
        return made


UPLOADING: Final = web.AppKey("uploading", Uploading)


def add_uploading(app: web.Application, spool: Path, memory: SeriesMemory) -> None:
    """Keep uploads in a folder of the spool; the secret beside it, where it stays."""
    uploading = Uploading(UploadRoom(spool / FOLDER), spool.parent / SECRET_FILE, memory)
    app[UPLOADING] = uploading

    async def keep(_app: web.Application) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(_sweep(uploading.room))
        yield
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await uploading.room.close()

    app.cleanup_ctx.append(keep)


async def _sweep(room: UploadRoom) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        await room.sweep()
