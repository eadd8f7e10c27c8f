"""The overlays a node shows: an attachment read once, unpacked, kept in memory while it is used."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from medquorum.ledger.types import PartName, RecordId
from medquorum.node.desk import Desk, Reader
from medquorum.node.viewing.limits import OVERLAY_BYTES, OVERLAYS
from medquorum.node.viewing.openings import Openings, PartKey

if TYPE_CHECKING:
    from medquorum.node.viewing.overlay import Overlay


class OverlayRoom:
    """Overlays by the record of their report. Methods raise DeskError."""

    def __init__(self, desk: Desk, openings: Openings) -> None:
        self._desk = desk
        self._openings = openings
        self._overlays: OrderedDict[RecordId, Overlay] = OrderedDict()

    async def open(self, record: RecordId, reader: Reader) -> Overlay:
        """The overlay of a report, about an image that is open; logged each time."""
        from medquorum.node.viewing.overlay import read_overlay, unreadable  # needs numpy

        attachment = bytearray()
        async for piece in await self._desk.read_part(record, PartName.ATTACHMENT, reader):
            attachment += piece
            if len(attachment) > OVERLAY_BYTES:
                raise unreadable("it is too large")
        self._openings.remember(reader, PartKey(record, PartName.ATTACHMENT))
        overlay = await asyncio.to_thread(read_overlay, bytes(attachment))
        self._overlays[record] = overlay
        self._overlays.move_to_end(record)
        while len(self._overlays) > OVERLAYS:
            self._overlays.popitem(last=False)
        return overlay

    async def overlay(self, record: RecordId, reader: Reader) -> Overlay | None:
        """An overlay this user has open for this purpose; None when it must be opened first."""
        if not await self._openings.current(reader, PartKey(record, PartName.ATTACHMENT)):
            return None
        return self._overlays.get(record)

    def sweep(self) -> None:
        """Forget what the node no longer holds."""
        for record in tuple(self._overlays):
            if not self._desk.holds(record):
                del self._overlays[record]
