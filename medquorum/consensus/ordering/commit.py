"""R2: a final certificate on a whole chain appends its batches, oldest first (R-SIM2, R-ORD17)."""

from __future__ import annotations

from medquorum.consensus.effects import Commit, HaltReason
from medquorum.consensus.messages import Status, Sync
from medquorum.consensus.ordering.application import View
from medquorum.consensus.ordering.branches import Foreign, Gap
from medquorum.consensus.ordering.certify import halt
from medquorum.consensus.ordering.state import State
from medquorum.ledger.batch import Batch
from medquorum.ledger.certificate import Certificate


def commit(state: State[View]) -> bool:
    """Append what the highest usable final certificate finalises; whether anything was."""
    for certificate in state.shelf.finals(state.final_slot):
        digest = certificate.statement.hash
        if digest is None:
            continue
        path = state.branches.path(digest)
        if isinstance(path, Foreign):
            ours = state.final_certificate()
            halt(state, HaltReason.FORK, (ours, certificate) if ours else (certificate,))
            return False
        if isinstance(path, Gap):
            continue
        if state.branches.view(digest) is None:
            halt(state, HaltReason.INVALID_FINAL, (certificate,))
            return False
        _append(state, path.batches, certificate)
        return True
    return False


def _append(state: State[View], batches: tuple[Batch, ...], certificate: Certificate) -> None:
    """Append a chain; of one that ends the epoch what follows its end is tail (R-GOV8)."""
    length, end = state.branches.final.log_length, state.branches.epoch_end(batches)
    tail: tuple[Batch, ...] = ()
    if end is not None:
        batches, tail = batches[: end + 1], batches[end + 1 :]
        state.ended = True
    state.branches.advance(batches, certificate, tail)
    for batch in batches:
        state.outbox.tell(Commit(batch, certificate, tail if batch is batches[-1] else ()))
    _tell_observers(state, length, batches, certificate)
    _forget(state)
    state.clock.commit_ms = state.clock.now_ms
    if state.catch_up.asked is None:
        state.catch_up.behind_since_ms = None


def _tell_observers(
    state: State[View], length: int, batches: tuple[Batch, ...], certificate: Certificate
) -> None:
    """The leader of a batch hands it to those who follow; every doctor says how far it is."""
    if state.pen is None:
        return
    final, tail = state.branches.final, state.branches.recently_final[-1].tail
    light = Status(state.electorate.epoch, final.log_length, final.slot)
    for observer in state.observers:
        for index, batch in enumerate(batches):
            if batch.header.leader == state.pen.number:
                rest = tail if batch is batches[-1] else ()
                state.outbox.send(observer, Sync(length + index, batch, certificate, rest))
        state.outbox.send(observer, light)


def _forget(state: State[View]) -> None:
    """Nothing below the last final slot is of use, nor of that slot but its certificates."""
    slot, length = state.final_slot, state.branches.final.log_length
    state.shelf.forget(slot)
    state.tally.forget(slot)
    if state.pen is not None:
        state.pen.forget(slot)
    state.proposals = {one: kept for one, kept in state.proposals.items() if one > slot}
    state.wants = {one: kept for one, kept in state.wants.items() if kept.slot > slot}
    known = {proposal.hash for kept in state.proposals.values() for proposal in kept}
    state.unrebuilt &= known
    state.idle_parents.clear()
    offers = state.catch_up.offers
    state.catch_up.offers = {one: kept for one, kept in offers.items() if one >= length}
