"""Which user has which part open: one entry of the access log stands for the slices after it."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass

from medquorum.ledger.types import PartName, RecordId
from medquorum.node.desk import Desk
from medquorum.node.viewing.limits import OPENING_SECONDS, OPENINGS


@dataclass(frozen=True, slots=True)
class PartKey:
    """One part of one record."""

    record: RecordId
    part: PartName


class Openings:
    """Openings that were logged, by user and part; the oldest is forgotten past the limit."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._until_s: OrderedDict[tuple[str, PartKey], float] = OrderedDict()

    def remember(self, user: str, key: PartKey) -> None:
        """An opening has just been logged."""
        self._until_s[user, key] = time.monotonic() + OPENING_SECONDS
        self._until_s.move_to_end((user, key))
        while len(self._until_s) > OPENINGS:
            self._until_s.popitem(last=False)

    def current(self, user: str, key: PartKey) -> bool:
        """Whether the user's opening still counts, and the node still holds the body."""
        until_s = self._until_s.get((user, key), 0.0)
        return until_s > time.monotonic() and self._desk.holds(key.record)
