"""With which key a vote was signed, and what exactly: one place for every rule that asks (R-VOT2).

A clinical or policy key signs the vote's digest; an authenticator signs a statement of its own that
answers the digest (R-VOT6).
"""

from __future__ import annotations

from medquorum.ledger.enrolment import assertion_fault, signed_digest
from medquorum.ledger.keys import PublicKey
from medquorum.ledger.member import Member
from medquorum.ledger.signature import Signature, Verifier
from medquorum.ledger.signature import verify as verify_signature
from medquorum.ledger.types import Algorithm, NetworkId
from medquorum.ledger.vote import HUMAN, Vote

Claim = tuple[PublicKey, bytes, Signature]
"""Key, digest and signature: what a Verifier judges."""


def allows_algorithm(vote: Vote, voter: Member) -> bool:
    """Whether this voter may vote with this algorithm, mode and kind of bundle (R-VOT2)."""
    if vote.ballot.algorithm is Algorithm.ES256:
        return not vote.bundle
    return vote.ballot.mode == HUMAN and voter.webauthn is not None


def claim_of(vote: Vote, voter: Member, network: NetworkId) -> Claim | None:
    """What is to be verified; None where no signature could make this the voter's vote."""
    if not allows_algorithm(vote, voter):
        return None
    digest = vote.ballot.digest(network)
    if vote.ballot.algorithm is Algorithm.WEBAUTHN_ES256:
        enrolment = voter.webauthn
        if enrolment is None or assertion_fault(enrolment, digest, vote.bundle) is not None:
            return None
        return enrolment.key, signed_digest(vote.bundle), vote.signature
    key = voter.keys.clinical if vote.ballot.mode == HUMAN else voter.keys.policy
    return None if key is None else (key, digest, vote.signature)


def verify_vote(
    vote: Vote, voter: Member, network: NetworkId, verify: Verifier = verify_signature
) -> bool:
    """Whether the vote is signed as R-VOT2 says, by a key of this member."""
    claim = claim_of(vote, voter, network)
    return claim is not None and verify(*claim)
