"""One met peer: a bounded queue out, coalesced frames, a reader that only parses (R-NET1).

Outbound: nothing queued is ever dropped unseen. When a peer does not read and 8 MiB wait for it,
the link closes with `OUTBOUND_FULL`; on reconnecting STATUS and announcements repair what it missed
(R-SIM9). Inbound: each message goes to `inbox`, awaited, so a full inbox stops the reader and TCP
stops the peer. Rates above the limits slow the reader in the same way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import ClientWebSocketResponse, WebSocketError, WSCloseCode, WSMessage, WSMsgType, web

from medquorum.ledger.keys import Address
from medquorum.node.peers.directory import PeerEntry
from medquorum.node.peers.errors import CLOSE_CODES, CloseReason, FrameError
from medquorum.node.peers.framing import Message, decode_frame, pack_frames
from medquorum.node.peers.hello import HELLO
from medquorum.node.peers.limits import FRAME_BYTES, LinkLimits
from medquorum.node.peers.rate import TokenBucket

Socket = ClientWebSocketResponse | web.WebSocketResponse
Inbox = Callable[[Address, str, bytes], Awaitable[None]]
"""Takes (peer, kind, payload); awaiting it is the back-pressure."""

SOCKET_MESSAGE_LIMIT: Final = FRAME_BYTES + 1
"""aiohttp refuses a message of exactly its limit; ours still allows one."""
_ENDED: Final = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED})


class Link:
    """A connection past HELLO. `run` owns it until it ends; one loop, no locks."""

    def __init__(self, socket: Socket, peer: PeerEntry, inbox: Inbox, limits: LinkLimits) -> None:
        self.peer = peer
        self._socket = socket
        self._inbox = inbox
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Message] = deque()
        self._queued_bytes = 0
        self._wake = asyncio.Event()
        self._ending: asyncio.Future[CloseReason] = self._loop.create_future()
        self.opened_at_s = now_s = self._loop.time()
        self._frames = TokenBucket(limits.frames_per_s, limits.frames_burst, now_s)
        self._messages = TokenBucket(limits.messages_per_s, limits.messages_burst, now_s)
        self._bytes = TokenBucket(limits.bytes_per_s, limits.bytes_burst, now_s)

    @property
    def queued_bytes(self) -> int:
        """Bytes accepted by `send` that no frame has taken yet."""
        return self._queued_bytes

    def send(self, message: Message) -> bool:
        """Queue a message; False when the link is ending, which a full queue makes it do."""
        if self._ending.done():
            return False
        self._queued_bytes += message.packed_bytes
        if self._queued_bytes > self._limits.queued_bytes:
            self.close(CloseReason.OUTBOUND_FULL)
            return False
        self._queue.append(message)
        self._wake.set()
        return True

    def close(self, reason: CloseReason) -> None:
        """Ask the link to end; the first reason stands. `run` does the work."""
        if not self._ending.done():
            self._ending.set_result(reason)

    async def ended(self) -> None:
        """Wait until the link has been asked to end, or has ended."""
        await asyncio.wait({self._ending})

    async def run(self) -> CloseReason:
        """Carry messages until either side ends the link; return why it ended.

        An exception of the inbox is this node's own fault and passes through.
        """
        reader = self._loop.create_task(self._read())
        writer = self._loop.create_task(self._write())
        try:
            await asyncio.wait({reader, writer, self._ending}, return_when=asyncio.FIRST_COMPLETED)
            for task in (reader, writer):
                if task.done():
                    self.close(task.result())
        finally:
            self.close(CloseReason.SHUTDOWN)
            reason = self._ending.result()
            for task in (reader, writer):
                task.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)
            await self._close_socket(reason)
        return reason

    async def _close_socket(self, reason: CloseReason) -> None:
        try:
            async with asyncio.timeout(self._limits.close_timeout_s):
                await self._socket.close(code=CLOSE_CODES[reason])
        except (TimeoutError, ConnectionError):
            pass  # It is gone either way: aiohttp closes the transport before it raises.
        except asyncio.CancelledError:
            # aiohttp's writers wait on one shared future; ending our writer in mid-drain cancels
            # it for this close as well. Only a cancellation of this very task is passed on.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise

    async def _write(self) -> CloseReason:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    queued, self._queue = self._queue, deque()
                    for frame in pack_frames(queued):
                        await self._socket.send_bytes(frame)
                        # Only now: bytes that the transport has not taken still count.
                        self._queued_bytes = max(0, self._queued_bytes - len(frame))
                    self._queued_bytes = sum(message.packed_bytes for message in self._queue)
        except ConnectionError:
            return CloseReason.BROKEN

    async def _read(self) -> CloseReason:
        while True:
            try:
                received = await self._socket.receive(timeout=self._limits.receive_timeout_s)
            except TimeoutError:
                return CloseReason.SILENT
            except ConnectionError:
                return CloseReason.BROKEN
            ended = await self._take(received)
            if ended is not None:
                return ended

    async def _take(self, received: WSMessage) -> CloseReason | None:
        if received.type is WSMsgType.BINARY:
            return await self._take_frame(received.data)
        if received.type in _ENDED:
            orderly = self._socket.close_code not in (None, WSCloseCode.ABNORMAL_CLOSURE)
            return CloseReason.PEER_CLOSED if orderly else CloseReason.BROKEN
        if received.type is WSMsgType.PING:
            await self._charge(0, len(received.data))
            return await self._pong(received.data)
        if received.type is WSMsgType.PONG:
            await self._charge(0, len(received.data))
            return None
        if received.type is WSMsgType.ERROR:
            return _fault(received.data)
        return CloseReason.MALFORMED

    async def _pong(self, payload: bytes) -> CloseReason | None:
        try:
            await self._socket.pong(payload)
        except ConnectionError:
            return CloseReason.BROKEN
        return None

    async def _take_frame(self, frame: bytes) -> CloseReason | None:
        try:
            messages = decode_frame(frame)
        except FrameError:
            return CloseReason.MALFORMED
        await self._charge(len(messages), len(frame))
        for message in messages:
            if message.kind == HELLO:
                return CloseReason.MALFORMED
            await self._inbox(self.peer.address, message.kind, message.payload)
        return None

    async def _charge(self, messages: int, size: int) -> None:
        """Wait as long as the fullest of the three buckets demands."""
        now_s = self._loop.time()
        delay_s = max(
            self._frames.charge(1, now_s),
            self._messages.charge(messages, now_s),
            self._bytes.charge(size, now_s),
        )
        if delay_s > 0:
            await asyncio.sleep(delay_s)


def _fault(error: object) -> CloseReason:
    """aiohttp hands a protocol fault over as a message whose content is the exception."""
    if not isinstance(error, WebSocketError):
        return CloseReason.BROKEN
    oversize = error.code == WSCloseCode.MESSAGE_TOO_BIG
    return CloseReason.OVERSIZE if oversize else CloseReason.MALFORMED
