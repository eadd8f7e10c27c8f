"""Serving sealed bodies to members entitled to them, on the peers' listener (R-NET4).

`GET /bodies/{record}/manifest` and `GET /bodies/{record}/{part}/{index}`. Who asks is the member
whose TLS leaf the connection showed. A body that is not here and one that is not for the caller
get the same answer, and the right is looked up before the body, so that neither answer nor time
says whether a record exists. Chunks go out as slices of one buffer: under TLS `sendfile` falls back
to small reads and is several times slower, and a whole chunk at once is copied to join its headers.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import structlog
from aiohttp import web

from medquorum.ledger.body import PartDescriptor
from medquorum.ledger.keys import Address
from medquorum.ledger.types import PartName, RecordId
from medquorum.node.body_store import BodyAbsent, BodyStoreMisuse
from medquorum.node.peers.limits import TransferLimits
from medquorum.node.peers.listener import PEER
from medquorum.node.peers.manifest import Manifest, check_manifest, chunk_leaf, encode_manifest
from medquorum.node.peers.rate import TokenBucket

_LOG = structlog.get_logger("peers")
PIECE_BYTES = 256 * 1024
"""Half the server's CPU time per chunk of what writing it whole takes."""
_MEMBERS_REMEMBERED = 256
_RETRY_AFTER_S = "1"


class ChunkSource(Protocol):
    """What serving needs of the body store."""

    async def get_chunk(self, record: bytes, part: str, index: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class HeldBody:
    """A body whose chunks are all here: its descriptors and its encoded wraps."""

    descriptors: tuple[PartDescriptor, ...]
    wraps: tuple[bytes, ...] = ()


class Bookkeeping(Protocol):
    """What serving asks of the node; both answer from memory or an index."""

    def entitled(self, member: Address, record: RecordId) -> bool:
        """Whether the member is recipient of a wrap of that record (R-NET4)."""

    def held(self, record: RecordId) -> HeldBody | None:
        """What is known of a body whose chunks are all here."""


async def leaf_hashes(
    chunks: ChunkSource, record: RecordId, descriptors: Sequence[PartDescriptor]
) -> dict[PartName, bytes]:
    """Hash every stored chunk of a body, in a worker; BodyAbsent when one is missing."""
    loop = asyncio.get_running_loop()
    parts: dict[PartName, bytes] = {}
    for descriptor in descriptors:
        leaves = bytearray()
        for index in range(descriptor.chunks):
            sealed = await chunks.get_chunk(record, descriptor.name, index)
            leaves += await loop.run_in_executor(None, chunk_leaf, sealed)
        parts[descriptor.name] = bytes(leaves)
    return parts


class BodyServer:
    """The routes of R-NET4; hand `routes()` to the hub's settings."""

    def __init__(
        self, chunks: ChunkSource, books: Bookkeeping, limits: TransferLimits | None = None
    ) -> None:
        self._chunks = chunks
        self._books = books
        self._limits = limits or TransferLimits()
        self._leaves: OrderedDict[RecordId, dict[PartName, bytes]] = OrderedDict()
        self._hashing = asyncio.Lock()
        self._serving = asyncio.Semaphore(self._limits.serving)
        self._in_flight: Counter[Address] = Counter()
        self._buckets: OrderedDict[Address, TokenBucket] = OrderedDict()

    def routes(self) -> tuple[web.RouteDef, ...]:
        """The two routes, for members only."""
        record = "/bodies/{record:[0-9a-f]{64}}"
        return (
            web.get(record + "/manifest", self._manifest),
            web.get(record + "/{part:[A-Z_]{1,16}}/{index:[0-9]{1,4}}", self._chunk),
        )

    async def _manifest(self, request: web.Request) -> web.StreamResponse:
        record = self._asked_for(request)
        async with self._admitted(request) as admitted:
            if not admitted:
                return _busy()
            held = None if record is None else self._books.held(record)
            if record is None or held is None:
                return _absent()
            manifest = await self._measured(record, held)
            if manifest is None:
                return _absent()
            return await self._write(request, encode_manifest(manifest))

    async def _chunk(self, request: web.Request) -> web.StreamResponse:
        record = self._asked_for(request)
        async with self._admitted(request) as admitted:
            if not admitted:
                return _busy()
            if record is None:
                return _absent()
            part, index = request.match_info["part"], int(request.match_info["index"])
            try:
                sealed = await self._chunks.get_chunk(record, part, index)
            except (BodyAbsent, BodyStoreMisuse):
                return _absent()
            return await self._write(request, sealed)

    def _asked_for(self, request: web.Request) -> RecordId | None:
        """The record, if the caller may have it."""
        record = RecordId(bytes.fromhex(request.match_info["record"]))
        return record if self._books.entitled(request[PEER].address, record) else None

    @asynccontextmanager
    async def _admitted(self, request: web.Request) -> AsyncIterator[bool]:
        """Whether the caller keeps its limits; while inside, it takes one of the places."""
        member = request[PEER].address
        over_rate = self._bucket(member).charge(1, asyncio.get_running_loop().time()) > 0
        if over_rate or self._in_flight[member] >= self._limits.serving_per_member:
            yield False
            return
        self._in_flight[member] += 1
        try:
            async with self._serving:
                yield True
        finally:
            self._in_flight[member] -= 1

    def _bucket(self, member: Address) -> TokenBucket:
        bucket = self._buckets.get(member)
        if bucket is None:
            now_s = asyncio.get_running_loop().time()
            limits = self._limits
            bucket = TokenBucket(limits.requests_per_s, limits.requests_burst, now_s)
            self._buckets[member] = bucket
            if len(self._buckets) > _MEMBERS_REMEMBERED:
                self._buckets.popitem(last=False)
        return bucket

    async def _measured(self, record: RecordId, held: HeldBody) -> Manifest | None:
        """The manifest of a body held here; None when a chunk is missing or damaged."""
        # One body at a time: whoever asks for the same one meanwhile finds it done.
        async with self._hashing:
            parts = self._leaves.get(record)
            if parts is None:
                try:
                    parts = await leaf_hashes(self._chunks, record, held.descriptors)
                except BodyAbsent:
                    return None
                fault = check_manifest(Manifest(record, parts), record, held.descriptors)
                if fault is not None:
                    _LOG.error("body_damaged", record=record.hex()[:8], advice="run a scrub")
                    return None
                self._leaves[record] = parts
                if len(self._leaves) > self._limits.manifests:
                    self._leaves.popitem(last=False)
            self._leaves.move_to_end(record)
            return Manifest(record, parts, held.wraps)

    async def _write(self, request: web.Request, octets: bytes) -> web.StreamResponse:
        """Send to the end while the caller holds its place; a reader that dribbles is cut off."""
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        response.content_length = len(octets)
        view = memoryview(octets)
        try:
            async with asyncio.timeout(self._limits.chunk_timeout_s):
                await response.prepare(request)
                for start in range(0, len(octets), PIECE_BYTES):
                    await response.write(view[start : start + PIECE_BYTES])
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        return response


def _absent() -> web.Response:
    return web.Response(status=404)


def _busy() -> web.Response:
    return web.Response(status=503, headers={"Retry-After": _RETRY_AFTER_S})
