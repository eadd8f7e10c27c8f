"""R9: STATUS, and answers to those who lag; only journaled votes are sent again (R-SIM9)."""

from __future__ import annotations

from dataclasses import replace

from medquorum.consensus.messages import (
    STATUS_CERTIFICATES,
    STATUS_VOTES,
    BatchProposal,
    CertificateMessage,
    Message,
    Status,
)
from medquorum.consensus.ordering.application import ASK_AFTER_MS, View
from medquorum.consensus.ordering.catch_up import hear_claim, send_log
from medquorum.consensus.ordering.certify import detect_amnesia, hear_certificate, take_vote
from medquorum.consensus.ordering.state import State, Work, work
from medquorum.ledger.certificate import OrderingVote, verify_ordering_vote
from medquorum.ledger.keys import Address
from medquorum.ledger.types import OrderingKind

SPARE_CERTIFICATES: int = 256
"""Certificates sent beside a STATUS that cannot hold them all: a long row of skipped slots."""


def status_of(state: State[View], shown: tuple[OrderingVote, ...] | None = None) -> Status:
    """Everything a lagging doctor may lack above the last final slot; `shown` are her own votes."""
    final = state.branches.final
    own = () if state.pen is None else state.pen.votes_above(final.slot)
    return Status(
        state.electorate.epoch,
        final.log_length,
        final.slot,
        (*(shown or ()), *own)[-STATUS_VOTES:],
        state.shelf.since(final.slot + 1)[:STATUS_CERTIFICATES],
        asks=state.listening,
        shows=shown is not None,
    )


def light_status(state: State[View]) -> Status:
    """How far this node is: all an observer needs."""
    final = state.branches.final
    return Status(state.electorate.epoch, final.log_length, final.slot)


def greet(state: State[View], peer: Address) -> None:
    """On connecting: where this node stands, and to a doctor her own votes as known here."""
    number = state.number_of(peer)
    if number is None:
        state.observers[peer] = None
    if state.pen is None:
        return
    if number is None:
        state.outbox.send(peer, light_status(state))
        return
    _send_status(state, _showing(state, number), peer)


def _showing(state: State[View], number: int) -> Status:
    shown = state.tally.votes_of(number, state.final_slot)
    return replace(status_of(state, shown), asks=False)


def status_interval_ms(state: State[View]) -> int:
    """How long until the next STATUS (R-SIM9)."""
    if work(state) is Work.NONE and not state.listening:
        return state.timing.idle_status_ms
    return state.timing.retransmit_ms


def status_due_ms(state: State[View]) -> int | None:
    """When the next STATUS leaves; None for those without a seat."""
    if state.pen is None:
        return None
    start_ms = max(state.clock.status_ms, state.clock.armed_ms or 0)
    return start_ms + status_interval_ms(state)


def repeat_status(state: State[View]) -> None:
    """Tell every doctor and observer at the interval; to doctors also the own open proposal."""
    due_ms = status_due_ms(state)
    if due_ms is None or state.clock.now_ms < due_ms:
        return
    state.clock.status_ms = state.clock.now_ms
    _send_status(state, status_of(state), None)
    for observer in state.observers:
        state.outbox.send(observer, light_status(state))


def _send_status(state: State[View], status: Status, peer: Address | None) -> None:
    """To one doctor, or to all; the rest of a long row of certificates follows it."""
    spare = state.shelf.since(state.final_slot + 1)[STATUS_CERTIFICATES:][:SPARE_CERTIFICATES]
    messages: list[Message] = [
        status,
        *(CertificateMessage(one) for one in spare),
        *_open_proposal(state),
    ]
    for message in messages:
        if peer is None:
            state.outbox.broadcast(message)
        else:
            state.outbox.send(peer, message)


def _open_proposal(state: State[View]) -> list[BatchProposal]:
    own = None if state.pen is None else state.pen.proposed(state.current)
    return [one for one in state.proposals.get(state.current, ()) if one.hash == own]


def hear_status(state: State[View], status: Status, sender: Address) -> None:
    """Learn what the sender shows; help one who is behind, remember one who is ahead."""
    number = state.number_of(sender)
    if number is not None and status.epoch == state.electorate.epoch:
        for certificate in status.certificates:
            hear_certificate(state, certificate, sender)
        for vote in status.votes:
            _hear_shown(state, vote, number)
        if status.shows:
            state.shown_by.add(number)
        if status.asks and state.pen is not None:
            state.outbox.send(sender, _showing(state, number))
    hear_claim(state, sender, status.log_length)
    place = (state.electorate.epoch, state.final_slot)
    if number is not None and (status.epoch, status.final_slot) < place and _settled(state):
        send_log(state, sender, status.log_length, most=1)


def _settled(state: State[View]) -> bool:
    """Whether the last commit is old enough for the others to have it by themselves."""
    commit_ms = state.clock.commit_ms
    return commit_ms is None or state.clock.now_ms >= commit_ms + ASK_AFTER_MS


def _hear_shown(state: State[View], vote: OrderingVote, number: int) -> None:
    """A doctor shows its own votes, and this node's: those only as a test of memory."""
    if vote.signer == number:
        take_vote(state, vote)
    elif verify_ordering_vote(vote, state.electorate, state.verify):
        detect_amnesia(state, vote)


def hear_vote(state: State[View], vote: OrderingVote, sender: Address) -> None:
    """Count a doctor's own vote; answer one that shows its sender to be behind."""
    statement, number = vote.statement, state.number_of(sender)
    if number is None or statement.epoch != state.electorate.epoch:
        if statement.epoch < state.electorate.epoch:
            _answer(state, sender, light_status(state))
        return
    if vote.signer != number:
        if state.pen is not None and vote.signer == state.pen.number:
            _hear_shown(state, vote, number)
        return
    if statement.slot <= state.final_slot:
        _answer_late(state, vote, sender)
        return
    take_vote(state, vote)
    if statement.kind is OrderingKind.SKIP and state.tally.holds(vote):
        _answer_skip(state, statement.slot, sender)


def _answer_late(state: State[View], vote: OrderingVote, sender: Address) -> None:
    """A vote on a final slot gets the final certificate.

    The last votes of a slot arrive after its quorum as a matter of course: within the grace time
    after a commit only a skip is answered, and nobody twice within it.
    """
    clock, grace_ms = state.clock, state.timing.grace_ms
    recent = clock.commit_ms is not None and clock.now_ms < clock.commit_ms + grace_ms
    certificate = state.final_certificate()
    if certificate is None or (recent and vote.statement.kind is not OrderingKind.SKIP):
        return
    _answer(state, sender, CertificateMessage(certificate))


def _answer(state: State[View], sender: Address, message: Message) -> None:
    """Send to one who is behind, unless it had an answer within the grace time."""
    clock, answered_ms = state.clock, state.clock.answered_ms.get(sender)
    if answered_ms is not None and clock.now_ms < answered_ms + state.timing.grace_ms:
        return
    clock.answered_ms[sender] = clock.now_ms
    state.outbox.send(sender, message)


def _answer_skip(state: State[View], slot: int, sender: Address) -> None:
    """Who gives up a slot lacks what is certified from it on, or the finality just before it."""
    certificates = state.shelf.since(slot)[:STATUS_CERTIFICATES]
    final = state.final_certificate()
    if slot - 1 == state.final_slot and work(state) is Work.NONE and final is not None:
        certificates = (final,)
    for certificate in certificates:
        state.outbox.send(sender, CertificateMessage(certificate))
