"""A man in the middle: it ends TLS with its own pinned leaf and passes every frame on (attack)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientWebSocketResponse, WSMsgType, web

from medquorum.node import tls
from tests.node.peers.nodes import Charter, Someone, raw_socket


async def _pump(
    source: web.WebSocketResponse | ClientWebSocketResponse,
    drain: web.WebSocketResponse | ClientWebSocketResponse,
) -> None:
    async for received in source:
        if received.type is WSMsgType.BINARY:
            await drain.send_bytes(received.data)
    await drain.close()


@asynccontextmanager
async def relaying(mallory: Someone, target: Someone, charter: Charter) -> AsyncIterator[None]:
    """Listen at Mallory's endpoint and pass every connection on to the target."""

    async def relay(request: web.Request) -> web.WebSocketResponse:
        inward = web.WebSocketResponse(compress=False)
        await inward.prepare(request)
        async with raw_socket(mallory, target) as outward:
            await asyncio.gather(_pump(inward, outward), _pump(outward, inward))
        return inward

    application = web.Application()
    application.add_routes([web.get("/peer", relay)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    leaves = [member.tls_certificate for member in charter.members]
    context = tls.server_context(mallory.identity.tls_key, mallory.identity.leaf, leaves)
    port = int(mallory.member.endpoint.rpartition(":")[2])
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    try:
        yield
    finally:
        await runner.cleanup()
