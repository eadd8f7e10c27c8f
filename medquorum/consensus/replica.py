"""The replica: clinical validation and ordering joined in one machine.

One door in (`step`), ordered effects out. The same class runs in a hospital and in a simulation.
A proposal or vote that is accepted becomes an `Accepted` effect, to be made durable before any
ordering message of the same step leaves (R-SIM10).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from medquorum.consensus.admission import judge_arrival, judge_proposal, judge_vote
from medquorum.consensus.application import ClinicalApplication, History
from medquorum.consensus.effects import Commit
from medquorum.consensus.effects import Effect as OrderingEffect
from medquorum.consensus.messages import Message
from medquorum.consensus.ordering.application import FinalPoint, Seat, Timing
from medquorum.consensus.ordering.journal import JournalRecord
from medquorum.consensus.ordering.simplex import Ordering
from medquorum.consensus.pool import Pool
from medquorum.ledger.chain import ChainState
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.reasons import ACCEPT, Ignore, Judgement, Reason, Reject
from medquorum.ledger.signature import Verifier
from medquorum.ledger.types import BatchHash, ProposalId
from medquorum.ledger.vote import Vote

_EARLY_VOTES: Final = 4_096
"""Votes kept that came before their proposal; the oldest leave first."""


@dataclass(frozen=True, slots=True)
class ProposalArrived:
    """A proposal from a peer, or from this node's own desk (sender None)."""

    proposal: Proposal
    sender: Address | None


@dataclass(frozen=True, slots=True)
class VoteArrived:
    """A vote from a peer, or from this node's own doctor (sender None)."""

    vote: Vote
    sender: Address | None


@dataclass(frozen=True, slots=True)
class OrderingArrived:
    """An ordering message from a peer."""

    message: Message
    sender: Address


@dataclass(frozen=True, slots=True)
class PeerConnected:
    """A member's node is linked and has said hello."""

    peer: Address


@dataclass(frozen=True, slots=True)
class PeerLost:
    """The link to a member's node is down."""

    peer: Address


@dataclass(frozen=True, slots=True)
class Tick:
    """A deadline passed."""


Event = ProposalArrived | VoteArrived | OrderingArrived | PeerConnected | PeerLost | Tick


@dataclass(frozen=True, slots=True)
class Accepted:
    """Make it durable, then pass it on to the other nodes."""

    record: Proposal | Vote


@dataclass(frozen=True, slots=True)
class Refused:
    """An object set aside or refused; a Reject counts against its sender."""

    record: Proposal | Vote
    judgement: Judgement
    sender: Address | None


@dataclass(frozen=True, slots=True)
class DoubleVote:
    """Two different votes of one doctor on one proposal: evidence (R-VOT3, R-SIM11)."""

    first: Vote
    second: Vote


@dataclass(frozen=True, slots=True)
class Forgotten:
    """An open proposal left the pool without a block: expired or stale for ever."""

    proposal: ProposalId
    reason: Reason


Effect = OrderingEffect | Accepted | Refused | DoubleVote | Forgotten


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a store gives back at the start."""

    state: ChainState
    final_slot: int
    log_length: int
    journal: Sequence[JournalRecord] = ()
    proposals: Iterable[Proposal] = ()
    votes: Iterable[Vote] = ()


class Replica:
    """One node's replica; `seat` is None for everybody but the doctors' nodes."""

    def __init__(
        self, remembered: Remembered, seat: Seat | None, verify: Verifier, history: History
    ) -> None:
        state = self.state = remembered.state
        charter = state.charter
        self.pool = Pool()
        self.epoch = 0
        """The epoch the journal's records belong to (R-ORD9)."""
        self._verify = verify
        self._early: dict[ProposalId, dict[Address, Vote]] = {}
        self._early_count = 0
        self._application = ClinicalApplication(
            self.pool, verify, history, charter.seal_difficulty_bits
        )
        last = history(remembered.log_length - 1) if remembered.log_length else None
        timing = charter.ordering
        self.ordering: Ordering[ChainState] = Ordering(
            seat=seat,
            electorate=charter.electorate(self.epoch),
            doctors=tuple(doctor.address for doctor in charter.doctors),
            timing=Timing(
                timing.slot_timeout_ms,
                timing.slot_timeout_max_ms,
                timing.idle_status_ms,
                timing.retransmit_ms,
            ),
            application=self._application,
            final=FinalPoint(
                remembered.final_slot,
                last.batch.hash if last else self._genesis_hash(),
                state.time_ms,
                remembered.log_length,
                state,
            ),
            journal=remembered.journal,
            verify=verify,
        )
        for proposal in remembered.proposals:
            self.pool.add_proposal(proposal, state)
        for vote in remembered.votes:
            self.pool.add_vote(vote, state, state.time_ms)

    def _genesis_hash(self) -> BatchHash:
        return BatchHash(self.state.network)

    def next_deadline_ms(self) -> int | None:
        """When the next Tick is due, if at all."""
        return self.ordering.next_deadline_ms()

    def step(self, event: Event, now_ms: int) -> tuple[Effect, ...]:
        """Take one event; answer what to do, in order."""
        self._application.now_ms = now_ms
        match event:
            case ProposalArrived(proposal, sender):
                return self._proposal(proposal, sender, now_ms)
            case VoteArrived(vote, sender):
                return self._vote(vote, sender, now_ms)
            case OrderingArrived(message, sender):
                return self._settled(self.ordering.receive(message, sender, now_ms), now_ms)
            case PeerConnected(peer):
                return self._settled(self.ordering.connected(peer, now_ms), now_ms)
            case PeerLost(peer):
                self.ordering.disconnected(peer)
                return ()
            case Tick():
                return self._settled(self.ordering.tick(now_ms), now_ms)
        assert_never(event)

    def _proposal(
        self, proposal: Proposal, sender: Address | None, now_ms: int
    ) -> tuple[Effect, ...]:
        judgement = self._judge_proposal(proposal, now_ms)
        if judgement != ACCEPT:
            return (Refused(proposal, judgement, sender),)
        effects: list[Effect] = [Accepted(proposal)]
        early = self._early.pop(proposal.id, {})
        self._early_count -= len(early)
        for vote in early.values():
            effects.extend(self._count(vote, sender, now_ms))
        effects.extend(self._ordered(proposal.id, now_ms))
        return tuple(effects)

    def _judge_proposal(self, proposal: Proposal, now_ms: int) -> Judgement:
        if self.pool.get(proposal.id) or self.state.height_of(proposal.id) is not None:
            return Ignore(Reason.DUPLICATE)
        judgement = judge_arrival(proposal.core, now_ms)
        if judgement == ACCEPT:
            charter, network = self.state.charter, self.state.network
            judgement = judge_proposal(proposal, charter, network, self._verify)
        if judgement == ACCEPT:
            judgement = self.pool.add_proposal(proposal, self.state)
        return judgement

    def _vote(self, vote: Vote, sender: Address | None, now_ms: int) -> tuple[Effect, ...]:
        identifier = vote.ballot.proposal
        if self.pool.get(identifier) is None:
            if self.state.height_of(identifier) is not None:
                return (Refused(vote, Ignore(Reason.DUPLICATE), sender),)
            self._keep_early(vote)
            return (Refused(vote, Ignore(Reason.UNKNOWN_PROPOSAL), sender),)
        effects = self._count(vote, sender, now_ms)
        if effects and isinstance(effects[0], Accepted):
            effects += self._ordered(identifier, now_ms)
        return effects

    def _count(self, vote: Vote, sender: Address | None, now_ms: int) -> tuple[Effect, ...]:
        """Judge a vote on an open proposal and take it in."""
        entry = self.pool.get(vote.ballot.proposal)
        if entry is None:
            return ()
        before = entry.votes.get(vote.ballot.voter)
        if before is not None and before.ballot == vote.ballot:
            return (Refused(vote, Ignore(Reason.DUPLICATE), sender),)
        judgement = judge_vote(
            vote, entry.proposal.core, self.state.charter, self.state.network, self._verify
        )
        if judgement == ACCEPT:
            judgement = self.pool.add_vote(vote, self.state, now_ms)
        if judgement == ACCEPT:
            return (Accepted(vote),)
        refused = Refused(vote, judgement, sender)
        if before is not None and judgement == Reject(Reason.CONFLICTING_VOTE):
            return refused, DoubleVote(before, vote)
        return (refused,)

    def _keep_early(self, vote: Vote) -> None:
        kept = self._early.setdefault(vote.ballot.proposal, {})
        if vote.ballot.voter in kept or self.state.charter.member(vote.ballot.voter) is None:
            return
        kept[vote.ballot.voter] = vote
        self._early_count += 1
        while self._early_count > _EARLY_VOTES:
            self._early_count -= len(self._early.pop(next(iter(self._early))))

    def _ordered(self, identifier: ProposalId, now_ms: int) -> tuple[Effect, ...]:
        """What ordering does now: nothing while there is no verdict, unless a body lacks votes."""
        if not self.pool.decided(identifier) and not self.ordering.rebuilding:
            return ()
        return self._settled(self.ordering.work_changed(now_ms), now_ms)

    def _settled(self, effects: tuple[OrderingEffect, ...], now_ms: int) -> tuple[Effect, ...]:
        """The effects of ordering, and what its commits mean for the pool."""
        commits = [effect for effect in effects if isinstance(effect, Commit)]
        if not commits:
            return effects
        for commit in commits:
            self.state = self._application.settle(self.state, commit.batch)
        dropped = self.pool.settle(self.state, now_ms)
        forgotten = (Forgotten(one, reason) for one, reason in dropped.items())
        return (*effects, *forgotten)
