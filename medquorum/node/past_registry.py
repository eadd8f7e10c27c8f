"""The registry of stand-ins as some batch found it, from the acts in the store (R-ORD15).

Only governance changes the registry, so that only the batches with its acts are read; what time
or a verdict has ended since is left out at the end, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from medquorum.ledger import canonical
from medquorum.ledger.batch import Absence, Batch
from medquorum.ledger.charter import Charter
from medquorum.ledger.registry import Moment, declared, remaining
from medquorum.ledger.types import BlockType, Outcome, ProposalId
from medquorum.node.store.chain_rows import batches_with, height_of_proposal, load_batches

_DECLARING: Final = (BlockType.ABSENCE, BlockType.DELEGATION, BlockType.OPENING)


def registry_before(
    connection: Connection, log_index: int, charters: Sequence[Charter]
) -> tuple[Absence, ...]:
    """What the batch at a log index was judged by and names, in the order of R-ORD15."""
    if log_index == 0:
        return ()
    entries: tuple[Absence, ...] = ()
    for place in batches_with(connection, _DECLARING, log_index):
        entries = _after(connection, place, entries, charters)
    parent = load_batches(connection, log_index - 1, 1)[0].batch.header
    tip = parent.first_nbc + parent.count - 1
    named = {entry.proposal for entry in entries if entry.proposal is not None}
    decided = [one for one in named if _decided(connection, one, tip)]
    left = remaining(entries, decided, parent.time_ms)
    return tuple(sorted(left, key=lambda entry: canonical.encode(entry.as_map())))


def _after(
    connection: Connection,
    log_index: int,
    entries: tuple[Absence, ...],
    charters: Sequence[Charter],
) -> tuple[Absence, ...]:
    """The entries after the acts of one batch."""
    before = load_batches(connection, log_index - 1, 1) if log_index else []
    parent_ms = before[0].batch.header.time_ms if before else 0
    batch: Batch = load_batches(connection, log_index, 1)[0].batch
    rule = charters[batch.header.epoch].absence
    moment = Moment(parent_ms, batch.header.time_ms, rule.silence_hours)
    for block in batch.blocks:
        act = block.proposal.core.act
        if act is not None and block.header.outcome is Outcome.ACCEPTED:
            entries = declared(entries, act, moment)
    return entries


def _decided(connection: Connection, proposal: ProposalId, tip: int) -> bool:
    height = height_of_proposal(connection, proposal)
    return height is not None and height <= tip
