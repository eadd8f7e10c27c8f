"""Whether evidence convicts whom it names, and evidence from what a node has seen (R-GOV5)."""

from __future__ import annotations

from medquorum.consensus.ordering.evidence import Evidence
from medquorum.ledger.certificate import OrderingVote, verify_ordering_vote
from medquorum.ledger.chain import ChainState
from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import CodecError
from medquorum.ledger.evidence import (
    EvidenceKey,
    Pair,
    SignedHeader,
    evidence_key,
    parse_pair,
)
from medquorum.ledger.governance import EvidenceAct, EvidenceKind
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.keys import Address
from medquorum.ledger.signature import Verifier
from medquorum.ledger.types import Role
from medquorum.ledger.vote import Vote
from medquorum.ledger.vote_claim import verify_vote


def key_of(act: EvidenceAct, view: ChainState) -> EvidenceKey | None:
    """What the evidence is about; None unless it is a contradiction of the doctor it names."""
    try:
        pair, key = parse_pair(act), evidence_key(act)
    except CodecError:
        return None
    return key if _culprit_of(pair, view) == act.culprit else None


def _culprit_of(pair: Pair, view: ChainState) -> Address | None:
    first = pair[0]
    if isinstance(first, Vote):
        return first.ballot.voter
    if isinstance(first, SignedHeader):
        header, charter = first.header, _charter_of(first.header.epoch, view)
        if charter is None or header.network != view.network:
            return None
        led = charter.electorate().leader(header.slot) == header.leader
        return _doctor(charter, header.leader) if led else None
    charter = _charter_of(first.statement.epoch, view)
    return None if charter is None else _doctor(charter, first.signer)


def _charter_of(epoch: int, view: ChainState) -> Charter | None:
    return view.charters[epoch] if epoch < len(view.charters) else None


def _doctor(charter: Charter, number: int) -> Address | None:
    return charter.doctors[number].address if number < len(charter.doctors) else None


def evidence_proven(act: EvidenceAct, view: ChainState, verify: Verifier) -> bool:
    """Whether the culprit signed both statements, with the keys of their epoch (R-GOV5)."""
    if key_of(act, view) is None:
        return False
    return all(_signed(statement, view, verify) for statement in parse_pair(act))


def _signed(
    statement: Vote | SignedHeader | OrderingVote, view: ChainState, verify: Verifier
) -> bool:
    if isinstance(statement, Vote):
        return _vote_signed(statement, view, verify)
    if isinstance(statement, SignedHeader):
        header = statement.header
        keys = view.charters[header.epoch].electorate().keys
        digest = tagged(Kind.BATCH_PROPOSAL, view.network, header.hash())
        return verify(keys[header.leader], digest, statement.signature)
    electorate = view.charters[statement.statement.epoch].electorate()
    return verify_ordering_vote(statement, electorate, verify)


def _vote_signed(vote: Vote, view: ChainState, verify: Verifier) -> bool:
    member = view.charter.member(vote.ballot.voter)
    if member is None or member.role is not Role.DOCTOR:
        return False
    return verify_vote(vote, member, view.network, verify)


def act_of(evidence: Evidence, culprit: Address) -> EvidenceAct:
    """The act that shows what ordering has detected (R-SIM11)."""
    encoded = sorted((evidence.first.encoded(), evidence.second.encoded()))
    return EvidenceAct(culprit, EvidenceKind(evidence.contradiction.value), *encoded)


def act_of_votes(first: Vote, second: Vote) -> EvidenceAct:
    """The act that shows two different votes of one doctor on one proposal (R-VOT3)."""
    encoded = sorted((first.encoded(), second.encoded()))
    return EvidenceAct(first.ballot.voter, EvidenceKind.TWO_VOTES, *encoded)
