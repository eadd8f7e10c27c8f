"""R1: votes and certificates come in, are verified once, and become certificates (R-SIM1)."""

from __future__ import annotations

from medquorum.consensus.effects import CeaseVoting, Convict, Halt, HaltReason
from medquorum.consensus.messages import CertificateMessage
from medquorum.consensus.ordering.application import View
from medquorum.consensus.ordering.journal import CertificateKept
from medquorum.consensus.ordering.state import State
from medquorum.ledger.certificate import (
    Certificate,
    OrderingVote,
    certify,
    verify_ordering_vote,
)
from medquorum.ledger.keys import Address
from medquorum.ledger.limits import SLOTS_AHEAD
from medquorum.ledger.types import OrderingKind


def take_vote(state: State[View], vote: OrderingVote) -> bool:
    """Count a peer's vote of the window if it is new and genuine; False when it changes nothing."""
    statement = vote.statement
    if not state.final_slot < statement.slot <= state.current + SLOTS_AHEAD:
        return False
    if not state.tally.takes(vote):
        return False
    if not verify_ordering_vote(vote, state.electorate, state.verify):
        return False
    count_vote(state, vote)
    return True


def count_vote(state: State[View], vote: OrderingVote) -> None:
    """Count a vote known to be genuine; a quorum of them is a certificate."""
    _remember(state, vote)
    statement = vote.statement
    votes = state.tally.signers(statement)
    if len(votes) >= state.electorate.quorum and not state.shelf.holds(statement):
        learn(state, certify(statement, tuple(votes.values())), None)


def _remember(state: State[View], vote: OrderingVote) -> None:
    for evidence in state.tally.add(vote):
        state.outbox.tell(Convict(evidence, state.doctors[evidence.signer]))


def hear_certificate(state: State[View], certificate: Certificate, sender: Address) -> bool:
    """Verify and learn a certificate; False when it is worth nothing here."""
    statement = certificate.statement
    if state.shelf.holds(statement):
        return True
    if statement.slot <= state.final_slot and not _settled(state, certificate):
        return False
    if not genuine(state, certificate):
        return False
    if statement.slot > state.final_slot:
        learn(state, certificate, sender)
    elif statement.hash != state.branches.final.hash and state.branches.contradicted_by(
        statement, stored=True
    ):
        ours = state.final_certificate()
        halt(state, HaltReason.FORK, (ours, certificate) if ours else (certificate,))
    return True


def _settled(state: State[View], certificate: Certificate) -> bool:
    """Whether a certificate of a final slot is worth verifying: it supports the last final batch,
    or it would prove a fork."""
    statement = certificate.statement
    if statement.hash == state.branches.final.hash:
        return True
    return (
        statement.kind is OrderingKind.FINAL
        and statement.epoch == state.electorate.epoch
        and state.branches.contradicted_by(statement, stored=False) is not False
    )


def genuine(state: State[View], certificate: Certificate) -> bool:
    """Whether a quorum of this epoch signed; signatures seen before are not verified again."""
    votes = [OrderingVote(certificate.statement, *pair) for pair in certificate.votes]
    return len(votes) >= state.electorate.quorum and all(
        state.tally.holds(vote) or verify_ordering_vote(vote, state.electorate, state.verify)
        for vote in votes
    )


def learn(state: State[View], certificate: Certificate, sender: Address | None) -> None:
    """Keep a verified certificate of a slot that is not final, and relay it (lean relay)."""
    statement = certificate.statement
    if not state.shelf.add(certificate):
        known = state.shelf.get(statement.slot, statement.kind)
        if statement.kind is OrderingKind.FINAL and known is not None:
            halt(state, HaltReason.FORK, (known, certificate))
    for pair in certificate.votes:
        vote = OrderingVote(statement, *pair)
        detect_amnesia(state, vote)
        if sender is not None and state.tally.takes(vote):
            _remember(state, vote)
    if state.pen is None or state.shelf.get(statement.slot, statement.kind) is not certificate:
        return
    state.outbox.persist(CertificateKept(certificate))
    successor = state.doctors[state.electorate.leader(statement.slot + 1)]
    if successor not in (sender, state.doctors[state.pen.number]):
        state.outbox.send(successor, CertificateMessage(certificate))


def detect_amnesia(state: State[View], vote: OrderingVote) -> None:
    """Stop voting when a genuine vote of this key is not in this journal (R-SIM10)."""
    if state.pen is None or vote.signer != state.pen.number:
        return
    if vote.statement.slot > state.final_slot and not state.pen.holds(vote.statement):
        state.pen = None
        state.outbox.tell(CeaseVoting(vote))


def halt(state: State[View], reason: HaltReason, certificates: tuple[Certificate, ...]) -> None:
    """Stop ordering for good and publish why (R-SIM2)."""
    if state.halted is None:
        state.halted = Halt(reason, certificates)
        state.outbox.tell(state.halted)
