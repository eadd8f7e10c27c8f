"""The peers' listener: mutual TLS 1.3, WebSocket at `/peer` and bodies beside it (R-NET1, R-NET4).

`ssl` cannot remove a trusted leaf, so a new charter means a new context: a second server takes over
the same listening socket before the first stops, and no caller finds the port closed. Requests on
connections made under the old context are still checked against the charter in force, one by one.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import web

from medquorum.node import tls
from medquorum.node.peers.directory import NodeIdentity, PeerEntry
from medquorum.node.peers.limits import HubLimits

PEER_PATH: Final = "/peer"
PEER: Final = web.RequestKey("peer", PeerEntry)
"""The member whose leaf the caller proved to hold."""
_BACKLOG: Final = 128
_LINGERING_S: Final = 1.0
"""For a request body nobody reads."""
_SHUTDOWN_S: Final = 0.25
"""Requests still open when the node stops: a HELLO is repeated, a body fetch resumes."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Listener:
    """One listening socket whose trust store follows the charter."""

    def __init__(
        self,
        identity: NodeIdentity,
        member_of: Callable[[bytes], PeerEntry | None],
        routes: Sequence[web.RouteDef],
        limits: HubLimits,
    ) -> None:
        self._identity = identity
        self._member_of = member_of
        self._limits = limits
        # One request's body: nobody has a reason to send any.
        application = web.Application(middlewares=[self._members_only], client_max_size=1)
        application.add_routes(routes)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            keepalive_timeout=limits.keepalive_timeout_s,
            lingering_time=_LINGERING_S,
            max_line_size=4_096,
            max_field_size=4_096,
            max_headers=64,
            shutdown_timeout=_SHUTDOWN_S,
        )
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port listened on; of use when 0 was asked for."""
        if self._socket is None:
            raise RuntimeError("the listener has not been started")
        port: int = self._socket.getsockname()[1]
        return port

    async def start(self, host: str, port: int, trusted_leaves: Sequence[bytes]) -> None:
        """Listen; OSError when the address is taken."""
        await self._runner.setup()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        self._socket.setblocking(False)
        await self.trust(trusted_leaves)

    async def trust(self, trusted_leaves: Sequence[bytes]) -> None:
        """Accept exactly these leaves from now on; open connections are the caller's to judge."""
        if self._socket is None or self._runner.server is None:
            raise RuntimeError("the listener has not been started")
        context = tls.server_context(self._identity.tls_key, self._identity.leaf, trusted_leaves)
        successor = await asyncio.get_running_loop().create_server(
            self._runner.server,
            sock=self._socket.dup(),
            ssl=context,
            backlog=_BACKLOG,
            ssl_handshake_timeout=self._limits.handshake_timeout_s,
        )
        if self._server is not None:
            self._server.close()
        self._server = successor

    async def close(self) -> None:
        """Stop listening and end every request."""
        if self._server is not None:
            self._server.close()
        if self._socket is not None:
            self._socket.close()
        await self._runner.cleanup()

    @web.middleware
    async def _members_only(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        session = None if request.transport is None else request.get_extra_info("ssl_object")
        leaf = None if session is None else session.getpeercert(binary_form=True)
        entry = None if leaf is None else self._member_of(leaf)
        if entry is None:
            refusal = web.Response(status=403)
            refusal.force_close()
            return refusal
        request[PEER] = entry
        return await handler(request)
