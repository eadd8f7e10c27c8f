"""What a caller is told when the replica does not take an object: status, rule and advice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from medquorum.ledger.reasons import Accept, Judgement, Reason
from medquorum.node.desk import DeskError

ADVICE: Final[Mapping[Reason, str]] = {
    Reason.MALFORMED: "it is not in its one canonical form; make it with this version's tools",
    Reason.FOREIGN_NETWORK: "it was made for another network; make it again for this one",
    Reason.UNKNOWN_ISSUER: "its issuer is no member of the charter; use a member's keys",
    Reason.ROLE_NOT_ALLOWED: "this member's role may not issue this type; see R-BLK2",
    Reason.TYPE_RESERVED: "this type is reserved; use one of the clinical types of R-BLK1",
    Reason.BAD_SIGNATURE: "the signature is not by the key it names; sign it again with that key",
    Reason.PARTS_NOT_ALLOWED: "a part is missing or not allowed in this type; see R-BLK3",
    Reason.BODY_ROOT_MISMATCH: "the parts do not give the body's root; seal the body again",
    Reason.BODY_TOO_LARGE: "a part holds at most 2 GiB and a body 4 GiB; split it",
    Reason.BAD_LIFETIME: "it must expire after it is issued and within 90 days; set its lifetime "
    "so, and check the clock of the machine that made it",
    Reason.EXPIRED: "its lifetime is over; issue it again",
    Reason.DUPLICATE: "it is known already; nothing more is to be done",
    Reason.UNKNOWN_PATIENT: "no such patient here; check the number or wait for the registration",
    Reason.PATIENT_MISMATCH: "its key or name is not the one registered under this number; check "
    "the patient's number and make it again",
    Reason.BAD_REGISTRATION: "the patient's key is registered already, or its proof is wrong",
    Reason.UNKNOWN_DOCTOR: "the responsible doctor is no doctor of the charter; name one",
    Reason.STALE_POSITION: "the patient's history has moved on; read it and issue it again",
    Reason.UNKNOWN_REFERENCE: "a referenced block is not in this patient's chain; name its hash "
    "as `medquorum patient history` shows it",
    Reason.BAD_PROVENANCE: "an AI entity names its model, and nobody else does; see R-PRO9",
    Reason.UNAPPROVED_MODEL: "the charter does not let this AI entity report with this model; "
    "propose it with `medquorum charter amend approve-model`, or run one that is approved",
    Reason.UNKNOWN_PROPOSAL: "no such proposal here; see `medquorum inbox`, or wait until it "
    "arrives",
    Reason.NOT_A_DOCTOR: "only a doctor of the charter votes; use a doctor's clinical key",
    Reason.WRONG_VOTER_ROLE: "only the attending, or the attending's delegate now, votes as such; "
    "vote as a peer",
    Reason.GRADE_NOT_ALLOWED: "only reports are graded; vote again without a grade",
    Reason.WRONG_ALGORITHM: "sign with the key of the vote's mode, or with the authenticator the "
    "charter names for this doctor",
    Reason.BAD_ASSERTION: "use the authenticator enrolled in the charter, in the page it was "
    "enrolled for, and let it verify you",
    Reason.POLICY_NOT_ALLOWED: "the charter allows no automatic vote on this; vote by hand",
    Reason.CONFLICTING_VOTE: "a vote is irrevocable: the first one counts",
    Reason.VERDICT_NOT_REACHED: "its votes do not decide so; wait until enough doctors have voted",
    Reason.BAD_WITNESS: "its votes are out of order, doubled or of another proposal; ask another "
    "node for the block",
    Reason.BAD_LINK: "its number or hash does not follow the chain; ask another node for it",
    Reason.BAD_HEADER: "its header does not follow from the chain; ask another node for it",
    Reason.BAD_CERTIFICATE: "too few valid signatures certify it; ask another node for it",
    Reason.BAD_JUSTIFICATION: "the slots before it are not certified; ask another node for it",
    Reason.WRONG_LEADER: "its maker does not lead this slot; see `medquorum status`",
    Reason.WRONG_EPOCH: "it is of another epoch; wait until the node has caught up",
    Reason.EPOCH_ENDED: "an amendment has just been decided; it comes after it, under the new "
    "charter",
    Reason.OUT_OF_WINDOW: "its slot is final or too far ahead; wait until the node has caught up",
    Reason.NOT_YET: "it is dated in the future; check the clock of the machine that made it",
    Reason.SUSPENDED: "its issuer may do nothing for now; an amendment reinstates a member",
    Reason.STALE_AMENDMENT: "the charter has changed since; propose it again on its version",
    Reason.BAD_AMENDMENT: "a change does not apply to the charter in force; see R-GOV6 and R-GOV7",
    Reason.BAD_ABSENCE: "dates or doctors of the absence do not fit, or it overlaps another; see "
    "R-GOV5",
    Reason.BAD_DELEGATION: "patient, attending or delegate do not fit; read the patient's history",
    Reason.BAD_OPENING: "the proposal is decided or opened already, or the doctors do not fit",
    Reason.BAD_EVIDENCE: "the two statements do not prove a contradiction; see R-GOV5",
    Reason.OVER_LIMIT: "too many proposals are open; wait for verdicts",
}
"""What to do, for every reason there is."""
_LAPSED: Final[Mapping[Reason, str]] = {
    Reason.EXPIRED: "its lifetime ended before a verdict",
    Reason.STALE_POSITION: "the patient's history has moved on since it was issued",
    Reason.BAD_REGISTRATION: "the patient's key has been registered by another proposal",
}
_STATUS: Final[Mapping[Reason, int]] = {
    Reason.ROLE_NOT_ALLOWED: 403,
    Reason.UNAPPROVED_MODEL: 403,
    Reason.UNKNOWN_ISSUER: 403,
    Reason.UNKNOWN_PATIENT: 404,
    Reason.BODY_TOO_LARGE: 413,
    Reason.OVER_LIMIT: 429,
    Reason.DUPLICATE: 409,
    Reason.STALE_POSITION: 409,
    Reason.BAD_REGISTRATION: 409,
}


def refusal(judgement: Judgement) -> DeskError:
    """What a caller is told of a judgement that is not acceptance."""
    reason = Reason.DUPLICATE if isinstance(judgement, Accept) else judgement.reason
    return DeskError(_STATUS.get(reason, 400), reason.value, ADVICE[reason])


def lapsed(reason: Reason) -> DeskError:
    """What a voter is told of a proposal that left the pool without a verdict."""
    why = _LAPSED.get(reason, "what it rests on no longer holds")
    return DeskError(
        409,
        reason.value,
        f"no vote counts on it any more: {why}; ask its issuer to issue it again if it is still "
        "needed",
    )


def misplaced(judgement: Judgement) -> DeskError:
    """The same of a position in the chain, where *not yet* is about the history (R-PRO7)."""
    if not isinstance(judgement, Accept) and judgement.reason is Reason.NOT_YET:
        return DeskError(
            409,
            "unknown_head",
            "this node does not know the block it was made after; wait until the node has caught "
            "up, or read the history and issue it again",
        )
    return refusal(judgement)
