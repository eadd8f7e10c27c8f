"""A node's disk: what its store holds, and what becomes of writes when it loses power (R-SIM10).

Content mirrors the node's tables: final batches, journal, open proposals and their votes. Records
are kept as objects and go through their own codec when a process starts from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from medquorum.consensus.effects import Commit, Convict, Persist
from medquorum.consensus.events import Accepted, DoubleVote, Effect, Forgotten
from medquorum.consensus.ordering.application import LoggedBatch
from medquorum.consensus.ordering.evidence import Evidence
from medquorum.consensus.ordering.journal import (
    Finalised,
    JournalRecord,
    Notarised,
    Proposed,
    Skipped,
    slot_of,
)
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.reasons import Reason
from medquorum.ledger.types import ProposalId
from medquorum.ledger.vote import Vote

PRUNED_EVERY: Final = 16
"""Final batches between two prunings of the journal, as in a node's store."""
DURABLE: Final = frozenset({Persist, Accepted, Commit, Forgotten, Convict, DoubleVote})
"""The effects that leave something on disk."""
OwnRecord = Proposed | Notarised | Skipped | Finalised
JournalEntry = tuple[int, JournalRecord]
"""Epoch and record."""


class Disk:
    """What is durable on one machine."""

    __slots__ = ("chain", "evidence", "forgotten", "journal", "open", "own", "votes")

    def __init__(self) -> None:
        self.chain: list[LoggedBatch] = []
        """Final batches, each with its own final certificate where there is one."""
        self.journal: list[JournalEntry] = []
        self.own: set[tuple[int, OwnRecord]] = set()
        """What this machine signed, by the journal: nothing else may leave it."""
        self.open: dict[ProposalId, Proposal] = {}
        self.votes: dict[ProposalId, dict[Address, Vote]] = {}
        self.forgotten: dict[ProposalId, Reason] = {}
        self.evidence: list[Evidence | DoubleVote] = []

    def apply(self, effects: Iterable[Effect]) -> None:
        """Write what of these effects is durable, in order."""
        for effect in effects:
            match effect:
                case Persist(record, epoch):
                    self._journal(epoch, record)
                case Accepted(Proposal() as proposal):
                    self.open[proposal.id] = proposal
                case Accepted(Vote() as vote):
                    votes = self.votes.setdefault(vote.ballot.proposal, {})
                    votes.setdefault(vote.ballot.voter, vote)
                case Commit():
                    self._append(effect)
                case Forgotten(identifier, reason):
                    self._close(identifier)
                    self.forgotten[identifier] = reason
                case Convict(evidence):
                    self.evidence.append(evidence)
                case DoubleVote():
                    self.evidence.append(effect)
                case _:
                    pass

    def _journal(self, epoch: int, record: JournalRecord) -> None:
        self.journal.append((epoch, record))
        if isinstance(record, OwnRecord):
            self.own.add((epoch, record))

    def _append(self, commit: Commit) -> None:
        batch, certificate, tail = commit.batch, commit.certificate, commit.tail
        named = certificate.statement.hash == (batch, *tail)[-1].hash
        self.chain.append(LoggedBatch(batch, certificate if named else None, tail))
        for block in batch.blocks:
            self._close(block.proposal.id)
        if len(self.chain) % PRUNED_EVERY == 1:
            self._prune(batch.header.epoch, batch.header.slot)

    def _prune(self, epoch: int, slot: int) -> None:
        """Forget what nobody votes on again; an ended epoch goes with the next one's pruning."""
        point = epoch, slot
        self.journal = [one for one in self.journal if (one[0], slot_of(one[1])) >= point]
        if len(self.chain) <= PRUNED_EVERY:
            return
        # What was signed with the write that made its slot final is still on its way out.
        said = self.chain[-PRUNED_EVERY].batch.header
        point = said.epoch, said.slot
        self.own = {one for one in self.own if (one[0], one[1].slot) >= point}

    def _close(self, identifier: ProposalId) -> None:
        self.open.pop(identifier, None)
        self.votes.pop(identifier, None)

    def history(self, log_index: int) -> LoggedBatch | None:
        """A final batch by its place in the log."""
        return self.chain[log_index] if 0 <= log_index < len(self.chain) else None

    def copy(self) -> Disk:
        """A snapshot an operator could restore."""
        snapshot = Disk()
        snapshot.chain = self.chain.copy()
        snapshot.journal = self.journal.copy()
        snapshot.own = self.own.copy()
        snapshot.open = self.open.copy()
        snapshot.votes = {one: votes.copy() for one, votes in self.votes.items()}
        snapshot.forgotten = self.forgotten.copy()
        snapshot.evidence = self.evidence.copy()
        return snapshot
