"""Who has which part open for what: one entry of the log stands for the slices after it."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass

from medquorum.ledger.types import PartName, RecordId
from medquorum.node.desk import Desk, Reader
from medquorum.node.viewing.limits import OPENING_SECONDS, OPENINGS


@dataclass(frozen=True, slots=True)
class PartKey:
    """One part of one record."""

    record: RecordId
    part: PartName


class Openings:
    """Openings that were logged, by reader, purpose and part; past the limit the oldest goes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._until_s: OrderedDict[tuple[str, str, str, PartKey], float] = OrderedDict()

    def remember(self, reader: Reader, key: PartKey) -> None:
        """An opening has just been logged."""
        opening = _opening(reader, key)
        self._until_s[opening] = time.monotonic() + OPENING_SECONDS
        self._until_s.move_to_end(opening)
        while len(self._until_s) > OPENINGS:
            self._until_s.popitem(last=False)

    async def current(self, reader: Reader, key: PartKey) -> bool:
        """Whether the opening still counts, the node holds the body and the consent is in force.

        Where it is not, the caller opens anew, which refuses and logs the refusal.
        """
        until_s = self._until_s.get(_opening(reader, key), 0.0)
        if until_s <= time.monotonic() or not self._desk.holds(key.record):
            return False
        return await self._desk.permits(key.record, reader)


def _opening(reader: Reader, key: PartKey) -> tuple[str, str, str, PartKey]:
    return reader.user, reader.role, reader.purpose, key
