"""Which blocks are acts of governance or reports: the store's places of them by type."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from medquorum.ledger.types import BlockType
from medquorum.node.store.chain_rows import FinalBatch, load_batches
from medquorum.node.store.schema import BLOCKS


def final_places(
    connection: Connection, types: Collection[BlockType], after: int, limit: int
) -> list[tuple[FinalBatch, int]]:
    """Blocks of these types above a height, of either outcome, ascending: batch and index in it."""
    query = (
        select(BLOCKS.c.n_bc, BLOCKS.c.log_index)
        .where(BLOCKS.c.n_bc > after, BLOCKS.c.type.in_([each.value for each in types]))
        .order_by(BLOCKS.c.n_bc)
        .limit(limit)
    )
    read: dict[int, FinalBatch] = {}
    found = []
    for n_bc, log_index in connection.execute(query).all():
        if log_index not in read:
            read[log_index] = load_batches(connection, log_index, 1)[0]
        final = read[log_index]
        found.append((final, n_bc - final.batch.header.first_nbc))
    return found
