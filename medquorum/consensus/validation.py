"""Clinical validation: votes make a verdict (R-VER1 to R-VER5).

Three-valued like a joint quorum: *pending* until a majority of the panel and the attending have
approved, or until that can no longer happen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from medquorum.ledger.chain import ChainState
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Core
from medquorum.ledger.types import Decision, Panel, Standing, VoterRole
from medquorum.ledger.vote import HUMAN, POLICY_PREFIX, Vote


@dataclass(frozen=True, slots=True)
class Panelists:
    """Who decides on one proposal at one point of the chain."""

    doctors: frozenset[Address]
    attending: Address | None
    """None while the patient is not registered: nobody's word is missing for good."""
    delegate: Address | None
    policies: frozenset[str]
    """Policy ids whose automatic votes count for this type (R-VER4)."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Where a proposal stands, and why it is not decided yet."""

    standing: Standing
    panel: int
    approvals: int
    rejections: int
    abstentions: int
    attending_approved: bool
    missing: frozenset[Address]
    """Panel members who have not voted."""


def panelists(core: Core, state: ChainState, time_ms: int) -> Panelists:
    """The panel of a proposal under the charter in force (R-VER1)."""
    policy = state.charter.policy(core.type)
    doctors = state.charter.doctor_addresses
    attending = state.attending_for(core)
    if policy.panel is Panel.CARE_TEAM:
        patient = None if core.patient is None else state.patient(core.patient)
        named = patient.care_team if patient else frozenset()
        doctors &= named | ({attending} if attending else frozenset())
    delegate = state.delegate_of(attending, time_ms) if attending else None
    return Panelists(doctors, attending, delegate, frozenset(policy.auto_policies))


def tally(votes: Iterable[Vote], panel: Panelists) -> Tally:
    """Count one vote per doctor; the standing follows R-VER2 to R-VER4."""
    counted = [vote for vote in votes if _counts(vote, panel)]
    of = dict.fromkeys(Decision, 0)
    for vote in counted:
        of[vote.ballot.decision] += 1
    size = len(panel.doctors)
    approved = _responsible(counted, panel)
    reachable = size - of[Decision.REJECT] - of[Decision.ABSTAIN]
    if 2 * of[Decision.APPROVE] > size and approved is True:
        standing = Standing.APPROVED
    elif size > 0 and (2 * reachable <= size or approved is False):
        standing = Standing.REJECTED
    else:
        standing = Standing.PENDING
    return Tally(
        standing,
        size,
        of[Decision.APPROVE],
        of[Decision.REJECT],
        of[Decision.ABSTAIN],
        approved is True,
        panel.doctors - {vote.ballot.voter for vote in counted},
    )


def _counts(vote: Vote, panel: Panelists) -> bool:
    ballot = vote.ballot
    if ballot.voter not in panel.doctors:
        return False
    return ballot.mode == HUMAN or ballot.mode.removeprefix(POLICY_PREFIX) in panel.policies


def _responsible(votes: list[Vote], panel: Panelists) -> bool | None:
    """Whether the attending or the delegate approved; None while that can still happen."""
    said = {vote.ballot.voter: vote for vote in votes}
    possible = panel.attending is None
    for doctor, role in (
        (panel.attending, VoterRole.ATTENDING),
        (panel.delegate, VoterRole.DELEGATE),
    ):
        if doctor is None or doctor not in panel.doctors:
            continue
        vote = said.get(doctor)
        if vote is None:
            possible = True
        elif _approves_as(vote, role):
            return True
    return None if possible else False


def _approves_as(vote: Vote, role: VoterRole) -> bool:
    ballot = vote.ballot
    return ballot.decision is Decision.APPROVE and ballot.role is role and ballot.mode == HUMAN
