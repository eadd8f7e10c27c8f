"""The rooms of uploads as part of the application: made with it, swept while it runs, emptied."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web

from medquorum.node.uploads.limits import SWEEP_SECONDS
from medquorum.node.uploads.looking import Looker
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
    looker: Looker = field(default_factory=Looker)

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


def add_uploading(app: web.Application, spool: Path) -> None:
    """Keep uploads in a folder of the spool; the secret beside it, where it stays."""
    uploading = Uploading(UploadRoom(spool / FOLDER), spool.parent / SECRET_FILE)
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
