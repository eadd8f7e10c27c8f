"""What one round of the replica makes durable, in one transaction (R-SIM10)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from medquorum.consensus.effects import CeaseVoting, Commit, Convict, Halt, Persist
from medquorum.consensus.events import (
    Accepted,
    CharterChanged,
    DoubleVote,
    Effect,
    Forgotten,
)
from medquorum.consensus.ordering.journal import encode_record
from medquorum.consensus.pool import Pool
from medquorum.ledger.batch import Batch
from medquorum.ledger.block import Block
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.types import BlockType, Outcome, ProposalId
from medquorum.ledger.vote import Vote
from medquorum.node.store.chain_rows import (
    FinalBatch,
    JournalRow,
    append_batches,
    append_journal,
    end_journal,
    prune_journal,
)
from medquorum.node.store.clinical_rows import (
    delete_votes,
    insert_evidence,
    insert_proposals,
    insert_votes,
    settle_proposals,
)
from medquorum.node.store.halt_rows import CEASED_VOTING, HaltRow, insert_halt

PRUNED_EVERY: Final = 16
"""Final batches between two prunings of the journal: deleting at each would double its cost."""


class Kept:
    """The open proposals that the store has, or is about to have, and whose votes on them."""

    __slots__ = ("_pool", "_voters")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._voters = {entry.proposal.id: set(entry.votes) for entry in pool}

    def proposal(self, proposal: Proposal) -> None:
        """A proposal is written."""
        self._voters.setdefault(proposal.id, set())

    def vote(self, vote: Vote) -> None:
        """A vote is written."""
        self._voters.setdefault(vote.ballot.proposal, set()).add(vote.ballot.voter)

    def forget(self, proposal: ProposalId) -> set[Address] | None:
        """A proposal is closed: whose votes were written, None when it never was."""
        return self._voters.pop(proposal, None)

    def renew(self) -> list[tuple[ProposalId, Address]]:
        """Forget the votes that the pool has dropped under a new charter, and name them (R-GOV8):
        such a doctor may vote again with another key."""
        dropped: list[tuple[ProposalId, Address]] = []
        for entry in self._pool:
            proposal, voters = entry.proposal.id, self._voters.get(entry.proposal.id, set())
            dropped.extend((proposal, voter) for voter in sorted(voters - entry.votes.keys()))
            voters &= entry.votes.keys()
        return dropped


@dataclass(slots=True)
class Plan:
    """The durable part of some effects."""

    now_us: int
    log_length: int
    """Final batches already in the store."""
    proposals: list[Proposal] = field(default_factory=list)
    votes: list[Vote] = field(default_factory=list)
    journal: list[JournalRow] = field(default_factory=list)
    finals: list[FinalBatch] = field(default_factory=list)
    forgotten: list[Forgotten] = field(default_factory=list)
    convictions: list[Convict | DoubleVote] = field(default_factory=list)
    halts: list[HaltRow] = field(default_factory=list)
    outdated: list[tuple[ProposalId, Address]] = field(default_factory=list)
    """Votes on open proposals that a new charter does not count."""

    def take(self, effects: Iterable[Effect], kept: Kept) -> None:
        """Sort the durable effects into rows; what is kept already is not written again."""
        for effect in effects:
            match effect:
                case Accepted(Proposal() as proposal):
                    self.proposals.append(proposal)
                    kept.proposal(proposal)
                case Accepted(Vote() as vote):
                    self.votes.append(vote)
                    kept.vote(vote)
                case Persist(record, epoch):
                    kind, slot, payload = encode_record(record)
                    self.journal.append(JournalRow(epoch, slot, kind, payload))
                case Commit():
                    self._append(effect)
                    self._keep_missing(effect.batch, kept)
                case Forgotten():
                    self.forgotten.append(effect)
                    kept.forget(effect.proposal)
                case Convict() | DoubleVote():
                    self.convictions.append(effect)
                case CharterChanged():
                    self.outdated.extend(kept.renew())
                case Halt() | CeaseVoting():
                    self.halts.append(_halt_row(effect, self.now_us))
                case _:
                    pass

    def _append(self, commit: Commit) -> None:
        """A certificate stands with the batch it names, or whose tail it closes (R-GOV8)."""
        batch, tail = commit.batch, commit.tail
        closing = (batch, *tail)[-1]
        named = commit.certificate.statement.hash == closing.hash
        own = commit.certificate if named else None
        index = self.log_length + len(self.finals)
        self.finals.append(FinalBatch(index, batch, own, self.now_us, tail))

    def _keep_missing(self, batch: Batch, kept: Kept) -> None:
        """A final proposal, or some votes on it, may never have been seen open here."""
        for block, witness in zip(batch.blocks, batch.witnesses, strict=True):
            voters = kept.forget(block.proposal.id)
            if voters is None:
                self.proposals.append(block.proposal)
            held = voters or set()
            self.votes.extend(vote for vote in witness.votes if vote.ballot.voter not in held)

    @property
    def empty(self) -> bool:
        """Whether nothing has to be written."""
        return not (
            self.proposals
            or self.votes
            or self.journal
            or self.finals
            or self.forgotten
            or self.convictions
            or self.halts
            or self.outdated
        )

    def write(self, connection: Connection) -> None:
        """Write everything; the caller's transaction makes it durable at once."""
        insert_proposals(connection, self.proposals, self.now_us)
        insert_votes(connection, self.votes, self.now_us)
        delete_votes(connection, self.outdated)
        append_journal(connection, self.journal)
        append_batches(connection, self.finals)
        blocks = [block for final in self.finals for block in final.batch.blocks]
        settle_proposals(connection, [_decided(block) for block in blocks])
        for final in self.finals:
            _prune(connection, final)
        settle_proposals(connection, [_forgotten(one) for one in self.forgotten])
        for conviction in self.convictions:
            self._convict(connection, conviction)
        for halt in self.halts:
            insert_halt(connection, halt)

    def _convict(self, connection: Connection, conviction: Convict | DoubleVote) -> None:
        match conviction:
            case DoubleVote(first, second):
                pair = first.encoded(), second.encoded()
                insert_evidence(connection, "double_vote", first.ballot.voter, pair, self.now_us)
            case Convict(evidence, culprit):
                kind = evidence.contradiction.value
                pair = evidence.first.encoded(), evidence.second.encoded()
                insert_evidence(connection, kind, culprit, pair, self.now_us)


def _prune(connection: Connection, final: FinalBatch) -> None:
    """Forget what nobody votes on again: final slots, and an epoch that has ended (R-GOV8)."""
    header = final.batch.header
    if ends_epoch(final.batch):
        end_journal(connection, header.epoch + 1)
    elif final.log_index % PRUNED_EVERY == 0:
        prune_journal(connection, header.epoch, header.slot)


def ends_epoch(batch: Batch) -> bool:
    """Whether its last block is an accepted amendment (R-GOV5, R-GOV8)."""
    if not batch.blocks:
        return False
    last = batch.blocks[-1]
    accepted = last.header.outcome is Outcome.ACCEPTED
    return accepted and last.proposal.core.type is BlockType.AMENDMENT


def _halt_row(stop: Halt | CeaseVoting, now_us: int) -> HaltRow:
    if isinstance(stop, CeaseVoting):
        return HaltRow(CEASED_VOTING, (), stop.shown.encoded(), now_us)
    certificates = tuple(one.encoded() for one in stop.certificates)
    return HaltRow(stop.reason.value, certificates, None, now_us)


def _decided(block: Block) -> tuple[bytes, str, str | None]:
    accepted = block.header.outcome is Outcome.ACCEPTED
    return block.proposal.id, "accepted" if accepted else "rejected", None


def _forgotten(forgotten: Forgotten) -> tuple[bytes, str, str | None]:
    reason = forgotten.reason.value
    return forgotten.proposal, "expired" if reason == "expired" else "stale", reason
