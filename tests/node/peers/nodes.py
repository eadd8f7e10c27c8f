"""Members with real keys and leaves, hubs on loopback sockets, and waiting without sleeping."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.ledger import signature
from medquorum.ledger.keys import Address, PublicKey, address_of, public_key
from medquorum.ledger.types import NetworkId, Role
from medquorum.node import tls
from medquorum.node.peers.dialling import client_session
from medquorum.node.peers.directory import Directory, NodeIdentity, directory_of
from medquorum.node.peers.errors import CloseReason
from medquorum.node.peers.hello import Channel, Handshake, Party
from medquorum.node.peers.hub import Hub
from medquorum.node.peers.hub_settings import HubSettings
from medquorum.node.peers.limits import HubLimits
from medquorum.node.peers.link import SOCKET_MESSAGE_LIMIT
from medquorum.node.peers.meeting import meet

NETWORK = NetworkId(hashlib.sha256(b"a network of tests").digest())
OTHER_NETWORK = NetworkId(hashlib.sha256(b"another network").digest())
PATIENCE_S = 10.0
QUICK = HubLimits(backoff_low_s=0.01, backoff_high_s=0.05)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys the peer room reads of a member."""

    consensus: PublicKey


@dataclass(frozen=True, slots=True)
class Member:
    """A charter's member as the peer room sees it."""

    address: Address
    role: Role
    endpoint: str
    keys: Keys
    tls_certificate: bytes


@dataclass(frozen=True, slots=True)
class Charter:
    """A charter as the peer room sees it."""

    members: tuple[Member, ...]
    version: int = 0

    @property
    def directory(self) -> Directory:
        return directory_of(self, NETWORK)


@dataclass(frozen=True, slots=True)
class Someone:
    """A member with the private keys behind it."""

    member: Member
    identity: NodeIdentity
    consensus: ec.EllipticCurvePrivateKey

    @property
    def address(self) -> Address:
        return self.member.address


def someone(role: Role = Role.DOCTOR, port: int = 1) -> Someone:
    """Make a member whose endpoint is a loopback port."""
    clinical, consensus, tls_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    address = address_of(public_key(clinical))
    leaf = tls.issue_leaf_certificate(tls_key, address.hex()[:16])
    member = Member(address, role, f"127.0.0.1:{port}", Keys(public_key(consensus)), leaf)
    identity = NodeIdentity(address, leaf, tls_key, signature.signer(consensus))
    return Someone(member, identity, consensus)


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on at this moment."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def people(count: int, role: Role = Role.DOCTOR) -> list[Someone]:
    """Members in ascending order of address, each with a port of its own."""
    made = [someone(role, port) for port in free_ports(count)]
    return sorted(made, key=lambda each: each.address)


def charter_of(members: Iterable[Someone], version: int = 0) -> Charter:
    return Charter(tuple(each.member for each in members), version)


@dataclass(slots=True)
class Recorder:
    """Notes what a hub tells its node, and lets a test wait for it."""

    messages: list[tuple[Address, str, bytes]] = field(default_factory=list)
    joined: list[Address] = field(default_factory=list)
    left: list[tuple[Address, CloseReason]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def connected(self, peer: Address) -> None:
        self.joined.append(peer)
        self._changed.set()

    def disconnected(self, peer: Address, reason: CloseReason) -> None:
        self.left.append((peer, reason))
        self._changed.set()

    async def received(self, peer: Address, kind: str, payload: bytes) -> None:
        self.messages.append((peer, kind, payload))
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that an event of this hub brings about."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def more_than(self, messages: int) -> None:
        """Wait for another message."""
        await self.until(lambda: len(self.messages) > messages)


@dataclass(slots=True)
class Node:
    """A running hub and what it reported."""

    who: Someone
    hub: Hub
    events: Recorder

    @property
    def address(self) -> Address:
        return self.who.address

    async def meets(self, *others: Node) -> None:
        wanted = {other.address for other in others}
        await self.events.until(lambda: wanted <= set(self.hub.connected()))


def settings_of(who: Someone, limits: HubLimits = QUICK) -> HubSettings:
    return HubSettings(port=int(who.member.endpoint.rpartition(":")[2]), limits=limits)


@asynccontextmanager
async def running(who: Someone, charter: Charter, limits: HubLimits = QUICK) -> AsyncIterator[Node]:
    """One hub with this charter, until the block ends."""
    events = Recorder()
    async with Hub(who.identity, charter.directory, events, settings_of(who, limits)) as hub:
        yield Node(who, hub, events)


@asynccontextmanager
async def mesh(members: list[Someone], limits: HubLimits = QUICK) -> AsyncIterator[list[Node]]:
    """Hubs for all members, every pair connected."""
    charter = charter_of(members)
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(running(who, charter, limits)) for who in members]
        for node in nodes:
            await node.meets(*(other for other in nodes if other is not node))
        yield nodes


@asynccontextmanager
async def raw_socket(
    who: Someone, target: Someone
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A WebSocket past TLS but before HELLO, for peers that do not keep the rules."""
    identity = who.identity
    context = tls.client_context(identity.tls_key, identity.leaf, (target.member.tls_certificate,))
    url = f"wss://{target.member.endpoint}/peer"
    async with (
        client_session() as session,
        session.ws_connect(
            url,
            ssl=context,
            autoping=False,
            max_msg_size=SOCKET_MESSAGE_LIMIT,
            timeout=aiohttp.ClientWSTimeout(ws_close=0.2),
        ) as opened,
    ):
        yield opened


def party_of(who: Someone, charter: Charter, network: NetworkId = NETWORK) -> Party:
    """What `who` brings to a handshake."""
    return Party(
        network=network,
        address=who.address,
        charter_version=charter.version,
        sign=who.identity.sign,
        verify=signature.verify,
        consensus_key=charter.directory.consensus_key,
    )


def channel_of(me: Someone, peer: Someone) -> Channel:
    """The channel between two members as `me` sees it."""
    return Channel(tls.spki_hash(me.identity.leaf), tls.spki_hash(peer.identity.leaf), peer.address)


@asynccontextmanager
async def met_socket(
    who: Someone, target: Someone, charter: Charter, speaking_as: Someone | None = None
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A WebSocket past HELLO; `speaking_as` signs it with another member's address and key."""
    party = party_of(speaking_as or who, charter)
    async with raw_socket(who, target) as opened:
        nonce = secrets.token_bytes(32)
        handshake = Handshake(party, channel_of(who, target), nonce, dialling=True)
        await meet(opened, handshake, PATIENCE_S)
        yield opened
