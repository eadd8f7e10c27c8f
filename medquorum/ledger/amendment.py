"""What an amendment makes of a charter: one pure function for everybody (R-GOV6, R-GOV7, R-AI3).

Voters, proposers, the chain and verifiers of history all call `apply`; nobody else changes a
charter. Changes are taken in order, each judged by what those before it have left. The dear check,
possession of new keys, is `verify_amendment`, once for each amendment that arrives.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import assert_never

from medquorum.ledger.approved_model import ApprovedModel, in_order
from medquorum.ledger.change import (
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
from medquorum.ledger.charter import Charter
from medquorum.ledger.charter_members import (
    check_distinct_keys,
    check_newcomer,
    keys_of,
)
from medquorum.ledger.charter_rules import AbsenceRule, OrderingPolicy, TypePolicy
from medquorum.ledger.errors import CharterError
from medquorum.ledger.governance import Amendment
from medquorum.ledger.keys import Address, PublicKey
from medquorum.ledger.member import Member
from medquorum.ledger.reasons import Reason, Reject
from medquorum.ledger.signature import Verifier, verify
from medquorum.ledger.types import BlockType, Role


@dataclass(slots=True)
class _Draft:
    """A charter while changes are taken."""

    before: Charter
    issuer: Address
    ordering: OrderingPolicy = field(init=False)
    policies: dict[BlockType, TypePolicy] = field(init=False)
    absence: AbsenceRule = field(init=False)
    members: dict[Address, Member] = field(init=False)
    suspended: dict[Address, Address | None] = field(init=False)
    successors: dict[Address, Address] = field(init=False)
    retired: set[PublicKey] = field(init=False)

    def __post_init__(self) -> None:
        before = self.before
        self.ordering, self.absence = before.ordering, before.absence
        self.policies = dict(before.policies)
        self.members = {member.address: member for member in before.members}
        self.suspended = dict(before.suspended)
        self.successors = dict(before.successors)
        self.retired = set(before.retired)

    def take(self, change: Change) -> None:
        """Make one change; CharterError where it does not apply."""
        match change:
            case Admit(member):
                self._admit(member)
            case Revoke(address, successor):
                self._revoke(self._member(address), successor)
            case Suspend(address, stand_in):
                self._suspend(self._member(address), stand_in)
            case Reinstate(address):
                self._reinstate(self._member(address))
            case RotateKey(member):
                self._rotate(self._member(member.address), member)
            case SetMode() | SetPolicy() | SetAbsenceRule():
                self._set(change)
            case ApproveModel(address, model):
                self._approve(self._member(address), model)
            case WithdrawModel(address, digest):
                self._withdraw(self._member(address), digest)
            case _:
                assert_never(change)

    def finished(self) -> Charter:
        """The charter as changed so far, one version on; CharterError where it breaks R-CHA."""
        return replace(
            self.before,
            ordering=self.ordering,
            policies=self.policies,
            absence=self.absence,
            members=tuple(self.members[address] for address in sorted(self.members)),
            suspended=self.suspended,
            successors=self.successors,
            retired=frozenset(self.retired),
            version=self.before.version + 1,
            founding=self.before.network_id,
        )

    def _member(self, address: Address) -> Member:
        member = self.members.get(address)
        if member is None:
            raise CharterError("R-GOV7: a change of somebody who is no member; check the address")
        return member

    def _admit(self, member: Member) -> None:
        if member.address in self.members:
            raise CharterError(f"R-GOV7: {member.name} has a member's address already")
        check_newcomer(member)
        self._check_fresh(member, set(keys_of(member).values()))
        self.members[member.address] = member

    def _revoke(self, member: Member, successor: Address | None) -> None:
        del self.members[member.address]
        self.suspended.pop(member.address, None)
        self.retired.update(keys_of(member).values())
        self._check_place(member, successor)
        if successor is not None:
            self.successors[member.address] = successor

    def _suspend(self, member: Member, stand_in: Address | None) -> None:
        if member.address in self.suspended:
            raise CharterError(f"R-GOV7: {member.name} is suspended already")
        self.suspended[member.address] = stand_in
        self._check_place(member, stand_in)

    def _check_place(self, member: Member, taker: Address | None) -> None:
        """An active doctor takes a doctor's place, and nobody anyone else's."""
        if member.role is not Role.DOCTOR:
            if taker is not None:
                raise CharterError(f"R-GOV7: {member.name} is no doctor: name nobody in its place")
            return
        found = None if taker is None else self.members.get(taker)
        if found is None or found.role is not Role.DOCTOR or found.address in self.suspended:
            raise CharterError(
                f"R-GOV7: name another active doctor who takes the place of {member.name}"
            )

    def _reinstate(self, member: Member) -> None:
        if member.address not in self.suspended:
            raise CharterError(f"R-GOV7: {member.name} is not suspended")
        del self.suspended[member.address]

    def _rotate(self, before: Member, member: Member) -> None:
        if member.address != self.issuer:
            raise CharterError(f"R-GOV7: only {before.name} itself exchanges its keys")
        if member.role is not before.role:
            raise CharterError("R-GOV7: a member keeps its role; revoke and admit instead")
        if member.models != before.models:
            raise CharterError("R-AI3: new keys change no models; approve or withdraw them apart")
        check_distinct_keys(member)
        old, new = keys_of(before), keys_of(member)
        rest = (before.tls_certificate, before.webauthn)
        if old == new and rest == (member.tls_certificate, member.webauthn):
            raise CharterError("R-GOV7: keys and TLS leaf are as before; make a new key")
        self._check_fresh(member, {key for use, key in new.items() if old.get(use) != key})
        self.retired.update(key for use, key in old.items() if new.get(use) != key)
        self.members[member.address] = member

    def _approve(self, member: Member, model: ApprovedModel) -> None:
        if any(one.digest == model.digest for one in member.models):
            raise CharterError(f"R-AI3: {member.name} has that model approved already")
        models = in_order((*member.models, model))
        self.members[member.address] = replace(member, models=models)

    def _withdraw(self, member: Member, digest: bytes) -> None:
        left = tuple(model for model in member.models if model.digest != digest)
        if len(left) == len(member.models):
            raise CharterError(f"R-AI3: {member.name} has no such model approved")
        if not left:
            raise CharterError(
                f"R-AI3: without a model {member.name} would be bound to none; approve another "
                "first, or suspend it"
            )
        self.members[member.address] = replace(member, models=left)

    def _check_fresh(self, member: Member, keys: set[PublicKey]) -> None:
        if not keys.isdisjoint(self.retired):
            raise CharterError(f"R-GOV7: a key of {member.name} is retired for ever; make new keys")
        for other in self.members.values():
            if not keys.isdisjoint(keys_of(other).values()):
                raise CharterError(
                    f"R-GOV7: a key of {member.name} is already a key of {other.name}; "
                    "make new keys"
                )

    def _set(self, change: SetMode | SetPolicy | SetAbsenceRule) -> None:
        before = self.ordering, self.policies, self.absence
        match change:
            case SetMode(mode):
                self.ordering = replace(self.ordering, mode=mode)
            case SetPolicy(block_type, policy):
                self.policies = {**self.policies, block_type: policy}
            case SetAbsenceRule(rule):
                self.absence = rule
            case _:
                assert_never(change)
        if before == (self.ordering, self.policies, self.absence):
            raise CharterError("R-GOV7: the charter says so already; leave the change out")


def apply(charter: Charter, amendment: Amendment, issuer: Address) -> Charter | Reject:
    """The next version of a charter, or why there is none; proofs are not verified here.

    STALE_AMENDMENT for another base version, BAD_AMENDMENT for a change that does not apply.
    """
    if amendment.base_version != charter.version:
        return Reject(Reason.STALE_AMENDMENT)
    try:
        return _amended(charter, amendment, issuer)
    except CharterError:
        return Reject(Reason.BAD_AMENDMENT)


def explain(charter: Charter, amendment: Amendment, issuer: Address) -> str | None:
    """In words what `apply` refuses, for whoever wrote the amendment; None where it applies."""
    if amendment.base_version != charter.version:
        return (
            f"R-GOV5: the amendment is of version {amendment.base_version}, the charter of "
            f"version {charter.version}; write it anew"
        )
    try:
        _amended(charter, amendment, issuer)
    except CharterError as error:
        return str(error)
    return None


def verify_amendment(amendment: Amendment, verify: Verifier = verify) -> bool:
    """Whether every member it admits, or gives new keys, holds these keys (R-CHA5, R-GOV7)."""
    entering = (one.member for one in amendment.changes if isinstance(one, Admit | RotateKey))
    try:
        for member in entering:
            member.verify_proofs(verify)
    except CharterError:
        return False
    return True


def _amended(charter: Charter, amendment: Amendment, issuer: Address) -> Charter:
    draft = _Draft(charter, issuer)
    for change in amendment.changes:
        draft.take(change)
    after = draft.finished()
    _check_continuity(charter, after)
    return after


def _check_continuity(before: Charter, after: Charter) -> None:
    """So many order on, with the keys they had, that two epochs share a quorum's doctors."""
    kept = {doctor.address: doctor.keys.consensus for doctor in after.doctors}
    lost = sum(kept.get(doctor.address) != doctor.keys.consensus for doctor in before.doctors)
    most = max(1, len(before.doctors) - before.quorum)
    if lost > most:
        raise CharterError(
            f"R-GOV6: {lost} doctors would leave or change their consensus key at once, at most "
            f"{most}; split the amendment"
        )
