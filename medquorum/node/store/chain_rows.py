"""Rows of the journal and of the final chain: the store's translation of ordering (R-SIM10)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from medquorum.ledger.batch import Batch, parse_batch
from medquorum.ledger.certificate import Certificate, parse_certificate
from medquorum.ledger.types import BlockType, Outcome
from medquorum.node.store.schema import BATCHES, BLOCKS, JOURNAL, TAILS

# Made once: SQLAlchemy then finds the compiled form by the statement itself.
_INSERT_JOURNAL: Final = insert(JOURNAL)
_PRUNE_JOURNAL: Final = delete(JOURNAL).where(
    JOURNAL.c.epoch == bindparam("of_epoch"), JOURNAL.c.slot < bindparam("below_slot")
)
_END_JOURNAL: Final = delete(JOURNAL).where(JOURNAL.c.epoch < bindparam("of_epoch"))
_INSERT_BATCHES: Final = insert(BATCHES)
_INSERT_TAILS: Final = insert(TAILS)
_INSERT_BLOCKS: Final = insert(BLOCKS)


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One durable record of ordering, as the journal encodes it."""

    epoch: int
    slot: int
    kind: str
    record: bytes


@dataclass(frozen=True, slots=True)
class FinalBatch:
    """A final batch with its place in the log."""

    log_index: int
    batch: Batch
    certificate: Certificate | None
    """Of this batch or of the last of its tail; None where a later batch's vouches for it."""
    finalised_at_us: int
    tail: tuple[Batch, ...] = ()
    """Empty batches that closed the epoch this batch ended (R-GOV8)."""


def append_journal(connection: Connection, rows: Sequence[JournalRow]) -> None:
    """Write records in order."""
    if rows:
        values = [
            {"epoch": row.epoch, "slot": row.slot, "kind": row.kind, "record": row.record}
            for row in rows
        ]
        connection.execute(_INSERT_JOURNAL, values)


def prune_journal(connection: Connection, epoch: int, below_slot: int) -> None:
    """Forget records of slots that are final for good."""
    connection.execute(_PRUNE_JOURNAL, {"of_epoch": epoch, "below_slot": below_slot})


def end_journal(connection: Connection, epoch: int) -> None:
    """Forget the records of every epoch before this one: nobody votes in those again."""
    connection.execute(_END_JOURNAL, {"of_epoch": epoch})


def load_journal(connection: Connection, epoch: int) -> list[JournalRow]:
    """Every record of an epoch in the order written."""
    query = select(JOURNAL).where(JOURNAL.c.epoch == epoch).order_by(JOURNAL.c.sequence)
    rows = connection.execute(query)
    return [JournalRow(row.epoch, row.slot, row.kind, row.record) for row in rows]


def append_batches(connection: Connection, finals: Iterable[FinalBatch]) -> None:
    """Write final batches and the places of their blocks."""
    batches: list[dict[str, object]] = []
    blocks: list[dict[str, object]] = []
    tails: list[dict[str, object]] = []
    for final in finals:
        header = final.batch.header
        batches.append(
            {
                "log_index": final.log_index,
                "epoch": header.epoch,
                "slot": header.slot,
                "hash": final.batch.hash,
                "first_nbc": header.first_nbc,
                "count": header.count,
                "time_ms": header.time_ms,
                "header": header.encoded(),
                "body": final.batch.body_encoded(),
                "certificate": final.certificate and final.certificate.encoded(),
                "tail": len(final.tail),
                "finalised_at_us": final.finalised_at_us,
            }
        )
        tails.extend(
            {
                "log_index": final.log_index,
                "place": place,
                "header": batch.header.encoded(),
                "body": batch.body_encoded(),
            }
            for place, batch in enumerate(final.tail)
        )
        blocks.extend(
            {
                "n_bc": block.header.n_bc,
                "hash": block.hash,
                "n_pb": block.header.n_pb,
                "n_pa": block.header.n_pa,
                "type": block.proposal.core.type.value,
                "outcome": block.header.outcome.value,
                "proposal": block.proposal.id,
                "log_index": final.log_index,
            }
            for block in final.batch.blocks
        )
    if batches:
        connection.execute(_INSERT_BATCHES, batches)
    if blocks:
        connection.execute(_INSERT_BLOCKS, blocks)
    if tails:
        connection.execute(_INSERT_TAILS, tails)


def load_batches(connection: Connection, first: int, limit: int) -> list[FinalBatch]:
    """Final batches from a log index on, ascending, at most `limit`."""
    query = (
        select(BATCHES)
        .where(BATCHES.c.log_index >= first)
        .order_by(BATCHES.c.log_index)
        .limit(limit)
    )
    return [
        FinalBatch(
            row.log_index,
            parse_batch(row.header, row.body),
            parse_certificate(row.certificate) if row.certificate else None,
            row.finalised_at_us,
            _load_tail(connection, row.log_index) if row.tail else (),
        )
        for row in connection.execute(query).all()
    ]


def _load_tail(connection: Connection, log_index: int) -> tuple[Batch, ...]:
    query = select(TAILS).where(TAILS.c.log_index == log_index).order_by(TAILS.c.place)
    return tuple(parse_batch(row.header, row.body) for row in connection.execute(query))


def log_length(connection: Connection) -> int:
    """How many final batches there are."""
    return int(connection.execute(select(func.count()).select_from(BATCHES)).scalar_one())


def load_epoch_ends(connection: Connection) -> list[int]:
    """The time of every epoch's last final batch so far, in ms, by epoch."""
    query = select(func.max(BATCHES.c.time_ms)).group_by(BATCHES.c.epoch).order_by(BATCHES.c.epoch)
    return list(connection.execute(query).scalars())


def last_of_epochs(connection: Connection, below: int) -> list[int]:
    """The log index of the last batch of every epoch before one, in order."""
    query = (
        select(func.max(BATCHES.c.log_index))
        .where(BATCHES.c.epoch < below)
        .group_by(BATCHES.c.epoch)
        .order_by(BATCHES.c.epoch)
    )
    return list(connection.execute(query).scalars())


def log_index_of_block(connection: Connection, n_bc: int) -> int | None:
    """Which batch holds a block by N BC."""
    query = select(BLOCKS.c.log_index).where(BLOCKS.c.n_bc == n_bc)
    found: int | None = connection.execute(query).scalar_one_or_none()
    return found


def height_of_hash(connection: Connection, block: bytes) -> int | None:
    """The N BC of a block by hash."""
    query = select(BLOCKS.c.n_bc).where(BLOCKS.c.hash == block)
    found: int | None = connection.execute(query).scalar_one_or_none()
    return found


def height_of_proposal(connection: Connection, proposal: bytes) -> int | None:
    """The N BC of the block of a proposal by id."""
    query = select(BLOCKS.c.n_bc).where(BLOCKS.c.proposal == proposal)
    found: int | None = connection.execute(query).scalar_one_or_none()
    return found


def batches_with(connection: Connection, types: Iterable[BlockType], below: int) -> list[int]:
    """The log indices below one of the batches with an accepted block of such a type."""
    query = (
        select(BLOCKS.c.log_index)
        .where(BLOCKS.c.type.in_([one.value for one in types]))
        .where(BLOCKS.c.outcome == Outcome.ACCEPTED.value, BLOCKS.c.log_index < below)
        .distinct()
        .order_by(BLOCKS.c.log_index)
    )
    return list(connection.execute(query).scalars())


def heights_after(
    connection: Connection, after: int, limit: int, patient: int | None
) -> list[tuple[int, int]]:
    """`(n_bc, log_index)` of blocks above a height, ascending; of one patient if given."""
    query = select(BLOCKS.c.n_bc, BLOCKS.c.log_index).where(BLOCKS.c.n_bc > after)
    if patient is not None:
        query = query.where(BLOCKS.c.n_pb == patient)
    rows = connection.execute(query.order_by(BLOCKS.c.n_bc).limit(limit))
    return [(row.n_bc, row.log_index) for row in rows]
