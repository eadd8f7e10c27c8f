"""Fetching a sealed body from any holders, checked chunk by chunk (R-NET4).

The manifest comes first and must give the part roots the proposal names; then missing chunks are
pulled over a few keep-alive connections, each hashed in a worker before it is stored. Chunks
already stored are skipped, so a fetch resumes where it was cut off. A holder that serves a wrong
byte is left at once and loses points; one that fails is left after a few strikes. Nothing is
reported as fetched before it is durable.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import aiohttp

from medquorum.ledger.body import PartDescriptor
from medquorum.ledger.errors import CodecError
from medquorum.ledger.keys import Address
from medquorum.ledger.limits import FRAME
from medquorum.ledger.types import RecordId
from medquorum.node.peers.dialling import PinnedContexts
from medquorum.node.peers.directory import Directory, PeerEntry
from medquorum.node.peers.errors import BodyUnavailable
from medquorum.node.peers.limits import TransferLimits
from medquorum.node.peers.manifest import (
    Manifest,
    ManifestFault,
    check_manifest,
    chunk_leaf,
    parse_manifest,
    sealed_size,
)
from medquorum.node.peers.rate import Offence

Progress = Callable[[int, int], None]
"""Told (chunks held, chunks in all) after every stored chunk."""
_STRIKE_PAUSE_S = 0.05


class ChunkStore(Protocol):
    """What fetching needs of the body store."""

    async def has_chunks(self, record: bytes, part: str) -> frozenset[int]: ...
    async def put_chunk(self, record: bytes, part: str, index: int, sealed: bytes) -> None: ...
    async def make_durable(self, record: bytes) -> None: ...


class Network(Protocol):
    """What fetching needs of the hub."""

    @property
    def directory(self) -> Directory: ...
    @property
    def contexts(self) -> PinnedContexts: ...
    def penalise(self, peer: Address, offence: Offence) -> None: ...


@dataclass(frozen=True, slots=True)
class _Piece:
    """One chunk to fetch."""

    descriptor: PartDescriptor
    index: int


@dataclass(slots=True)
class _Fetch:
    """One body on its way: what is missing and who may still have it."""

    record: RecordId
    descriptors: Sequence[PartDescriptor]
    holders: list[PeerEntry]
    pieces: deque[_Piece]
    strikes: Counter[Address] = field(default_factory=Counter)

    @property
    def chunks(self) -> int:
        """Chunks of the whole body."""
        return sum(descriptor.chunks for descriptor in self.descriptors)

    def holder(self, lane: int) -> PeerEntry:
        """The holder a lane asks now: lanes spread over those left."""
        if not self.holders:
            raise BodyUnavailable("R-NET4: no holder gave the missing chunks; try again later")
        return self.holders[lane % len(self.holders)]

    def leave(self, holder: PeerEntry) -> None:
        """Ask this holder no more."""
        if holder in self.holders:
            self.holders.remove(holder)


class BodyFetcher:
    """Fetches bodies over one client session, which stays the caller's to close."""

    def __init__(
        self,
        network: Network,
        chunks: ChunkStore,
        session: aiohttp.ClientSession,
        limits: TransferLimits | None = None,
    ) -> None:
        self._network = network
        self._chunks = chunks
        self._session = session
        self._limits = limits or TransferLimits()

    async def fetch_body(
        self,
        record: RecordId,
        descriptors: Sequence[PartDescriptor],
        holders: Sequence[Address],
        progress: Progress | None = None,
        *,
        manifest_needed: bool = False,
    ) -> tuple[bytes, ...]:
        """Fetch what is missing of a body and make it durable; return its wraps, unjudged.

        When no chunk was missing, wraps are asked for only where `manifest_needed`. Raises
        BodyUnavailable when no holder is left, and the body store's BodyStoreFailure when this
        node cannot store it.
        """
        directory = self._network.directory
        entries = [entry for peer in holders if (entry := directory.member(peer)) is not None]
        pieces = await self._missing(record, descriptors)
        fetch = _Fetch(record, descriptors, entries, pieces)
        wraps: tuple[bytes, ...] = ()
        if pieces or manifest_needed:
            manifest = await self._manifest(fetch)
            wraps = manifest.wraps
            await self._pull(fetch, manifest, progress)
        await self._chunks.make_durable(record)
        return wraps

    async def _missing(
        self, record: RecordId, descriptors: Sequence[PartDescriptor]
    ) -> deque[_Piece]:
        missing: deque[_Piece] = deque()
        for descriptor in descriptors:
            held = await self._chunks.has_chunks(record, descriptor.name)
            indices = (index for index in range(descriptor.chunks) if index not in held)
            missing.extend(_Piece(descriptor, index) for index in indices)
        return missing

    async def _manifest(self, fetch: _Fetch) -> Manifest:
        """The first manifest that fits the descriptors."""
        while True:
            holder = fetch.holder(0)
            path = f"/bodies/{fetch.record.hex()}/manifest"
            octets = await self._get(holder, path, FRAME.total)
            if octets is None:
                await self._strike(fetch, holder)
                continue
            try:
                manifest = parse_manifest(octets)
                fault = check_manifest(manifest, fetch.record, fetch.descriptors)
            except CodecError:
                fault, manifest = ManifestFault.MALFORMED, None
            if manifest is not None and fault is None:
                fetch.strikes.clear()
                return manifest
            self._convict(fetch, holder)

    async def _pull(self, fetch: _Fetch, manifest: Manifest, progress: Progress | None) -> None:
        held = fetch.chunks - len(fetch.pieces)

        def stored() -> None:
            nonlocal held
            held += 1
            if progress is not None:
                progress(held, fetch.chunks)

        try:
            async with asyncio.TaskGroup() as lanes:
                for lane in range(min(self._limits.lanes, len(fetch.pieces))):
                    lanes.create_task(self._lane(fetch, manifest, lane, stored))
        except* BodyUnavailable as unavailable:
            raise unavailable.exceptions[0] from None

    async def _lane(
        self, fetch: _Fetch, manifest: Manifest, lane: int, stored: Callable[[], None]
    ) -> None:
        """Fetch piece after piece, from whichever holder serves this lane."""
        loop = asyncio.get_running_loop()
        while fetch.pieces:
            piece = fetch.pieces.popleft()
            holder = fetch.holder(lane)
            part, index = piece.descriptor.name, piece.index
            expected = sealed_size(piece.descriptor, index)
            path = f"/bodies/{fetch.record.hex()}/{part.value}/{index}"
            sealed = await self._get(holder, path, expected)
            if sealed is None:
                fetch.pieces.append(piece)
                await self._strike(fetch, holder)
                continue
            leaf = await loop.run_in_executor(None, chunk_leaf, sealed)
            if len(sealed) != expected or leaf != manifest.leaf(part, index):
                fetch.pieces.append(piece)
                self._convict(fetch, holder)
                continue
            fetch.strikes[holder.address] = 0
            await self._chunks.put_chunk(fetch.record, part, index, sealed)
            stored()

    async def _get(self, holder: PeerEntry, path: str, longest: int) -> bytes | None:
        """The body of a 200 answer of at most `longest` bytes; None for anything else."""
        try:
            async with self._session.get(
                holder.endpoint.url("https", path),
                ssl=self._network.contexts.of(holder),
                allow_redirects=False,
                headers={"Accept-Encoding": "identity"},
                timeout=aiohttp.ClientTimeout(total=self._limits.chunk_timeout_s),
            ) as answer:
                length = answer.content_length
                if answer.status != 200 or length is None or length > longest:
                    answer.close()
                    return None
                return await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None

    async def _strike(self, fetch: _Fetch, holder: PeerEntry) -> None:
        """A holder failed: leave it when it failed too often in a row."""
        fetch.strikes[holder.address] += 1
        if fetch.strikes[holder.address] >= self._limits.holder_failures:
            self._network.penalise(holder.address, Offence.UNRELIABLE)
            fetch.leave(holder)
            return
        await asyncio.sleep(_STRIKE_PAUSE_S)

    def _convict(self, fetch: _Fetch, holder: PeerEntry) -> None:
        """A holder served wrong bytes: leave it now."""
        self._network.penalise(holder.address, Offence.WRONG_BODY)
        fetch.leave(holder)
