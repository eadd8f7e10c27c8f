"""When proposals, their last votes and their blocks came here."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from medquorum.node.store.schema import BATCHES, BLOCKS, PROPOSALS, VOTES


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """One block with the times of this node's clock, microseconds since 1970 UTC."""

    n_bc: int
    type: str
    outcome: str
    batch_time_ms: int
    received_at_us: int
    last_vote_us: int | None
    finalised_at_us: int


def load_latencies(connection: Connection, after: int) -> list[LatencyRow]:
    """Blocks above a height whose proposal was known here before it was final, ascending."""
    last_vote = (
        select(func.max(VOTES.c.received_at_us))
        .where(VOTES.c.proposal == BLOCKS.c.proposal)
        .where(VOTES.c.received_at_us <= BATCHES.c.finalised_at_us)
        .correlate(BLOCKS, BATCHES)
        .scalar_subquery()
    )
    query = (
        select(
            BLOCKS.c.n_bc,
            BLOCKS.c.type,
            BLOCKS.c.outcome,
            BATCHES.c.time_ms,
            PROPOSALS.c.received_at_us,
            last_vote.label("last_vote_us"),
            BATCHES.c.finalised_at_us,
        )
        .join(BATCHES, BATCHES.c.log_index == BLOCKS.c.log_index)
        .join(PROPOSALS, PROPOSALS.c.id == BLOCKS.c.proposal)
        .where(BLOCKS.c.n_bc > after, PROPOSALS.c.received_at_us <= BATCHES.c.finalised_at_us)
        .order_by(BLOCKS.c.n_bc)
    )
    return [LatencyRow(*row) for row in connection.execute(query)]
