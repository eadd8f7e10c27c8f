"""The only place that signs for ordering, and what it refuses to sign (R-SIM5 to R-SIM10).

Every new statement is checked against the journal here, whatever the caller thought: one proposal
and one notar per slot, never skip and final of one slot. A vote is signed once, when its record is
made; later only votes of the journal are signed again, to the same bytes (R-SIG3).
"""

from __future__ import annotations

from medquorum.consensus.errors import GuardError
from medquorum.consensus.ordering.application import Seat
from medquorum.consensus.ordering.journal import (
    Finalised,
    JournalState,
    Notarised,
    Proposed,
    Skipped,
)
from medquorum.ledger.certificate import Electorate, OrderingVote, Statement, state
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.signature import Signature
from medquorum.ledger.types import BatchHash, OrderingKind


class Pen:
    """Signs for one seat, and only what its journal allows."""

    def __init__(self, seat: Seat, electorate: Electorate, journal: JournalState) -> None:
        self.number = seat.number
        self._sign = seat.sign
        self._electorate = electorate
        self._proposed = journal.proposed
        self._notarised = journal.notarised
        self._skipped = journal.skipped
        self._finalised = journal.finalised
        self._signed: dict[Statement, OrderingVote] = {}
        self._proposals: dict[int, Signature] = {}

    def proposed(self, slot: int) -> BatchHash | None:
        """What this node proposed for the slot."""
        return self._proposed.get(slot)

    def notarised(self, slot: int) -> BatchHash | None:
        """What this node voted notar for."""
        return self._notarised.get(slot)

    def skipped(self, slot: int) -> bool:
        """Whether this node voted skip."""
        return slot in self._skipped

    def finalised(self, slot: int) -> BatchHash | None:
        """What this node voted final for."""
        return self._finalised.get(slot)

    def propose(self, slot: int, digest: BatchHash) -> tuple[Proposed, Signature]:
        """Sign a proposal (R-ORD14); GuardError for a second one of a slot."""
        if slot in self._proposed:
            raise GuardError(f"R-SIM5: slot {slot} has this node's proposal already")
        self._proposed[slot] = digest
        return Proposed(slot, digest), self.proposal_again(slot)

    def notarise(self, slot: int, digest: BatchHash) -> tuple[Notarised, OrderingVote]:
        """Vote notar; GuardError for a second notar of a slot. After a skip it is allowed."""
        if slot in self._notarised:
            raise GuardError(f"R-SIM6: slot {slot} has this node's notar already")
        self._notarised[slot] = digest
        return Notarised(slot, digest), self._vote(slot, OrderingKind.NOTAR, digest)

    def skip(self, slot: int) -> tuple[Skipped, OrderingVote]:
        """Vote skip; GuardError after final, and for a second time."""
        if slot in self._finalised:
            raise GuardError(f"R-SIM8: slot {slot} has this node's final, so it is never skipped")
        if slot in self._skipped:
            raise GuardError(f"R-SIM7: slot {slot} has this node's skip already")
        self._skipped.add(slot)
        return Skipped(slot), self._vote(slot, OrderingKind.SKIP, None)

    def finalise(self, slot: int, digest: BatchHash) -> tuple[Finalised, OrderingVote]:
        """Vote final; GuardError after skip, twice, or for what this node did not notarise."""
        if slot in self._skipped:
            raise GuardError(f"R-SIM8: slot {slot} has this node's skip, so it is never finalised")
        if slot in self._finalised:
            raise GuardError(f"R-SIM8: slot {slot} has this node's final already")
        if self._notarised.get(slot) != digest:
            raise GuardError(f"R-SIM8: this node notarised another batch, or none, in slot {slot}")
        self._finalised[slot] = digest
        return Finalised(slot, digest), self._vote(slot, OrderingKind.FINAL, digest)

    def proposal_again(self, slot: int) -> Signature:
        """The signature of the journaled proposal."""
        if slot not in self._proposals:
            network = self._electorate.network
            digest = tagged(Kind.BATCH_PROPOSAL, network, self._proposed[slot])
            self._proposals[slot] = self._sign(digest)
        return self._proposals[slot]

    def holds(self, statement: Statement) -> bool:
        """Whether the journal has this node's vote of exactly that statement."""
        match statement.kind:
            case OrderingKind.NOTAR:
                return self._notarised.get(statement.slot) == statement.hash
            case OrderingKind.SKIP:
                return statement.slot in self._skipped
            case OrderingKind.FINAL:
                return self._finalised.get(statement.slot) == statement.hash

    def votes_above(self, slot: int) -> tuple[OrderingVote, ...]:
        """This node's journaled votes of later slots, ascending (R-SIM9)."""
        votes: list[OrderingVote] = []
        for each in sorted(self._notarised.keys() | self._skipped | self._finalised.keys()):
            if each <= slot:
                continue
            if each in self._notarised:
                votes.append(self._vote(each, OrderingKind.NOTAR, self._notarised[each]))
            if each in self._skipped:
                votes.append(self._vote(each, OrderingKind.SKIP, None))
            if each in self._finalised:
                votes.append(self._vote(each, OrderingKind.FINAL, self._finalised[each]))
        return tuple(votes)

    def forget(self, below: int) -> None:
        """Drop what lies below the last final slot."""
        for known in (self._proposed, self._notarised, self._finalised, self._proposals):
            for slot in [slot for slot in known if slot < below]:
                del known[slot]
        self._skipped -= {slot for slot in self._skipped if slot < below}
        for statement in [one for one in self._signed if one.slot < below]:
            del self._signed[statement]

    def _vote(self, slot: int, kind: OrderingKind, digest: BatchHash | None) -> OrderingVote:
        statement = Statement(self._electorate.epoch, slot, kind, digest)
        if not self.holds(statement):
            raise GuardError(f"R-SIM10: no journal record for a {kind} vote of slot {slot}")
        vote = self._signed.get(statement)
        if vote is None:
            vote = state(statement, self.number, self._electorate.network, self._sign)
            self._signed[statement] = vote
        return vote
