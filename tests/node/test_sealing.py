"""Sealing from files: what is opened is what was read, and a failure leaves nothing behind late."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from medquorum.ledger.keys import Purpose, public_key
from medquorum.ledger.limits import CHUNK
from medquorum.ledger.opening import open_part
from medquorum.ledger.types import PartName, RecordId
from medquorum.ledger.wrap import open_wrap, verify_wrap
from medquorum.node import sealing
from medquorum.node.sealing import PIECE, Grantor, new_record, seal_body, wraps_for
from tests.ledger.charter_kit import address_of_name, private_key, signer_of
from tests.support.network import HOSPITAL, make_network

NETWORK = make_network()


class Sink:
    """Keeps chunks; fails at one, and holds the others back a little."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.chunks: dict[tuple[PartName, int], bytes] = {}
        self.fail_at = fail_at
        self.under_way = 0

    async def __call__(self, record: RecordId, part: PartName, index: int, sealed: bytes) -> None:
        self.under_way += 1
        try:
            if index == self.fail_at:
                raise OSError("disk full")
            await asyncio.sleep(0.01 if self.fail_at is not None else 0)
            self.chunks[part, index] = sealed
        finally:
            self.under_way -= 1


def files(folder: Path, sizes: Mapping[PartName, int]) -> dict[PartName, Path]:
    made = {}
    for part, size in sizes.items():
        made[part] = folder / part.value
        made[part].write_bytes(os.urandom(size))
    return made


@pytest.mark.parametrize("size", [0, 1, CHUNK - 8, CHUNK, 3 * CHUNK + 5, PIECE + 1])
async def test_what_is_opened_is_what_was_read(tmp_path: Path, size: int) -> None:
    sizes = {PartName.IMG_CT: size, PartName.ATTACHMENT: 10}
    sources, sink, record = files(tmp_path, sizes), Sink(), new_record()
    body = await seal_body(NETWORK.id, record, sources, sink)
    assert [part.name for part in body.parts] == [PartName.ATTACHMENT, PartName.IMG_CT]
    for part in body.parts:
        chunks = [sink.chunks[part.name, index] for index in range(part.chunks)]
        opened = open_part(part, NETWORK.id, record, body.keys[part.name], chunks)
        assert opened == sources[part.name].read_bytes()
    assert len(sink.chunks) == sum(part.chunks for part in body.parts)


async def test_no_chunk_is_stored_after_a_failure_was_reported(tmp_path: Path) -> None:
    sink = Sink(fail_at=1)
    sources = files(tmp_path, {PartName.IMG_CT: 2 * PIECE})
    with pytest.raises(OSError, match="disk full"):
        await seal_body(NETWORK.id, new_record(), sources, sink)
    assert sink.under_way == 0
    stored = len(sink.chunks)
    await asyncio.sleep(0.05)
    assert len(sink.chunks) == stored


async def test_chunks_on_their_way_are_waited_for_when_reading_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = iter([sealing._seal_piece])

    def once(sealer: Any, read: Any) -> list[bytes]:
        for seal in pieces:
            return seal(sealer, read)
        raise OSError("the disk is gone")

    monkeypatch.setattr(sealing, "_seal_piece", once)
    sink = Sink(fail_at=-1)
    sources = files(tmp_path, {PartName.IMG_CT: 2 * PIECE})
    with pytest.raises(OSError, match="the disk is gone"):
        await seal_body(NETWORK.id, new_record(), sources, sink)
    assert (sink.under_way, len(sink.chunks)) == (0, PIECE // CHUNK)


async def test_every_recipient_is_wrapped_the_same_keys(tmp_path: Path) -> None:
    record = new_record()
    body = await seal_body(NETWORK.id, record, files(tmp_path, {PartName.PRESC: 40}), Sink())
    grantor = Grantor(address_of_name(HOSPITAL), signer_of(HOSPITAL, Purpose.CLINICAL))
    readers = [*NETWORK.doctors, HOSPITAL]
    keys = {
        address_of_name(name): public_key(private_key(name, Purpose.ENCRYPTION)) for name in readers
    }
    wraps = wraps_for(NETWORK.id, body, grantor, keys)
    assert [wrap.recipient for wrap in wraps] == sorted(keys)
    clinical = public_key(private_key(HOSPITAL, Purpose.CLINICAL))
    by_address = {address_of_name(name): name for name in readers}
    for wrap in wraps:
        assert verify_wrap(NETWORK.id, wrap, clinical)
        reader = private_key(by_address[wrap.recipient], Purpose.ENCRYPTION)
        assert open_wrap(NETWORK.id, wrap, reader) == body.keys
    assert "key" not in repr(body)


def test_records_are_never_named_alike() -> None:
    assert len({new_record() for _ in range(100)}) == 100
