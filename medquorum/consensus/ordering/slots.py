"""R3, R7 and R8: entering a slot, giving it up, and finalising what was notarised."""

from __future__ import annotations

from medquorum.consensus.messages import OrderingVoteMessage
from medquorum.consensus.ordering.application import SILENT_MS, View
from medquorum.consensus.ordering.certify import count_vote
from medquorum.consensus.ordering.state import State, Work, work
from medquorum.ledger.types import OrderingKind


def enter(state: State[View]) -> None:
    """R3 and R4: note when the slot changed, and since when it has had work (R-SIM3, R-SIM4)."""
    clock, current = state.clock, state.current
    if clock.entered_slot != current:
        clock.entered_slot, clock.entered_ms, clock.armed_ms = current, clock.now_ms, None
    if work(state) is Work.NONE:
        clock.armed_ms = None
    elif clock.armed_ms is None:
        clock.armed_ms = clock.now_ms


def skip_deadline_ms(state: State[View]) -> int | None:
    """When this node gives the current slot up; None without work or seat, or once it did."""
    pen, armed_ms = state.pen, state.clock.armed_ms
    if pen is None or armed_ms is None or state.listening:
        return None
    current = state.current
    if pen.skipped(current):
        return None
    timeout_ms = state.timing.slot_timeout(current - 1 - state.final_slot)
    return armed_ms + (timeout_ms // 10 if leader_is_lost(state) else timeout_ms)


def leader_is_lost(state: State[View]) -> bool:
    """Whether the slot's leader gave it up itself, or is silent while a quorum is not (R-SIM7)."""
    leader = state.leader
    if state.tally.signed(leader, state.current, OrderingKind.SKIP):
        return True
    since_ms = state.clock.now_ms - SILENT_MS
    if _heard_ms(state, leader) >= since_ms:
        return False
    awake = {one for one in range(len(state.doctors)) if _heard_ms(state, one) >= since_ms}
    return len(awake) >= state.electorate.quorum


def _heard_ms(state: State[View], number: int) -> int:
    if state.pen is not None and number == state.pen.number:
        return state.clock.now_ms
    return state.clock.heard_ms.get(number, state.clock.began_ms or 0)


def skip(state: State[View]) -> bool:
    """R7: give the current slot up when its time is over (R-SIM7); whether it did."""
    deadline_ms = skip_deadline_ms(state)
    if state.pen is None or deadline_ms is None or state.clock.now_ms < deadline_ms:
        return False
    record, vote = state.pen.skip(state.current)
    state.outbox.persist(record)
    state.outbox.broadcast(OrderingVoteMessage(vote))
    count_vote(state, vote)
    return True


def finalise(state: State[View]) -> bool:
    """R8: finalise what a quorum and this node notarised, unless it skipped (R-SIM8)."""
    pen = state.pen
    if pen is None:
        return False
    for slot in range(state.final_slot + 1, state.top + 1):
        certificate = state.shelf.get(slot, OrderingKind.NOTAR)
        if certificate is None or pen.skipped(slot) or pen.finalised(slot) is not None:
            continue
        digest = certificate.statement.hash
        if digest is None or pen.notarised(slot) != digest:
            continue
        record, vote = pen.finalise(slot, digest)
        state.outbox.persist(record)
        state.outbox.broadcast(OrderingVoteMessage(vote))
        count_vote(state, vote)
        return True
    return False
