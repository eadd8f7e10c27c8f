"""Opening connections: only to the charter's endpoints, only to the one leaf expected (R-NET1).

Each member gets a TLS context that trusts nothing but that member's leaf: another member, however
trusted, cannot answer in its place, and neither name servers nor redirects matter.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Final

import aiohttp

from medquorum.node import tls
from medquorum.node.peers.directory import NodeIdentity, PeerEntry
from medquorum.node.peers.limits import HubLimits
from medquorum.node.peers.link import SOCKET_MESSAGE_LIMIT
from medquorum.node.peers.listener import PEER_PATH

READ_BUFFER_BYTES: Final = 2 * 1024**2
"""A sealed chunk fits in, so a fetch does not pause the transport every 64 KiB."""


def backoff_s(attempt: int, low_s: float, high_s: float, jitter: float) -> float:
    """Seconds before attempt number `attempt` + 1: doubling from low to high, then 50 to 100 %.

    `jitter` in [0, 1) keeps nodes that lost the same peer from returning in step.
    """
    ceiling = min(high_s, low_s * 2.0 ** min(attempt, 16))
    return ceiling * (0.5 + jitter / 2)


class PinnedContexts:
    """Client TLS contexts, one per member's leaf, made on first use."""

    def __init__(self, identity: NodeIdentity) -> None:
        self._identity = identity
        self._contexts: dict[bytes, ssl.SSLContext] = {}

    def of(self, entry: PeerEntry) -> ssl.SSLContext:
        """The context that accepts this member only."""
        context = self._contexts.get(entry.leaf)
        if context is None:
            context = tls.client_context(self._identity.tls_key, self._identity.leaf, (entry.leaf,))
            self._contexts[entry.leaf] = context
        return context

    def keep(self, known: Callable[[bytes], object | None]) -> None:
        """Forget the contexts of leaves the charter no longer has."""
        self._contexts = {
            leaf: context for leaf, context in self._contexts.items() if known(leaf) is not None
        }


def client_session() -> aiohttp.ClientSession:
    """A session without cookies, proxies, redirect memory or decompression."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=10, keepalive_timeout=10),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        read_bufsize=READ_BUFFER_BYTES,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=5.0),
    )


async def dial(
    session: aiohttp.ClientSession, entry: PeerEntry, context: ssl.SSLContext, limits: HubLimits
) -> aiohttp.ClientWebSocketResponse:
    """Connect to a member's listener; aiohttp.ClientError, OSError or TimeoutError when not."""
    return await session.ws_connect(
        entry.endpoint.url("wss", PEER_PATH),
        ssl=context,
        compress=0,
        autoping=False,
        heartbeat=None,
        max_msg_size=SOCKET_MESSAGE_LIMIT,
        timeout=aiohttp.ClientWSTimeout(ws_close=limits.link.close_timeout_s),
    )
