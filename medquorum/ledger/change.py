"""What an amendment may change, one thing at a time, each a map with its kind (R-GOV6, R-AI3).

Forms only: whether a change applies to a charter is `amendment`'s affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, assert_never

from medquorum.ledger.approved_model import ApprovedModel, parse_model
from medquorum.ledger.charter_rules import AbsenceRule, TypePolicy, parse_absence, parse_policy
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import DIGEST_BYTES
from medquorum.ledger.keys import Address
from medquorum.ledger.member import Member, parse_member
from medquorum.ledger.schema import Reader
from medquorum.ledger.types import CLINICAL_TYPES, BlockType, QuorumMode


@dataclass(frozen=True, slots=True)
class Admit:
    """A new member enters, with proofs of its keys."""

    member: Member


@dataclass(frozen=True, slots=True)
class Revoke:
    """A member leaves for ever."""

    member: Address
    successor: Address | None = None
    """Who attends a leaving doctor's patients; None for every other member."""


@dataclass(frozen=True, slots=True)
class Suspend:
    """A member keeps its place and does nothing."""

    member: Address
    stand_in: Address | None = None
    """Who attends a suspended doctor's patients; None for every other member."""


@dataclass(frozen=True, slots=True)
class Reinstate:
    """A suspended member acts again."""

    member: Address


@dataclass(frozen=True, slots=True)
class RotateKey:
    """A member's map with other keys or another TLS leaf, proved by the new keys."""

    member: Member


@dataclass(frozen=True, slots=True)
class SetMode:
    """Another quorum rule of ordering."""

    mode: QuorumMode


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """Who decides on one clinical type from now on."""

    type: BlockType
    policy: TypePolicy


@dataclass(frozen=True, slots=True)
class SetAbsenceRule:
    """Other limits of absences."""

    rule: AbsenceRule


@dataclass(frozen=True, slots=True)
class ApproveModel:
    """An AI entity may report with one more model."""

    member: Address
    model: ApprovedModel


@dataclass(frozen=True, slots=True)
class WithdrawModel:
    """An AI entity reports with a model no more."""

    member: Address
    digest: bytes
    """SHA-256 of the model's file."""


RuleChange = SetMode | SetPolicy | SetAbsenceRule
ModelChange = ApproveModel | WithdrawModel
Change = Admit | Revoke | Suspend | Reinstate | RotateKey | RuleChange | ModelChange

_FIELDS: Final = {
    "admit": ("member",),
    "revoke": ("member", "successor"),
    "suspend": ("member", "stand_in"),
    "reinstate": ("member",),
    "rotate_key": ("member",),
    "set_mode": ("mode",),
    "set_policy": ("policy", "type"),
    "set_absence_rule": ("max_days", "silence_hours"),
    "approve_model": ("member", "model"),
    "withdraw_model": ("digest", "member"),
}


def change_as_map(change: Change) -> dict[str, object]:
    """The map of R-GOV6 or R-AI3."""
    match change:
        case Admit(member):
            return {"kind": "admit", "member": member.as_map()}
        case Revoke(member, successor):
            return {"kind": "revoke", "member": member, "successor": successor}
        case Suspend(member, stand_in):
            return {"kind": "suspend", "member": member, "stand_in": stand_in}
        case Reinstate(member):
            return {"kind": "reinstate", "member": member}
        case RotateKey(member):
            return {"kind": "rotate_key", "member": member.as_map()}
        case ApproveModel(member, model):
            return {"kind": "approve_model", "member": member, "model": model.as_map()}
        case WithdrawModel(member, digest):
            return {"digest": digest, "kind": "withdraw_model", "member": member}
        case SetMode() | SetPolicy() | SetAbsenceRule():
            return _rule_as_map(change)
        case _:
            assert_never(change)


def _rule_as_map(change: RuleChange) -> dict[str, object]:
    match change:
        case SetMode(mode):
            return {"kind": "set_mode", "mode": mode.value}
        case SetPolicy(block_type, policy):
            return {"kind": "set_policy", "policy": policy.as_map(), "type": block_type.value}
        case SetAbsenceRule(rule):
            return {"kind": "set_absence_rule", **rule.as_map()}
        case _:
            assert_never(change)


def parse_change(value: object) -> Change:
    """Read one change; CodecError, or CharterError for a member or policy that cannot be one."""
    kind = value.get("kind") if isinstance(value, dict) else None
    names = _FIELDS.get(kind) if isinstance(kind, str) else None
    if not isinstance(value, dict) or names is None:
        raise CodecError("R-GOV6: a change is a map of one of the kinds " + ", ".join(_FIELDS))
    reader = Reader(value, ("kind", *names), f"change.{kind}")
    match kind:
        case "admit":
            return Admit(reader.nested("member", parse_member))
        case "revoke":
            return Revoke(_address(reader, "member"), _successor(reader, "successor"))
        case "suspend":
            return Suspend(_address(reader, "member"), _successor(reader, "stand_in"))
        case "reinstate":
            return Reinstate(_address(reader, "member"))
        case "rotate_key":
            return RotateKey(reader.nested("member", parse_member))
        case "approve_model":
            return ApproveModel(_address(reader, "member"), reader.nested("model", parse_model))
        case "withdraw_model":
            return WithdrawModel(_address(reader, "member"), reader.octets("digest", DIGEST_BYTES))
        case _:
            return _parse_rule(reader, value)


def _parse_rule(reader: Reader, value: dict[str, object]) -> RuleChange:
    match value["kind"]:
        case "set_mode":
            return SetMode(reader.closed("mode", QuorumMode))
        case "set_policy":
            return SetPolicy(_clinical(reader), reader.nested("policy", parse_policy))
        case _:
            rule = {name: each for name, each in value.items() if name != "kind"}
            return SetAbsenceRule(parse_absence(rule))


def _address(reader: Reader, name: str) -> Address:
    return Address(reader.octets(name, DIGEST_BYTES))


def _successor(reader: Reader, name: str) -> Address | None:
    return reader.optional(name, lambda _: _address(reader, name))


def _clinical(reader: Reader) -> BlockType:
    block_type = reader.closed("type", BlockType)
    if block_type not in CLINICAL_TYPES:
        raise CodecError("R-CHA3: only the clinical types have a policy in the charter")
    return block_type
