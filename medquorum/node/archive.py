"""The final chain as files: the whole export, and the proof of one block (R-EXP1, R-EXP3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import Final

from sqlalchemy import Connection

from medquorum.ledger import merkle
from medquorum.ledger.batch import BatchHeader
from medquorum.ledger.block import Block, BlockHeader
from medquorum.ledger.certificate import Certificate
from medquorum.ledger.charter import Charter
from medquorum.ledger.export import ExportHead, encode_batch, encode_head
from medquorum.ledger.limits import FRAME
from medquorum.ledger.proof import Inclusion, Proof
from medquorum.ledger.proposal import Core
from medquorum.ledger.types import BatchHash, NetworkId, Outcome
from medquorum.node.past_registry import registry_before
from medquorum.node.store.chain_rows import (
    FinalBatch,
    heights_after,
    last_of_epochs,
    load_batches,
    log_index_of_block,
    log_length,
)
from medquorum.node.store.engine import Store

PAGE: Final = 64
"""Batches, or places of blocks, read from the store at once."""


def export_head(connection: Connection, network: NetworkId) -> tuple[ExportHead, int]:
    """The first frame, and how many batches the export holds.

    An export ends with the newest batch that has a final certificate, its own or that of its tail
    (R-EXP2).
    """
    length = log_length(connection)
    while length > 0:
        last = load_batches(connection, length - 1, 1)[0]
        if last.certificate is not None:
            header = last.batch.header
            tip = header.first_nbc + header.count - 1
            return ExportHead(network, last.batch.hash, tip, header.slot, header.epoch), length
        length -= 1
    return ExportHead(network, BatchHash(network), 0, 0), 0


async def export_frames(store: Store, network: NetworkId) -> AsyncIterator[bytes]:
    """Every frame of an export, in order."""
    head, length = await store.read(lambda connection: export_head(connection, network))
    yield encode_head(head)
    for first in range(0, length, PAGE):
        most = min(PAGE, length - first)
        finals = await store.read(partial(load_batches, first=first, limit=most))
        for final in finals:
            for frame in encode_batch(final.batch, final.certificate, final.tail):
                yield frame


def prove(connection: Connection, n_bc: int, charters: Sequence[Charter]) -> Proof | None:
    """The proof of one block; None where there is no such block, or none that is certified.

    `charters` are those of the epochs, by version, as far as the block's at least.
    Whether a rejected block is proved better without its history, `consensus.proofs.provable`
    says.
    """
    log_index = log_index_of_block(connection, n_bc)
    if log_index is None:
        return None
    final = load_batches(connection, log_index, 1)[0]
    shown = _inclusion(connection, final, n_bc - final.batch.header.first_nbc)
    if shown is None:
        return None
    ends = epoch_ends(connection, final.batch.header.epoch)
    epochs = [_inclusion(connection, end, len(end.batch.blocks) - 1) for end in ends]
    return Proof(
        block=shown.block,
        witness=shown.witness,
        index=shown.index,
        block_path=shown.block_path,
        witness_path=shown.witness_path,
        headers=shown.headers,
        certificate=shown.certificate,
        patient_chain=_patient_chain(connection, shown.block),
        epochs=tuple(epoch for epoch in epochs if epoch is not None),
        registry=registry_before(connection, log_index, charters),
    )


def epoch_ends(connection: Connection, epoch: int) -> list[FinalBatch]:
    """The batches whose amendments ended the epochs before this one, in order."""
    places = last_of_epochs(connection, epoch)
    return [load_batches(connection, place, 1)[0] for place in places]


def _inclusion(connection: Connection, final: FinalBatch, index: int) -> Inclusion | None:
    """A block in its batch, up to the certificate; None where there is none yet."""
    headers, certificate = _to_certificate(connection, final)
    if certificate is None:
        return None
    batch = final.batch
    return Inclusion(
        block=batch.blocks[index],
        witness=batch.witnesses[index],
        index=index,
        block_path=merkle.path([one.encoded() for one in batch.blocks], index),
        witness_path=merkle.path([one.encoded() for one in batch.witnesses], index),
        headers=headers,
        certificate=certificate,
    )


def _to_certificate(
    connection: Connection, own: FinalBatch
) -> tuple[tuple[BatchHeader, ...], Certificate | None]:
    """The headers from a batch to the first certified one, through the tail where that is it."""
    headers, current = [own.batch.header], own
    while current.certificate is None and len(headers) < FRAME.entries:
        following = load_batches(connection, current.log_index + 1, 1)
        if not following:
            break
        current = following[0]
        headers.append(current.batch.header)
    headers.extend(batch.header for batch in current.tail)
    return tuple(headers), current.certificate


def _patient_chain(connection: Connection, block: Block) -> tuple[tuple[BlockHeader, Core], ...]:
    """The patient's accepted blocks before this one, from the registration on.

    Of a rejected block only what its issuer had seen: up to `seen_head`, nothing where that is no
    block of the patient.
    """
    if block.header.n_pb == 0:
        return ()
    rejected = block.header.outcome is Outcome.REJECTED
    chain = []
    for before in _accepted(connection, block.header.n_pb):
        if before.header.n_bc >= block.header.n_bc:
            break
        chain.append((before.header, before.proposal.core))
        if rejected and before.hash == block.proposal.core.seen_head:
            return tuple(chain)
    return () if rejected else tuple(chain)


def patient_blocks(connection: Connection, patient: int) -> list[Block]:
    """The patient's accepted blocks in order."""
    return list(_accepted(connection, patient))


def _accepted(connection: Connection, patient: int) -> Iterator[Block]:
    after = 0
    while rows := heights_after(connection, after, PAGE, patient):
        for n_bc, log_index in rows:
            batch = load_batches(connection, log_index, 1)[0].batch
            block = batch.blocks[n_bc - batch.header.first_nbc]
            if block.header.outcome is Outcome.ACCEPTED:
                yield block
        after = rows[-1][0]
