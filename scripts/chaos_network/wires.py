"""The network between the members: relays that forward bytes, and directions that fail.

The charter names a relay's port as each member's endpoint, so every link runs through one. TLS
passes untouched. Who dials is the process that holds the caller's port; no privilege is needed. A
cut holds the bytes of one direction, its connections' ends included; a delay lets them wait.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import psutil

from scripts.chaos_network.schedule import Way

HOST: Final = "127.0.0.1"
PIECE_BYTES: Final = 65_536
QUEUED_PIECES: Final = 64
"""Bytes on the way in one direction; beyond, the sender's socket fills."""

Pids = Callable[[], Mapping[str, int]]
"""The processes of the members that run now."""


class Wires:
    """What every direction does now. Faults may overlap: the last one healed opens it."""

    def __init__(self) -> None:
        self._cuts: Counter[Way] = Counter()
        self._delays: defaultdict[Way, list[int]] = defaultdict(list)
        self._changed = asyncio.Event()
        self.links: set[Link] = set()

    def cut(self, ways: Iterable[Way]) -> None:
        """Hold what travels these ways."""
        self._cuts.update(ways)

    def mend(self, ways: Iterable[Way], *, breaks: bool) -> None:
        """Let it travel again; with `breaks` the connections held are reset instead."""
        mended = frozenset(ways)
        self._cuts.subtract(mended)
        self._changed.set()
        self._changed = asyncio.Event()
        for link in tuple(self.links) if breaks else ():
            if link.ways & mended:
                link.reset()

    def slow(self, ways: Iterable[Way], delay_ms: int) -> None:
        """Let everything on these ways take this much longer."""
        for way in ways:
            self._delays[way].append(delay_ms)

    def hasten(self, ways: Iterable[Way], delay_ms: int) -> None:
        """Undo `slow`."""
        for way in ways:
            self._delays[way].remove(delay_ms)

    def delay_s(self, way: Way) -> float:
        """How long a byte takes now."""
        return sum(self._delays[way]) / 1_000

    async def open(self, way: Way) -> None:
        """Wait until a way is not cut."""
        while self._cuts[way] > 0:
            await self._changed.wait()


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """One connection through a relay."""

    ways: frozenset[Way]
    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]

    def reset(self) -> None:
        """End it at once, whatever is on the way."""
        for end in self.ends:
            end.transport.abort()


class Relay:
    """The endpoint of one member in the charter; `target_port` is where its node listens."""

    def __init__(self, member: str, wires: Wires, pids: Pids) -> None:
        self.member = member
        self.target_port = 0
        self._wires = wires
        self._pids = pids
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen on a port of the system's choice; the port."""
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("the server runs every caller in a task")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await self._connect(reader, writer)
        except asyncio.CancelledError:
            pass  # The relay closes; asyncio's streams would report it as a failure.
        finally:
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("peername")[1]
        dialler = await asyncio.to_thread(owner_of, port, self._pids())
        if dialler is None:
            return  # The caller is gone already.
        there, back = (dialler, self.member), (self.member, dialler)
        await self._wires.open(there)
        try:
            answers, onward = await asyncio.open_connection(HOST, self.target_port)
        except OSError:
            return  # Nobody listens there now: the caller is refused.
        link = Link(frozenset((there, back)), (writer, onward))
        self._wires.links.add(link)
        try:
            await asyncio.gather(
                self._forward(reader, onward, there), self._forward(answers, writer, back)
            )
        finally:
            self._wires.links.discard(link)
            onward.transport.abort()

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way
    ) -> None:
        """Carry one direction to its end, which is held and delayed like any byte."""
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUED_PIECES)
        taking = asyncio.create_task(self._take(reader, pieces, way))
        loop = asyncio.get_running_loop()
        try:
            while True:
                due_s, piece = await pieces.get()
                await asyncio.sleep(max(0.0, due_s - loop.time()))
                await self._wires.open(way)
                if not piece or writer.is_closing():
                    break
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass  # The receiver is gone; the other direction learns it by itself.
        finally:
            taking.cancel()
            writer.close()

    async def _take(
        self, reader: asyncio.StreamReader, pieces: asyncio.Queue[tuple[float, bytes]], way: Way
    ) -> None:
        loop = asyncio.get_running_loop()
        piece = b"first"
        while piece:
            try:
                piece = await reader.read(PIECE_BYTES)
            except ConnectionError:
                piece = b""
            await pieces.put((loop.time() + self._wires.delay_s(way), piece))


def owner_of(port: int, pids: Mapping[str, int]) -> str | None:
    """The member whose process holds a local port; None when it is gone already."""
    for name, pid in pids.items():
        try:
            connections = psutil.Process(pid).net_connections("tcp4")
        except psutil.Error:
            continue  # Killed meanwhile: it holds nothing any more.
        if any(connection.laddr.port == port for connection in connections):
            return name
    return None
