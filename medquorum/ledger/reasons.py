"""Verdicts on input are values: accept, ignore with a reason, reject with a reason.

A rejection is the sender's fault and counts against a peer; an ignored object is merely of no use
here and now. Every reason names its rule, and every rejection test names its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why an object was refused or set aside; the value is shown to operators."""

    MALFORMED = "malformed"
    """Not canonical, or not of its schema (R-CAN)."""
    FOREIGN_NETWORK = "foreign_network"
    """Made for another network (R-HASH3)."""
    UNKNOWN_ISSUER = "unknown_issuer"
    """The issuer is no member of the charter in force (R-ORD4)."""
    ROLE_NOT_ALLOWED = "role_not_allowed"
    """The issuer's role may not issue this type (R-BLK2)."""
    TYPE_RESERVED = "type_reserved"
    """A type that this version of the protocol does not define (R-BLK1)."""
    BAD_SIGNATURE = "bad_signature"
    """Malformed, high-S or not by the named key (R-SIG2, R-PRO2)."""
    PARTS_NOT_ALLOWED = "parts_not_allowed"
    """A required part is missing or one is not allowed in the type (R-BLK3)."""
    BODY_ROOT_MISMATCH = "body_root_mismatch"
    """body_root is not the Merkle root of the descriptors (R-BOD2)."""
    BODY_TOO_LARGE = "body_too_large"
    """A part or the body is beyond its limit, or its sizes do not fit (R-BOD3)."""
    BAD_LIFETIME = "bad_lifetime"
    """Expiry not after issue, too far, or issued in the future (R-PRO8, R-PRO10)."""
    EXPIRED = "expired"
    """Batch time is past expires_at (R-ORD4)."""
    DUPLICATE = "duplicate"
    """Already known or already in the chain."""
    UNKNOWN_PATIENT = "unknown_patient"
    """No registered patient with that number (R-ORD4)."""
    PATIENT_MISMATCH = "patient_mismatch"
    """patient_key or patient_name are not those registered (R-PRO5)."""
    BAD_REGISTRATION = "bad_registration"
    """The registration or its proof is wrong, or the key is registered already (R-PRO4)."""
    UNKNOWN_DOCTOR = "unknown_doctor"
    """`doctor` is not an active doctor (R-PRO6)."""
    STALE_POSITION = "stale_position"
    """seen_head is no longer the head of a strict type, or not an ancestor (R-PRO7)."""
    UNKNOWN_REFERENCE = "unknown_reference"
    """A reference or replaced block is not in this patient's chain (R-PRO8)."""
    BAD_PROVENANCE = "bad_provenance"
    """The AI provenance is missing, wrong or where it must not be (R-PRO9)."""
    UNAPPROVED_MODEL = "unapproved_model"
    """The charter in force lists models of this AI entity, and this one not (R-AI4)."""
    UNKNOWN_PROPOSAL = "unknown_proposal"
    """A vote on a proposal not known here yet."""
    NOT_A_DOCTOR = "not_a_doctor"
    """The voter is not an active doctor (R-VOT3, R-VER5)."""
    WRONG_VOTER_ROLE = "wrong_voter_role"
    """Attending or delegate claimed by somebody else (R-VOT4)."""
    GRADE_NOT_ALLOWED = "grade_not_allowed"
    """A grade on something that is no report (R-VOT4)."""
    WRONG_ALGORITHM = "wrong_algorithm"
    """Not how this voter may vote in this mode, or a bundle where there is none (R-VOT2)."""
    BAD_ASSERTION = "bad_assertion"
    """An authenticator's statement that is not of this vote and this enrolment (R-VOT6)."""
    POLICY_NOT_ALLOWED = "policy_not_allowed"
    """An automatic vote the charter does not allow (R-VER4)."""
    CONFLICTING_VOTE = "conflicting_vote"
    """A second, different vote: evidence (R-VOT3)."""
    VERDICT_NOT_REACHED = "verdict_not_reached"
    """The witness does not decide as the block says (R-ORD4, R-ORD5)."""
    BAD_WITNESS = "bad_witness"
    """Votes out of order, doubled or of another proposal (R-ORD6)."""
    BAD_LINK = "bad_link"
    """A number or hash link does not follow (R-ORD2, R-ORD3)."""
    BAD_HEADER = "bad_header"
    """A batch header field does not follow from chain and body (R-ORD7)."""
    BAD_CERTIFICATE = "bad_certificate"
    """Too few, unsorted or invalid signatures (R-ORD11)."""
    BAD_JUSTIFICATION = "bad_justification"
    """Parent or skipped slots are not certified (R-ORD12)."""
    WRONG_LEADER = "wrong_leader"
    """Not the slot's leader (R-ORD9)."""
    WRONG_EPOCH = "wrong_epoch"
    """Of another epoch."""
    OUT_OF_WINDOW = "out_of_window"
    """A slot too far ahead, or final already."""
    NOT_YET = "not_yet"
    """Ahead of this node's clock or of what it holds: try again (R-ORD13)."""
    SUSPENDED = "suspended"
    """The issuer is a member, but suspended (R-GOV7)."""
    STALE_AMENDMENT = "stale_amendment"
    """Of another base version than the charter's (R-GOV5)."""
    BAD_AMENDMENT = "bad_amendment"
    """A change does not apply to this charter (R-GOV6, R-GOV7)."""
    BAD_ABSENCE = "bad_absence"
    """Whom, when or for how long: the absence cannot be declared or withdrawn (R-GOV5)."""
    BAD_DELEGATION = "bad_delegation"
    """Patient, attending or delegate of a delegation do not fit (R-GOV5)."""
    BAD_OPENING = "bad_opening"
    """The proposal is decided or opened already, or the doctors do not fit (R-GOV5)."""
    BAD_EVIDENCE = "bad_evidence"
    """The two statements are no contradiction of the culprit's (R-GOV5)."""
    EPOCH_ENDED = "epoch_ended"
    """A block after an amendment: it belongs into the next epoch (R-GOV8)."""
    OVER_LIMIT = "over_limit"
    """A named limit is reached; ask again later."""


@dataclass(frozen=True, slots=True)
class Accept:
    """The object is good and new."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nobody's fault: duplicate, too early, no longer of use."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Reject:
    """The object breaks a rule."""

    reason: Reason


Judgement = Accept | Ignore | Reject
ACCEPT = Accept()
