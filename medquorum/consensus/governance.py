"""Whether an act of governance may enter the chain (R-GOV3 to R-GOV5); pure, signatures last."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from medquorum.consensus.proven import evidence_proven, key_of
from medquorum.ledger import registry
from medquorum.ledger.amendment import apply, verify_amendment
from medquorum.ledger.chain import ChainState
from medquorum.ledger.change import ApproveModel, Change, RotateKey, WithdrawModel
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
from medquorum.ledger.limits import DAY_MS, REGISTRY_ENTRIES
from medquorum.ledger.member import Member
from medquorum.ledger.reasons import ACCEPT, Ignore, Judgement, Reason, Reject
from medquorum.ledger.signature import Verifier
from medquorum.ledger.types import Role


def judge_issuer(act: Act, issuer: Member) -> Judgement:
    """What an act demands of its issuer beyond the roles of its type (R-GOV3)."""
    if isinstance(act, DelegationAct) and issuer.address != act.attending:
        return Reject(Reason.BAD_DELEGATION)
    if isinstance(act, Amendment) and issuer.role not in (Role.HOSPITAL, Role.DOCTOR):
        own = all(_is_own(change, issuer) for change in act.changes)
        return ACCEPT if own else Reject(Reason.ROLE_NOT_ALLOWED)
    return ACCEPT


def _is_own(change: Change, issuer: Member) -> bool:
    """What a member without patients may propose: its own keys, an AI entity its own models.

    Whose keys a rotation brings is judged with the charter (R-GOV7).
    """
    match change:
        case RotateKey():
            return True
        case ApproveModel(member) | WithdrawModel(member):
            return member == issuer.address and issuer.role is Role.AI_ENTITY
        case _:
            return False


def judge_act_signatures(act: Act, state: ChainState, verify: Verifier) -> Judgement:
    """Whether the keys an amendment brings are proved, and both statements of evidence signed."""
    match act:
        case Amendment():
            return ACCEPT if verify_amendment(act, verify) else Reject(Reason.BAD_AMENDMENT)
        case EvidenceAct():
            proven = evidence_proven(act, state, verify)
            return ACCEPT if proven else Reject(Reason.BAD_EVIDENCE)
        case _:
            return ACCEPT


def judge_act(act: Act, issuer: Address, view: ChainState) -> Judgement:
    """Whether an act is admissible after that chain (R-GOV5); no signature is verified."""
    match act:
        case Amendment(base_version) if base_version > view.charter.version:
            return Ignore(Reason.NOT_YET)
        case Amendment():
            applied = apply(view.charter, act, issuer)
            return ACCEPT if isinstance(applied, Charter) else applied
        case AbsenceAct():
            return _judge_absence(act, view)
        case DelegationAct():
            return _judge_delegation(act, view)
        case OpeningAct():
            return _judge_opening(act, view)
        case EvidenceAct():
            return _judge_evidence(act, view)
    assert_never(act)


def judge_shown(act: Act, issuer: Address, view: ChainState, *, is_first: bool) -> Judgement:
    """What a proof shows of an act (R-EXP3): no patient's attending, and the registry only where
    the block is the first of its batch.
    """
    known = view if is_first else replace(view, absences=())
    match act:
        case AbsenceAct(delegate=None) if not is_first:
            return ACCEPT if act.from_ms == 0 == act.to_ms else Ignore(Reason.BAD_ABSENCE)
        case DelegationAct(delegate=None) if not is_first:
            return ACCEPT
        case DelegationAct():
            return _judge_stand_in(act, known)
        case _:
            return judge_act(act, issuer, known)


def _judge_absence(act: AbsenceAct, view: ChainState) -> Judgement:
    entries = view.registry
    if act.delegate is None:
        ends = act.from_ms == 0 == act.to_ms and registry.declared_absences(entries, act.attending)
        return ACCEPT if ends else Ignore(Reason.BAD_ABSENCE)
    lasts = act.from_ms < act.to_ms <= act.from_ms + view.charter.absence.max_days * DAY_MS
    if not lasts or not view.time_ms < act.to_ms:
        return Reject(Reason.BAD_ABSENCE)
    overlaps = registry.overlaps(entries, act.attending, act.from_ms, act.to_ms)
    if overlaps or not _stands_in(act.delegate, act.attending, view):
        return Ignore(Reason.BAD_ABSENCE)
    return _judge_room(view)


def _judge_delegation(act: DelegationAct, view: ChainState) -> Judgement:
    if view.attending_of(act.patient) != act.attending:
        return Ignore(Reason.BAD_DELEGATION)
    return _judge_stand_in(act, view)


def _judge_stand_in(act: DelegationAct, view: ChainState) -> Judgement:
    standing = registry.delegation_of(view.registry, act.patient) is not None
    if act.delegate is None:
        return ACCEPT if standing else Ignore(Reason.BAD_DELEGATION)
    if not _stands_in(act.delegate, act.attending, view):
        return Ignore(Reason.BAD_DELEGATION)
    return ACCEPT if standing else _judge_room(view)


def _judge_opening(act: OpeningAct, view: ChainState) -> Judgement:
    decided = view.height_of(act.proposal) is not None
    opened = registry.opening_of(view.registry, act.proposal) is not None
    if decided or opened:
        return Reject(Reason.BAD_OPENING)
    if not _stands_in(act.delegate, act.attending, view):
        return Ignore(Reason.BAD_OPENING)
    return _judge_room(view)


def _judge_evidence(act: EvidenceAct, view: ChainState) -> Judgement:
    key = key_of(act, view)
    if key is None:
        return Reject(Reason.BAD_EVIDENCE)
    return Ignore(Reason.DUPLICATE) if view.evidence_shown(key) else ACCEPT


def _stands_in(delegate: Address, attending: Address, view: ChainState) -> bool:
    doctors = view.charter.doctor_addresses
    return delegate != attending and delegate in doctors and attending in doctors


def _judge_room(view: ChainState) -> Judgement:
    full = len(view.registry) >= REGISTRY_ENTRIES
    return Ignore(Reason.OVER_LIMIT) if full else ACCEPT
