"""Who may do what: one literal table, role by right.

`OWN` reaches the patient's own record only. Votes and sealed proposals are signed by a doctor's
clinical key, so whoever carries them to the node adds no authority; what the node signs with its
own issuing key (`submission.create`) and what it decrypts (`record.read`) is for clinical roles.
An institution's word on the charter (`governance.issue`) is its operator's.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from medquorum.node.account_records import UserRole


class Reach(StrEnum):
    """How far a right goes."""

    ALL = "all"
    OWN = "own"
    NONE = "none"


class Right(StrEnum):
    """What an operation needs."""

    STATUS = "status.read"
    CHARTER = "charter.read"
    EVENTS = "event.read"
    SUBMIT = "submission.create"
    CHUNK = "chunk.put"
    SEALED = "proposal.carry"
    GOVERN = "governance.issue"
    PROPOSALS = "proposal.read"
    INBOX = "inbox.read"
    VOTE = "vote.carry"
    BLOCKS = "block.read"
    EXPORT = "chain.export"
    PATIENTS = "patient.list"
    PATIENT = "patient.read"
    RECORD = "record.read"
    ACCESSES = "access.read"
    CONSENT = "consent.carry"
    USERS = "user.manage"
    SESSION = "session.end"


_A, _O, _N = Reach.ALL, Reach.OWN, Reach.NONE

ROLES: Final = (
    UserRole.OPERATOR,
    UserRole.DOCTOR,
    UserRole.RADIOLOGIST,
    UserRole.LABORATORY,
    UserRole.CLERK,
    UserRole.PATIENT,
    UserRole.AUDITOR,
    UserRole.AI_ENTITY,
)
"""The columns of the table."""

TABLE: Final[Mapping[Right, tuple[Reach, ...]]] = {
    #               oper doct radi labo cler pati audi ai
    Right.STATUS: (_A, _A, _A, _A, _A, _A, _A, _A),
    Right.CHARTER: (_A, _A, _A, _A, _A, _A, _A, _A),
    Right.EVENTS: (_A, _A, _A, _A, _A, _N, _A, _A),
    Right.SUBMIT: (_N, _A, _A, _A, _A, _N, _N, _A),
    Right.CHUNK: (_A, _A, _N, _N, _N, _N, _N, _N),
    Right.SEALED: (_A, _A, _N, _N, _N, _N, _N, _N),
    Right.GOVERN: (_A, _N, _N, _N, _N, _N, _N, _N),
    Right.PROPOSALS: (_A, _A, _A, _A, _A, _N, _A, _A),
    Right.INBOX: (_A, _A, _N, _N, _N, _N, _N, _N),
    Right.VOTE: (_A, _A, _N, _N, _N, _N, _N, _N),
    Right.BLOCKS: (_A, _A, _A, _A, _A, _O, _A, _A),
    Right.EXPORT: (_A, _A, _N, _N, _N, _N, _A, _A),
    Right.PATIENTS: (_A, _A, _A, _A, _A, _N, _A, _A),
    Right.PATIENT: (_A, _A, _A, _A, _A, _O, _A, _A),
    Right.RECORD: (_N, _A, _A, _A, _N, _O, _N, _A),
    Right.ACCESSES: (_A, _N, _N, _N, _N, _O, _A, _N),
    Right.CONSENT: (_A, _A, _A, _A, _A, _O, _N, _N),
    Right.USERS: (_A, _N, _N, _N, _N, _N, _N, _N),
    Right.SESSION: (_A, _A, _A, _A, _A, _A, _A, _A),
}


def reach_of(role: UserRole, right: Right) -> Reach:
    """How far this role's right goes."""
    return TABLE[right][ROLES.index(role)]


def rights_of(role: UserRole) -> tuple[Right, ...]:
    """The rights of a role, fully or for its own record."""
    return tuple(right for right in Right if reach_of(role, right) is not Reach.NONE)


def roles_with(right: Right) -> tuple[UserRole, ...]:
    """The roles that have a right, fully or for their own record."""
    return tuple(role for role, reach in zip(ROLES, TABLE[right], strict=True) if reach is not _N)
