"""R6: proposals come in, their bodies are rebuilt, and one batch per slot gets this node's notar
vote (R-SIM6, R-ORD12 to R-ORD14)."""

from __future__ import annotations

from medquorum.consensus.effects import Convict
from medquorum.consensus.messages import BatchProposal, OrderingVoteMessage
from medquorum.consensus.ordering.application import View
from medquorum.consensus.ordering.certify import count_vote, hear_certificate
from medquorum.consensus.ordering.evidence import Contradiction, ProposalEvidence
from medquorum.consensus.ordering.journal import BodyKept
from medquorum.consensus.ordering.state import State
from medquorum.consensus.ordering.wanting import want
from medquorum.ledger import merkle
from medquorum.ledger.batch import Batch, BatchHeader
from medquorum.ledger.certificate import Certificate
from medquorum.ledger.evidence import SignedHeader
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.keys import Address
from medquorum.ledger.limits import CLOCK_DRIFT_MS
from medquorum.ledger.reasons import Accept
from medquorum.ledger.types import OrderingKind

PROPOSALS_KEPT: int = 2
"""Proposals of one slot: an honest leader makes one, the second is the evidence."""


def hear_proposal(state: State[View], proposal: BatchProposal, sender: Address) -> None:
    """Keep a leader's proposal whose signature and justification hold."""
    header, kept = proposal.header, state.proposals.get(proposal.header.slot, [])
    if not _plausible(state, header) or not justified(header, proposal.justification):
        return
    if len(kept) >= PROPOSALS_KEPT or any(one.hash == proposal.hash for one in kept):
        return
    digest = tagged(Kind.BATCH_PROPOSAL, state.electorate.network, proposal.hash)
    if not state.verify(state.electorate.keys[header.leader], digest, proposal.signature):
        return
    _detect_second(state, kept, proposal)
    encoded = [one.encoded() for one in proposal.justification]
    if header.justification_root != merkle.root(encoded):
        return
    if all(hear_certificate(state, one, sender) for one in proposal.justification):
        state.proposals.setdefault(header.slot, []).append(proposal)


def _plausible(state: State[View], header: BatchHeader) -> bool:
    """What costs nothing to check: network, epoch, leader (R-ORD9), and a base that is not past."""
    electorate, final = state.electorate, state.branches.final
    return (
        header.network == electorate.network
        and header.epoch == electorate.epoch
        and header.leader == electorate.leader(header.slot)
        and final.slot <= header.parent_slot < header.slot
        and (header.parent_slot > final.slot or header.parent_hash == final.hash)
    )


def justified(header: BatchHeader, certificates: tuple[Certificate, ...]) -> bool:
    """Whether the certificates are those R-ORD12 lists, in its order; signatures aside."""
    expected = [(slot, None) for slot in range(header.parent_slot + 1, header.slot)]
    if len(certificates) != len(expected) + (header.parent_slot > 0):
        return False
    skips = certificates
    if header.parent_slot > 0:
        parent, skips = certificates[0].statement, certificates[1:]
        if (parent.slot, parent.hash) != (header.parent_slot, header.parent_hash):
            return False
    return [(one.statement.slot, one.statement.hash) for one in skips] == expected and all(
        one.statement.epoch == header.epoch for one in certificates
    )


def _detect_second(state: State[View], kept: list[BatchProposal], proposal: BatchProposal) -> None:
    """Two signed batches of one leader and slot are evidence (R-SIM11)."""
    for earlier in kept[:1]:
        header = proposal.header
        state.outbox.tell(
            Convict(
                ProposalEvidence(
                    Contradiction.TWO_PROPOSALS,
                    header.leader,
                    header.slot,
                    SignedHeader(earlier.header, earlier.signature),
                    SignedHeader(proposal.header, proposal.signature),
                ),
                state.doctors[header.leader],
            )
        )


def rebuild_bodies(state: State[View]) -> bool:
    """Make whole batches of compact ones from the pool; ask for what cannot be made."""
    rebuilt = False
    for slot in sorted(state.proposals):
        for proposal in state.proposals[slot]:
            rebuilt = _rebuild(state, proposal) or rebuilt
    return rebuilt


def _rebuild(state: State[View], proposal: BatchProposal) -> bool:
    header = proposal.header
    if proposal.hash in state.unrebuilt or state.branches.batch(proposal.hash) is not None:
        return False
    view = state.branches.view(header.parent_hash)
    if view is None:
        if state.branches.batch(header.parent_hash) is None:
            want(state, header.parent_hash, header.parent_slot, at_once=True)
        return False
    body = state.application.rebuild(proposal.compact, header, view)
    if body is not None:
        batch = Batch(header, *body, proposal.justification)
        if batch.roots_match():
            state.branches.add(batch)
            return True
    state.unrebuilt.add(proposal.hash)
    want(state, proposal.hash, header.slot, at_once=True)
    return False


def notarise(state: State[View]) -> bool:
    """Vote notar for the first proposal of a slot that keeps every condition; whether it did."""
    pen = state.pen
    if pen is None:
        return False
    for slot in sorted(state.proposals):
        if slot > state.current or pen.notarised(slot) is not None:
            continue
        for proposal in state.proposals[slot]:
            batch = state.branches.batch(proposal.hash)
            if batch is None or not _admissible(state, batch) or not _due(state, batch.header):
                continue
            record, vote = pen.notarise(slot, batch.hash)
            state.outbox.persist(BodyKept(batch))
            state.outbox.persist(record)
            state.outbox.broadcast(OrderingVoteMessage(vote))
            count_vote(state, vote)
            return True
    return False


def _admissible(state: State[View], batch: Batch) -> bool:
    """Conditions (b), (c) and (d): parent and gap certified, body complete, every block good."""
    header, final = batch.header, state.branches.final
    on_final = (header.parent_slot, header.parent_hash) == (final.slot, final.hash)
    if not on_final and state.shelf.supporting(header.parent_slot, header.parent_hash) is None:
        return False
    between = range(header.parent_slot + 1, header.slot)
    if any(state.shelf.get(slot, OrderingKind.SKIP) is None for slot in between):
        return False
    if state.branches.view(header.parent_hash) is None:
        return False
    if header.time_ms <= state.branches.time_ms(header.parent_hash):
        return False
    return isinstance(state.branches.judge(batch), Accept)


def _due(state: State[View], header: BatchHeader) -> bool:
    """Condition (e): a batch ahead of this clock is not wrong, only not due (R-ORD13)."""
    due_ms = header.time_ms - CLOCK_DRIFT_MS
    if header.slot < state.current or due_ms <= state.clock.now_ms:
        return True
    retry_ms = state.clock.retry_ms
    state.clock.retry_ms = due_ms if retry_ms is None else min(retry_ms, due_ms)
    return False
