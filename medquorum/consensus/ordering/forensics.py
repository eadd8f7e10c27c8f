"""Who made a fork: read from two exported chains alone (R-SIM11, R-ORD12).

Two final batches that are not on one chain convict at least 2q-n signers, whatever the number of
liars. In one slot the two final certificates share that many, who signed two hashes. In different
slots the later chain either holds another batch in the earlier slot, whose certificate its child's
justification carries, or it skips the slot, and carries the skip certificate. A correct node signs
neither pair. That is why a header commits to its justification.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from medquorum.consensus.ordering.evidence import Contradiction, VoteEvidence, contradiction
from medquorum.ledger.certificate import (
    Certificate,
    Electorate,
    OrderingVote,
    verify_ordering_vote,
)
from medquorum.ledger.export import BatchFrame, TailFrame, parse_frame, split_frames
from medquorum.ledger.signature import Verifier

ChainFrame = BatchFrame | TailFrame


def chain_of(pieces: Iterable[bytes]) -> tuple[ChainFrame, ...]:
    """The batches of an export (R-EXP1), without blocks; LedgerError when malformed."""
    frames = map(parse_frame, split_frames(pieces))
    return tuple(one for one in frames if isinstance(one, ChainFrame))


def parting(first: Sequence[ChainFrame], second: Sequence[ChainFrame]) -> int | None:
    """The place of the first batch in which two chains differ; None when one extends the other."""
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if one.header != other.header:
            return place
    return None


def convict_fork(
    first: Sequence[ChainFrame],
    second: Sequence[ChainFrame],
    electorate: Electorate,
    verify: Verifier,
) -> tuple[VoteEvidence, ...]:
    """The contradictions between two chains of one network, by signer and slot.

    `electorate` is that of the epoch in which the chains part; votes of other epochs do not count.
    A vote whose signature does not hold convicts nobody, so the chains need not be checked before.
    Nothing is found where one chain extends the other.
    """
    place = parting(first, second)
    if place is None:
        return ()
    votes: dict[tuple[int, int], dict[OrderingVote, None]] = {}
    for chain in (first, second):
        for vote in _votes(chain[place:], electorate.epoch):
            votes.setdefault((vote.signer, vote.statement.slot), {})[vote] = None
    found: dict[tuple[int, int, Contradiction], VoteEvidence] = {}
    for key in sorted(votes):
        if not any(_pairs(votes[key])):
            continue
        genuine = [one for one in votes[key] if verify_ordering_vote(one, electorate, verify)]
        for evidence in _pairs(genuine):
            found.setdefault((*key, evidence.contradiction), evidence)
    return tuple(found.values())


def culprits(evidence: Iterable[VoteEvidence]) -> frozenset[int]:
    """The doctors convicted, by number."""
    return frozenset(one.signer for one in evidence)


def _votes(frames: Iterable[ChainFrame], epoch: int) -> Iterator[OrderingVote]:
    for frame in frames:
        for certificate in _certificates(frame):
            if certificate.statement.epoch == epoch:
                for pair in certificate.votes:
                    yield OrderingVote(certificate.statement, *pair)


def _certificates(frame: ChainFrame) -> Iterator[Certificate]:
    yield from frame.justification
    if frame.certificate is not None:
        yield frame.certificate


def _pairs(votes: Iterable[OrderingVote]) -> Iterator[VoteEvidence]:
    """Every contradiction among the votes of one signer and slot."""
    for one, other in combinations(votes, 2):
        how = contradiction(one, other)
        if how is not None:
            yield VoteEvidence(how, one.signer, one.statement.slot, one, other)
