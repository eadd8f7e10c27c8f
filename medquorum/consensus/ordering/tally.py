"""Verified votes by slot: what a quorum agrees on, and who contradicts himself (R-SIM1, R-SIM11).

At most two different votes of one signer, kind and slot are kept: the second is the evidence.
"""

from __future__ import annotations

from medquorum.consensus.ordering.evidence import Contradiction, VoteEvidence, contradiction
from medquorum.ledger.certificate import OrderingVote, Statement
from medquorum.ledger.types import OrderingKind

KEPT: int = 2
"""Votes of one signer, kind and slot: one to count, one to convict."""


class Tally:
    """Votes of slots that are not settled; whoever adds has verified the signature."""

    def __init__(self) -> None:
        self._slots: dict[int, dict[Statement, dict[int, OrderingVote]]] = {}
        self._convicted: set[tuple[int, int, Contradiction]] = set()

    def signers(self, statement: Statement) -> dict[int, OrderingVote]:
        """The votes on one statement by signer."""
        return self._slots.get(statement.slot, {}).get(statement, {})

    def holds(self, vote: OrderingVote) -> bool:
        """Whether these very bytes are known, so that they need no second verification."""
        return self.signers(vote.statement).get(vote.signer) == vote

    def takes(self, vote: OrderingVote) -> bool:
        """Whether the vote says something new of its signer and there is room for it."""
        if vote.signer in self.signers(vote.statement):
            return False
        same_kind = [one for one in self._of(vote) if one.statement.kind is vote.statement.kind]
        return len(same_kind) < KEPT

    def add(self, vote: OrderingVote) -> tuple[VoteEvidence, ...]:
        """Count a verified vote; the contradictions it completes, each told once."""
        found = []
        for earlier in self._of(vote):
            how = contradiction(earlier, vote)
            slot = vote.statement.slot
            if how is not None and (vote.signer, slot, how) not in self._convicted:
                self._convicted.add((vote.signer, slot, how))
                found.append(VoteEvidence(how, vote.signer, slot, earlier, vote))
        slots = self._slots.setdefault(vote.statement.slot, {})
        slots.setdefault(vote.statement, {})[vote.signer] = vote
        return tuple(found)

    def votes_of(self, signer: int, above: int) -> tuple[OrderingVote, ...]:
        """Everything known of one signer in later slots, ascending by slot."""
        return tuple(
            votes[signer]
            for slot in sorted(self._slots)
            if slot > above
            for votes in self._slots[slot].values()
            if signer in votes
        )

    def signed(self, signer: int, slot: int, kind: OrderingKind) -> bool:
        """Whether this doctor's node voted this kind in this slot, for any hash."""
        for statement, votes in self._slots.get(slot, {}).items():
            if statement.kind is kind and signer in votes:
                return True
        return False

    def forget(self, below: int) -> None:
        """Drop slots below the last final one."""
        for slot in [slot for slot in self._slots if slot < below]:
            del self._slots[slot]
        self._convicted = {one for one in self._convicted if one[1] >= below}

    def _of(self, vote: OrderingVote) -> list[OrderingVote]:
        known = self._slots.get(vote.statement.slot, {})
        return [votes[vote.signer] for votes in known.values() if vote.signer in votes]
