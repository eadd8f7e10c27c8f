"""Clinical validation: the votes of a witness and the verdict they make.

Carries out R-VOT1 to R-VOT4, R-VER1 to R-VER5 and R-ORD6. No absence can be declared in this
version (R-BLK1), so a vote as delegate is a peer's, as is another doctor's as attending (R-VOT4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from .canonical import RECORD, Fault, Fields, decode, encode
from .charter import Charter, Member
from .crypto import Signatures, tagged

VOTE_FIELDS: Final = (
    "algorithm",
    "bundle",
    "comment",
    "decision",
    "grade",
    "mode",
    "proposal",
    "role",
    "signature",
    "voter",
)
POLICY_PREFIX: Final = "policy:"
MODE_MAX: Final = 80
BUNDLE_MAX: Final = 4_096


@dataclass(frozen=True, slots=True)
class Vote:
    """A doctor's vote with the digest it signs (R-VOT1)."""

    decision: str
    grade: int | None
    mode: str
    proposal: bytes
    role: str
    voter: bytes
    digest: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Question:
    """What is voted on, and by whom it is decided; `attending` is none where nobody is."""

    proposal: bytes
    block_type: str
    attending: bytes | None
    panel: frozenset[bytes]


def read_witness(encoded: bytes, network: bytes) -> tuple[Vote, ...]:
    """Return the votes of a witness; raise `Fault` unless they ascend by voter."""
    fields = Fields(decode(encoded, RECORD), "the witness", ("votes",))
    votes = tuple(_read_vote(vote, network) for vote in fields.binaries("votes"))
    for earlier, later in pairwise(votes):
        if later.voter == earlier.voter:
            raise Fault("R-VOT3", "a doctor votes twice on one proposal")
        if later.voter < earlier.voter:
            raise Fault("R-ORD6", "the votes do not ascend by voter")
    return votes


def _read_vote(encoded: bytes, network: bytes) -> Vote:
    decoded = decode(encoded, RECORD)
    fields = Fields(decoded, "a vote", VOTE_FIELDS)
    bundle = fields.binary("bundle")
    if len(bundle) > BUNDLE_MAX:
        raise Fault("R-VOT1", f"a vote's bundle is longer than {BUNDLE_MAX} bytes")
    if fields.choice("algorithm", ("es256", "webauthn-es256")) != "es256" or bundle:
        raise Fault("R-VOT2", "a vote of an algorithm that this version refuses")
    fields.optional_binary("comment", 32)
    unsigned = ("signature", "bundle")
    values = decoded if isinstance(decoded, dict) else {}
    signed = {name: value for name, value in values.items() if name not in unsigned}
    return Vote(
        decision=fields.choice("decision", ("approve", "reject", "abstain")),
        grade=fields.optional_integer("grade", 1, 4),
        mode=_read_mode(fields.text("mode", MODE_MAX)),
        proposal=fields.binary("proposal", 32),
        role=fields.choice("role", ("attending", "delegate", "peer")),
        voter=fields.binary("voter", 32),
        digest=tagged("vote", network, encode(signed)),
        signature=fields.binary("signature", 64),
    )


def _read_mode(mode: str) -> str:
    named = mode.startswith(POLICY_PREFIX) and len(mode) > len(POLICY_PREFIX)
    if mode != "human" and not named:
        raise Fault("R-VOT1", "a vote whose mode is neither human nor a policy's")
    return mode


def check_votes(
    votes: Sequence[Vote], question: Question, charter: Charter, signatures: Signatures
) -> None:
    """Raise `Fault` unless every vote is a doctor's, on this question, and signed."""
    for vote in votes:
        if vote.proposal != question.proposal:
            raise Fault("R-VOT1", "a vote on another proposal")
        doctor = charter.members.get(vote.voter)
        if doctor is None or doctor.role != "doctor":
            raise Fault("R-VOT3", "a vote of somebody who is not a doctor of the charter")
        if vote.grade is not None and question.block_type != "report":
            raise Fault("R-VOT4", "a grade on something other than a report")
        key = _voting_key(vote, doctor, charter.policies[question.block_type].auto_policies)
        what = "a vote"
        signatures.check(key, vote.digest, vote.signature, rule="R-VOT1", what=what)


def _voting_key(vote: Vote, doctor: Member, auto_policies: frozenset[str]) -> bytes:
    if vote.mode == "human":
        return doctor.clinical
    if vote.mode.removeprefix(POLICY_PREFIX) not in auto_policies:
        raise Fault("R-VER4", "a vote of a policy that the charter does not name for the type")
    if doctor.policy is None:
        raise Fault("R-VOT1", "a policy's vote for a doctor without a policy key")
    return doctor.policy


def verdict(votes: Sequence[Vote], question: Question) -> str:
    """Return `approved`, `rejected` or `pending` for votes checked (R-VER2 to R-VER4)."""
    counted = [vote for vote in votes if vote.voter in question.panel]
    panel = len(question.panel)
    approvals = sum(vote.decision == "approve" for vote in counted)
    against = len(counted) - approvals
    attending = {
        (vote.decision, vote.role, vote.mode)
        for vote in counted
        if vote.voter == question.attending
    }
    consent = {("approve", "attending", "human")}
    if 2 * approvals > panel and attending == consent:
        return "approved"
    # A panel of nobody, possible only for a patient who does not exist, decides nothing.
    if panel and (2 * (panel - against) <= panel or attending - consent):
        return "rejected"
    return "pending"


def check_verdict(votes: Sequence[Vote], question: Question, outcome: str) -> None:
    """Raise `Fault` unless the checked votes make the verdict the block's outcome claims."""
    reached = verdict(votes, question)
    if outcome == "accepted" and reached != "approved":
        raise Fault("R-VER2", f"accepted, but the votes make it {reached}")
    if outcome == "rejected" and reached != "rejected":
        raise Fault("R-VER3", f"rejected, but the votes make it {reached}")
