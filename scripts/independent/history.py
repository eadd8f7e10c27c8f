"""What governance did, in words and for machines: every version of the charter and every act.

Each line follows from blocks that the verifier has checked, from the founding charter on (R-GOV1
to R-GOV9).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias, assert_never

from .acts import Absence, Amendment, Delegation, Evidence, Opening
from .chain import Enacted
from .changes import (
    Admit,
    ApproveModel,
    Change,
    Reinstate,
    Revoke,
    RotateKey,
    SetAbsenceRule,
    SetMode,
    SetPolicy,
    Suspend,
    WithdrawModel,
)
from .charter import Charter
from .members import Member
from .models import Model
from .names import address_text

# The end of the year 9999: a calendar has no later day.
LAST_DATE_MS: Final = 253_402_300_799_999

Told: TypeAlias = dict[str, "str | int | bool | list[str] | list[Told] | None"]


@dataclass(frozen=True, slots=True)
class Roll:
    """Who is meant by an address: the members before and after an act."""

    charters: tuple[Charter, ...]

    def member(self, address: bytes) -> Member | None:
        """The member of an address, if it ever was one here."""
        for charter in self.charters:
            if (found := charter.members.get(address)) is not None:
                return found
        return None

    def text(self, address: bytes | None) -> str | None:
        """The address as people read it, hexadecimal where it is nobody's."""
        if address is None:
            return None
        member = self.member(address)
        return address.hex() if member is None else address_text(address, member.role)


def versions(founding: Charter, enacted: Iterable[Enacted]) -> list[Told]:
    """Return every version of the charter with the block it follows from."""
    told: list[Told] = [{"version": 0, **_electorate(founding)}]
    for one in enacted:
        if one.after is not None and isinstance(one.core.act, Amendment):
            roll = Roll((one.before, one.after))
            changes = [_change(change, one, roll) for change in one.core.act.changes]
            version: Told = {"version": one.after.version, **_block(one, roll)}
            told.append({**version, "changes": changes, **_electorate(one.after)})
    return told


def acts(enacted: Iterable[Enacted]) -> list[Told]:
    """Return every accepted act of governance that is not an amendment."""
    told: list[Told] = []
    for one in enacted:
        if not isinstance(one.core.act, Amendment):
            roll = Roll((one.before,))
            told.append({"type": one.core.type, **_block(one, roll), **_act(one.core.act, roll)})
    return told


def _electorate(charter: Charter) -> Told:
    told: Told = {
        "members": len(charter.members),
        "doctors": len(charter.doctors),
        "quorum": charter.quorum,
        "mode": charter.mode,
    }
    models: list[Told] = [
        {"model_of": member.name, **_model(model)}
        for member in charter.members.values()
        for model in member.models
    ]
    return {**told, "models": models} if models else told


def _block(one: Enacted, roll: Roll) -> Told:
    approvals = [vote.voter for vote in one.votes if vote.decision == "approve"]
    return {
        "n_bc": one.header.n_bc,
        "time": _moment(one.time_ms),
        "block_hash": one.header.hash.hex(),
        "issuer": roll.text(one.core.issuer),
        "approved_by": [roll.text(voter) or "" for voter in approvals],
    }


def _moment(time_ms: int) -> str:
    if time_ms > LAST_DATE_MS:
        return f"{time_ms} ms"
    return datetime.fromtimestamp(time_ms // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _change(change: Change, one: Enacted, roll: Roll) -> Told:
    if isinstance(change, SetMode | SetPolicy | SetAbsenceRule):
        return _rule(change)
    match change:
        case Admit(member):
            return {"change": "admit", **_named(member), "role": member.role}
        case Revoke(address, successor):
            return {"change": "revoke", **_who(address, roll), "successor": roll.text(successor)}
        case Suspend(address, stand_in):
            return {"change": "suspend", **_who(address, roll), "stand_in": roll.text(stand_in)}
        case Reinstate(address):
            return {"change": "reinstate", **_who(address, roll)}
        case RotateKey(member):
            before = one.before.members.get(member.address)
            old = before.keys() if before else {}
            new = member.keys()
            names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
            return {"change": "rotate_key", **_named(member), "keys": names}
        case ApproveModel(address, model):
            return {"change": "approve_model", **_who(address, roll), **_model(model)}
        case WithdrawModel(address, digest):
            return {"change": "withdraw_model", **_who(address, roll), "model": digest.hex()}
        case _:
            assert_never(change)


def _model(model: Model) -> Told:
    return {
        "kind": model.kind,
        "model": model.digest.hex(),
        "card": model.card_digest.hex(),
        "training": model.training_digest.hex(),
    }


def _rule(change: SetMode | SetPolicy | SetAbsenceRule) -> Told:
    match change:
        case SetMode(mode):
            return {"change": "set_mode", "mode": mode}
        case SetPolicy(block_type, policy):
            return {
                "change": "set_policy",
                "type": block_type,
                "auto_policies": list(policy.auto_policies),
                "panel": policy.panel,
                "strict": policy.strict,
            }
        case SetAbsenceRule(rule):
            days, hours = rule.max_days, rule.silence_hours
            return {"change": "set_absence_rule", "max_days": days, "silence_hours": hours}
        case _:
            assert_never(change)


def _named(member: Member) -> Told:
    return {"member": address_text(member.address, member.role), "name": member.name}


def _who(address: bytes, roll: Roll) -> Told:
    member = roll.member(address)
    return {"member": address.hex()} if member is None else _named(member)


def _act(act: Absence | Delegation | Opening | Evidence, roll: Roll) -> Told:
    match act:
        case Absence(attending, delegate, from_ms, to_ms):
            between: Told = {"from_ms": from_ms, "to_ms": to_ms}
            return {**_pair(attending, delegate, roll), **between}
        case Delegation(attending, delegate, patient):
            return {**_pair(attending, delegate, roll), "patient": patient}
        case Opening(attending, delegate, proposal):
            return {**_pair(attending, delegate, roll), "proposal": proposal.hex()}
        case Evidence(culprit, _, kind, _):
            return {"culprit": roll.text(culprit), "kind": kind}
        case _:
            assert_never(act)


def _pair(attending: bytes, delegate: bytes | None, roll: Roll) -> Told:
    return {"attending": roll.text(attending), "delegate": roll.text(delegate)}


def lines(told: Sequence[Told], depth: int = 1) -> list[str]:
    """Return the same for people: the first field leads, the others are indented under it."""
    found: list[str] = []
    for one in told:
        (name, value), *rest = one.items()
        found.append("  " * depth + f"{name.replace('_', ' ')} {value}")
        for name, value in rest:
            entries = value if isinstance(value, list) else [value]
            found += lines([entry for entry in entries if isinstance(entry, dict)], depth + 1)
            shown = ", ".join(str(entry) for entry in entries if not isinstance(entry, dict))
            if shown not in ("", "None"):
                found.append("  " * (depth + 1) + f"{name.replace('_', ' ')}: {shown}")
    return found
