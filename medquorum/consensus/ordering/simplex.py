"""Ordering of one epoch: Simplex as sections 10 and 11 state it, as one synchronous machine.

Every call runs the rules to a fixed point and answers what is to be done, in order. The same class
runs in a doctor's node, in a follower's (no seat: R1, R2 and R9 only) and in the simulator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, assert_never

from medquorum.consensus.effects import Effect, Halt
from medquorum.consensus.messages import (
    Ask,
    BatchBody,
    BatchProposal,
    CertificateMessage,
    GetBatch,
    Message,
    OrderingVoteMessage,
    Status,
    Sync,
)
from medquorum.consensus.ordering import catch_up, notarise, propose, repair, slots, wanting
from medquorum.consensus.ordering.application import (
    Application,
    FinalPoint,
    Seat,
    Timing,
    View,
)
from medquorum.consensus.ordering.branches import Branches
from medquorum.consensus.ordering.certify import hear_certificate
from medquorum.consensus.ordering.commit import commit
from medquorum.consensus.ordering.handover import Handover
from medquorum.consensus.ordering.journal import JournalRecord, JournalState, replay
from medquorum.consensus.ordering.pen import Pen
from medquorum.consensus.ordering.shelf import Shelf
from medquorum.consensus.ordering.state import State
from medquorum.consensus.ordering.waiting import Waiting, waiting_for
from medquorum.ledger.certificate import Electorate
from medquorum.ledger.keys import Address
from medquorum.ledger.signature import Verifier
from medquorum.ledger.types import OrderingKind


class Ordering(Generic[View]):
    """One node's part in ordering; give it every event, perform every effect in order.

    `final` is the last batch of the log, `journal` the records of its slot and later ones.
    JournalError when the journal contradicts itself: start again with `seat=None` then.
    """

    def __init__(
        self,
        *,
        seat: Seat | None,
        electorate: Electorate,
        doctors: tuple[Address, ...],
        timing: Timing,
        application: Application[View],
        final: FinalPoint[View],
        journal: Sequence[JournalRecord],
        verify: Verifier,
        handover: Handover | None = None,
    ) -> None:
        remembered = replay(journal)
        certificates = [
            one for one in remembered.certificates.values() if one.statement.slot >= final.slot
        ]
        self._state = State(
            electorate=electorate,
            doctors=doctors,
            timing=timing,
            application=application,
            verify=verify,
            pen=None if seat is None else Pen(seat, electorate, remembered),
            branches=Branches(
                application,
                final,
                remembered.bodies.values(),
                () if handover is None else handover.recent,
            ),
            shelf=Shelf(certificates),
        )
        if handover is not None:
            handover.give(self._state)
        self._restore_proposals(remembered)

    def _restore_proposals(self, remembered: JournalState) -> None:
        state = self._state
        for slot, digest in remembered.proposed.items():
            batch = remembered.bodies.get(digest)
            if state.pen is not None and batch is not None and slot > state.final_slot:
                signature = state.pen.proposal_again(slot)
                state.proposals[slot] = [propose.proposal_of(state, batch, signature)]

    def receive(self, message: Message, sender: Address, now_ms: int) -> tuple[Effect, ...]:
        """A message of an authenticated peer."""
        self._begin(now_ms)
        state = self._state
        number = state.number_of(sender)
        if number is not None:
            state.clock.heard_ms[number] = now_ms
        certified = state.shelf.changes
        self._dispatch(message, sender)
        if certified == state.shelf.changes and _leaves_rules_alone(message):
            return state.outbox.drain()
        return self._settle()

    def work_changed(self, now_ms: int) -> tuple[Effect, ...]:
        """The pool has a new verdict, proposal or vote."""
        self._begin(now_ms)
        self._state.pool_grew()
        return self._settle()

    def tick(self, now_ms: int) -> tuple[Effect, ...]:
        """The deadline has come; harmless at any other time."""
        self._begin(now_ms)
        self._state.pool_changed()
        return self._settle()

    def connected(self, peer: Address, now_ms: int) -> tuple[Effect, ...]:
        """A peer is connected, again or for the first time."""
        self._begin(now_ms)
        repair.greet(self._state, peer)
        return self._settle()

    def disconnected(self, peer: Address) -> None:
        """A peer is gone: nothing is sent to it or asked of it."""
        self._state.observers.pop(peer, None)
        self._state.catch_up.claims.pop(peer, None)

    def next_deadline_ms(self) -> int | None:
        """When `tick` is wanted; None when only a message can bring anything."""
        state = self._state
        if state.clock.began_ms is None:
            return 0
        if state.halted is not None or state.ended:
            return None
        deadlines = [
            repair.status_due_ms(state),
            slots.skip_deadline_ms(state),
            propose.grace_deadline_ms(state),
            state.clock.retry_ms,
            catch_up.ask_due_ms(state),
            *(wanted.due_ms for wanted in state.wants.values()),
        ]
        return min([one for one in deadlines if one is not None], default=None)

    @property
    def ended(self) -> bool:
        """Whether the last final batch ended the epoch: another `Ordering` takes over (R-GOV8)."""
        return self._state.ended

    def hand_over(self) -> Handover:
        """What the next epoch's machine of the same process goes on with."""
        return Handover.of(self._state)

    @property
    def rebuilding(self) -> bool:
        """Whether a proposed batch waits for proposals or votes this node does not have."""
        return bool(self._state.unrebuilt)

    @property
    def voting(self) -> bool:
        """Whether this node has a seat and trusts its journal."""
        return self._state.pen is not None

    @property
    def listening(self) -> bool:
        """Whether it waits for a quorum's STATUS before its first vote since the start."""
        return self._state.listening

    @property
    def halted(self) -> Halt | None:
        """Why ordering stopped, if it did."""
        return self._state.halted

    @property
    def final(self) -> FinalPoint[View]:
        """The last final batch."""
        return self._state.branches.final

    @property
    def final_slot(self) -> int:
        """tf."""
        return self._state.final_slot

    @property
    def current_slot(self) -> int:
        """The slot this node is in."""
        return self._state.current

    @property
    def leader(self) -> int:
        """The number of the doctor whose node leads the current slot."""
        return self._state.leader

    @property
    def waiting(self) -> Waiting:
        """What is missing, and whose votes, in a form an operator can read."""
        return waiting_for(self._state)

    def _begin(self, now_ms: int) -> None:
        clock = self._state.clock
        if clock.began_ms is None:
            clock.began_ms = clock.entered_ms = clock.status_ms = now_ms
        clock.now_ms = now_ms

    def _dispatch(self, message: Message, sender: Address) -> None:
        state = self._state
        if (state.halted or state.ended) and not isinstance(message, Ask | GetBatch):
            return
        match message:
            case BatchProposal():
                notarise.hear_proposal(state, message, sender)
            case OrderingVoteMessage(vote):
                repair.hear_vote(state, vote, sender)
            case CertificateMessage(certificate):
                hear_certificate(state, certificate, sender)
            case Status():
                repair.hear_status(state, message, sender)
            case Ask(log_length):
                catch_up.send_log(state, sender, log_length)
            case Sync():
                catch_up.hear_sync(state, message, sender)
            case GetBatch(digest):
                wanting.hear_get_batch(state, digest, sender)
            case BatchBody(batch):
                wanting.hear_body(state, batch)
            case _:
                assert_never(message)

    def _settle(self) -> tuple[Effect, ...]:
        """Repeat R1 to R8 until none has anything to do, then repair (R9)."""
        state = self._state
        state.clock.retry_ms = None
        while state.halted is None and not state.ended:
            if commit(state):
                continue
            slots.enter(state)
            if state.pen is None or state.listening:
                break
            if (
                notarise.rebuild_bodies(state)
                or notarise.notarise(state)
                or slots.finalise(state)
                or propose.propose(state)
                or slots.skip(state)
            ):
                continue
            break
        if state.halted is None and not state.ended:
            wanting.want_certified(state)
            wanting.ask_for_bodies(state)
            catch_up.ask_if_behind(state)
            repair.repeat_status(state)
        return state.outbox.drain()


def _leaves_rules_alone(message: Message) -> bool:
    """Whether, unless it brought a certificate, no rule can have anything to do after it.

    Most votes and many certificates come too early or too late to decide anything; a skip may show
    the leader to be lost. What is due by the clock has its own deadline.
    """
    match message:
        case OrderingVoteMessage(vote):
            return vote.statement.kind is not OrderingKind.SKIP
        case CertificateMessage():
            return True
        case _:
            return False
