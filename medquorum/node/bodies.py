"""The bodies a node holds: fetched from other holders, opened, checked, read (R-BOD4 to R-BOD8).

A body goes *announced* → *fetching* → *held* → *opened*, or *failed* with a signed complaint. An
approval needs *opened*: this node has opened every part and checked roots and commitments.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection

from medquorum.ledger.body import PartDescriptor
from medquorum.ledger.charter import Charter
from medquorum.ledger.complaint import Complaint, Grievance, complain
from medquorum.ledger.errors import CodecError, EnvelopeError
from medquorum.ledger.keys import Address
from medquorum.ledger.opening import PartOpener
from medquorum.ledger.part_keys import PartKeys
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.signature import Signer
from medquorum.ledger.types import NetworkId, PartName, RecordId
from medquorum.ledger.wrap import Wrap, open_wrap, parse_wrap, verify_wrap
from medquorum.node.body_store import BodyStore, BodyStoreError
from medquorum.node.happenings import Happenings
from medquorum.node.peers.errors import BodyUnavailable
from medquorum.node.peers.serving import HeldBody
from medquorum.node.peers.transfer import BodyFetcher
from medquorum.node.store.clinical_rows import delete_body, insert_wraps, set_body_state
from medquorum.node.store.engine import Store

_LOG = structlog.get_logger("bodies")
FETCHES: Final = 2
"""Bodies on their way at once; the rest wait their turn."""
RETRIES_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses between attempts while no holder has a body; the last one repeats."""


class BodyState(StrEnum):
    """How far this node has got with a body."""

    NONE = "none"
    ANNOUNCED = "announced"
    FETCHING = "fetching"
    HELD = "held"
    OPENED = "opened"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Opener:
    """This node's own keys for bodies; repr shows none."""

    address: Address
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)
    """The encryption key (R-KEY4)."""
    sign: Signer = field(repr=False)
    """By the consensus key: complaints (R-BOD8)."""


@dataclass(slots=True)
class _Body:
    proposal: Proposal
    state: BodyState
    wraps: dict[Address, Wrap] = field(default_factory=dict)


class Bodies:
    """Every body this node knows of, by record."""

    def __init__(
        self, charter: Charter, opener: Opener, store: Store, chunks: BodyStore, news: Happenings
    ) -> None:
        self._charter = charter
        self._network: NetworkId = charter.network_id
        self._opener = opener
        self._store = store
        self._chunks = chunks
        self._news = news
        self._bodies: dict[RecordId, _Body] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Semaphore(FETCHES)
        self.fetcher: BodyFetcher | None = None
        self.holders: Callable[[], Sequence[Address]] = tuple
        self.complain: Callable[[Complaint], None] = lambda _: None

    # --- what the server of chunks asks -----------------------------------------------------

    def entitled(self, member: Address, record: RecordId) -> bool:
        """Whether a member is recipient of a wrap of a record held here (R-NET4)."""
        body = self._bodies.get(record)
        return body is not None and member in body.wraps

    def held(self, record: RecordId) -> HeldBody | None:
        """A body whose chunks are all here."""
        body = self._bodies.get(record)
        if body is None or body.state not in (BodyState.HELD, BodyState.OPENED):
            return None
        wraps = tuple(wrap.encoded() for wrap in body.wraps.values())
        return HeldBody(body.proposal.core.parts, wraps)

    # --- what the node does -------------------------------------------------------------------

    def remember(self, proposal: Proposal, state: BodyState, wraps: Sequence[Wrap]) -> None:
        """Take in what the store holds at the start."""
        self._bodies[proposal.core.record] = _Body(
            proposal, state, {wrap.recipient: wrap for wrap in wraps}
        )

    def state(self, record: RecordId) -> BodyState:
        """How far this node has got with a body."""
        body = self._bodies.get(record)
        return BodyState.NONE if body is None else body.state

    def proposal(self, record: RecordId) -> Proposal | None:
        """The proposal that names a record, if this node should hold its body."""
        body = self._bodies.get(record)
        return None if body is None else body.proposal

    async def adopt(self, proposal: Proposal, wraps: Sequence[Wrap]) -> None:
        """Take in a body sealed here, whose chunks are durable already."""
        self.remember(proposal, BodyState.HELD, wraps)
        await self._save(proposal.core.record, BodyState.HELD, None, wraps)
        await self._open(self._bodies[proposal.core.record])

    async def forget(self, record: RecordId) -> None:
        """Drop a body whose proposal was refused: nothing stays half-written."""
        if self._bodies.pop(record, None) is not None:
            await self._store.writer.submit(lambda connection: delete_body(connection, record))
        await self._chunks.delete_record(record)

    def unfinished(self) -> tuple[Proposal, ...]:
        """Proposals whose bodies are not opened yet and not refused."""
        unfinished = (BodyState.ANNOUNCED, BodyState.FETCHING, BodyState.HELD)
        return tuple(one.proposal for one in self._bodies.values() if one.state in unfinished)

    def want(self, proposal: Proposal) -> None:
        """Start fetching a body this node should hold, unless it does."""
        record = proposal.core.record
        body = self._bodies.setdefault(record, _Body(proposal, BodyState.ANNOUNCED))
        if body.state in (BodyState.ANNOUNCED, BodyState.HELD, BodyState.FETCHING):
            body.state = BodyState.FETCHING
            task = asyncio.get_running_loop().create_task(self._fetch(body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _fetch(self, body: _Body) -> None:
        record, attempt = body.proposal.core.record, 0
        while body.proposal.core.expires_at_ms > time.time_ns() // 1_000_000:
            try:
                async with self._turn:
                    await self._pull(body)
                await self._open(body)
                return
            except (BodyUnavailable, BodyStoreError) as error:
                _LOG.info("body_fetch_waits", record=record.hex(), error=type(error).__name__)
            await asyncio.sleep(RETRIES_S[min(attempt, len(RETRIES_S) - 1)])
            attempt += 1

    async def _pull(self, body: _Body) -> None:
        core = body.proposal.core
        if self.fetcher is None:
            raise BodyUnavailable("R-NET4: the node is not listening yet; try again later")
        others = [peer for peer in self.holders() if peer != core.issuer]
        encoded = await self.fetcher.fetch_body(
            core.record, core.parts, (core.issuer, *others), manifest_needed=not body.wraps
        )
        wraps = [wrap for one in encoded if (wrap := self._genuine(body.proposal, one))]
        body.wraps |= {wrap.recipient: wrap for wrap in wraps}
        body.state = BodyState.HELD
        await self._save(core.record, BodyState.HELD, None, wraps)

    def _genuine(self, proposal: Proposal, encoded: bytes) -> Wrap | None:
        """The wrap, if it is the issuer's of this record (R-BOD7)."""
        try:
            wrap = parse_wrap(encoded)
        except CodecError:
            return None
        issuer = self._charter.member(proposal.core.issuer)
        ours = wrap.record == proposal.core.record and wrap.grantor == proposal.core.issuer
        if issuer is None or not ours:
            return None
        return wrap if verify_wrap(self._network, wrap, issuer.keys.clinical) else None

    async def _open(self, body: _Body) -> None:
        """Open every part once and check it; complain where one does not (R-BOD8)."""
        core = body.proposal.core
        try:
            keys = self._keys(body)
            for descriptor in core.parts:
                async for _ in self._plaintext(core.record, descriptor, keys):
                    pass
        except _Unopened as unopened:
            await self._refuse(body, unopened)
            return
        body.state = BodyState.OPENED
        await self._save(core.record, BodyState.OPENED, None, ())
        self._news.note("body", body.proposal.id.hex(), state="opened")

    async def _refuse(self, body: _Body, unopened: _Unopened) -> None:
        core = body.proposal.core
        body.state = BodyState.FAILED
        await self._save(core.record, BodyState.FAILED, unopened.reason.value, ())
        self._news.note("body", body.proposal.id.hex(), state="failed")
        if core.issuer == self._opener.address:
            return
        self.complain(
            complain(
                self._network,
                member=self._opener.address,
                proposal=body.proposal.id,
                part=unopened.part,
                reason=unopened.reason,
                sign=self._opener.sign,
            )
        )

    def _keys(self, body: _Body) -> Mapping[PartName, PartKeys]:
        first = body.proposal.core.parts[0].name
        wrap = body.wraps.get(self._opener.address)
        if wrap is None:
            raise _Unopened(first, Grievance.WRAP)
        try:
            return open_wrap(self._network, wrap, self._opener.private_key)
        except EnvelopeError:
            raise _Unopened(first, Grievance.WRAP) from None

    async def _plaintext(
        self, record: RecordId, descriptor: PartDescriptor, keys: Mapping[PartName, PartKeys]
    ) -> AsyncIterator[bytes]:
        name = descriptor.name
        if name not in keys:
            raise _Unopened(name, Grievance.WRAP)
        opener = PartOpener(descriptor, self._network, record, keys[name])
        reason = Grievance.CHUNK
        try:
            for index in range(descriptor.chunks):
                sealed = await self._chunks.get_chunk(record, name.value, index)
                if len(sealed) < 16_384:
                    yield opener.open_chunk(index, sealed)
                else:
                    yield await asyncio.to_thread(opener.open_chunk, index, sealed)
            reason = Grievance.COMMITMENT
            opener.finish()
        except EnvelopeError:
            raise _Unopened(name, reason) from None

    async def read(self, record: RecordId, part: PartName) -> AsyncIterator[bytes]:
        """The plaintext of a part of an opened body; LookupError where there is none."""
        body = self._bodies.get(record)
        if body is None or body.state is not BodyState.OPENED:
            raise LookupError("no such record here")
        core = body.proposal.core
        descriptor = next((one for one in core.parts if one.name is part), None)
        if descriptor is None:
            raise LookupError("no such part here")
        async for piece in self._plaintext(record, descriptor, self._keys(body)):
            yield piece

    async def _save(
        self, record: RecordId, state: BodyState, reason: str | None, wraps: Sequence[Wrap]
    ) -> None:
        now_us = time.time_ns() // 1_000

        def write(connection: Connection) -> None:
            insert_wraps(connection, wraps)
            set_body_state(connection, record, state.value, reason, now_us)

        await self._store.writer.submit(write)

    async def close(self) -> None:
        """Stop fetching; what was stored resumes at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Unopened(Exception):
    """A part that did not open, and why."""

    def __init__(self, part: PartName, reason: Grievance) -> None:
        super().__init__(reason.value)
        self.part = part
        self.reason = reason
