"""What one link bears: floods, oversize, silence, deaf peers (R-NET1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import aiohttp
import pytest
from aiohttp import WSMsgType

from medquorum.node.peers.errors import CloseReason
from medquorum.node.peers.framing import Message, encode_frame
from medquorum.node.peers.limits import FRAME_BYTES, HubLimits, LinkLimits
from medquorum.node.peers.rate import Offence
from tests.node.peers.nodes import (
    PATIENCE_S,
    QUICK,
    Node,
    charter_of,
    mesh,
    met_socket,
    people,
    running,
)


def limited(link: LinkLimits) -> HubLimits:
    return replace(QUICK, link=link)


@asynccontextmanager
async def one_raw_peer(
    limits: HubLimits = QUICK,
) -> AsyncIterator[tuple[Node, aiohttp.ClientWebSocketResponse]]:
    """A node and a met peer that may break the rules."""
    low, high = people(2)
    charter = charter_of([low, high])
    async with running(high, charter, limits) as node, met_socket(low, high, charter) as peer:
        await node.events.until(lambda: node.events.joined != [])
        yield node, peer


async def closing(peer: aiohttp.ClientWebSocketResponse) -> int:
    """The code the peer is closed with."""
    async with asyncio.timeout(PATIENCE_S):
        while (received := await peer.receive()).type is WSMsgType.BINARY:
            pass
    assert received.type is WSMsgType.CLOSE
    return int(received.data)


def pings(node: Node) -> int:
    return sum(kind == "status" for _, kind, _ in node.events.messages)


async def left(node: Node) -> CloseReason:
    await node.events.until(lambda: node.events.left != [])
    return node.events.left[0][1]


async def test_an_oversize_frame_closes_its_link_and_no_other() -> None:
    """R-NET1: 1 MiB passes, one byte more closes with 1009 and costs points."""
    low, middle, high = people(3)
    charter = charter_of([low, middle, high])
    async with running(high, charter) as node, running(middle, charter) as other:
        await node.meets(other)
        async with met_socket(low, high, charter) as peer:
            await node.events.until(lambda: len(node.events.joined) == 2)
            largest = encode_frame([Message("sync", bytes(FRAME_BYTES - 25))])
            assert len(largest) == FRAME_BYTES
            await peer.send_bytes(largest)
            await node.events.until(lambda: len(node.events.messages) == 1)
            await peer.send_bytes(largest + b"\x00")
            assert await closing(peer) == 1009
            assert await left(node) is CloseReason.OVERSIZE
        assert other.hub.send(high.address, "status", b"alive")
        await node.events.until(lambda: len(node.events.messages) == 2)
        assert node.hub.connected() == (middle.address,)


@pytest.mark.parametrize(
    "frame",
    [b"", b"\xdd\xff\xff\xff\xff", b"\x90", encode_frame([Message("hello", b"")])],
    ids=["empty", "bomb", "no message", "a second hello"],
)
async def test_a_malformed_frame_closes_the_link(frame: bytes) -> None:
    """R-NET1, R-NET2: what is not a frame, or a HELLO out of place."""
    async with one_raw_peer() as (node, peer):
        await peer.send_bytes(frame)
        assert await closing(peer) == 1002
        assert await left(node) is CloseReason.MALFORMED
        assert node.events.messages == []


async def test_text_is_not_part_of_the_protocol() -> None:
    """R-NET1: frames are binary."""
    async with one_raw_peer() as (node, peer):
        await peer.send_str("hello")
        assert await closing(peer) == 1002
        assert await left(node) is CloseReason.MALFORMED


async def test_a_compressed_frame_is_refused() -> None:
    """R-NET1: compression is not negotiated, so a deflate bomb never inflates."""
    async with one_raw_peer() as (node, peer):
        assert peer.get_extra_info("ssl_object")
        connection = peer._response.connection
        assert connection is not None
        transport = connection.transport
        assert transport is not None
        # FIN and RSV1 set, opcode binary, masked, no content.
        transport.write(b"\xc2\x80\x00\x00\x00\x00")
        assert await left(node) is CloseReason.MALFORMED


async def test_a_flood_is_slowed_and_costs_the_others_nothing() -> None:
    """R-NET1: per-peer buckets; the flooder waits, an honest peer does not."""
    low, middle, high = people(3)
    charter = charter_of([low, middle, high])
    limits = limited(LinkLimits(messages_per_s=50, messages_burst=100))
    async with running(high, charter, limits) as node, running(middle, charter) as honest:
        await node.meets(honest)
        async with met_socket(low, high, charter) as flooder:
            await node.events.until(lambda: len(node.events.joined) == 2)
            flood = encode_frame([Message("vote", b"x")] * 50)
            for _ in range(60):
                await flooder.send_bytes(flood)
            for rounds in range(20):
                before = len(honest.events.messages)
                honest.hub.send(high.address, "status", b"ping")
                await node.events.until(partial(lambda so_far: pings(node) > so_far, rounds))
                node.hub.send(middle.address, "status", b"pong")
                await honest.events.more_than(before)
            taken = sum(kind == "vote" for _, kind, _ in node.events.messages)
            assert 100 <= taken < 400
            assert set(node.hub.connected()) == {low.address, middle.address}


async def test_a_peer_that_does_not_read_is_closed_not_dropped_from() -> None:
    """R-NET1: at 8 MiB queued the link ends with a reason; no message is lost unseen."""
    async with one_raw_peer() as (node, _):
        (peer,) = node.hub.connected()
        sent = [node.hub.send(peer, "sync", bytes(1_000_000)) for _ in range(12)]
        assert sent == [True] * 8 + [False] * 4
        assert await left(node) is CloseReason.OUTBOUND_FULL


async def test_silence_ends_a_link() -> None:
    """R-NET1, R-SIM9: STATUS is the keep-alive; the hub sends nothing of its own."""
    async with one_raw_peer(limited(LinkLimits(receive_timeout_s=0.05))) as (node, peer):
        assert await closing(peer) == 1001
        assert await left(node) is CloseReason.SILENT


async def test_a_ping_is_answered_and_nothing_else_is_sent_idle() -> None:
    """R-NET1: other implementations may ping (RFC 6455, 5.5.2); the hub itself stays silent."""
    async with one_raw_peer() as (_, peer):
        await peer.ping(b"there?")
        received = await peer.receive(timeout=PATIENCE_S)
        assert (received.type, bytes(received.data)) == (WSMsgType.PONG, b"there?")


async def test_offences_cost_the_link_and_a_return_takes_a_while() -> None:
    """R-NET1: a low score closes the link; until the ban ends a new one is not kept."""
    low, high = people(2)
    charter = charter_of([low, high])
    async with running(high, charter, replace(QUICK, ban_s=30.0)) as node:
        async with met_socket(low, high, charter) as peer:
            await node.events.until(lambda: node.events.joined != [])
            for _ in range(3):
                node.hub.penalise(low.address, Offence.WRONG_BODY)
            assert await closing(peer) == 1008
        async with met_socket(low, high, charter) as peer:
            assert await closing(peer) == 1008
        assert node.events.left == [(low.address, CloseReason.LOW_SCORE)]
        assert node.hub.statistics.closed[CloseReason.LOW_SCORE] == 2


async def test_a_link_that_ends_takes_no_more_messages() -> None:
    """R-NET1: `send` says so at once."""
    async with mesh(people(2)) as (low, high):
        low.hub._links[high.address].close(CloseReason.SHUTDOWN)
        assert not low.hub.send(high.address, "vote", b"late")
