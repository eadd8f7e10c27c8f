"""What a caller is told when the replica does not take an object: status, rule and advice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from medquorum.ledger.reasons import Accept, Judgement, Reason
from medquorum.node.desk import DeskError

ADVICE: Final[Mapping[Reason, str]] = {
    Reason.ROLE_NOT_ALLOWED: "this member's role may not issue this type; see R-BLK2",
    Reason.FOREIGN_NETWORK: "it was made for another network; make it again for this one",
    Reason.DUPLICATE: "it is known already; nothing more is to be done",
    Reason.STALE_POSITION: "the patient's history has moved on; read it and issue it again",
    Reason.BODY_TOO_LARGE: "a part holds at most 2 GiB and a body 4 GiB; split it",
    Reason.UNKNOWN_PATIENT: "no such patient here; check the number or wait for the registration",
    Reason.UNKNOWN_DOCTOR: "the responsible doctor is no doctor of the charter; name one",
    Reason.BAD_REGISTRATION: "the patient's key is registered already, or its proof is wrong",
    Reason.EXPIRED: "its lifetime is over; issue it again",
    Reason.NOT_YET: "it is dated in the future; check the clock of the machine that made it",
    Reason.UNKNOWN_REFERENCE: "a referenced block is not in this patient's chain",
    Reason.OVER_LIMIT: "too many proposals are open; wait for verdicts",
}
_STATUS: Final[Mapping[Reason, int]] = {
    Reason.ROLE_NOT_ALLOWED: 403,
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
    advice = ADVICE.get(reason, f"the rule: {reason.name.lower()}")
    return DeskError(_STATUS.get(reason, 400), reason.value, advice)


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
