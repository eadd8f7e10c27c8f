"""Body store: chunks come back as put, names never come from outside, durable means flushed."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from medquorum.node import body_store as module
from medquorum.node.body_store import (
    SEALED_CHUNK_LIMIT_BYTES,
    BodyAbsent,
    BodyStore,
    BodyStoreFailure,
    BodyStoreMisuse,
    open_body_store,
    open_local_bodies,
)

RECORD = bytes(range(32))
OTHER = bytes(reversed(range(32)))


@pytest.fixture(params=["local", "remote"])
async def bodies(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BodyStore]:
    if request.param == "local":
        store = open_local_bodies(tmp_path / "bodies")
    else:
        store = BodyStore(MemoryStore())
    yield store
    await store.close()


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[BodyStore]:
    store = open_local_bodies(tmp_path / "bodies")
    yield store
    await store.close()


async def test_chunks_come_back_and_are_listed(bodies: BodyStore) -> None:
    await bodies.put_chunk(RECORD, "IMG_CT", 0, b"zero")
    await bodies.put_chunk(RECORD, "IMG_CT", 2, b"two")
    await bodies.put_chunk(RECORD, "V_IND", 0, b"vital")
    await bodies.put_chunk(OTHER, "IMG_CT", 1, b"other")
    assert await bodies.get_chunk(RECORD, "IMG_CT", 2) == b"two"
    assert await bodies.has_chunks(RECORD, "IMG_CT") == {0, 2}
    assert await bodies.has_chunks(RECORD, "IMG_XRAY") == frozenset()
    assert await bodies.parts(RECORD) == ("IMG_CT", "V_IND")
    assert [record async for record in bodies.records()] == sorted([RECORD, OTHER])


async def test_a_chunk_of_the_full_size_is_kept_and_replaced(bodies: BodyStore) -> None:
    await bodies.put_chunk(RECORD, "IMG_CT", 0, b"torn")
    await bodies.put_chunk(RECORD, "IMG_CT", 0, b"\xff" * SEALED_CHUNK_LIMIT_BYTES)
    assert await bodies.get_chunk(RECORD, "IMG_CT", 0) == b"\xff" * SEALED_CHUNK_LIMIT_BYTES


async def test_iteration_is_in_order_and_stops_at_a_gap(bodies: BodyStore) -> None:
    for index in (2, 0, 1, 4):
        await bodies.put_chunk(RECORD, "IMG_CT", index, bytes([index]))
    assert [c async for c in bodies.iterate_chunks(RECORD, "IMG_CT", 3)] == [b"\0", b"\1", b"\2"]
    seen = []
    with pytest.raises(BodyAbsent):
        async for chunk in bodies.iterate_chunks(RECORD, "IMG_CT", 5):
            seen.append(chunk)
    assert len(seen) == 3


async def test_deletion_takes_one_record_and_can_be_repeated(bodies: BodyStore) -> None:
    await bodies.put_chunk(RECORD, "IMG_CT", 0, b"erase me")
    await bodies.put_chunk(OTHER, "IMG_CT", 0, b"keep me")
    await bodies.delete_record(RECORD)
    await bodies.delete_record(RECORD)
    with pytest.raises(BodyAbsent):
        await bodies.get_chunk(RECORD, "IMG_CT", 0)
    assert await bodies.parts(RECORD) == ()
    assert await bodies.get_chunk(OTHER, "IMG_CT", 0) == b"keep me"


async def test_a_deleted_record_leaves_no_empty_folders(local: BodyStore, tmp_path: Path) -> None:
    neighbour = RECORD[:1] + bytes(31)
    for record in (RECORD, neighbour):
        await local.put_chunk(record, "IMG_CT", 0, b"x")
    await local.delete_record(RECORD)
    assert await local.get_chunk(neighbour, "IMG_CT", 0) == b"x"
    await local.delete_record(neighbour)
    await local.delete_record(neighbour)
    assert list((tmp_path / "bodies").iterdir()) == []
    await local.put_chunk(RECORD, "IMG_CT", 0, b"again")
    await local.make_durable(RECORD)
    assert await local.get_chunk(RECORD, "IMG_CT", 0) == b"again"


async def test_puts_and_deletions_in_one_shard_do_not_meet(
    local: BodyStore, tmp_path: Path
) -> None:
    async def come_and_go(number: int) -> None:
        record = RECORD[:1] + bytes([number]) * 31
        for _ in range(20):
            await local.put_chunk(record, "IMG_CT", 0, b"x")
            await local.make_durable(record)
            await local.delete_record(record)

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(come_and_go(number))
    assert list((tmp_path / "bodies").iterdir()) == []


@pytest.mark.parametrize(
    "part", ["", "..", "../X", "img_ct", "A" * 17, "A/B", "A\n", "IMG_CT\0", "IMG%2F", "Ä"]
)
async def test_hostile_part_names_are_refused(bodies: BodyStore, part: str) -> None:
    operations: list[Callable[[], Awaitable[object]]] = [
        lambda: bodies.put_chunk(RECORD, part, 0, b"x"),
        lambda: bodies.get_chunk(RECORD, part, 0),
        lambda: bodies.has_chunks(RECORD, part),
    ]
    for operation in operations:
        with pytest.raises(BodyStoreMisuse, match="part name"):
            await operation()


async def test_indices_records_and_sizes_have_limits(bodies: BodyStore) -> None:
    for index in (-1, 2_048):
        with pytest.raises(BodyStoreMisuse, match="index"):
            await bodies.put_chunk(RECORD, "IMG_CT", index, b"x")
    for sealed in (b"", b"x" * (SEALED_CHUNK_LIMIT_BYTES + 1)):
        with pytest.raises(BodyStoreMisuse, match="sealed chunk"):
            await bodies.put_chunk(RECORD, "IMG_CT", 0, sealed)
    for record in (b"", b"x" * 31, b"../" * 11):
        with pytest.raises(BodyStoreMisuse, match="32 bytes"):
            await bodies.delete_record(record)


async def test_durable_means_every_file_and_folder_was_flushed(
    local: BodyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(10):
        await local.put_chunk(RECORD, "IMG_CT", index, b"x")
    await local.put_chunk(RECORD, "V_IND", 0, b"x")
    flushed: set[str] = set()
    real_fsync = os.fsync

    def spy(descriptor: int) -> None:
        real_fsync(descriptor)
        flushed.add(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", spy)
    await local.make_durable(RECORD)
    root = tmp_path / "bodies"
    below = {str(path) for path in root.rglob("*")}
    assert flushed == below | {str(root)}


async def test_a_failed_flush_is_never_an_acknowledgement(
    local: BodyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await local.put_chunk(RECORD, "IMG_CT", 0, b"x")

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(BodyStoreFailure):
        await local.make_durable(RECORD)


async def test_nothing_stored_cannot_be_made_durable(local: BodyStore) -> None:
    with pytest.raises(BodyAbsent):
        await local.make_durable(RECORD)


async def test_a_grown_file_and_stray_names_are_not_served(
    local: BodyStore, tmp_path: Path
) -> None:
    await local.put_chunk(RECORD, "IMG_CT", 0, b"x")
    folder = tmp_path / "bodies" / "00" / RECORD.hex() / "IMG_CT"
    (folder / "000000").write_bytes(b"x" * (SEALED_CHUNK_LIMIT_BYTES + 1))
    (folder / "notes.txt").write_bytes(b"x")
    with pytest.raises(BodyStoreFailure, match="scrub"):
        await local.get_chunk(RECORD, "IMG_CT", 0)
    assert await local.has_chunks(RECORD, "IMG_CT") == {0}


async def test_a_file_url_opens_an_owner_only_folder(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    store = open_body_store(folder.as_uri())
    await store.put_chunk(RECORD, "IMG_CT", 0, b"x")
    await store.make_durable(RECORD)
    await store.close()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "00" / RECORD.hex() / "IMG_CT" / "000000").read_bytes() == b"x"


@pytest.mark.parametrize(
    "url",
    ["", "/plain/path", "memory:///", "file://host/x", "s3://key:secret@bucket", "gopher://x"],
)
def test_other_urls_are_refused_without_echoing_them(url: str) -> None:
    with pytest.raises(BodyStoreMisuse, match="bodies url") as caught:
        open_body_store(url)
    assert "secret" not in str(caught.value)


def test_errors_of_the_storage_carry_no_paths(tmp_path: Path) -> None:
    with pytest.raises(BodyStoreFailure) as caught, module._storage_errors():
        (tmp_path / "name-of-a-record").write_bytes(b"")
        (tmp_path / "name-of-a-record" / "x").touch()
    assert "name-of-a-record" not in str(caught.value)
