"""Why nothing is final yet: the certificate that is missing and whose votes (for operators)."""

from __future__ import annotations

from dataclasses import dataclass

from medquorum.consensus.ordering.application import View
from medquorum.consensus.ordering.state import State, Work, work
from medquorum.ledger.certificate import Statement
from medquorum.ledger.types import BatchHash, OrderingKind


@dataclass(frozen=True, slots=True)
class Waiting:
    """One line of `status`; `missing` is None when nothing is waited for."""

    slot: int
    leader: int
    final_slot: int
    missing: OrderingKind | None
    proposed: bool
    """Whether the leader's batch for that slot is here."""
    absent: tuple[int, ...]
    """Doctors whose vote for that certificate is not here."""
    listening: bool
    """Whether this node does not vote before a quorum has told it where they stand."""

    def sentence(self) -> str:
        """For people."""
        if self.listening:
            return f"slot {self.slot}: not voting before a quorum's STATUS has come"
        if self.missing is None:
            return f"slot {self.slot}: nothing to order, final up to slot {self.final_slot}"
        if self.missing is OrderingKind.NOTAR and not self.proposed:
            return f"slot {self.slot}: waiting for the batch of doctor {self.leader}"
        names = ", ".join(str(number) for number in self.absent)
        return f"slot {self.slot}: no {self.missing} certificate; no vote from doctors {names}"


def waiting_for(state: State[View]) -> Waiting:
    """What the oldest open slot lacks."""
    if work(state) is Work.NONE:
        return _waiting(state, state.current, None, None)
    for slot in range(state.final_slot + 1, state.current):
        notar = state.shelf.get(slot, OrderingKind.NOTAR)
        if notar is not None and state.shelf.get(slot, OrderingKind.FINAL) is None:
            return _waiting(state, slot, OrderingKind.FINAL, notar.statement.hash)
    kept = state.proposals.get(state.current)
    digest = kept[0].hash if kept else None
    return _waiting(state, state.current, OrderingKind.NOTAR, digest)


def _waiting(
    state: State[View], slot: int, missing: OrderingKind | None, digest: BatchHash | None
) -> Waiting:
    absent: set[int] = set()
    if missing is not None:
        absent = set(range(len(state.doctors)))
        if digest is not None:
            statement = Statement(state.electorate.epoch, slot, missing, digest)
            absent -= state.tally.signers(statement).keys()
    leader = state.electorate.leader(slot)
    return Waiting(
        slot=slot,
        leader=leader,
        final_slot=state.final_slot,
        missing=missing,
        proposed=digest is not None,
        absent=tuple(sorted(absent)),
        listening=state.listening,
    )
