"""HELLO over a WebSocket: the shell around `hello.Handshake` (R-NET2)."""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType

from medquorum.node.peers.errors import FrameError, HandshakeFailed, HelloRefusal
from medquorum.node.peers.framing import Message, decode_frame, encode_frame
from medquorum.node.peers.hello import HELLO, Greeting, Handshake, Refused, State
from medquorum.node.peers.link import Socket


async def meet(socket: Socket, handshake: Handshake, timeout_s: float) -> Greeting:
    """Exchange HELLOs until the peer is met; nothing else is read before.

    Raises HandshakeFailed for a refusal, TimeoutError when the peer dribbles and ConnectionError
    when it hangs up; closing the socket is the caller's.
    """
    async with asyncio.timeout(timeout_s):
        if handshake.state is State.DIALLING:
            await _send(socket, handshake.opening())
        while True:
            outcome = handshake.receive(await _receive(socket))
            if isinstance(outcome, Refused):
                raise HandshakeFailed(outcome.reason)
            if outcome.reply is not None:
                await _send(socket, outcome.reply)
            if outcome.met is not None:
                return outcome.met


async def _send(socket: Socket, payload: bytes) -> None:
    await socket.send_bytes(encode_frame([Message(HELLO, payload)]))


async def _receive(socket: Socket) -> bytes:
    """The payload of a frame that holds one hello; anything else is a malformed HELLO."""
    received = await socket.receive()
    if received.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
        raise ConnectionResetError("R-NET2: the peer closed during HELLO")
    try:
        if received.type is WSMsgType.BINARY:
            messages = decode_frame(received.data)
            if len(messages) == 1 and messages[0].kind == HELLO:
                return messages[0].payload
    except FrameError:
        pass  # Answered below like every other malformed HELLO.
    raise HandshakeFailed(HelloRefusal.MALFORMED)
