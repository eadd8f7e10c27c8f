"""What the chain says around a proposal: when it was decided, and what it refers to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from medquorum.ledger.proposal import Proposal
from medquorum.ledger.types import BlockType
from medquorum.node.store.schema import BATCHES, BLOCKS

IMAGES: Final = tuple(one.value for one in (BlockType.CT, BlockType.PET, BlockType.XRAY))


@dataclass(frozen=True, slots=True)
class ProposalContext:
    """Facts beside a proposal's own bytes."""

    decided_at_ms: int | None
    """Time of the batch that holds its block; None where none does."""
    images: tuple[str, ...]
    """Block types of the images it refers to, in its own order, each once."""


def load_context(connection: Connection, proposal: Proposal) -> ProposalContext:
    """The context as far as this node's chain knows it."""
    decided = (
        select(BATCHES.c.time_ms)
        .join(BLOCKS, BLOCKS.c.log_index == BATCHES.c.log_index)
        .where(BLOCKS.c.proposal == proposal.id)
    )
    time_ms: int | None = connection.execute(decided).scalar_one_or_none()
    return ProposalContext(time_ms, _images(connection, proposal))


def _images(connection: Connection, proposal: Proposal) -> tuple[str, ...]:
    references = proposal.core.references
    if not references:
        return ()
    query = select(BLOCKS.c.hash, BLOCKS.c.type).where(
        BLOCKS.c.hash.in_(references), BLOCKS.c.type.in_(IMAGES)
    )
    types = {bytes(row.hash): str(row.type) for row in connection.execute(query)}
    return tuple(dict.fromkeys(types[one] for one in references if one in types))
