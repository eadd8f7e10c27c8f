"""The changes an amendment may consist of, each read from its map.

Carries out the forms of R-GOV6 and R-AI3. Reading checks what a change says alone (R-CHA2 to
R-CHA4, R-AI1, R-AI2); `amendments` judges it by the charter it is to change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from .canonical import Fault, Fields, Value
from .charter import BLOCK_TYPES, MODES, AbsenceRule, Policy, read_absence_rule, read_policy
from .members import Member, read_member
from .models import Model, read_model

CHANGES_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class Admit:
    """A new member."""

    member: Member


@dataclass(frozen=True, slots=True)
class Revoke:
    """A member leaves for ever; a doctor's patients go to the successor."""

    member: bytes
    successor: bytes | None


@dataclass(frozen=True, slots=True)
class Suspend:
    """A member keeps its place and does nothing; a doctor's stand-in has the patients."""

    member: bytes
    stand_in: bytes | None


@dataclass(frozen=True, slots=True)
class Reinstate:
    """A suspension ends."""

    member: bytes


@dataclass(frozen=True, slots=True)
class RotateKey:
    """A member's map with other keys."""

    member: Member


@dataclass(frozen=True, slots=True)
class SetMode:
    """How large the quorum is from now on."""

    mode: str


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """How a block type is decided from now on."""

    block_type: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class SetAbsenceRule:
    """How long absences and silences are from now on."""

    rule: AbsenceRule


@dataclass(frozen=True, slots=True)
class ApproveModel:
    """An AI entity may report with one more model."""

    member: bytes
    model: Model


@dataclass(frozen=True, slots=True)
class WithdrawModel:
    """An AI entity reports with a model no more."""

    member: bytes
    digest: bytes


Rule: TypeAlias = SetMode | SetPolicy | SetAbsenceRule
Change: TypeAlias = (
    Admit | Revoke | Suspend | Reinstate | RotateKey | Rule | ApproveModel | WithdrawModel
)


def _revoke(fields: Fields) -> Change:
    return Revoke(fields.binary("member", 32), fields.optional_binary("successor", 32))


def _suspend(fields: Fields) -> Change:
    return Suspend(fields.binary("member", 32), fields.optional_binary("stand_in", 32))


def _set_policy(fields: Fields) -> Change:
    return SetPolicy(fields.choice("type", BLOCK_TYPES), read_policy(fields.value("policy")))


def _approve_model(fields: Fields) -> Change:
    return ApproveModel(fields.binary("member", 32), read_model(fields.value("model")))


CHANGES: Final[dict[str, tuple[tuple[str, ...], Callable[[Fields], Change]]]] = {
    "admit": (("member",), lambda fields: Admit(read_member(fields.value("member")))),
    "revoke": (("member", "successor"), _revoke),
    "suspend": (("member", "stand_in"), _suspend),
    "reinstate": (("member",), lambda fields: Reinstate(fields.binary("member", 32))),
    "rotate_key": (("member",), lambda fields: RotateKey(read_member(fields.value("member")))),
    "set_mode": (("mode",), lambda fields: SetMode(fields.choice("mode", MODES))),
    "set_policy": (("policy", "type"), _set_policy),
    "set_absence_rule": (
        ("max_days", "silence_hours"),
        lambda fields: SetAbsenceRule(read_absence_rule(fields)),
    ),
    "approve_model": (("member", "model"), _approve_model),
    "withdraw_model": (
        ("digest", "member"),
        lambda fields: WithdrawModel(fields.binary("member", 32), fields.binary("digest", 32)),
    ),
}


def read_change(value: Value) -> Change:
    """Return the change a map describes; raise `Fault` for any other form."""
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in CHANGES:
        raise Fault("R-GOV6", "a change of a kind that does not exist")
    names, read = CHANGES[kind]
    return read(Fields(value, f"a change {kind}", ("kind", *names)))
