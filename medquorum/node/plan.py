"""What one round of the replica makes durable, in one transaction (R-SIM10)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from medquorum.consensus.effects import Commit, Convict, Persist
from medquorum.consensus.ordering.evidence import Evidence, SignedHeader, VoteEvidence
from medquorum.consensus.ordering.journal import encode_record
from medquorum.consensus.replica import Accepted, DoubleVote, Effect, Forgotten
from medquorum.ledger import canonical
from medquorum.ledger.block import Block
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.types import Outcome
from medquorum.ledger.vote import Vote
from medquorum.node.store.chain_rows import (
    FinalBatch,
    JournalRow,
    append_batches,
    append_journal,
    prune_journal,
)
from medquorum.node.store.clinical_rows import (
    insert_evidence,
    insert_proposals,
    insert_votes,
    settle_proposals,
)


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

    def take(self, effects: Iterable[Effect], epoch: int) -> None:
        """Sort the durable effects into rows."""
        for effect in effects:
            match effect:
                case Accepted(Proposal() as proposal):
                    self.proposals.append(proposal)
                case Accepted(Vote() as vote):
                    self.votes.append(vote)
                case Persist(record):
                    kind, slot, payload = encode_record(record)
                    self.journal.append(JournalRow(epoch, slot, kind, payload))
                case Commit(batch, certificate):
                    own = certificate if certificate.statement.hash == batch.hash else None
                    index = self.log_length + len(self.finals)
                    self.finals.append(FinalBatch(index, batch, own, self.now_us))
                case Forgotten():
                    self.forgotten.append(effect)
                case Convict() | DoubleVote():
                    self.convictions.append(effect)
                case _:
                    pass

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
        )

    def write(self, connection: Connection, doctors: tuple[Address, ...]) -> None:
        """Write everything; the caller's transaction makes it durable at once."""
        insert_proposals(connection, self.proposals, self.now_us)
        insert_votes(connection, self.votes, self.now_us)
        append_journal(connection, self.journal)
        append_batches(connection, self.finals)
        if self.finals:
            self._settle(connection)
            header = self.finals[-1].batch.header
            prune_journal(connection, header.epoch, header.slot)
        settle_proposals(connection, [_forgotten(one) for one in self.forgotten])
        for conviction in self.convictions:
            self._convict(connection, conviction, doctors)

    def _settle(self, connection: Connection) -> None:
        """A final proposal may never have been seen open here: keep it, then close it."""
        blocks = [block for final in self.finals for block in final.batch.blocks]
        witnesses = [witness for final in self.finals for witness in final.batch.witnesses]
        insert_proposals(connection, [block.proposal for block in blocks], self.now_us)
        votes = [vote for witness in witnesses for vote in witness.votes]
        insert_votes(connection, votes, self.now_us)
        settle_proposals(connection, [_decided(block) for block in blocks])

    def _convict(
        self, connection: Connection, conviction: Convict | DoubleVote, doctors: tuple[Address, ...]
    ) -> None:
        match conviction:
            case DoubleVote(first, second):
                pair = first.encoded(), second.encoded()
                insert_evidence(connection, "double_vote", first.ballot.voter, pair, self.now_us)
            case Convict(evidence):
                kind, culprit = evidence.contradiction.value, doctors[evidence.signer]
                insert_evidence(connection, kind, culprit, _originals(evidence), self.now_us)


def _decided(block: Block) -> tuple[bytes, str, str | None]:
    accepted = block.header.outcome is Outcome.ACCEPTED
    return block.proposal.id, "accepted" if accepted else "rejected", None


def _forgotten(forgotten: Forgotten) -> tuple[bytes, str, str | None]:
    reason = forgotten.reason.value
    return forgotten.proposal, "expired" if reason == "expired" else "stale", reason


def _originals(evidence: Evidence) -> tuple[bytes, bytes]:
    """Both contradicting messages as they were signed."""
    if isinstance(evidence, VoteEvidence):
        return evidence.first.encoded(), evidence.second.encoded()
    return _signed(evidence.first), _signed(evidence.second)


def _signed(header: SignedHeader) -> bytes:
    return canonical.encode({"header": header.header_bytes, "signature": header.signature})
