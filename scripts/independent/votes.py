"""Clinical validation: the votes of a witness and the verdict they make.

Carries out R-VOT1 to R-VOT4, R-VOT6, R-VER2 to R-VER5, R-ORD6 and the verdicts of R-GOV4. A vote as
attending or delegate of somebody who is neither when ordered is a peer's (R-VOT4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from .canonical import RECORD, Fault, Fields, decode, encode
from .charter import Charter
from .crypto import Signatures, tagged
from .enrolments import answered_digest
from .members import Member

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
    bundle: bytes
    by_authenticator: bool


@dataclass(frozen=True, slots=True)
class Question:
    """What is voted on, and by whom it is decided; `attending` is none where nobody is."""

    proposal: bytes
    block_type: str
    attending: bytes | None
    delegates: frozenset[bytes]
    panel: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Assent:
    """How many of the panel must approve an act of governance, and who among them (R-GOV4)."""

    proposal: bytes
    panel: frozenset[bytes]
    needed: int
    required: frozenset[bytes]


def read_witness(encoded: bytes, network: bytes) -> tuple[Vote, ...]:
    """Return the votes of a witness; raise `Fault` unless they ascend by voter."""
    fields = Fields(decode(encoded, RECORD), "the witness", ("votes",))
    votes = tuple(read_vote(vote, network) for vote in fields.binaries("votes"))
    for earlier, later in pairwise(votes):
        if later.voter == earlier.voter:
            raise Fault("R-VOT3", "a doctor votes twice on one proposal")
        if later.voter < earlier.voter:
            raise Fault("R-ORD6", "the votes do not ascend by voter")
    return votes


def read_vote(encoded: bytes, network: bytes) -> Vote:
    """Return the vote held by canonical bytes; raise `Fault` for any other."""
    decoded = decode(encoded, RECORD)
    fields = Fields(decoded, "a vote", VOTE_FIELDS)
    bundle = fields.binary("bundle")
    if len(bundle) > BUNDLE_MAX:
        raise Fault("R-VOT1", f"a vote's bundle is longer than {BUNDLE_MAX} bytes")
    by_authenticator = fields.choice("algorithm", ("es256", "webauthn-es256")) != "es256"
    if bundle and not by_authenticator:
        raise Fault("R-VOT2", "a bundle in a vote that needs none")
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
        bundle=bundle,
        by_authenticator=by_authenticator,
    )


def _read_mode(mode: str) -> str:
    named = mode.startswith(POLICY_PREFIX) and len(mode) > len(POLICY_PREFIX)
    if mode != "human" and not named:
        raise Fault("R-VOT1", "a vote whose mode is neither human nor a policy's")
    return mode


def check_votes(
    votes: Sequence[Vote], question: Question | Assent, charter: Charter, signatures: Signatures
) -> None:
    """Raise `Fault` unless every vote is an active doctor's, on this question, and signed."""
    for vote in votes:
        if vote.proposal != question.proposal:
            raise Fault("R-VOT1", "a vote on another proposal")
        doctor = charter.doctor(vote.voter)
        if doctor is None:
            raise Fault("R-VOT3", "a vote of somebody who is not an active doctor of the charter")
        if isinstance(question, Assent):
            if (vote.role, vote.mode, vote.grade) != ("peer", "human", None):
                raise Fault("R-GOV1", "a vote on an act of governance that is not a peer's, human")
        else:
            _check_clinical_vote(vote, question, charter)
        check_signed(vote, doctor, signatures, rule="R-VOT1", what="a vote")


def _check_clinical_vote(vote: Vote, question: Question, charter: Charter) -> None:
    if vote.grade is not None and question.block_type != "report":
        raise Fault("R-VOT4", "a grade on something other than a report")
    automatic = charter.policy(question.block_type).auto_policies
    if vote.mode != "human" and vote.mode.removeprefix(POLICY_PREFIX) not in automatic:
        raise Fault("R-VER4", "a vote of a policy that the charter does not name for the type")


def check_signed(
    vote: Vote, doctor: Member, signatures: Signatures, *, rule: str, what: str
) -> None:
    """Raise `Fault` unless a key of the doctor, or her authenticator, signed the vote (R-VOT2)."""
    key, digest = _voting_key(vote, doctor), vote.digest
    if vote.by_authenticator:
        key, digest = _answered(vote, doctor)
    signatures.check(key, digest, vote.signature, rule=rule, what=what)


def _voting_key(vote: Vote, doctor: Member) -> bytes:
    """Return the key that signs a vote of this mode; raise `Fault` where the doctor has none."""
    if vote.mode == "human":
        return doctor.clinical
    if doctor.policy is None:
        raise Fault("R-VOT1", "a policy's vote for a doctor without a policy key")
    return doctor.policy


def _answered(vote: Vote, doctor: Member) -> tuple[bytes, bytes]:
    """Return the authenticator's key and what it signed to answer the vote's digest."""
    if doctor.webauthn is None or vote.mode != "human":
        raise Fault("R-VOT2", "an authenticator's vote that this doctor may not cast so")
    return doctor.webauthn.key, answered_digest(doctor.webauthn, vote.digest, vote.bundle)


def verdict(votes: Sequence[Vote], question: Question | Assent) -> str:
    """Return `approved`, `rejected` or `pending` for votes checked."""
    spoken = {vote.voter: vote for vote in votes if vote.voter in question.panel}
    approvals = sum(vote.decision == "approve" for vote in spoken.values())
    open_to_reach = len(question.panel) - (len(spoken) - approvals)
    if isinstance(question, Assent):
        return _assent(spoken, question, approvals, open_to_reach)
    panel = len(question.panel)
    voices = dict.fromkeys(question.delegates & question.panel, "delegate")
    if question.attending is not None:
        voices[question.attending] = "attending"
    consent = any(
        (one := spoken.get(doctor)) is not None
        and (one.decision, one.role, one.mode) == ("approve", role, "human")
        for doctor, role in voices.items()
    )
    if 2 * approvals > panel and consent:
        return "approved"
    refused = question.attending is not None and not consent and voices.keys() <= spoken.keys()
    # A panel of nobody, possible only for a patient who does not exist, decides nothing.
    return "rejected" if panel and (2 * open_to_reach <= panel or refused) else "pending"


def _assent(spoken: dict[bytes, Vote], assent: Assent, approvals: int, open_to_reach: int) -> str:
    """The verdict on an act of governance (R-GOV4)."""
    approved = {voter for voter, vote in spoken.items() if vote.decision == "approve"}
    if approvals >= assent.needed and assent.required <= approved:
        return "approved"
    lost = (assent.required - assent.panel) | (assent.required & spoken.keys() - approved)
    return "rejected" if open_to_reach < assent.needed or lost else "pending"


def check_verdict(votes: Sequence[Vote], question: Question | Assent, outcome: str) -> None:
    """Raise `Fault` unless the checked votes make the verdict the block's outcome claims."""
    reached = verdict(votes, question)
    governance = isinstance(question, Assent)
    if outcome == "accepted" and reached != "approved":
        rule = "R-GOV4" if governance else "R-VER2"
        raise Fault(rule, f"accepted, but the votes make it {reached}")
    if outcome == "rejected" and reached != "rejected":
        rule = "R-GOV4" if governance else "R-VER3"
        raise Fault(rule, f"rejected, but the votes make it {reached}")
