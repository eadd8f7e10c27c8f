"""Bodies this node lacks are asked for from one peer after another (R-SIM2, R-SIM6)."""

from __future__ import annotations

from medquorum.consensus.messages import BatchBody, GetBatch
from medquorum.consensus.ordering.application import ASK_AFTER_MS, View
from medquorum.consensus.ordering.branches import Gap
from medquorum.consensus.ordering.state import State, Want
from medquorum.ledger.batch import Batch
from medquorum.ledger.certificate import Statement
from medquorum.ledger.keys import Address
from medquorum.ledger.limits import SLOTS_AHEAD
from medquorum.ledger.types import BatchHash, OrderingKind

FETCHED_BACKWARDS: int = 8
"""Missing ancestors fetched one by one; a node further behind asks for the log instead."""


def want(state: State[View], digest: BatchHash, slot: int, *, at_once: bool) -> None:
    """Ask for a body, at once or when it has not come by itself."""
    if digest in state.wants or state.branches.batch(digest) is not None:
        return
    if len(state.wants) < SLOTS_AHEAD:
        delay_ms = 0 if at_once else ASK_AFTER_MS
        state.wants[digest] = Want(slot, state.clock.now_ms + delay_ms)


def want_certified(state: State[View]) -> None:
    """Every certified batch must become whole here; a follower takes them from the log instead."""
    if state.pen is None:
        return
    for slot in range(state.final_slot + 1, state.top + 1):
        for digest in state.shelf.certified(slot):
            path = state.branches.path(digest)
            if isinstance(path, Gap) and path.depth < FETCHED_BACKWARDS:
                want(state, path.hash, slot, at_once=path.depth > 0)


def ask_for_bodies(state: State[View]) -> None:
    """Send what is due: the slot's leader first, then those who notarised, then anyone."""
    for digest, wanted in list(state.wants.items()):
        if state.branches.batch(digest) is not None:
            del state.wants[digest]
        elif wanted.due_ms <= state.clock.now_ms:
            sources = _sources(state, digest, wanted.slot)
            if sources:
                peer = sources[wanted.asked % len(sources)]
                state.outbox.send(peer, GetBatch(digest))
            wanted.asked += 1
            wanted.due_ms = state.clock.now_ms + max(ASK_AFTER_MS, state.timing.grace_ms)


def _sources(state: State[View], digest: BatchHash, slot: int) -> list[Address]:
    epoch = state.electorate.epoch
    numbers = [state.electorate.leader(slot)]
    for kind in (OrderingKind.NOTAR, OrderingKind.FINAL):
        numbers.extend(sorted(state.tally.signers(Statement(epoch, slot, kind, digest))))
    numbers.extend(range(len(state.doctors)))
    me = None if state.pen is None else state.pen.number
    return [state.doctors[one] for one in dict.fromkeys(numbers) if one != me]


def hear_get_batch(state: State[View], digest: BatchHash, sender: Address) -> None:
    """Anyone who has a body hands it out."""
    batch = state.branches.any_batch(digest)
    if batch is not None:
        state.outbox.send(sender, BatchBody(batch))


def hear_body(state: State[View], batch: Batch) -> None:
    """Keep a body that was asked for; its hash vouches for the header, the roots for the rest."""
    if batch.hash in state.wants and batch.roots_match():
        state.branches.add(batch)
        del state.wants[batch.hash]
