"""The bodies a node holds: fetched from other holders, opened, checked, read (R-BOD4 to R-BOD8).

A body goes *announced* → *fetching* → *held* → *opened*, or *failed* with a signed complaint. An
approval needs *opened*: this node has opened every part and checked roots and commitments.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy import Connection

from medquorum.ledger.complaint import Complaint, Grievance, complain
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.types import PartName, RecordId
from medquorum.ledger.wrap import Wrap
from medquorum.node.body_opening import (
    BodyOpening,
    BodyState,
    Opener,
    Unopened,
    genuine_wrap,
)
from medquorum.node.body_store import BodyStore, BodyStoreError, BodyStoreFailure
from medquorum.node.charters import Charters
from medquorum.node.happenings import Happenings
from medquorum.node.peers.errors import BodyUnavailable
from medquorum.node.peers.serving import HeldBody
from medquorum.node.peers.transfer import BodyFetcher
from medquorum.node.recipients import reads_body
from medquorum.node.store.clinical_rows import delete_body, insert_wraps, set_body_state
from medquorum.node.store.engine import Store
from medquorum.node.store.errors import StoreBusy

__all__ = ["Bodies", "BodyState", "Opener"]

_LOG = structlog.get_logger("bodies")
FETCHES: Final = 2
"""Bodies on their way at once; the rest wait their turn."""
RETRIES_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0, 30.0)
"""Pauses between attempts while no holder has a body, unless one comes; the last repeats."""

_UNFINISHED: Final = (BodyState.ANNOUNCED, BodyState.FETCHING, BodyState.HELD)


@dataclass(slots=True)
class _Body:
    proposal: Proposal
    state: BodyState
    wraps: dict[Address, Wrap] = field(default_factory=dict)
    final: bool = False
    """In the chain: wanted beyond the proposal's lifetime."""
    replaces: bool = False
    """Another proposal had taken the record: what is stored under it is not of this one."""
    task: asyncio.Task[None] | None = None


class Bodies:
    """Every body this node knows of, by record."""

    def __init__(
        self, charters: Charters, opener: Opener, store: Store, chunks: BodyStore, news: Happenings
    ) -> None:
        self._charters = charters
        self._opener = opener
        self._opening = BodyOpening(charters.founding.network_id, opener, chunks)
        self._store = store
        self._chunks = chunks
        self._news = news
        self._bodies: dict[RecordId, _Body] = {}
        self._turn = asyncio.Semaphore(FETCHES)
        self._linked = asyncio.Event()
        self.fetcher: BodyFetcher | None = None
        self.holders: Callable[[], Sequence[Address]] = tuple
        self.complain: Callable[[Complaint], None] = lambda _: None
        self.on_opened: Callable[[Proposal], None] = lambda _: None
        self.fatal: Callable[[BaseException], None] = lambda _: None
        """Told of what no retry mends, such as a failed store: it ends the node."""

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
        return HeldBody(body.proposal.core.parts, tuple(w.encoded() for w in body.wraps.values()))

    # --- what the node does -------------------------------------------------------------------

    def remember(
        self, proposal: Proposal, state: BodyState, wraps: Sequence[Wrap], *, final: bool = False
    ) -> None:
        """Take in what the store holds at the start."""
        self._bodies[proposal.core.record] = _Body(
            proposal, state, {wrap.recipient: wrap for wrap in wraps}, final
        )

    def state_of(self, proposal: Proposal) -> BodyState:
        """How far it has got with this proposal's own body: NONE where another has its record.

        A record names one body (R-PRO3); whoever names it again gets no approval for the body
        of the first (R-VOT5).
        """
        body = self._bodies.get(proposal.core.record)
        return BodyState.NONE if body is None or body.proposal.id != proposal.id else body.state

    def proposal(self, record: RecordId) -> Proposal | None:
        """The proposal that names a record, if this node should hold its body."""
        body = self._bodies.get(record)
        return None if body is None else body.proposal

    async def adopt(self, proposal: Proposal, wraps: Sequence[Wrap]) -> BodyState:
        """Take in a body sealed here, whose chunks are durable already: opened, or failed."""
        self.remember(proposal, BodyState.HELD, wraps)
        body = self._bodies[proposal.core.record]
        await self._save(body, BodyState.HELD, None, wraps)
        try:
            await self._opening.check(proposal.core, body.wraps.get(self._opener.address))
        except Unopened as unopened:
            body.state = BodyState.FAILED
            _LOG.warning("own_body_unopened", part=unopened.part.value)
            return body.state
        await self._opened(body)
        return body.state

    async def forget(self, record: RecordId) -> None:
        """Drop a body whose proposal was refused: nothing stays half-written."""
        body = self._bodies.pop(record, None)
        if body is not None and body.task is not None:
            body.task.cancel()
        await self._erase(record)

    async def _erase(self, record: RecordId) -> None:
        await self._store.writer.submit(lambda connection: delete_body(connection, record))
        await self._chunks.delete_record(record)

    def unfinished(self) -> tuple[Proposal, ...]:
        """Proposals whose bodies are not opened yet and not refused."""
        return tuple(one.proposal for one in self._bodies.values() if one.state in _UNFINISHED)

    def want(self, proposal: Proposal, *, final: bool = False) -> None:
        """Start fetching a body this node should hold, unless it does or is about to."""
        record = proposal.core.record
        body = self._bodies.setdefault(record, _Body(proposal, BodyState.ANNOUNCED))
        if body.proposal.id != proposal.id:
            _LOG.warning("record_named_twice", record=record.hex()[:8])
            if body.final or not final:
                return
            if body.task is not None:
                body.task.cancel()
            body = self._bodies[record] = _Body(proposal, BodyState.ANNOUNCED, replaces=True)
        body.final |= final
        if body.state in _UNFINISHED and body.task is None:
            body.state = BodyState.FETCHING
            body.task = asyncio.get_running_loop().create_task(self._fetch(body))
            body.task.add_done_callback(lambda task: self._ended(body, task))

    def _ended(self, body: _Body, task: asyncio.Task[None]) -> None:
        body.task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fatal(error)

    async def _fetch(self, body: _Body) -> None:
        core, attempt = body.proposal.core, 0
        if body.replaces:
            await self._erase(core.record)
        while body.final or core.expires_at_ms > time.time_ns() // 1_000_000:
            try:
                async with self._turn:
                    await self._pull(body)
                await self._open(body)
                return
            except (BodyUnavailable, BodyStoreError, StoreBusy) as error:
                _LOG.info("body_fetch_waits", record=core.record.hex(), error=type(error).__name__)
            await self._pause(RETRIES_S[min(attempt, len(RETRIES_S) - 1)])
            attempt += 1
        body.state = BodyState.ANNOUNCED

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._linked.wait()
        except TimeoutError:
            pass  # Nobody came meanwhile; ask again all the same.

    def peer_linked(self) -> None:
        """A member's node is back: whatever waits for a holder asks now."""
        self._linked.set()
        self._linked = asyncio.Event()

    async def _pull(self, body: _Body) -> None:
        """Make chunks and wraps durable here: from the issuer, else from other recipients."""
        core, own = body.proposal.core, self._opener.address
        linked = [peer for peer in self.holders() if peer not in (own, core.issuer)]
        try:
            if core.issuer not in self.holders():
                raise BodyUnavailable("R-NET4: the issuer's node is not linked; ask others")
            encoded, by_issuer = await self._ask(body, (core.issuer,)), True
        except BodyUnavailable:
            others = [peer for peer in linked if reads_body(self._charters, core, peer)]
            encoded, by_issuer = await self._ask(body, others), False
        found = (genuine_wrap(self._charters, body.proposal, one) for one in encoded)
        wraps = [wrap for wrap in found if wrap is not None]
        body.wraps |= {wrap.recipient: wrap for wrap in wraps}
        if own not in body.wraps and not by_issuer:
            raise BodyUnavailable("R-BOD7: this holder gave no wrap; only the issuer's word counts")
        body.state = BodyState.HELD
        await self._save(body, BodyState.HELD, None, wraps)

    async def _ask(self, body: _Body, holders: Sequence[Address]) -> tuple[bytes, ...]:
        if self.fetcher is None:
            raise BodyUnavailable("R-NET4: the node is not listening yet; try again later")
        core, needed = body.proposal.core, self._opener.address not in body.wraps
        return await self.fetcher.fetch_body(
            core.record, core.parts, holders, manifest_needed=needed
        )

    async def _open(self, body: _Body) -> None:
        """Open every part once and check it; complain where one does not (R-BOD8)."""
        core = body.proposal.core
        try:
            await self._opening.check(core, body.wraps.get(self._opener.address))
        except Unopened as unopened:
            if unopened.reason is not Grievance.WRAP and await self._opening.damaged(core):
                await self._chunks.delete_record(core.record)
                body.state = BodyState.FETCHING
                raise BodyUnavailable("R-BOD5: chunks were damaged here; fetch again") from None
            await self._refuse(body, unopened)
            return
        await self._opened(body)

    async def _opened(self, body: _Body) -> None:
        body.state = BodyState.OPENED
        await self._save(body, BodyState.OPENED, None, ())
        self._news.note("body", body.proposal.id.hex(), state="opened")
        self.on_opened(body.proposal)

    async def _refuse(self, body: _Body, unopened: Unopened) -> None:
        body.state = BodyState.FAILED
        await self._save(body, BodyState.FAILED, unopened.reason.value, ())
        self._news.note("body", body.proposal.id.hex(), state="failed")
        self.complain(
            complain(
                self._charters.founding.network_id,
                member=self._opener.address,
                proposal=body.proposal.id,
                part=unopened.part,
                reason=unopened.reason,
                sign=self._opener.sign,
            )
        )

    async def read(self, record: RecordId, part: PartName) -> AsyncIterator[bytes]:
        """The plaintext of a part of an opened body; LookupError where there is none."""
        body = self._bodies.get(record)
        if body is None or body.state is not BodyState.OPENED:
            raise LookupError("no such record here")
        core = body.proposal.core
        descriptor = next((one for one in core.parts if one.name is part), None)
        if descriptor is None:
            raise LookupError("no such part here")
        keys = self._opening.keys(core, body.wraps.get(self._opener.address))
        try:
            async for piece in self._opening.plaintext(record, descriptor, keys):
                yield piece
        except Unopened:
            raise BodyStoreFailure("a stored body was damaged after it was opened here") from None

    async def _save(
        self, body: _Body, state: BodyState, reason: str | None, wraps: Sequence[Wrap]
    ) -> None:
        proposal, now_us = body.proposal, time.time_ns() // 1_000

        def write(connection: Connection) -> None:
            insert_wraps(connection, wraps)
            set_body_state(connection, proposal, state.value, reason, now_us)

        await self._store.writer.submit(write)

    async def close(self) -> None:
        """Stop fetching; what was stored resumes at the next start."""
        tasks = [body.task for body in self._bodies.values() if body.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
