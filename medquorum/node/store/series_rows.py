"""Rows of the series that uploads proposed: the SeriesMemory of a running node."""

from __future__ import annotations

import time

from sqlalchemy import Connection, delete, insert, select

from medquorum.ledger.types import RecordId
from medquorum.node.store.engine import Store
from medquorum.node.store.schema import SERIES
from medquorum.node.uploads.memory import LOOKED_AT, SeriesProposal


class StoredSeries:
    """A SeriesMemory on the node's store: everything kept is durable when it returns."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, made: SeriesProposal) -> None:
        """Insert, or replace the one of this record."""

        def write(connection: Connection) -> None:
            known = select(SERIES.c.begun_at_us).where(SERIES.c.record == made.record)
            begun_at_us = connection.execute(known).scalar() or time.time_ns() // 1_000
            connection.execute(delete(SERIES).where(SERIES.c.record == made.record))
            connection.execute(
                insert(SERIES).values(
                    record=made.record,
                    origin=made.origin,
                    patient=made.patient,
                    proposal=None if made.proposal is None else bytes.fromhex(made.proposal),
                    begun_at_us=begun_at_us,
                )
            )

        await self._store.writer.submit(write)

    async def drop(self, record: RecordId) -> None:
        """Forget the one of this record: nothing came of it."""
        await self._store.writer.submit(
            lambda connection: connection.execute(delete(SERIES).where(SERIES.c.record == record))
        )

    async def made_of(self, origin: bytes) -> tuple[SeriesProposal, ...]:
        """The proposals of a series, newest first; at most LOOKED_AT."""
        query = (
            select(SERIES)
            .where(SERIES.c.origin == origin)
            .order_by(SERIES.c.begun_at_us.desc())
            .limit(LOOKED_AT)
        )

        def read(connection: Connection) -> tuple[SeriesProposal, ...]:
            return tuple(
                SeriesProposal(
                    RecordId(row.record),
                    row.origin,
                    row.patient,
                    None if row.proposal is None else bytes(row.proposal).hex(),
                )
                for row in connection.execute(query)
            )

        return await self._store.read(read)
