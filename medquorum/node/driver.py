"""The one task that owns the replica: events in, durable writes, then messages out (R-SIM10).

A round takes every event that waits, steps the replica through them and hands all that must be
durable to the writer as one unit. The next rounds are stepped while it writes, but every round
waits its turn: nothing is sent, answered or told before its own write and all earlier ones are
durable. A failed write ends the node.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from medquorum.consensus.effects import Broadcast, CeaseVoting, Commit, Halt, Send
from medquorum.consensus.events import (
    Accepted,
    CharterChanged,
    Effect,
    Event,
    ProposalArrived,
    Refused,
    Tick,
    VoteArrived,
)
from medquorum.consensus.messages import CertificateMessage, Message
from medquorum.consensus.replica import Replica
from medquorum.ledger.chain import ChainState
from medquorum.ledger.charter import Charter
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.reasons import ACCEPT, Ignore, Judgement, Reason
from medquorum.ledger.types import BlockType
from medquorum.ledger.vote import Vote
from medquorum.ledger.vote_claim import claim_of
from medquorum.node.charters import Charters
from medquorum.node.desk import DeskError
from medquorum.node.plan import Kept, Plan
from medquorum.node.store.engine import Store
from medquorum.node.verifier import CachedVerifier, Claim

INBOX: Final = 8_192
"""Events waiting for the replica; a full inbox slows the peers that fill it."""
ROUND: Final = 512
"""Events of one round: past this latency grows and the fsync is long amortised."""


UNFINISHED: Final = 32
"""Rounds stepped ahead of the disk; then the replica waits for it."""


class Mouth(Protocol):
    """How the driver speaks to other nodes."""

    def send(self, to: Address, message: Message) -> None:
        """One ordering message to one peer; dropped when it is not connected."""

    def broadcast(self, message: Message) -> None:
        """One ordering message to every other doctor's node."""

    def relay(self, record: Proposal | Vote) -> None:
        """Gossip an accepted object."""

    def charter_changed(self, charter: Charter) -> None:
        """Another charter is in force: other peers, other doctors (R-GOV8)."""

    def refused(self, record: Proposal | Vote, judgement: Judgement) -> None:
        """An object that was set aside or refused; a Reject costs its sender points."""


Watcher = Callable[[Effect], None]
"""Told of every effect once it is durable: events, body fetching, the page."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    event: Event
    answer: asyncio.Future[Judgement] | None


@dataclass(frozen=True, slots=True)
class _Round:
    """Events with what the replica made of them, until that is durable and done."""

    waiting: list[_Waiting]
    steps: list[tuple[Effect, ...]]
    written: asyncio.Future[None] | None
    state: ChainState
    """The ledger after these steps."""


def now_ms() -> int:
    """This node's clock."""
    return time.time_ns() // 1_000_000


class Driver:
    """Owns the replica of one node."""

    def __init__(
        self,
        replica: Replica,
        store: Store,
        mouth: Mouth,
        verifier: CachedVerifier,
        charters: Charters,
    ) -> None:
        self.replica = replica
        self.charters = charters
        """Those of durable batches; the replica may be an epoch ahead for a moment."""
        self.log_length = replica.ordering.final.log_length
        self.durable = replica.state
        """The ledger as the store holds it: what readers are told the chain ends with."""
        self.halted: str | None = None
        self.watchers: list[Watcher] = []
        self._store = store
        self._mouth = mouth
        self._verifier = verifier
        self._inbox: asyncio.Queue[_Waiting] = asyncio.Queue(INBOX)
        self._open: deque[list[_Waiting]] = deque()
        self._unfinished: asyncio.Queue[_Round] = asyncio.Queue(UNFINISHED)
        self._kept = Kept(replica.pool)
        self._batch_ms = replica.state.time_ms
        self._ended = False

    async def put(self, event: Event) -> None:
        """Hand an event to the replica; waits while the inbox is full."""
        if not self._ended:
            await self._inbox.put(_Waiting(event, None))

    async def ask(self, event: ProposalArrived | VoteArrived) -> Judgement:
        """Hand in an own object; answers once it is durable, or why it is refused.

        DeskError 503 when the driver has ended, or ends before it is known to be durable.
        """
        if self._ended:
            raise _stopping()
        answer: asyncio.Future[Judgement] = asyncio.get_running_loop().create_future()
        await self._inbox.put(_Waiting(event, answer))
        return await answer

    async def run(self) -> None:
        """Work until cancelled; StoreFailure ends it, and with it the node."""
        loops = [asyncio.create_task(self._advance()), asyncio.create_task(self._finish())]
        try:
            done, _ = await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            for one in loops:
                one.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            self._end()

    async def _advance(self) -> None:
        """Step the replica, round after round, and hand what it wants kept to the writer."""
        while True:
            waiting = await self._next_round()
            self._open.append(waiting)
            await self._verifier.warm(list(self._claims(one.event for one in waiting)))
            steps = [self._step(one) for one in waiting]
            written = self._write([effect for effects in steps for effect in effects])
            await self._unfinished.put(_Round(waiting, steps, written, self.replica.state))

    def _write(self, effects: list[Effect]) -> asyncio.Future[None] | None:
        plan = Plan(time.time_ns() // 1_000, self.log_length)
        plan.take(effects, self._kept)
        if plan.empty:
            return None
        self.log_length += len(plan.finals)
        return self._store.writer.submit_nowait(plan.write)

    async def _finish(self) -> None:
        """Conclude each round in turn."""
        while True:
            await self._conclude(await self._unfinished.get())
            self._open.popleft()

    async def _conclude(self, finished: _Round) -> None:
        """Once a round is durable: speak, tell, answer."""
        if finished.written is not None:
            await finished.written
        self.durable = finished.state
        effects = [effect for step in finished.steps for effect in step]
        for effect in effects:
            self._speak(effect)
        for effect in effects:
            for watcher in self.watchers:
                watcher(effect)
        for one, step in zip(finished.waiting, finished.steps, strict=False):
            if one.answer is not None and not one.answer.done():
                one.answer.set_result(_answer(one.event, step))

    def _end(self) -> None:
        """Nobody may wait for an answer that will not come."""
        self._ended = True
        while not self._unfinished.empty():
            written = self._unfinished.get_nowait().written
            if written is not None:
                written.add_done_callback(lambda write: write.cancelled() or write.exception())
        waiting = [one for open_round in self._open for one in open_round]
        while not self._inbox.empty():
            waiting.append(self._inbox.get_nowait())
        for one in waiting:
            if one.answer is not None and not one.answer.done():
                one.answer.set_exception(_stopping())

    async def _next_round(self) -> list[_Waiting]:
        due = self.replica.next_deadline_ms()
        try:
            delay = None if due is None else max(0, due - now_ms()) / 1_000
            async with asyncio.timeout(delay):
                waiting = [await self._inbox.get()]
        except TimeoutError:
            return [_Waiting(Tick(), None)]
        while len(waiting) < ROUND and not self._inbox.empty():
            waiting.append(self._inbox.get_nowait())
        if due is not None and due <= now_ms():
            waiting.append(_Waiting(Tick(), None))
        return waiting

    def _step(self, waiting: _Waiting) -> tuple[Effect, ...]:
        return self.replica.step(waiting.event, now_ms())

    def _speak(self, effect: Effect) -> None:
        match effect:
            case Send(to, message):
                self._mouth.send(to, message)
            case Broadcast(message):
                self._mouth.broadcast(message)
            case Accepted(record):
                self._mouth.relay(record)
            case Refused(record, judgement, _):
                self._mouth.refused(record, judgement)
            case Commit(batch):
                self._batch_ms = batch.header.time_ms
            case CharterChanged(charter):
                self.charters.adopt(charter, self._batch_ms)
                self._mouth.charter_changed(charter)
            case Halt(reason, certificates):
                self.halted = reason.value
                for certificate in certificates:
                    self._mouth.broadcast(CertificateMessage(certificate))
            case CeaseVoting():
                self.halted = "ceased_voting"
            case _:
                pass

    def _claims(self, events: Iterable[Event]) -> Iterable[Claim]:
        """The signatures the next steps will ask for."""
        state = self.replica.state
        for event in events:
            match event:
                case ProposalArrived(proposal, _):
                    issuer = state.charter.member(proposal.core.issuer)
                    if issuer is not None and proposal.core.type is not BlockType.EVIDENCE:
                        yield issuer.keys.clinical, proposal.id, proposal.signature
                case VoteArrived(vote, _):
                    voter = state.charter.member(vote.ballot.voter)
                    claim = None if voter is None else claim_of(vote, voter, state.network)
                    if claim is not None:
                        yield claim
                case _:
                    pass


def _stopping() -> DeskError:
    return DeskError(
        503, "node_stopping", "the node is stopping; ask after its start whether this arrived"
    )


def _answer(event: Event, effects: tuple[Effect, ...]) -> Judgement:
    """What became of the object an event brought."""
    for effect in effects:
        match effect, event:
            case Accepted(record), ProposalArrived(proposal, _) if record is proposal:
                return ACCEPT
            case Accepted(record), VoteArrived(vote, _) if record is vote:
                return ACCEPT
            case Refused(record, judgement, _), ProposalArrived(proposal, _) if record is proposal:
                return judgement
            case Refused(record, judgement, _), VoteArrived(vote, _) if record is vote:
                return judgement
            case _:
                pass
    return Ignore(Reason.DUPLICATE)
