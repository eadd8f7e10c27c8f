"""Amendments: what the changes of one make of the charter.

Carries out R-GOV6, R-GOV7 and R-AI3. What a change says alone is checked in `changes`; `amended`
judges it by the charter it is to change.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import assert_never

from .canonical import Fault
from .changes import (
    Admit,
    ApproveModel,
    Change,
    Reinstate,
    Revoke,
    RotateKey,
    Rule,
    SetAbsenceRule,
    SetMode,
    SetPolicy,
    Suspend,
    WithdrawModel,
)
from .charter import Charter, check_size
from .crypto import Signatures
from .members import Member, check_address, check_keys, check_proofs
from .models import Model, check_models


@dataclass(slots=True)
class Draft:
    """A charter while its changes are taken in order."""

    charter: Charter
    issuer: bytes
    signatures: Signatures
    retired: set[bytes] = field(default_factory=set)

    def take(self, change: Change) -> None:
        """Make one change; raise `Fault` where it does not apply."""
        match change:
            case Admit(member):
                self._admit(member)
            case Revoke(address, successor):
                self._revoke(address, successor)
            case Suspend(address, stand_in):
                self._suspend(address, stand_in)
            case Reinstate(address):
                self._reinstate(address)
            case RotateKey(member):
                self._rotate(member)
            case SetMode() | SetPolicy() | SetAbsenceRule():
                self._set(change)
            case ApproveModel(address, model):
                self._approve(self._member(address), model)
            case WithdrawModel(address, digest):
                self._withdraw(self._member(address), digest)
            case _:
                assert_never(change)

    def _admit(self, member: Member) -> None:
        if member.address in self.charter.members:
            raise Fault("R-GOV7", "a member is admitted who is one already")
        check_keys(member)
        check_address(member)
        self._check_fresh(set(member.keys().values()))
        check_proofs(member, self.signatures)
        self._with_members({**self.charter.members, member.address: member})

    def _check_fresh(self, keys: set[bytes]) -> None:
        if not keys.isdisjoint(self.retired):
            raise Fault("R-GOV7", "a key that is retired for ever")
        for member in self.charter.members.values():
            if not keys.isdisjoint(member.keys().values()):
                raise Fault("R-GOV7", "a key that is a member's already")

    def _revoke(self, address: bytes, successor: bytes | None) -> None:
        member = self._member(address)
        members, suspended = dict(self.charter.members), dict(self.charter.suspended)
        del members[address]
        suspended.pop(address, None)
        self.retired.update(member.keys().values())
        self.charter = replace(self.charter, members=members, suspended=suspended)
        self._check_heir(member, successor)
        if successor is not None:
            successors = {**self.charter.successors, address: successor}
            self.charter = replace(self.charter, successors=successors)

    def _suspend(self, address: bytes, stand_in: bytes | None) -> None:
        member = self._member(address)
        if address in self.charter.suspended:
            raise Fault("R-GOV7", "a member is suspended who is suspended already")
        suspended = {**self.charter.suspended, address: stand_in}
        self.charter = replace(self.charter, suspended=suspended)
        self._check_heir(member, stand_in)

    def _check_heir(self, member: Member, heir: bytes | None) -> None:
        if (heir is not None) != (member.role == "doctor"):
            raise Fault("R-GOV7", "somebody takes over from a doctor, and only from a doctor")
        if heir is not None and heir not in self.charter.panel:
            raise Fault("R-GOV7", "who takes over from a doctor is not another active doctor")

    def _reinstate(self, address: bytes) -> None:
        if address not in self.charter.suspended:
            raise Fault("R-GOV7", "a member is reinstated who is not suspended")
        suspended = dict(self.charter.suspended)
        del suspended[address]
        self.charter = replace(self.charter, suspended=suspended)

    def _rotate(self, member: Member) -> None:
        before = self._member(member.address)
        if member.address != self.issuer:
            raise Fault("R-GOV7", "only the issuer's own keys are exchanged")
        if member.role != before.role:
            raise Fault("R-GOV7", "another role comes with other keys")
        if member.models != before.models:
            raise Fault("R-AI3", "other models come with other keys")
        check_keys(member)
        old, new = before.keys(), member.keys()
        rest = (before.tls_certificate, before.webauthn)
        if old == new and rest == (member.tls_certificate, member.webauthn):
            raise Fault("R-GOV7", "keys and TLS leaf are those of before")
        self._check_fresh({key for name, key in new.items() if old.get(name) != key})
        check_proofs(member, self.signatures)
        self.retired |= {key for name, key in old.items() if new.get(name) != key}
        self._with_members({**self.charter.members, member.address: member})

    def _approve(self, member: Member, model: Model) -> None:
        if any(one.digest == model.digest for one in member.models):
            raise Fault("R-AI3", "a model is approved that is approved already")
        models = tuple(sorted((*member.models, model), key=lambda one: one.digest))
        check_models(models, member.role)
        changed = replace(member, models=models)
        self._with_members({**self.charter.members, member.address: changed})

    def _withdraw(self, member: Member, digest: bytes) -> None:
        left = tuple(one for one in member.models if one.digest != digest)
        if len(left) == len(member.models):
            raise Fault("R-AI3", "a model is withdrawn that is not approved")
        if not left:
            raise Fault("R-AI3", "an AI entity's last model is withdrawn")
        changed = replace(member, models=left)
        self._with_members({**self.charter.members, member.address: changed})

    def _set(self, change: Rule) -> None:
        before = self.charter
        match change:
            case SetMode(mode):
                self.charter = replace(before, mode=mode)
            case SetPolicy(block_type, policy):
                policies = {**before.policies, block_type: policy}
                self.charter = replace(before, policies=policies)
            case SetAbsenceRule(rule):
                self.charter = replace(before, absence=rule)
        if self.charter == before:
            raise Fault("R-GOV7", "a change that changes nothing")

    def _member(self, address: bytes) -> Member:
        member = self.charter.members.get(address)
        if member is None:
            raise Fault("R-GOV7", "a change about somebody who is not a member")
        return member

    def _with_members(self, members: dict[bytes, Member]) -> None:
        self.charter = replace(self.charter, members=members)


def amended(
    charter: Charter,
    base_version: int,
    changes: tuple[Change, ...],
    issuer: bytes,
    signatures: Signatures,
) -> Charter:
    """Return the charter that an amendment makes of this one; raise `Fault` where it makes none."""
    if base_version != charter.version:
        raise Fault("R-GOV5", "the amendment is of another version of the charter")
    draft = Draft(charter, issuer, signatures, set(charter.retired))
    for change in changes:
        draft.take(change)
    retired = frozenset(draft.retired)
    made = replace(draft.charter, version=charter.version + 1, retired=retired)
    check_size(made)
    if not made.doctors:
        raise Fault("R-GOV6", "no active doctor is left")
    _check_overlap(charter, made)
    return made


def _check_overlap(before: Charter, after: Charter) -> None:
    """Raise `Fault` where too many of those who order are exchanged at once (R-GOV6)."""
    kept = {doctor.address: doctor.consensus for doctor in after.doctors}
    lost = sum(kept.get(doctor.address) != doctor.consensus for doctor in before.doctors)
    most = max(1, len(before.doctors) - before.quorum)
    if lost > most:
        raise Fault("R-GOV6", f"{lost} doctors go or change their key at once, not at most {most}")
