"""Evidence against a member: the two statements, read and matched; forms only (R-GOV5, R-SIM11)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.batch import BatchHeader, parse_batch_header
from medquorum.ledger.certificate import OrderingVote, parse_ordering_vote
from medquorum.ledger.errors import CodecError
from medquorum.ledger.governance import EvidenceAct, EvidenceKind
from medquorum.ledger.keys import Address
from medquorum.ledger.limits import RECORD
from medquorum.ledger.schema import Reader, decoded
from medquorum.ledger.signature import SIGNATURE_BYTES, Signature
from medquorum.ledger.types import OrderingKind, ProposalId
from medquorum.ledger.vote import Vote, parse_vote

PAIRS_REMEMBERED: Final = 1_024
"""Pairs kept parsed: pool, admission and verdict each ask for every open piece of evidence."""
EvidenceKey = tuple[Address, EvidenceKind, int, ProposalId | None]
"""Culprit, kind and epoch, or 0 and the proposal: one block at most for each.

Not the slot: a block is ordered in a slot, in which a liar contradicts itself again.
"""


@dataclass(frozen=True, slots=True)
class SignedHeader:
    """A batch header with its leader's signature (R-ORD14)."""

    header: BatchHeader
    signature: Signature

    def encoded(self) -> bytes:
        """`enc({header, signature})` of R-GOV5."""
        return canonical.encode({"header": self.header.encoded(), "signature": self.signature})


def parse_signed_header(encoded: bytes) -> SignedHeader:
    """Read it from canonical bytes; CodecError when malformed."""
    reader = Reader(decoded(encoded), ("header", "signature"), "signed header")
    return SignedHeader(
        parse_batch_header(reader.opaque("header", RECORD.binary)),
        Signature(reader.octets("signature", SIGNATURE_BYTES)),
    )


OrderingPair = tuple[OrderingVote, OrderingVote]
HeaderPair = tuple[SignedHeader, SignedHeader]
VotePair = tuple[Vote, Vote]
Pair = OrderingPair | HeaderPair | VotePair

_KINDS = {
    EvidenceKind.TWO_NOTARS: {OrderingKind.NOTAR},
    EvidenceKind.SKIP_AND_FINAL: {OrderingKind.SKIP, OrderingKind.FINAL},
    EvidenceKind.TWO_FINALS: {OrderingKind.FINAL},
    EvidenceKind.NOTAR_AND_FINAL: {OrderingKind.NOTAR, OrderingKind.FINAL},
}


@lru_cache(maxsize=PAIRS_REMEMBERED)
def parse_pair(act: EvidenceAct) -> Pair:
    """Both statements; CodecError when they are malformed, unordered or no contradiction."""
    if not act.first < act.second:
        raise CodecError("R-GOV5: the statements ascend")
    match act.kind:
        case EvidenceKind.TWO_VOTES:
            votes = parse_vote(act.first), parse_vote(act.second)
            fits = _votes_contradict(votes, act.culprit)
            pair: Pair = votes
        case EvidenceKind.TWO_PROPOSALS:
            headers = parse_signed_header(act.first), parse_signed_header(act.second)
            fits = _headers_contradict(headers)
            pair = headers
        case _:
            statements = parse_ordering_vote(act.first), parse_ordering_vote(act.second)
            fits = _statements_contradict(statements, act.kind)
            pair = statements
    if not fits:
        raise CodecError("R-GOV5: the statements do not contradict each other that way")
    return pair


def _votes_contradict(votes: VotePair, culprit: Address) -> bool:
    one, other = votes[0].ballot, votes[1].ballot
    same = one.proposal == other.proposal and one.voter == other.voter == culprit
    return same and one != other


def _headers_contradict(headers: HeaderPair) -> bool:
    one, other = headers[0].header, headers[1].header
    same = (one.network, one.epoch, one.slot, one.leader) == (
        other.network,
        other.epoch,
        other.slot,
        other.leader,
    )
    return same and one != other


def _statements_contradict(votes: OrderingPair, kind: EvidenceKind) -> bool:
    one, other = votes[0].statement, votes[1].statement
    same = (one.epoch, one.slot, votes[0].signer) == (other.epoch, other.slot, votes[1].signer)
    return same and one.hash != other.hash and {one.kind, other.kind} == _KINDS[kind]


def evidence_key(act: EvidenceAct) -> EvidenceKey:
    """What the evidence is about; CodecError as `parse_pair`."""
    first = parse_pair(act)[0]
    match first:
        case Vote():
            return act.culprit, act.kind, 0, first.ballot.proposal
        case SignedHeader():
            return act.culprit, act.kind, first.header.epoch, None
        case OrderingVote():
            return act.culprit, act.kind, first.statement.epoch, None
