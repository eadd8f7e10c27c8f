"""R5: the leader of the current slot proposes as soon as there is work (R-SIM5, R-ORD12)."""

from __future__ import annotations

from medquorum.consensus.messages import BatchProposal, OrderingVoteMessage
from medquorum.consensus.ordering.application import View
from medquorum.consensus.ordering.certify import count_vote
from medquorum.consensus.ordering.compact import compact_of
from medquorum.consensus.ordering.journal import BodyKept
from medquorum.consensus.ordering.pen import Pen
from medquorum.consensus.ordering.state import State, Work, best_parent, work
from medquorum.ledger import merkle
from medquorum.ledger.batch import Batch, BatchHeader, room_beside
from medquorum.ledger.certificate import Certificate
from medquorum.ledger.signature import Signature
from medquorum.ledger.types import BatchHash, OrderingKind

Parent = tuple[int, BatchHash]


def propose(state: State[View]) -> bool:
    """Journal and send this node's batch, with its own notar vote; whether it did."""
    pen, slot = state.pen, state.current
    if pen is None or state.leader != pen.number or pen.proposed(slot) is not None:
        return False
    due = work(state)
    if due is Work.NONE or (due is Work.FINALITY and not _grace_over(state)):
        return False
    parent = best_parent(state)
    certificates = None if parent is None else justification(state, parent)
    if parent is None or certificates is None:
        return False
    batch = _compose(state, parent, certificates)
    if batch is None:
        return False
    _send(state, pen, batch)
    return True


def _grace_over(state: State[View]) -> bool:
    return state.clock.now_ms >= state.clock.entered_ms + state.timing.grace_ms


def grace_deadline_ms(state: State[View]) -> int | None:
    """When this leader may propose an empty batch; None when it need not wait for that."""
    pen, slot = state.pen, state.current
    if pen is None or state.leader != pen.number or pen.proposed(slot) is not None:
        return None
    if state.listening or _grace_over(state) or work(state) is not Work.FINALITY:
        return None
    return state.clock.entered_ms + state.timing.grace_ms


def justification(state: State[View], parent: Parent) -> tuple[Certificate, ...] | None:
    """The parent's certificate and one skip for every slot between (R-ORD12); None with a hole."""
    certificates: list[Certificate] = []
    if parent[0] > 0:
        supporting = state.shelf.supporting(*parent)
        if supporting is None and parent[0] == state.final_slot:
            supporting = state.final_certificate()
        if supporting is None:
            return None
        certificates.append(supporting)
    for slot in range(parent[0] + 1, state.current):
        skip = state.shelf.get(slot, OrderingKind.SKIP)
        if skip is None:
            return None
        certificates.append(skip)
    return tuple(certificates)


def _compose(
    state: State[View], parent: Parent, certificates: tuple[Certificate, ...]
) -> Batch | None:
    """The batch to propose; None when it would be empty and nothing waits for finality yet.

    None also after more skipped slots than one body can prove: nobody could accept it (R-ORD8).
    """
    view, room = state.branches.view(parent[1]), room_beside(certificates)
    if view is None or room < 0:
        return None
    time_ms = max(state.clock.now_ms, state.branches.time_ms(parent[1]) + 1)
    contents = state.application.compose(view, time_ms, room)
    if not contents.blocks:
        state.idle_parents.add(parent[1])
        if state.top == state.final_slot or not _grace_over(state):
            return None
    header = BatchHeader(
        network=state.electorate.network,
        epoch=state.electorate.epoch,
        slot=state.current,
        leader=state.leader,
        parent_slot=parent[0],
        parent_hash=parent[1],
        first_nbc=contents.first_nbc,
        count=len(contents.blocks),
        blocks_root=merkle.root([block.encoded() for block in contents.blocks]),
        witness_root=merkle.root([witness.encoded() for witness in contents.witnesses]),
        justification_root=merkle.root([one.encoded() for one in certificates]),
        last_block_hash=contents.last_block_hash,
        registry_hash=contents.registry_hash,
        charter_version=contents.charter_version,
        time_ms=time_ms,
    )
    sealed = state.application.seal(header)
    return Batch(sealed, contents.blocks, contents.witnesses, certificates)


def _send(state: State[View], pen: Pen, batch: Batch) -> None:
    """Body, proposal and notar are durable before the first byte leaves (R-SIM10)."""
    slot = batch.header.slot
    proposed, signature = pen.propose(slot, batch.hash)
    state.outbox.persist(BodyKept(batch))
    state.outbox.persist(proposed)
    state.branches.add(batch)
    state.branches.vouch(batch)
    message = proposal_of(state, batch, signature)
    state.proposals.setdefault(slot, []).append(message)
    state.outbox.broadcast(message)
    if pen.notarised(slot) is None:
        notarised, vote = pen.notarise(slot, batch.hash)
        state.outbox.persist(notarised)
        state.outbox.broadcast(OrderingVoteMessage(vote))
        count_vote(state, vote)


def proposal_of(state: State[View], batch: Batch, signature: Signature) -> BatchProposal:
    """The compact, signed form of a whole batch."""
    compact = compact_of(batch.blocks, batch.witnesses, state.doctors)
    return BatchProposal(batch.header.encoded(), compact, batch.justification, signature)
