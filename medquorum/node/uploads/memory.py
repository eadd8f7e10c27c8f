"""Which series became whose proposal, remembered beyond the upload and beyond the node's restart.

A series is known again by its origin: a keyed digest of its Series Instance UID, or of the content
of a picture or volume, which says nothing to whoever reads the store without the node's secret.
The record a proposal is to have is kept before it is made, so that a node killed on the way finds
under it what it had done.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from typing import Final, Protocol

from medquorum.ledger.types import RecordId
from medquorum.node.sealing import new_record

LOOKED_AT: Final = 20
"""Proposals of one series that are looked at, newest first: each older one was meant to be doubled
or is over."""


@dataclass(frozen=True, slots=True)
class SeriesProposal:
    """One proposal made, or about to be made, of a series."""

    record: RecordId
    origin: bytes
    patient: int
    proposal: str | None = None
    """Its id in hex; None until the node has taken it."""


class SeriesMemory(Protocol):
    """Durable: what was kept is there after the node was killed."""

    async def keep(self, made: SeriesProposal) -> None:
        """Insert, or replace the one of this record."""

    async def drop(self, record: RecordId) -> None:
        """Forget the one of this record: nothing came of it."""

    async def made_of(self, origin: bytes) -> tuple[SeriesProposal, ...]:
        """The proposals of a series, newest first; at most LOOKED_AT."""


class PassingMemory:
    """A SeriesMemory that lives as long as the process: tests, and nodes for trying out."""

    def __init__(self) -> None:
        self._made: dict[RecordId, SeriesProposal] = {}

    async def keep(self, made: SeriesProposal) -> None:
        """Insert or replace."""
        self._made[made.record] = made

    async def drop(self, record: RecordId) -> None:
        """Forget it."""
        self._made.pop(record, None)

    async def made_of(self, origin: bytes) -> tuple[SeriesProposal, ...]:
        """The proposals of a series, newest first."""
        found = [one for one in self._made.values() if one.origin == origin]
        return tuple(reversed(found))[:LOOKED_AT]


def origin_of(secret: bytes, told: str) -> bytes:
    """The origin of a series; `told` is the digest that the child made of it."""
    return hmac.digest(secret, b"series of an upload\n" + told.encode(), "sha256")


async def begin(memory: SeriesMemory, origin: bytes, patient: int) -> SeriesProposal:
    """What is about to be made of a series: the one begun before for this patient, else a new."""
    earlier = await memory.made_of(origin)
    begun = next((one for one in earlier if one.proposal is None and one.patient == patient), None)
    if begun is not None:
        return begun
    fresh = SeriesProposal(new_record(), origin, patient)
    await memory.keep(fresh)
    return fresh


async def settle(memory: SeriesMemory, begun: SeriesProposal, proposal: str) -> None:
    """The node has taken it."""
    await memory.keep(replace(begun, proposal=proposal))
