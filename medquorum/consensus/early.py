"""Votes that came before their proposal (gossip keeps no order)."""

from __future__ import annotations

from typing import Final

from medquorum.ledger.keys import Address
from medquorum.ledger.types import ProposalId
from medquorum.ledger.vote import Vote

EARLY_VOTES: Final = 4_096
"""Votes kept at once; those of the proposal waited for longest leave first."""


class EarlyVotes:
    """The first vote of each doctor on proposals that are not known yet."""

    __slots__ = ("_count", "_kept")

    def __init__(self) -> None:
        self._kept: dict[ProposalId, dict[Address, Vote]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def keep(self, vote: Vote) -> None:
        """Keep a vote until its proposal comes."""
        kept = self._kept.setdefault(vote.ballot.proposal, {})
        if vote.ballot.voter in kept:
            return
        kept[vote.ballot.voter] = vote
        self._count += 1
        while self._count > EARLY_VOTES:
            self._count -= len(self._kept.pop(next(iter(self._kept))))

    def take(self, proposal: ProposalId) -> tuple[Vote, ...]:
        """The votes on a proposal that has come."""
        kept = self._kept.pop(proposal, {})
        self._count -= len(kept)
        return tuple(kept.values())
