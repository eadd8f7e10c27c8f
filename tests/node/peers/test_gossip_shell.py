"""Gossip between six real nodes: everything arrives everywhere, exactly once (R-NET3)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from medquorum.ledger.keys import Address
from medquorum.ledger.reasons import ACCEPT, Judgement, Reason, Reject
from medquorum.node.peers.errors import CloseReason
from medquorum.node.peers.gossip import Deliver
from medquorum.node.peers.gossip_shell import GossipShell
from medquorum.node.peers.hub import Hub
from tests.node.peers.nodes import PATIENCE_S, Charter, Someone, charter_of, people, settings_of

NODES = 6
BAD = b"a vote that breaks a rule"


@dataclass(slots=True)
class Gossiper:
    """A node whose replica accepts everything but one object, at once."""

    who: Someone
    heard: Counter[bytes] = field(default_factory=Counter)
    links: set[Address] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    shell: GossipShell = field(init=False)

    def __post_init__(self) -> None:
        self.shell = GossipShell(self.deliver)

    async def deliver(self, delivery: Deliver) -> None:
        self.heard[delivery.payload] += 1
        bad = delivery.payload == BAD
        judgement: Judgement = Reject(Reason.BAD_SIGNATURE) if bad else ACCEPT
        self.shell.judged(delivery.digest, judgement)
        self.changed.set()

    def connected(self, peer: Address) -> None:
        self.links.add(peer)
        self.shell.connected(peer, doctor=True)
        self.changed.set()

    def disconnected(self, peer: Address, reason: CloseReason) -> None:
        self.links.discard(peer)
        self.shell.disconnected(peer)

    async def received(self, peer: Address, kind: str, payload: bytes) -> None:
        await self.shell.received(peer, kind, payload)

    async def hears(self, payload: bytes) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not self.heard[payload]:
                self.changed.clear()
                await self.changed.wait()

    async def links_to(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.links) < count:
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def gossiping(
    members: Sequence[Someone], charters: Sequence[Charter]
) -> AsyncIterator[list[Gossiper]]:
    """One node per member, each knowing the members of its own charter, all linked."""
    nodes = [Gossiper(who) for who in members]
    async with AsyncExitStack() as stack:
        for node, charter in zip(nodes, charters, strict=True):
            identity = node.who.identity
            hub = Hub(identity, charter.directory, node, settings_of(node.who))
            node.shell.attach(hub)
            stack.callback(node.shell.close)
            await stack.enter_async_context(hub)
        for node, charter in zip(nodes, charters, strict=True):
            await node.links_to(len(charter.members) - 1)
        yield nodes


async def test_in_a_full_mesh_every_node_hears_every_object_once() -> None:
    """R-NET3: pushed by its maker to all, and to nobody twice."""
    members = people(NODES)
    async with gossiping(members, [charter_of(members)] * NODES) as nodes:
        for number, node in enumerate(nodes):
            node.shell.publish("vote", bytes([number]))
        for number in range(NODES):
            for node in nodes:
                if nodes.index(node) != number:
                    await node.hears(bytes([number]))
        assert [set(node.heard.values()) for node in nodes] == [{1}] * NODES
        assert [len(node.heard) for node in nodes] == [NODES - 1] * NODES
        assert sum(node.shell.gossip.statistics.duplicates for node in nodes) == 0


async def test_round_a_ring_an_object_is_announced_and_pulled() -> None:
    """R-NET3: who is not linked to the maker pulls it from a neighbour, once."""
    members = people(NODES)
    rings = [
        charter_of(sorted({members[n - 1], members[n], members[(n + 1) % NODES]}, key=_address))
        for n in range(NODES)
    ]
    async with gossiping(members, rings) as nodes:
        nodes[0].shell.publish("proposal", b"core and signature")
        for node in nodes[1:]:
            await node.hears(b"core and signature")
        assert [node.heard[b"core and signature"] for node in nodes] == [0] + [1] * 5
        pulled = [node.shell.gossip.statistics.pulls for node in nodes]
        assert pulled == [0, 0, 1, 1, 1, 0]


async def test_a_rejected_object_goes_no_further_than_its_first_judges() -> None:
    """R-NET3: beyond the maker's neighbours nobody hears of it, though a later one arrives."""
    members = people(3)
    line = [charter_of(members[:2]), charter_of(members), charter_of(members[1:])]
    async with gossiping(members, line[:1] + line[1:]) as (maker, judge, far):
        maker.shell.publish("vote", BAD)
        maker.shell.publish("vote", b"good")
        await judge.hears(b"good")
        await far.hears(b"good")
        assert judge.heard[BAD] == 1
        assert far.heard == {b"good": 1}


async def test_a_node_that_was_away_pulls_what_it_missed() -> None:
    """R-NET3: on connecting, open objects are announced and pulled."""
    members = people(2)
    charter = charter_of(members)
    early = Gossiper(members[0])
    hub = Hub(members[0].identity, charter.directory, early, settings_of(members[0]))
    early.shell.attach(hub)
    async with hub:
        early.shell.publish("wrap", b"made while alone")
        late = Gossiper(members[1])
        other = Hub(members[1].identity, charter.directory, late, settings_of(members[1]))
        late.shell.attach(other)
        async with other:
            await late.hears(b"made while alone")
            assert late.shell.gossip.statistics.pulls == 1
        late.shell.close()
    early.shell.close()


def _address(who: Someone) -> Address:
    return who.address
