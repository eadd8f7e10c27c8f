"""The replica: clinical validation and ordering joined in one machine.

One door in (`step`), ordered effects out. The same class runs in a hospital and in a simulation.
A proposal or vote that is accepted becomes an `Accepted` effect, to be made durable before any
ordering message of the same step leaves (R-SIM10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from medquorum.consensus.admission import judge_arrival, judge_proposal, judge_vote
from medquorum.consensus.application import ClinicalApplication, History
from medquorum.consensus.early import EarlyVotes
from medquorum.consensus.effects import CeaseVoting, Commit, Convict
from medquorum.consensus.effects import Effect as OrderingEffect
from medquorum.consensus.events import (
    Accepted,
    CharterChanged,
    DoubleVote,
    Effect,
    Event,
    Forgotten,
    OrderingArrived,
    PeerConnected,
    PeerLost,
    ProposalArrived,
    Refused,
    Tick,
    VoteArrived,
)
from medquorum.consensus.ordering.application import FinalPoint, Seat, Timing
from medquorum.consensus.ordering.handover import Handover
from medquorum.consensus.ordering.journal import JournalRecord
from medquorum.consensus.ordering.simplex import Ordering
from medquorum.consensus.pool import Pool
from medquorum.consensus.proven import act_of, act_of_votes, key_of
from medquorum.ledger.chain import ChainState
from medquorum.ledger.charter import Charter
from medquorum.ledger.evidence import EvidenceKey, evidence_key
from medquorum.ledger.governance import EvidenceAct
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.keys import Address, PublicKey
from medquorum.ledger.limits import DAY_MS
from medquorum.ledger.proposal import GovernanceIssue, Proposal, governance_core, issue
from medquorum.ledger.reasons import ACCEPT, Ignore, Judgement, Reason, Reject
from medquorum.ledger.signature import Verifier
from medquorum.ledger.types import BatchHash, ProposalId, RecordId
from medquorum.ledger.vote import Vote

EVIDENCE_LIFETIME_MS: Final = 30 * DAY_MS
"""Evidence needs no votes: a month of standstill is a long one."""


SeatOf = Callable[[Charter], Seat | None]
"""A node's seat under a charter."""


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
    """One node's replica, epoch after epoch.

    `seat_of` is asked for every charter: None for everybody but a doctor's node whose consensus key
    that charter names.
    """

    def __init__(
        self, remembered: Remembered, seat_of: SeatOf, verify: Verifier, history: History
    ) -> None:
        self.state = remembered.state
        self.pool = Pool()
        self._seat_of = seat_of
        self._verify = verify
        self._early = EarlyVotes()
        self._peers: dict[Address, None] = {}
        self._ceased: PublicKey | None = None
        bits = self.state.charter.seal_difficulty_bits
        self._application = ClinicalApplication(self.pool, verify, history, bits)
        last = history(remembered.log_length - 1) if remembered.log_length else None
        final = FinalPoint(
            remembered.final_slot,
            last.batch.hash if last else BatchHash(self.state.network),
            self.state.time_ms,
            remembered.log_length,
            self.state,
        )
        self.ordering = self._order(final, remembered.journal, None)
        for proposal in remembered.proposals:
            self.pool.recall(proposal, self.state)
        for vote in remembered.votes:
            self.pool.add_vote(vote, self.state, self.state.time_ms)

    @property
    def epoch(self) -> int:
        """The epoch in which this node orders: the version of the charter in force (R-ORD9)."""
        return self.state.charter.version

    def _order(
        self,
        final: FinalPoint[ChainState],
        journal: Sequence[JournalRecord],
        handover: Handover | None,
    ) -> Ordering[ChainState]:
        """The machine of the epoch that the charter in force begins."""
        charter = self.state.charter
        timing, electorate = charter.ordering, charter.electorate()
        seat = self._seat = self._seat_of(charter)
        if seat is not None and electorate.keys[seat.number] == self._ceased:
            seat = self._seat = None
        return Ordering(
            seat=seat,
            electorate=electorate,
            doctors=tuple(doctor.address for doctor in charter.doctors),
            timing=Timing(
                timing.slot_timeout_ms,
                timing.slot_timeout_max_ms,
                timing.idle_status_ms,
                timing.retransmit_ms,
            ),
            application=self._application,
            final=final,
            journal=journal,
            verify=self._verify,
            handover=handover,
        )

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
                self._peers[peer] = None
                return self._settled(self.ordering.connected(peer, now_ms), now_ms)
            case PeerLost(peer):
                self._peers.pop(peer, None)
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
        for vote in self._early.take(proposal.id):
            effects.extend(self._count(vote, sender, now_ms))
        effects.extend(self._ordered(proposal.id, now_ms))
        return tuple(effects)

    def _judge_proposal(self, proposal: Proposal, now_ms: int) -> Judgement:
        if self.pool.get(proposal.id) or self.state.height_of(proposal.id) is not None:
            return Ignore(Reason.DUPLICATE)
        judgement = judge_arrival(proposal.core, now_ms)
        if judgement == ACCEPT:
            judgement = judge_proposal(proposal, self.state, self._verify)
        if judgement == Reject(Reason.UNAPPROVED_MODEL):
            # A later charter may approve it (R-AI4): who is an epoch ahead is not to blame.
            judgement = Ignore(Reason.UNAPPROVED_MODEL)
        if judgement == ACCEPT:
            judgement = self.pool.add_proposal(proposal, self.state)
        return judgement

    def _vote(self, vote: Vote, sender: Address | None, now_ms: int) -> tuple[Effect, ...]:
        identifier = vote.ballot.proposal
        if self.pool.get(identifier) is None:
            if self.state.height_of(identifier) is not None:
                return (Refused(vote, Ignore(Reason.DUPLICATE), sender),)
            if vote.ballot.voter in self.state.charter.doctor_addresses:
                self._early.keep(vote)
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
            shown = self._issue(act_of_votes(before, vote), now_ms)
            return refused, DoubleVote(before, vote), *shown
        return (refused,)

    def _issue(self, act: EvidenceAct, now_ms: int) -> tuple[Effect, ...]:
        """Bring evidence before the doctors' nodes, unless it is in the chain or open (R-SIM11)."""
        key, seat = key_of(act, self.state), self._seat
        if seat is None or key is None or self.state.evidence_shown(key):
            return ()
        if any(key == shown for shown in self._evidence_open()):
            return ()
        core = governance_core(
            act,
            GovernanceIssue(
                network=self.state.network,
                issuer=self.state.charter.doctors[seat.number].address,
                record=RecordId(tagged(Kind.PROPOSAL, self.state.network, act.first + act.second)),
                issued_at_ms=now_ms,
                expires_at_ms=now_ms + EVIDENCE_LIFETIME_MS,
            ),
        )
        return self._proposal(issue(core, seat.sign), None, now_ms)

    def _evidence_open(self) -> Iterator[EvidenceKey]:
        for entry in self.pool:
            if isinstance(act := entry.proposal.core.act, EvidenceAct):
                yield evidence_key(act)

    def _ordered(self, identifier: ProposalId, now_ms: int) -> tuple[Effect, ...]:
        """What ordering does now: nothing while there is no verdict, unless a body lacks votes."""
        if not self.pool.decided(identifier) and not self.ordering.rebuilding:
            return ()
        return self._settled(self.ordering.work_changed(now_ms), now_ms)

    def _settled(self, effects: tuple[OrderingEffect, ...], now_ms: int) -> tuple[Effect, ...]:
        """The effects of ordering, and what they mean for pool, evidence and epoch."""
        settled: list[Effect] = list(effects)
        charter, committed = self.state.charter, False
        for effect in effects:
            match effect:
                case Commit(batch):
                    self.state = self._application.settle(self.state, batch)
                    committed = True
                case CeaseVoting(shown):
                    self._ceased = charter.electorate().keys[shown.signer]
                    self._seat = None
                case _:
                    pass
        if committed:
            dropped = self.pool.settle(self.state, now_ms)
            settled += (Forgotten(one, reason) for one, reason in dropped.items())
        if self.ordering.ended:
            settled += self._next_epoch(now_ms)
        for effect in effects:
            if isinstance(effect, Convict):
                settled += self._issue(act_of(effect.evidence, effect.culprit), now_ms)
        return tuple(settled)

    def _next_epoch(self, now_ms: int) -> Iterator[Effect]:
        """The charter that the last final batch made comes into force (R-GOV8)."""
        before = self.ordering
        self.state = self._application.next_epoch(self.state)
        yield CharterChanged(self.state.charter)
        dropped = self.pool.renew(self.state, self._verify)
        dropped |= self.pool.settle(self.state, now_ms)
        yield from (Forgotten(one, reason) for one, reason in dropped.items())
        final = replace(before.final, slot=0, view=self.state)
        self.ordering = self._order(final, (), before.hand_over())
        yield from self._settled(self.ordering.tick(now_ms), now_ms)
        epoch = self.epoch
        for peer in tuple(self._peers):
            if self.epoch == epoch:
                yield from self._settled(self.ordering.connected(peer, now_ms), now_ms)
