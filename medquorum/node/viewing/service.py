"""The rooms of viewing as part of the application: made with it, swept while it runs, emptied."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from medquorum.node.desk import Desk
from medquorum.node.viewing.limits import SWEEP_SECONDS
from medquorum.node.viewing.openings import Openings
from medquorum.node.viewing.overlay_room import OverlayRoom
from medquorum.node.viewing.room import ViewingRoom

FOLDER: Final = "viewing"


@dataclass(frozen=True, slots=True)
class Viewing:
    """What the operations about images work with."""

    images: ViewingRoom
    overlays: OverlayRoom


VIEWING: Final = web.AppKey("viewing", Viewing)


def add_viewing(app: web.Application, desk: Desk, spool: Path) -> None:
    """Keep decoded images in a folder of the spool, which the application has just emptied."""
    openings = Openings(desk)
    viewing = Viewing(ViewingRoom(spool / FOLDER, desk, openings), OverlayRoom(desk, openings))
    app[VIEWING] = viewing

    async def keep(_app: web.Application) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(_sweep(viewing))
        yield
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await viewing.images.close()

    app.cleanup_ctx.append(keep)


async def _sweep(viewing: Viewing) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        await viewing.images.sweep()
        viewing.overlays.sweep()
