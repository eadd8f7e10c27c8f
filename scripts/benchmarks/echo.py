"""A process that echoes WebSocket messages under the nodes' own mutual TLS 1.3."""

from __future__ import annotations

import asyncio
import ssl
import sys
from pathlib import Path

from aiohttp import WSMsgType, web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from medquorum.node import tls


def prepare(folder: Path) -> ssl.SSLContext:
    """Make throw-away identities of both sides in `folder`; the caller's own TLS context."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    server, client = (tls.issue_leaf_certificate(key, "00") for key in keys)
    secret = keys[0].private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    (folder / "echo-key.der").write_bytes(secret)
    (folder / "echo-leaf.der").write_bytes(server)
    (folder / "echo-client.der").write_bytes(client)
    return tls.client_context(keys[1], client, (server,))


def _server_context(folder: Path) -> ssl.SSLContext:
    key = load_der_private_key((folder / "echo-key.der").read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the echo key is not of an elliptic curve")
    leaf, client = ((folder / name).read_bytes() for name in ("echo-leaf.der", "echo-client.der"))
    return tls.server_context(key, leaf, (client,))


async def _echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


async def _serve(folder: Path) -> None:
    application = web.Application()
    application.add_routes([web.get("/", _echo)])
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=_server_context(folder))
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(_serve(Path(sys.argv[1])))
    except KeyboardInterrupt:
        sys.exit(0)
