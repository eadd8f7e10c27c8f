"""Both verifiers judge hard cases of votes and rejected blocks alike (R-VOT4, R-VER3, R-ORD5)."""

import pytest

from medquorum.consensus.pool import Candidate
from medquorum.ledger.chain import ChainBuilder
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.types import BlockType, Decision, Outcome, VoterRole
from medquorum.ledger.vote import Vote
from tests.audit.test_against_product import by_product, independently
from tests.consensus.batches import forced
from tests.consensus.test_certification import begun, finalised_export
from tests.support.chains import Chain
from tests.support.network import digest, propose, vote, votes, witness

CHAIN = begun()
DOCTORS = CHAIN.network.doctors
XRAY = propose(CHAIN.network, CHAIN.state, BlockType.XRAY)
UNKNOWN = propose(CHAIN.network, CHAIN.state, BlockType.XRAY, 9, patient_key=XRAY.core.patient_key)
RENAMED = propose(CHAIN.network, CHAIN.state, BlockType.XRAY, patient_name=digest("another"))
APPROVE, REJECT = Decision.APPROVE, Decision.REJECT
Said = tuple[Decision, VoterRole]
PEER = (APPROVE, VoterRole.PEER)
CONSENT = (APPROVE, VoterRole.ATTENDING)
REFUSAL = (REJECT, VoterRole.ATTENDING)
CASES: list[tuple[str, Proposal, list[Said], Outcome, bool]] = [
    ("agreed", XRAY, [CONSENT, PEER, PEER], Outcome.ACCEPTED, True),
    ("no majority", XRAY, [CONSENT, PEER], Outcome.ACCEPTED, False),
    ("a peer says attending", XRAY, [CONSENT, CONSENT, PEER], Outcome.ACCEPTED, True),
    (
        "a peer says delegate",
        XRAY,
        [CONSENT, (APPROVE, VoterRole.DELEGATE), PEER],
        Outcome.ACCEPTED,
        True,
    ),
    ("the attending says peer", XRAY, [PEER, PEER, PEER, PEER], Outcome.ACCEPTED, False),
    ("the attending says peer, rejected", XRAY, [PEER], Outcome.REJECTED, True),
    ("the attending says delegate", XRAY, [(APPROVE, VoterRole.DELEGATE)], Outcome.REJECTED, True),
    ("the attending refuses as peer", XRAY, [(REJECT, VoterRole.PEER)], Outcome.REJECTED, True),
    ("rejected without a vote", XRAY, [], Outcome.REJECTED, False),
    ("rejected of nobody", UNKNOWN, [(REJECT, VoterRole.PEER)] * 2, Outcome.REJECTED, True),
    ("rejected of nobody by one", UNKNOWN, [(REJECT, VoterRole.PEER)], Outcome.REJECTED, False),
    ("rejected under another name", RENAMED, [REFUSAL], Outcome.REJECTED, False),
]


def cast(proposal: Proposal, said: list[Said]) -> list[Vote]:
    """What the first doctors say; number 0 attends."""
    return [
        vote(CHAIN.network, proposal, doctor, decision, role=role)
        for doctor, (decision, role) in zip(DOCTORS, said, strict=False)
    ]


def exported(chain: Chain, decided: Candidate) -> bytes:
    """The chain with this block, made final by a quorum whatever it breaks."""
    block = ChainBuilder(chain.state).place(decided.proposal, decided.outcome)
    return finalised_export(chain, forced(chain, [(block, decided.witness)]))


@pytest.mark.parametrize(("how", "proposal", "said", "outcome", "valid"), CASES)
def test_both_judge_alike(
    how: str, proposal: Proposal, said: list[Said], outcome: Outcome, valid: bool
) -> None:
    """R-VER2, R-VER3, R-VOT4, R-ORD5: and as the page says."""
    decided = Candidate(proposal, outcome, witness(cast(proposal, said)))
    export = exported(CHAIN, decided)
    assert by_product(export, CHAIN.network) == (valid, 3), how
    assert independently(export, CHAIN.network) == (valid, 3), how


def test_votes_by_role_are_those_the_chain_asks_for() -> None:
    """R-VOT4: what the usual votes of a proposal say."""
    usual = votes(CHAIN.network, XRAY, CHAIN.state)
    assert [one.ballot.role for one in usual] == [VoterRole.ATTENDING, *[VoterRole.PEER] * 3]
