"""Acts from JSON to the ledger's form and back: the same forms at both ends of the wire."""

from __future__ import annotations

import base64
from typing import Any, assert_never

from medquorum.ledger.approved_model import ApprovedModel
from medquorum.ledger.ceremony import encode_request
from medquorum.ledger.change import (
    Admit,
    ApproveModel,
    Change,
    Reinstate,
    Revoke,
    RotateKey,
    RuleChange,
    SetAbsenceRule,
    SetMode,
    SetPolicy,
    Suspend,
    WithdrawModel,
)
from medquorum.ledger.charter import AbsenceRule, Charter, TypePolicy
from medquorum.ledger.errors import CharterError, CodecError, KeyMaterialError
from medquorum.ledger.governance import Amendment, OpeningAct
from medquorum.ledger.keys import Address, address_text, parse_address
from medquorum.ledger.member import Member, parse_member
from medquorum.ledger.schema import decoded
from medquorum.ledger.types import ADDRESS_PREFIX, CLINICAL_TYPES, BlockType, ProposalId, Role
from medquorum.node.api.governance_schemas import (
    ActForm,
    AdmitForm,
    AmendmentForm,
    ApproveModelForm,
    AttendingForm,
    ChangeForm,
    ModelForm,
    OpeningForm,
    ReinstateForm,
    RevokeForm,
    RotateKeyForm,
    SetAbsenceRuleForm,
    SetModeForm,
    SetPolicyForm,
    SuspendForm,
    WithdrawModelForm,
)
from medquorum.node.desk_governance import Assignment, Request


def request_of(form: ActForm, base_version: int) -> Request:
    """The request a form makes; `base_version` where the form names none. Problem 400."""
    try:
        match form:
            case AmendmentForm():
                version = base_version if form.base_version is None else form.base_version
                return Amendment(version, tuple(change_of(each) for each in form.changes))
            case OpeningForm():
                proposal = ProposalId(bytes.fromhex(form.proposal))
                return OpeningAct(_address(form.attending), _address(form.delegate), proposal)
            case AttendingForm():
                return Assignment(form.patient, _address(form.doctor))
            case _:
                assert_never(form)
    except (CharterError, CodecError, KeyMaterialError) as error:
        # Clients make forms with this module too, and need no web server for it.
        from medquorum.node.api.problems import Problem

        raise Problem(400, "act", str(error)) from None


def change_of(form: ChangeForm) -> Change:
    """One change; CodecError, CharterError or KeyMaterialError naming the broken rule."""
    match form:
        case AdmitForm():
            return Admit(_member(form.request))
        case RevokeForm():
            return Revoke(_address(form.member), _optional(form.successor))
        case SuspendForm():
            return Suspend(_address(form.member), _optional(form.stand_in))
        case ReinstateForm():
            return Reinstate(_address(form.member))
        case RotateKeyForm():
            return RotateKey(_member(form.request))
        case SetModeForm() | SetPolicyForm() | SetAbsenceRuleForm():
            return _rule_of(form)
        case ApproveModelForm():
            return ApproveModel(_address(form.member), model_of(form.model))
        case WithdrawModelForm():
            return WithdrawModel(_address(form.member), bytes.fromhex(form.digest))
        case _:
            assert_never(form)


def _rule_of(form: SetModeForm | SetPolicyForm | SetAbsenceRuleForm) -> RuleChange:
    match form:
        case SetModeForm():
            return SetMode(form.mode)
        case SetPolicyForm():
            return SetPolicy(clinical_type(form.type), _policy(form))
        case SetAbsenceRuleForm():
            return SetAbsenceRule(AbsenceRule(form.max_days, form.silence_hours))
        case _:
            assert_never(form)


def clinical_type(block_type: BlockType) -> BlockType:
    """A type that has a policy; CharterError for another (R-CHA3)."""
    if block_type not in CLINICAL_TYPES:
        raise CharterError("R-CHA3: only the clinical types have a policy in the charter")
    return block_type


def _policy(form: SetPolicyForm) -> TypePolicy:
    return TypePolicy(form.panel, form.strict, tuple(sorted(form.auto_policies)))


def model_of(form: ModelForm) -> ApprovedModel:
    """The model of a form."""
    return ApprovedModel(
        form.kind,
        bytes.fromhex(form.digest),
        bytes.fromhex(form.card_digest),
        bytes.fromhex(form.training_digest),
    )


def _member(encoded: bytes) -> Member:
    return parse_member(decoded(encoded))


def _address(text: str) -> Address:
    return parse_address(text)[0]


def _optional(text: str | None) -> Address | None:
    return None if text is None else _address(text)


def form_of(request: Request, charter: Charter) -> dict[str, Any]:
    """The JSON form of a request, for an institution's node to sign.

    CharterError for an act that only doctors issue (R-GOV3).
    """
    match request:
        case Amendment(base_version, changes):
            return {
                "type": "amendment",
                "base_version": base_version,
                "changes": [_change_form(change, charter) for change in changes],
            }
        case OpeningAct(attending, delegate, proposal):
            return {
                "type": "opening",
                "attending": doctor_text(attending),
                "delegate": doctor_text(delegate),
                "proposal": proposal.hex(),
            }
        case Assignment(patient, doctor):
            return {"type": "attending", "patient": patient, "doctor": doctor_text(doctor)}
        case _:
            raise CharterError(
                "R-GOV3: doctors issue this; sign it with a doctor's keys, see --home"
            )


def doctor_text(address: Address) -> str:
    """A doctor's address as text."""
    return address_text(address, ADDRESS_PREFIX[Role.DOCTOR])


def _change_form(change: Change, charter: Charter) -> dict[str, Any]:
    match change:
        case Admit(member):
            return {"kind": "admit", "request": _octets(member)}
        case RotateKey(member):
            return {"kind": "rotate_key", "request": _octets(member)}
        case Revoke() | Suspend() | Reinstate():
            return _standing_form(change, charter)
        case SetMode(mode):
            return {"kind": "set_mode", "mode": mode.value}
        case SetPolicy(block_type, policy):
            form = {**policy.as_map(), "auto_policies": list(policy.auto_policies)}
            return {"kind": "set_policy", "type": block_type.value, **form}
        case SetAbsenceRule(rule):
            return {"kind": "set_absence_rule", **rule.as_map()}
        case ApproveModel(member, model):
            about = {"member": _member_text(member, charter), "model": model_form(model)}
            return {"kind": "approve_model", **about}
        case WithdrawModel(member, digest):
            about = {"member": _member_text(member, charter), "digest": digest.hex()}
            return {"kind": "withdraw_model", **about}
        case _:
            assert_never(change)


def _standing_form(change: Revoke | Suspend | Reinstate, charter: Charter) -> dict[str, Any]:
    """A change of whether a member acts."""
    form = {"member": _member_text(change.member, charter)}
    match change:
        case Revoke(_, successor):
            taker = None if successor is None else doctor_text(successor)
            return {"kind": "revoke", **form, "successor": taker}
        case Suspend(_, stand_in):
            taker = None if stand_in is None else doctor_text(stand_in)
            return {"kind": "suspend", **form, "stand_in": taker}
        case Reinstate():
            return {"kind": "reinstate", **form}
        case _:
            assert_never(change)


def _member_text(address: Address, charter: Charter) -> str:
    found = charter.member(address)
    return doctor_text(address) if found is None else found.address_text


def model_form(model: ApprovedModel) -> dict[str, str]:
    """A model as JSON shows it."""
    return {
        "kind": model.kind.value,
        "digest": model.digest.hex(),
        "card_digest": model.card_digest.hex(),
        "training_digest": model.training_digest.hex(),
    }


def _octets(member: Member) -> str:
    return base64.b64encode(encode_request(member)).decode()
