"""Bodies over real TLS: verified chunk by chunk, only for those entitled (R-NET4)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from medquorum.ledger.limits import CHUNK
from medquorum.ledger.types import PartName
from medquorum.node.peers.dialling import client_session
from medquorum.node.peers.errors import BodyUnavailable
from medquorum.node.peers.rate import Offence
from tests.node.peers.bodies import Body, Holder, holders, make_body
from tests.node.peers.nodes import charter_of, people

SIZES = {"IMG_CT": 3 * CHUNK + 5_000, "V_IND": 4_096}


@pytest.fixture
async def trio(tmp_path: Path) -> AsyncIterator[list[Holder]]:
    """Three nodes of one charter, nobody holding anything."""
    members = people(3)
    async with holders(members, charter_of(members), tmp_path) as made:
        yield made


def notes(holder: Holder) -> list[tuple[bytes, Offence]]:
    """Note what this holder blames its peers for."""
    blamed: list[tuple[bytes, Offence]] = []
    original = holder.node.hub.penalise

    def penalise(peer: bytes, offence: Offence) -> None:
        blamed.append((peer, offence))
        original(peer, offence)  # type: ignore[arg-type]

    holder.node.hub.penalise = penalise  # type: ignore[method-assign]
    return blamed


async def test_a_body_arrives_whole_with_its_wraps(trio: list[Holder]) -> None:
    """R-NET4: manifest, then every chunk, then durable; progress counts to the end."""
    holder, reader, _ = trio
    body = make_body(**SIZES)
    await holder.holds(body, [reader.address])
    steps: list[tuple[int, int]] = []
    wraps = await reader.fetcher.fetch_body(
        body.record,
        body.descriptors,
        [holder.address],
        lambda held, total: steps.append((held, total)),
    )
    assert wraps == (b"a wrap",)
    assert await reader.has(body)
    assert steps == [(number, 5) for number in range(1, 6)]


async def test_a_fetch_resumes_after_half_the_chunks(trio: list[Holder]) -> None:
    """R-NET4: chunks already stored are not asked for again."""
    holder, reader, _ = trio
    body = make_body(**SIZES)
    await holder.holds(body, [reader.address])
    for index in (0, 2):
        sealed = body.chunks[PartName.IMG_CT, index]
        await reader.store.put_chunk(body.record, "IMG_CT", index, sealed)
    await reader.fetcher.fetch_body(body.record, body.descriptors, [holder.address])
    measured = sorted((part.name, index) for part, index in body.chunks)
    served = list(holder.source.asked)
    for each in measured:
        served.remove(each)
    assert sorted(served) == [("IMG_CT", 1), ("IMG_CT", 3), ("V_IND", 0)]
    holder.source.asked.clear()
    assert await reader.fetcher.fetch_body(body.record, body.descriptors, []) == ()
    assert holder.source.asked == []
    assert await reader.has(body)


async def test_a_wrong_chunk_is_dropped_and_fetched_elsewhere(trio: list[Holder]) -> None:
    """R-NET4: each chunk is checked against the manifest; the liar is left and blamed."""
    liar, honest, reader = trio
    body = make_body(**SIZES)
    for holder in (liar, honest):
        await holder.holds(body, [reader.address])
    blamed = notes(reader)
    # Asked once while honest, the liar keeps a true manifest: only the chunk will be false.
    await reader.fetcher.fetch_body(body.record, body.descriptors, [liar.address])
    await reader.store.delete_record(body.record)
    liar.source.lie_about = 0
    both = [liar.address, honest.address]
    await reader.fetcher.fetch_body(body.record, body.descriptors, both)
    assert await reader.has(body)
    assert (liar.address, Offence.WRONG_BODY) in blamed
    assert all(peer == liar.address for peer, _ in blamed)


async def test_a_wrong_manifest_is_refused_before_any_chunk(trio: list[Holder]) -> None:
    """R-NET4: the manifest is checked against the part roots."""
    liar, honest, reader = trio
    body, other = make_body(**SIZES), make_body(**SIZES)
    await liar.holds(Body(body.record, other.descriptors, other.chunks), [reader.address])
    await honest.holds(body, [reader.address])
    blamed = notes(reader)
    both = [liar.address, honest.address]
    await reader.fetcher.fetch_body(body.record, body.descriptors, both)
    assert await reader.has(body)
    assert blamed == [(liar.address, Offence.WRONG_BODY)]


async def test_a_damaged_store_serves_no_manifest(trio: list[Holder]) -> None:
    """R-NET4: a holder checks its own leaf hashes before it offers them."""
    holder, reader, _ = trio
    body = make_body(**SIZES)
    await holder.holds(body, [reader.address])
    holder.source.lie_about = 0
    with pytest.raises(BodyUnavailable, match="no holder"):
        await reader.fetcher.fetch_body(body.record, body.descriptors, [holder.address])


async def _answers(asker: Holder, holder: Holder, paths: list[str]) -> list[tuple[int, str, bytes]]:
    """Status, sorted header names and body of each answer."""
    entry = asker.node.hub.directory.member(holder.address)
    assert entry is not None
    found = []
    async with client_session() as session:
        for path in paths:
            url = entry.endpoint.url("https", path)
            async with session.get(url, ssl=asker.node.hub.contexts.of(entry)) as answer:
                names = ",".join(sorted(answer.headers))
                found.append((answer.status, names, await answer.read()))
    return found


async def test_not_entitled_and_absent_look_the_same(trio: list[Holder]) -> None:
    """R-NET4: 404 either way, byte for byte, for manifest and chunk."""
    holder, reader, stranger = trio
    body = make_body(V_IND=4_096)
    await holder.holds(body, [reader.address])
    there, nowhere = body.record.hex(), bytes(32).hex()
    held = [f"/bodies/{there}/manifest", f"/bodies/{there}/V_IND/0"]
    absent = [f"/bodies/{nowhere}/manifest", f"/bodies/{nowhere}/V_IND/0"]
    refused = await _answers(stranger, holder, [*held, *absent])
    assert len(set(refused)) == 1
    assert refused[0][0] == 404
    assert [status for status, _, _ in await _answers(reader, holder, held)] == [200, 200]
    beyond = [f"/bodies/{there}/V_IND/1", f"/bodies/{there}/V_IND/9999", f"/bodies/{there}/X/0"]
    assert set(await _answers(reader, holder, beyond)) == {refused[0]}
    with pytest.raises(BodyUnavailable):
        await stranger.fetcher.fetch_body(body.record, body.descriptors, [holder.address])


async def test_names_never_become_paths(trio: list[Holder]) -> None:
    """R-NET4: only hexadecimal, capitals and digits reach the store."""
    holder, reader, _ = trio
    body = make_body(V_IND=4_096)
    await holder.holds(body, [reader.address])
    record = body.record.hex()
    paths = [
        f"/bodies/{record}/..%2fV_IND/0",
        f"/bodies/{record}/V_IND/-1",
        f"/bodies/{record}/V_IND/0x0",
        f"/bodies/{record.upper()}/manifest",
        f"/bodies/{record}%00/manifest",
        f"/bodies/{record[:-2]}/manifest",
        "/bodies/../../etc/passwd",
    ]
    holder.source.asked.clear()
    assert {status for status, _, _ in await _answers(reader, holder, paths)} == {404}
    assert holder.source.asked == []


async def test_a_member_struck_from_the_charter_gets_nothing(trio: list[Holder]) -> None:
    """R-NET1, R-NET4: neither on a new connection nor on one made under the old charter."""
    holder, reader, other = trio
    body = make_body(V_IND=4_096)
    await holder.holds(body, [reader.address])
    path = f"/bodies/{body.record.hex()}/V_IND/0"
    entry = reader.node.hub.directory.member(holder.address)
    assert entry is not None
    url, context = entry.endpoint.url("https", path), reader.node.hub.contexts.of(entry)
    async with client_session() as session:
        async with session.get(url, ssl=context) as before:
            assert (before.status, len(await before.read())) == (200, 4_096 + 16)
        remaining = charter_of([holder.node.who, other.node.who], version=1)
        await holder.node.hub.update_charter(remaining)
        async with session.get(url, ssl=context) as after:
            assert (after.status, await after.read()) == (403, b"")
        with pytest.raises((aiohttp.ClientError, OSError)):
            async with session.get(url, ssl=context):
                pass


async def test_with_no_holder_left_the_body_is_unavailable(trio: list[Holder]) -> None:
    """R-NET4: nothing is reported as fetched, and unknown holders are not dialled."""
    _, reader, _ = trio
    body = make_body(V_IND=4_096)
    with pytest.raises(BodyUnavailable, match="no holder"):
        await reader.fetcher.fetch_body(body.record, body.descriptors, [])
