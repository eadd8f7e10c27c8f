"""Hubs over real TLS sockets: who connects, who is refused, who returns (R-NET1, R-NET2)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from medquorum.ledger.types import Role
from medquorum.node.peers.errors import CloseReason, HandshakeFailed, HelloRefusal
from medquorum.node.peers.hub import Hub
from tests.node.peers.nodes import (
    QUICK,
    Node,
    Recorder,
    Someone,
    charter_of,
    mesh,
    met_socket,
    people,
    raw_socket,
    running,
    settings_of,
    someone,
)
from tests.node.peers.relay import relaying

ORDERLY = {CloseReason.SHUTDOWN, CloseReason.PEER_CLOSED}


async def exchange(low: Node, high: Node) -> None:
    """One message each way."""
    before = len(low.events.messages), len(high.events.messages)
    assert low.hub.send(high.address, "status", b"down")
    assert high.hub.send(low.address, "status", b"up")
    await low.events.until(lambda: len(low.events.messages) > before[0])
    await high.events.until(lambda: len(high.events.messages) > before[1])


async def test_three_members_connect_and_exchange_in_order() -> None:
    """R-NET1: frames go both ways over mutual TLS; many queued messages keep their order."""
    async with mesh(people(3)) as (low, middle, high):
        for number in range(2_000):
            assert low.hub.send(high.address, "vote", number.to_bytes(4, "big"))
        assert high.hub.broadcast([low.address, middle.address], "status", b"s") == 2
        await high.events.until(lambda: len(high.events.messages) == 2_000)
        await low.events.until(lambda: len(low.events.messages) == 1)
        await middle.events.until(lambda: len(middle.events.messages) == 1)
        numbers = [int.from_bytes(payload, "big") for _, _, payload in high.events.messages]
        assert numbers == list(range(2_000))
        assert {peer for peer, _, _ in high.events.messages} == {low.address}
        assert low.events.messages == [(high.address, "status", b"s")]
        assert low.hub.connected() == (middle.address, high.address)
        assert not low.hub.send(low.address, "status", b"to nobody")
    assert {reason for _, reason in low.events.left} <= ORDERLY


async def test_a_stranger_does_not_get_past_tls() -> None:
    """R-NET1: each side's leaf is that of a member."""
    low, high, stranger = people(3)
    async with running(low, charter_of([low, high])) as node:
        with pytest.raises((aiohttp.ClientError, OSError)):
            async with raw_socket(stranger, low):
                pass
        assert node.events.joined == []


async def test_a_member_with_anothers_address_is_refused() -> None:
    """R-NET2: the hello's member is the one whose leaf TLS showed."""
    low, high, mallory = people(3)
    charter = charter_of([low, high, mallory])
    async with running(low, charter) as node:
        with pytest.raises((ConnectionError, HandshakeFailed)):
            async with met_socket(mallory, low, charter, speaking_as=high):
                pass
        assert node.hub.statistics.refused == {HelloRefusal.WRONG_MEMBER: 1}
        assert node.events.joined == []


async def test_a_member_without_its_consensus_key_is_refused() -> None:
    """R-NET2: a stolen TLS key alone is not enough."""
    low, high, other = people(3)
    charter = charter_of([low, high])
    robbed = replace(high, identity=replace(high.identity, sign=other.identity.sign))
    async with running(low, charter) as node:
        with pytest.raises((ConnectionError, HandshakeFailed)):
            async with met_socket(high, low, charter, speaking_as=robbed):
                pass
        assert node.hub.statistics.refused == {HelloRefusal.BAD_SIGNATURE: 1}


async def test_a_relay_with_its_own_pinned_leaf_is_refused() -> None:
    """R-NET2: Alice calls Mallory, who passes every frame on to Bob and back."""
    # Bob's address is the largest, so that he dials nobody himself.
    alice, mallory, bob = people(3)
    charter = charter_of([alice, mallory, bob])
    async with running(bob, charter) as node, relaying(mallory, bob, charter):
        with pytest.raises((ConnectionError, HandshakeFailed)):
            async with met_socket(alice, mallory, charter):
                pass
        assert node.hub.statistics.refused == {HelloRefusal.WRONG_MEMBER: 1}
        assert node.events.joined == []


async def test_another_member_cannot_answer_at_a_members_endpoint() -> None:
    """R-NET1: a dialler accepts the one leaf it called for, whatever the network does."""
    alice, bob, mallory = people(3)
    charter = charter_of([alice, bob, mallory])
    hijacked = replace(mallory, member=replace(mallory.member, endpoint=bob.member.endpoint))
    async with running(hijacked, charter), running(alice, charter) as node:
        entry = charter.directory.by_leaf(bob.identity.leaf)
        assert entry is not None
        context = node.hub.contexts.of(entry)
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.ws_connect(f"wss://{bob.member.endpoint}/peer", ssl=context)
        assert bob.address not in node.hub.connected()


async def test_a_peer_that_restarts_is_found_again() -> None:
    """R-NET1: the smaller address keeps dialling, in growing steps."""
    low, high = people(2)
    charter = charter_of([low, high])
    async with running(low, charter) as node:
        async with running(high, charter) as first:
            await node.meets(first)
        await node.events.until(lambda: len(node.events.left) == 1)
        async with running(high, charter) as second:
            await node.meets(second)
            await second.meets(node)
            await exchange(node, second)
    assert node.events.joined == [high.address] * 2
    assert node.events.left[0][1] in ORDERLY | {CloseReason.BROKEN}


async def test_the_newer_of_two_connections_wins() -> None:
    """R-NET2: at most one live link per member, decided once HELLO is through."""
    low, high = people(2)
    charter = charter_of([low, high])
    async with (
        running(high, charter) as node,
        met_socket(low, high, charter) as old,
    ):
        await node.events.until(lambda: len(node.events.joined) == 1)
        async with met_socket(low, high, charter):
            assert (await old.receive()).type is aiohttp.WSMsgType.CLOSE
            await node.events.until(lambda: len(node.events.joined) == 2)
            assert node.events.left == [(low.address, CloseReason.REPLACED)]
            assert node.hub.connected() == (low.address,)


async def test_a_new_charter_drops_who_left_and_admits_who_joined() -> None:
    """R-NET1: links and the listener's trust follow the charter in force."""
    low, middle, high = people(3)
    before, after = charter_of([low, middle]), charter_of([low, high], version=1)
    async with running(low, before) as node, running(middle, before) as leaver:
        await node.meets(leaver)
        await node.hub.update_charter(after)
        await node.events.until(lambda: node.events.left != [])
        assert node.events.left == [(middle.address, CloseReason.NOT_A_MEMBER)]
        with pytest.raises((aiohttp.ClientError, OSError)):
            async with raw_socket(middle, low):
                pass
        async with running(high, after) as joiner:
            await node.meets(joiner)
            await joiner.meets(node)
            await exchange(node, joiner)


async def test_a_doctor_displaces_another_member_when_all_places_are_taken() -> None:
    """R-NET1: at most so many peers, and no crowd keeps a doctor's node out."""
    first, second = people(2, Role.LABORATORY)
    doctor, host = people(2)
    charter = charter_of([first, second, doctor, host])
    limits = replace(QUICK, peers=1)
    lonely = charter_of([host])
    async with running(host, lonely, limits) as node:
        node.hub.directory = charter.directory
        await node.hub._listener.trust(charter.directory.leaves())
        async with met_socket(first, host, charter) as laboratory:
            await node.events.until(lambda: node.events.joined == [first.address])
            async with met_socket(second, host, charter) as late:
                assert (await late.receive()).data == 1013
            async with met_socket(doctor, host, charter):
                await node.events.until(lambda: doctor.address in node.hub.connected())
                assert (await laboratory.receive()).data == 1013
                assert node.hub.connected() == (doctor.address,)
    assert node.hub.statistics.closed[CloseReason.CROWDED_OUT] == 2


async def test_a_caller_gone_before_the_answer_is_no_error_of_this_node(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """R-NET1: on slow wires a caller gives up after its request has arrived."""
    low, high = people(2)
    charter = charter_of([low, high])
    prepare = web.WebSocketResponse.prepare

    async def too_late(answer: web.WebSocketResponse, request: web.BaseRequest) -> object:
        assert request.transport is not None
        request.transport.abort()
        return await prepare(answer, request)

    async with running(high, charter) as node:
        monkeypatch.setattr(web.WebSocketResponse, "prepare", too_late)
        with pytest.raises(aiohttp.ClientError):
            async with raw_socket(low, high):
                pass
        monkeypatch.undo()
        async with met_socket(low, high, charter):
            await node.events.until(lambda: node.events.joined == [low.address])
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_an_inbox_that_fails_stops_the_node() -> None:
    """A fault of this node is not turned into a quietly missing peer (R-NET1)."""

    class Failing(Recorder):
        async def received(self, peer: bytes, kind: str, payload: bytes) -> None:
            raise LookupError("the replica is broken")

    low, high = people(2)
    charter = charter_of([low, high])
    async with running(high, charter) as node:
        with pytest.raises(ExceptionGroup) as failed:
            async with Hub(low.identity, charter.directory, Failing(), settings_of(low)):
                await node.events.until(lambda: node.events.joined != [])
                node.hub.send(low.address, "status", b"s")
                await asyncio.Event().wait()
        assert failed.group_contains(LookupError)


async def test_a_port_that_is_taken_is_said_at_the_start() -> None:
    low, high = people(2)
    charter = charter_of([low, high])
    async with running(low, charter):
        with pytest.raises(OSError, match="in use"):
            async with running(low, charter):
                pass


async def test_nodes_of_two_charter_versions_talk() -> None:
    """R-NET2: who is behind learns of the newer charter from its peers."""
    low, high, stranger = people(3)
    before, after = charter_of([low, high]), charter_of([low, high, stranger], version=3)
    async with running(low, before) as behind, running(high, after) as ahead:
        await behind.meets(ahead)
        await ahead.meets(behind)
        await exchange(behind, ahead)


async def test_a_member_with_new_keys_is_met_once_the_charter_names_them() -> None:
    """R-GOV7: the old session ends at once, the old leaf is refused, the new one is dialled."""
    low, high = people(2)
    rekeyed = someone(port=int(high.member.endpoint.rpartition(":")[2]))
    member = replace(rekeyed.member, address=high.address)
    identity = replace(rekeyed.identity, address=high.address)
    changed = Someone(member, identity, rekeyed.consensus)
    before, after = charter_of([low, high]), charter_of([low, changed], version=1)
    async with running(low, before) as node:
        async with running(high, before) as old:
            await node.meets(old)
            await node.hub.update_charter(after)
            await old.events.until(lambda: old.events.left != [])
            assert node.events.left == [(high.address, CloseReason.NOT_A_MEMBER)]
        async with running(changed, before) as again:
            await node.meets(again)
            await again.meets(node)
            await exchange(node, again)


async def test_a_revoked_node_dials_nobody() -> None:
    """R-GOV7: its peers would refuse it, again and again."""
    low, high = people(2)
    both, without = charter_of([low, high]), charter_of([high], version=1)
    async with running(low, both) as node:
        node.hub.dials = False
        await node.hub.update_charter(without)
        assert node.hub._dialling == {}
