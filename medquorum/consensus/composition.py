"""Batches from decided proposals, and the judgement of others' batches (R-ORD4 to R-ORD8)."""

from __future__ import annotations

from collections.abc import Iterable

from medquorum.consensus.admission import (
    judge_content,
    judge_position,
    judge_proposal,
    judge_vote,
    judge_witness,
)
from medquorum.consensus.ordering.application import Contents
from medquorum.consensus.pool import Candidate
from medquorum.ledger.batch import ENTRY_BYTES, Batch
from medquorum.ledger.block import Block, Witness
from medquorum.ledger.chain import ChainBuilder, ChainState
from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import CodecError
from medquorum.ledger.limits import BATCH_BODY_BYTES
from medquorum.ledger.reasons import ACCEPT, Judgement, Reason, Reject
from medquorum.ledger.signature import Verifier


def compose(
    candidates: Iterable[Candidate], view: ChainState, most: int, time_ms: int, room: int
) -> Contents:
    """As many candidates as fit, each placed after the one before it, at a batch time.

    At most `most` blocks, and with their witnesses `room` bytes, as `room_beside` counts them.
    A candidate that an earlier one of the same batch made stale, or whose verdict it undid by
    naming another attending, is left out, not refused: `judge_batch` accepts what this makes.
    """
    builder = ChainBuilder(view)
    blocks: list[Block] = []
    witnesses: list[Witness] = []
    for candidate in candidates:
        if len(blocks) == most:
            break
        block = builder.place(candidate.proposal, candidate.outcome)
        if builder.view.amended is not None:
            break
        if _judge_unsigned(block, candidate.witness, builder, time_ms) != ACCEPT:
            continue
        room -= len(block.encoded()) + len(candidate.witness.encoded()) + 2 * ENTRY_BYTES
        if room < 0:
            break
        builder.append(block)
        blocks.append(block)
        witnesses.append(candidate.witness)
    return Contents(
        tuple(blocks),
        tuple(witnesses),
        view.n_bc + 1,
        builder.tip,
        view.registry_hash(),
        view.charter.version,
    )


def judge_batch(batch: Batch, view: ChainState, verify: Verifier) -> Judgement:
    """Whether a batch follows from the chain before it, every block admissible (R-ORD4-8)."""
    header = batch.header
    if not _header_follows(batch, view) or not body_agrees(batch, view.charter):
        return Reject(Reason.BAD_HEADER)
    builder = ChainBuilder(view)
    for block, witness in zip(batch.blocks, batch.witnesses, strict=True):
        judgement = judge_block(block, witness, builder, header.time_ms, verify)
        if judgement != ACCEPT:
            return judgement
        builder.append(block)
    if header.last_block_hash != builder.tip:
        return Reject(Reason.BAD_HEADER)
    return ACCEPT


def _header_follows(batch: Batch, view: ChainState) -> bool:
    header = batch.header
    return (
        header.network == view.network
        and header.first_nbc == view.n_bc + 1
        and header.epoch == header.charter_version == view.charter.version
        and header.registry_hash == view.registry_hash()
        and header.time_ms > view.time_ms
        and seal_holds(batch.hash, header.seal_nonce, view.charter.seal_difficulty_bits)
    )


def body_agrees(batch: Batch, charter: Charter) -> bool:
    """Whether the body is the one the header's roots name, within its limits (R-ORD7, R-ORD8)."""
    if len(batch.blocks) > charter.ordering.batch_blocks or not batch.roots_match():
        return False
    try:
        return len(batch.body_encoded()) <= BATCH_BODY_BYTES
    except CodecError:
        return False


def seal_holds(batch_hash: bytes, nonce: int, difficulty_bits: int) -> bool:
    """Whether the optional proof-of-work seal is there exactly when asked for (R-ORD16)."""
    if difficulty_bits == 0:
        return nonce == 0
    return int.from_bytes(batch_hash, "big") >> (256 - difficulty_bits) == 0


def judge_block(
    block: Block, witness: Witness, builder: ChainBuilder, time_ms: int, verify: Verifier
) -> Judgement:
    """One block at its place in a batch; signatures last (R-ORD1 to R-ORD6)."""
    proposal, view = block.proposal, builder.view
    judgement = _judge_unsigned(block, witness, builder, time_ms)
    if judgement == ACCEPT:
        judgement = judge_proposal(proposal, view, verify)
    for vote in witness.votes:
        if judgement != ACCEPT:
            return judgement
        judgement = judge_vote(vote, proposal.core, view.charter, view.network, verify)
    return judgement


def _judge_unsigned(
    block: Block, witness: Witness, builder: ChainBuilder, time_ms: int
) -> Judgement:
    """Everything about a block that no signature shows."""
    proposal, outcome, view = block.proposal, block.header.outcome, builder.view
    if view.amended is not None:
        return Reject(Reason.EPOCH_ENDED)
    content = judge_content(proposal.core, view.charter, view.network)
    if content != ACCEPT:
        return content
    if view.height_of(proposal.id) is not None:
        return Reject(Reason.DUPLICATE)
    if proposal.core.expires_at_ms < time_ms:
        return Reject(Reason.EXPIRED)
    position = judge_position(proposal.core, outcome, view)
    if position != ACCEPT:
        return position
    if builder.place(proposal, outcome) != block:
        return Reject(Reason.BAD_LINK)
    return judge_witness(proposal, outcome, witness, view, time_ms)
