"""Sealing a body from files, chunk by chunk, into wherever its chunks go (R-BOD3 to R-BOD7)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from medquorum.ledger.body import PartDescriptor
from medquorum.ledger.hashing import DIGEST_BYTES
from medquorum.ledger.keys import Address, PublicKey
from medquorum.ledger.part_keys import PartKeys, new_part_keys
from medquorum.ledger.sealing import PartSealer
from medquorum.ledger.signature import Signer
from medquorum.ledger.types import NetworkId, PartName, RecordId
from medquorum.ledger.wrap import Wrap, make_wrap

PIECE: Final = 8 * 1_048_576
"""Plaintext read and sealed at once: one hop to a thread for eight chunks."""

Sink = Callable[[RecordId, PartName, int, bytes], Awaitable[None]]
"""Takes one sealed chunk."""


@dataclass(frozen=True, slots=True)
class SealedBody:
    """A body whose chunks are in the sink."""

    record: RecordId
    parts: tuple[PartDescriptor, ...]
    keys: Mapping[PartName, PartKeys] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grantor:
    """Who seals: address and clinical signing capability."""

    address: Address
    sign: Signer


def new_record() -> RecordId:
    """A fresh name for a body (R-PRO3)."""
    return RecordId(os.urandom(DIGEST_BYTES))


async def seal_body(
    network: NetworkId, record: RecordId, parts: Mapping[PartName, Path], sink: Sink
) -> SealedBody:
    """Seal every part; the descriptors ascend by name (R-BOD1)."""
    descriptors, keys = [], {}
    for name in sorted(parts, key=lambda one: one.value):
        keys[name] = new_part_keys(os.urandom)
        sealer = PartSealer(network, record, name, keys[name], parts[name].stat().st_size)
        descriptors.append(await _seal_part(sealer, record, name, parts[name], sink))
    return SealedBody(record, tuple(descriptors), keys)


async def _seal_part(
    sealer: PartSealer, record: RecordId, name: PartName, path: Path, sink: Sink
) -> PartDescriptor:
    index = 0
    pending: asyncio.Task[None] | None = None
    try:
        with path.open("rb", buffering=0) as source:
            while chunks := await asyncio.to_thread(_seal_piece, sealer, source.read):
                if pending is not None:
                    await pending
                pending = asyncio.create_task(_store(sink, record, name, index, chunks))
                index += len(chunks)
        if pending is not None:
            await pending
    finally:
        # Whoever cleans up after a failure must not be overtaken by a chunk still on its way.
        if pending is not None:
            await asyncio.wait({pending})
    trailing, descriptor, _ = await asyncio.to_thread(sealer.finish)
    await _store(sink, record, name, index, trailing)
    return descriptor


def _seal_piece(sealer: PartSealer, read: Callable[[int], bytes]) -> list[bytes]:
    """Seal until some chunk is complete; empty at the end of the file."""
    while piece := read(PIECE):
        if chunks := sealer.feed(piece):
            return chunks
    return []


async def _store(
    sink: Sink, record: RecordId, name: PartName, first: int, chunks: Iterable[bytes]
) -> None:
    stored = await asyncio.gather(
        *(sink(record, name, first + offset, chunk) for offset, chunk in enumerate(chunks)),
        return_exceptions=True,
    )
    for fault in stored:
        if fault is not None:
            raise fault


def wraps_for(
    network: NetworkId,
    body: SealedBody,
    grantor: Grantor,
    recipients: Mapping[Address, PublicKey],
) -> tuple[Wrap, ...]:
    """One wrap per recipient's encryption key (R-BOD7)."""
    return tuple(
        make_wrap(
            network,
            body.record,
            grantor=grantor.address,
            sign=grantor.sign,
            recipient_address=address,
            recipient_encryption_key=key,
            keys=body.keys,
        )
        for address, key in sorted(recipients.items())
    )
