"""The hub: a listener, a dialler and at most one live link per member (R-NET1, R-NET2).

The smaller address dials the larger, so a pair makes one connection; where two arise all the same,
the newer wins once its HELLO is through, because an old one may be half open without knowing it.
Only members of the charter in force are dialled or let in. The hub sends nothing of its own: an
idle network is silent but for the replica's STATUS.

Run it with `async with`; whatever fails inside (an inbox that raises) ends the block, so a fault of
this node never turns into a quietly missing peer.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Iterable
from types import TracebackType

import aiohttp
import structlog
from aiohttp import WSCloseCode, web

from medquorum.ledger import signature
from medquorum.ledger.keys import Address
from medquorum.ledger.types import Role
from medquorum.node import tls
from medquorum.node.peers.dialling import PinnedContexts, backoff_s, client_session, dial
from medquorum.node.peers.directory import (
    CharterView,
    Directory,
    NodeIdentity,
    PeerEntry,
    directory_of,
)
from medquorum.node.peers.errors import (
    CLOSE_CODES,
    CloseReason,
    HandshakeFailed,
)
from medquorum.node.peers.framing import Message
from medquorum.node.peers.hello import Channel, Handshake, Party
from medquorum.node.peers.hub_settings import DEFAULTS, HubSettings, HubStatistics, PeerEvents
from medquorum.node.peers.link import SOCKET_MESSAGE_LIMIT, Link, Socket
from medquorum.node.peers.listener import PEER, PEER_PATH, Listener
from medquorum.node.peers.meeting import meet
from medquorum.node.peers.rate import Offence, Standings

_LOG = structlog.get_logger("peers")
_NONCE_BYTES = 32
_OFFENCES = {
    CloseReason.OVERSIZE: Offence.OVERSIZE_FRAME,
    CloseReason.MALFORMED: Offence.MALFORMED_FRAME,
}


class Hub:
    """All links of one node."""

    def __init__(
        self,
        identity: NodeIdentity,
        directory: Directory,
        events: PeerEvents,
        settings: HubSettings = DEFAULTS,
    ) -> None:
        self.statistics = HubStatistics()
        self.directory = directory
        self.contexts = PinnedContexts(identity)
        self.dials = True
        """False once this node's own member is no member any more: nobody would answer."""
        self._identity = identity
        self._own_spki = tls.spki_hash(identity.leaf)
        self._events = events
        self._settings = settings
        self._limits = settings.limits
        self._links: dict[Address, Link] = {}
        self._dialling: dict[Address, asyncio.Task[None]] = {}
        self._standings = Standings(settings.limits.ban_s)
        self._jitter = random.SystemRandom()
        self._listener = Listener(
            identity,
            lambda leaf: self.directory.by_leaf(leaf),
            (web.get(PEER_PATH, self._answer), *settings.routes),
            settings.limits,
        )
        self._tasks = asyncio.TaskGroup()
        self._stopping = False

    async def __aenter__(self) -> Hub:
        leaves = self.directory.leaves()
        await self._listener.start(self._settings.host, self._settings.port, leaves)
        self._session = client_session()
        await self._tasks.__aenter__()
        self._dial_neighbours()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping = True
        for task in self._dialling.values():
            task.cancel()
        for link in self._links.values():
            link.close(CloseReason.SHUTDOWN)
        try:
            await self._tasks.__aexit__(kind, error, trace)
        finally:
            await self._listener.close()
            await self._session.close()

    @property
    def port(self) -> int:
        """The port listened on."""
        return self._listener.port

    def connected(self) -> tuple[Address, ...]:
        """The members with a live link, in ascending order."""
        return tuple(sorted(self._links))

    def send(self, peer: Address, kind: str, payload: bytes) -> bool:
        """Queue a message; False when the peer is not connected or its link is ending."""
        link = self._links.get(peer)
        return link is not None and link.send(Message(kind, payload))

    def broadcast(self, peers: Iterable[Address], kind: str, payload: bytes) -> int:
        """Queue one message for several peers; to how many it went."""
        message = Message(kind, payload)
        links = (self._links.get(peer) for peer in peers)
        return sum(link.send(message) for link in links if link is not None)

    def penalise(self, peer: Address, offence: Offence) -> None:
        """Lower a member's score; without points left it is out for a while."""
        now_s = asyncio.get_running_loop().time()
        banned = self._standings.penalise(peer, offence, now_s)
        if banned and (link := self._links.get(peer)) is not None:
            link.close(CloseReason.LOW_SCORE)

    async def update_charter(self, charter: CharterView) -> None:
        """Follow a new charter version: trust its leaves, drop who left, dial who joined."""
        self.directory = directory_of(charter, self.directory.network)
        self.contexts.keep(self.directory.by_leaf)
        for link in tuple(self._links.values()):
            if self.directory.by_leaf(link.peer.leaf) != link.peer:
                self._drop(link, CloseReason.NOT_A_MEMBER)
        self._dial_neighbours()
        await self._listener.trust(self.directory.leaves())

    def _dial_neighbours(self) -> None:
        """One dialling task per neighbour with a larger address (R-NET1)."""
        own = self._identity.address
        neighbours = self.directory.neighbours(own, self._limits.peers) if self.dials else ()
        wanted = {entry.address for entry in neighbours if own < entry.address}
        for address in tuple(self._dialling):
            if address not in wanted:
                self._dialling.pop(address).cancel()
        for address in sorted(wanted - self._dialling.keys()):
            self._dialling[address] = self._tasks.create_task(self._keep_dialling(address))

    async def _keep_dialling(self, address: Address) -> None:
        loop = asyncio.get_running_loop()
        attempt = 0
        while (entry := self.directory.member(address)) is not None:
            started_s = loop.time()
            if (link := self._links.get(address)) is not None:
                await link.ended()
            elif not self._standings.banned(address, started_s):
                await self._dial_once(entry)
            stable = loop.time() - started_s >= self._limits.stable_link_s
            attempt = 0 if stable else attempt + 1
            low_s, high_s = self._limits.backoff_low_s, self._limits.backoff_high_s
            await asyncio.sleep(backoff_s(attempt, low_s, high_s, self._jitter.random()))

    async def _dial_once(self, entry: PeerEntry) -> None:
        """Dial a member and carry the link to its end; a failure is logged, and tried again."""
        try:
            async with asyncio.timeout(self._limits.handshake_timeout_s):
                context = self.contexts.of(entry)
                socket = await dial(self._session, entry, context, self._limits)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            _LOG.info("peer_unreachable", peer=_short(entry), fault=type(error).__name__)
            return
        if await self._greet(socket, entry, dialling=True):
            await self._carry(socket, entry)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """The listener's side of a new connection."""
        entry = request[PEER]
        socket = web.WebSocketResponse(
            autoping=False,
            compress=False,
            max_msg_size=SOCKET_MESSAGE_LIMIT,
            timeout=self._limits.link.close_timeout_s,
        )
        try:
            await socket.prepare(request)
        except ConnectionError as error:
            _LOG.info("peer_unreachable", peer=_short(entry), fault=type(error).__name__)
            return web.Response(status=408)  # Nobody reads it: the caller is gone.
        if await self._greet(socket, entry, dialling=False) and not self._stopping:
            # A task of the hub, so that an inbox that raises stops the node, not one request.
            await asyncio.wait({self._tasks.create_task(self._carry(socket, entry))})
        return socket

    async def _greet(self, socket: Socket, entry: PeerEntry, *, dialling: bool) -> bool:
        """Whether the peer got through HELLO; otherwise its socket is closed."""
        party = Party(
            network=self.directory.network,
            address=self._identity.address,
            charter_version=self.directory.charter_version,
            sign=self._identity.sign,
            verify=signature.verify,
            consensus_key=self.directory.consensus_key,
        )
        channel = Channel(self._own_spki, entry.spki, entry.address)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        handshake = Handshake(party, channel, nonce, dialling=dialling)
        try:
            await meet(socket, handshake, self._limits.handshake_timeout_s)
        except HandshakeFailed as failed:
            self.statistics.refused[failed.refusal] += 1
            _LOG.warning("peer_refused", peer=_short(entry), reason=failed.refusal.value)
            await socket.close(code=WSCloseCode.POLICY_VIOLATION)
        except (OSError, TimeoutError) as error:
            _LOG.info("peer_unreachable", peer=_short(entry), fault=type(error).__name__)
            await socket.close()
        else:
            return True
        return False

    async def _carry(self, socket: Socket, entry: PeerEntry) -> None:
        """Adopt a met peer's connection and carry it to its end."""
        refusal = self._no_room_for(entry)
        if refusal is not None:
            self.statistics.closed[refusal] += 1
            await socket.close(code=CLOSE_CODES[refusal])
            return
        link = Link(socket, entry, self._events.received, self._limits.link)
        if (old := self._links.get(entry.address)) is not None:
            self._drop(old, CloseReason.REPLACED)
        self._links[entry.address] = link
        self._events.connected(entry.address)
        reason = CloseReason.SHUTDOWN
        try:
            reason = await link.run()
        finally:
            self._drop(link, reason)

    def _no_room_for(self, entry: PeerEntry) -> CloseReason | None:
        """Why a met peer cannot stay; a doctor's node displaces another when all is full."""
        if self._stopping:
            return CloseReason.SHUTDOWN
        if self.directory.by_leaf(entry.leaf) != entry:
            return CloseReason.NOT_A_MEMBER
        if self._standings.banned(entry.address, asyncio.get_running_loop().time()):
            return CloseReason.LOW_SCORE
        if entry.address in self._links or len(self._links) < self._limits.peers:
            return None
        others = [link for link in self._links.values() if link.peer.role is not Role.DOCTOR]
        if entry.role is not Role.DOCTOR or not others:
            return CloseReason.CROWDED_OUT
        self._drop(others[-1], CloseReason.CROWDED_OUT)
        return None

    def _drop(self, link: Link, reason: CloseReason) -> None:
        """Take a link off the table, once, and tell the node."""
        link.close(reason)
        address = link.peer.address
        if self._links.get(address) is not link:
            return
        del self._links[address]
        self.statistics.closed[reason] += 1
        if (offence := _OFFENCES.get(reason)) is not None:
            self.penalise(address, offence)
        self._events.disconnected(address, reason)


def _short(entry: PeerEntry) -> str:
    return entry.address.hex()[:8]
