"""Validation: votes make a verdict, clinical (R-VER1 to R-VER5) or of governance (R-GOV4).

Three-valued like a joint quorum: *pending* until a majority of the panel and the attending have
approved, or until that can no longer happen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from medquorum.ledger.chain import ChainState
from medquorum.ledger.change import SetMode
from medquorum.ledger.charter import Charter
from medquorum.ledger.governance import (
    AbsenceAct,
    Act,
    Amendment,
    DelegationAct,
    EvidenceAct,
    OpeningAct,
)
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.types import Decision, Panel, Standing, VoterRole
from medquorum.ledger.vote import HUMAN, POLICY_PREFIX, Vote


@dataclass(frozen=True, slots=True)
class Panelists:
    """Who decides on one proposal at one point of the chain."""

    doctors: frozenset[Address]
    attending: Address | None
    """None while the patient is not registered: nobody's word is missing for good."""
    delegates: frozenset[Address]
    """Who stands in for the attending at that time (R-ORD15)."""
    policies: frozenset[str]
    """Policy ids whose automatic votes count for this type (R-VER4)."""


@dataclass(frozen=True, slots=True)
class Board:
    """Who decides on a governance proposal under one charter (R-GOV4)."""

    doctors: frozenset[Address]
    needed: int
    """Approvals, whoever gives them."""
    required: frozenset[Address]
    """Doctors without whose approval nothing comes about."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Where a proposal stands, and why it is not decided yet."""

    standing: Standing
    panel: int
    needed: int
    """Approvals without which it is not approved."""
    approvals: int
    rejections: int
    abstentions: int
    attending_approved: bool
    """The attending or a delegate; of a governance proposal, everyone required."""
    missing: frozenset[Address]
    """Whose vote counts and is not there."""


def panelists(proposal: Proposal, state: ChainState, time_ms: int) -> Panelists | Board:
    """Who decides on a proposal under the charter in force (R-VER1, R-GOV4)."""
    core, charter = proposal.core, state.charter
    if core.act is not None:
        return board(core.act, core.issuer, charter)
    policy = charter.policy(core.type)
    doctors = charter.doctor_addresses
    attending = state.attending_for(core)
    delegates = state.delegates_of(core, proposal.id, time_ms)
    if policy.panel is Panel.CARE_TEAM:
        patient = None if core.patient is None else state.patient(core.patient)
        named = patient.care_team if patient else frozenset()
        doctors &= named | delegates | ({attending} if attending else frozenset())
    return Panelists(doctors, attending, delegates, frozenset(policy.auto_policies))


def board(act: Act, issuer: Address, charter: Charter) -> Board:
    """How many doctors, and which ones, an act needs (R-GOV4)."""
    doctors = charter.doctor_addresses
    needed, required = len(doctors) // 2 + 1, frozenset[Address]()
    match act:
        case Amendment(_, changes):
            if any(isinstance(change, SetMode) for change in changes):
                needed = 2 * len(doctors) // 3 + 1
        case AbsenceAct(attending, delegate) | DelegationAct(attending, delegate):
            required = frozenset() if delegate is None else frozenset({delegate})
            if issuer == attending:
                needed = 0
        case OpeningAct(_, delegate):
            required = frozenset({delegate})
        case EvidenceAct():
            needed = 0
        case _:
            assert_never(act)
    return Board(doctors, needed, required)


def tally(votes: Iterable[Vote], panel: Panelists | Board) -> Tally:
    """Count one vote per doctor; the standing follows R-VER2 to R-VER4, or R-GOV4."""
    asked = panel.doctors
    if isinstance(panel, Board):
        counted = [vote for vote in votes if vote.ballot.voter in panel.doctors]
        agreed, needed = _required_agree(counted, panel), panel.needed
        asked = panel.doctors if needed else panel.required
    else:
        counted = [vote for vote in votes if _counts(vote, panel)]
        agreed, needed = _responsible(counted, panel), len(panel.doctors) // 2 + 1
    said = [vote.ballot.decision for vote in counted]
    approvals, rejections = said.count(Decision.APPROVE), said.count(Decision.REJECT)
    abstentions, size = len(said) - approvals - rejections, len(panel.doctors)
    reachable = size - rejections - abstentions
    if approvals >= needed and agreed is True:
        standing = Standing.APPROVED
    elif size > 0 and (reachable < needed or agreed is False):
        standing = Standing.REJECTED
    else:
        standing = Standing.PENDING
    return Tally(
        standing,
        size,
        needed,
        approvals,
        rejections,
        abstentions,
        agreed is True,
        asked - {vote.ballot.voter for vote in counted},
    )


def _required_agree(votes: list[Vote], panel: Board) -> bool | None:
    """Whether every required doctor approved; None while that can still happen."""
    if not panel.required <= panel.doctors:
        return False
    said = {vote.ballot.voter: vote.ballot.decision for vote in votes}
    if any(said.get(one, Decision.APPROVE) is not Decision.APPROVE for one in panel.required):
        return False
    return True if panel.required <= said.keys() else None


def _counts(vote: Vote, panel: Panelists) -> bool:
    ballot = vote.ballot
    if ballot.voter not in panel.doctors:
        return False
    return ballot.mode == HUMAN or ballot.mode.removeprefix(POLICY_PREFIX) in panel.policies


def _responsible(votes: list[Vote], panel: Panelists) -> bool | None:
    """Whether the attending or the delegate approved; None while that can still happen."""
    said = {vote.ballot.voter: vote for vote in votes}
    possible = panel.attending is None
    roles = dict.fromkeys(sorted(panel.delegates), VoterRole.DELEGATE)
    if panel.attending is not None:
        roles[panel.attending] = VoterRole.ATTENDING
    for doctor, role in roles.items():
        if doctor not in panel.doctors:
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
