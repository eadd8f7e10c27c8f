"""Acts of governance in words: what a doctor reads before she votes (R-GOV2, R-GOV4, R-GOV6)."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from medquorum.ledger.change import (
    Admit,
    ApproveModel,
    Change,
    ModelChange,
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
from medquorum.ledger.charter_members import keys_of
from medquorum.ledger.governance import (
    AbsenceAct,
    Act,
    Amendment,
    DelegationAct,
    EvidenceAct,
    EvidenceKind,
    OpeningAct,
)
from medquorum.ledger.keys import Address
from medquorum.ledger.member import Member
from medquorum.ledger.proposal import Core
from medquorum.ledger.types import BlockType

Naming = Callable[[Address], str]
"""From an address to the name people know."""

CONTRADICTIONS = {
    EvidenceKind.TWO_NOTARS: "notarised two batches of one slot",
    EvidenceKind.SKIP_AND_FINAL: "skipped a slot and finalised it",
    EvidenceKind.TWO_FINALS: "finalised two batches of one slot",
    EvidenceKind.NOTAR_AND_FINAL: "notarised one batch of a slot and finalised another",
    EvidenceKind.TWO_PROPOSALS: "led a slot with two batches",
    EvidenceKind.TWO_VOTES: "cast two different votes on one proposal",
}
"""What a culprit has done (R-SIM11)."""


@dataclass(frozen=True, slots=True)
class Needed:
    """What an act needs to be approved (R-GOV4)."""

    approvals: int
    required: tuple[Address, ...]
    """Doctors without whose approval it is not approved."""


def naming_of(charters: Sequence[Charter]) -> Naming:
    """Names of members in any version of the charter, the newest name first; else the hex."""

    def naming(address: Address) -> str:
        for charter in reversed(charters):
            member = charter.member(address)
            if member is not None:
                return member.name
        return address.hex()[:16]

    return naming


def needed(act: Act, issuer: Address, charter: Charter) -> Needed:
    """How many active doctors must approve, and who of them in any case (R-GOV4)."""
    doctors = len(charter.doctors)
    majority = doctors // 2 + 1
    match act:
        case Amendment(_, changes):
            two_thirds = any(isinstance(change, SetMode) for change in changes)
            return Needed(2 * doctors // 3 + 1 if two_thirds else majority, ())
        case AbsenceAct(attending, delegate):
            required = () if delegate is None else (delegate,)
            return Needed(0 if issuer == attending else majority, required)
        case DelegationAct(_, delegate):
            return Needed(0, () if delegate is None else (delegate,))
        case OpeningAct(_, delegate):
            return Needed(majority, (delegate,))
        case EvidenceAct():
            return Needed(0, ())
        case _:
            assert_never(act)


def moment_words(ms: int) -> str:
    """A time for people, UTC; an instant no calendar holds as it is."""
    try:
        at = datetime.datetime.fromtimestamp(ms / 1_000, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms"
    return at.strftime("%Y-%m-%d %H:%M UTC")


def act_words(act: Act, naming: Naming, charter: Charter) -> tuple[str, ...]:
    """Sentences that say all that an act does; `charter` is the one it would change."""
    match act:
        case Amendment(_, changes):
            return tuple(change_words(change, naming, charter) for change in changes)
        case AbsenceAct(attending, None):
            return (f"ends the absence of {naming(attending)}",)
        case AbsenceAct(attending, delegate, from_ms, to_ms):
            return (
                f"{naming(attending)} is away from {moment_words(from_ms)} to "
                f"{moment_words(to_ms)}; {_who(delegate, naming)} stands in",
            )
        case DelegationAct(attending, None, patient):
            return (f"{naming(attending)} decides on patient {patient} herself again",)
        case DelegationAct(attending, delegate, patient):
            return (
                f"{naming(attending)} hands the decisions on patient {patient} to "
                f"{_who(delegate, naming)}",
            )
        case OpeningAct(attending, delegate, proposal):
            return (
                f"{naming(attending)} is silent on proposal {proposal.hex()[:12]}: after "
                f"{charter.absence.silence_hours} more hours {naming(delegate)} may decide in "
                "that place",
            )
        case EvidenceAct(culprit, kind):
            return (f"proves that {naming(culprit)} {CONTRADICTIONS[kind]}",)
        case _:
            assert_never(act)


def core_words(core: Core, naming: Naming, charter: Charter) -> tuple[str, ...]:
    """What a proposal does where it is about more than a record; nothing otherwise."""
    if core.act is not None:
        return act_words(core.act, naming, charter)
    if core.type is BlockType.ATTENDING:
        return (f"gives patient {core.patient} {naming(core.doctor)} as attending physician",)
    return ()


def change_words(change: Change, naming: Naming, charter: Charter) -> str:
    """One change of a charter in one sentence."""
    match change:
        case Admit(member):
            return f"admits {_described(member)}, {member.address_text}, at {member.endpoint}"
        case Revoke(address, successor):
            after = "" if successor is None else f"; {naming(successor)} takes over the patients"
            return f"revokes {naming(address)} for ever, keys and all{after}"
        case Suspend(address, stand_in):
            after = "" if stand_in is None else f"; {naming(stand_in)} stands in"
            return f"suspends {naming(address)}{after}"
        case Reinstate(address):
            return f"reinstates {naming(address)}"
        case RotateKey(member):
            return _rotation_words(member, charter)
        case ApproveModel() | WithdrawModel():
            return _model_words(change, naming)
        case SetMode(mode):
            return f"sets ordering from {charter.ordering.mode.value} to {mode.value}"
        case SetPolicy(block_type, policy):
            auto = f", automatic votes {', '.join(policy.auto_policies)}"
            return (
                f"decides on {block_type.value} by {policy.panel.value}, "
                f"{'strict' if policy.strict else 'additive'}{auto if policy.auto_policies else ''}"
            )
        case SetAbsenceRule(rule):
            return (
                f"allows absences of {rule.max_days} days and lets a delegate act after "
                f"{rule.silence_hours} hours of silence"
            )
        case _:
            assert_never(change)


def _model_words(change: ModelChange, naming: Naming) -> str:
    match change:
        case ApproveModel(member, model):
            return (
                f"lets {naming(member)} report on {model.kind.value} with model "
                f"{model.digest.hex()}, card {model.card_digest.hex()}, trained on what "
                f"{model.training_digest.hex()} lists"
            )
        case WithdrawModel(member, digest):
            return f"lets {naming(member)} report with model {digest.hex()} no more"
        case _:
            assert_never(change)


def _who(address: Address | None, naming: Naming) -> str:
    return "nobody" if address is None else naming(address)


def _described(member: Member) -> str:
    return f"{member.name} ({member.role.value.replace('_', ' ')})"


def _rotation_words(member: Member, charter: Charter) -> str:
    before = charter.member(member.address)
    if before is None:
        return f"exchanges keys of {_described(member)}"
    old, new = keys_of(before), keys_of(member)
    purposes = new.keys() | old.keys()
    changed = sorted(each for each in purposes if old.get(each) != new.get(each))
    moved = "" if member.endpoint == before.endpoint else f"; it is now at {member.endpoint}"
    renamed = "" if member.name == before.name else f"; it is now called {member.name}"
    if not changed and member.webauthn != before.webauthn:
        return f"changes where the authenticator of {before.name} may be used{moved}{renamed}"
    what = f"{', '.join(changed)} key" if changed else "TLS leaf"
    plural = "s" if len(changed) > 1 else ""
    return f"exchanges the {what}{plural} of {before.name}{moved}{renamed}"


def quorum_words(charter: Charter) -> str:
    """What the doctors of a charter withstand, in one line (R-CHA8)."""
    withstood = charter.tolerance
    return (
        f"{charter.ordering.mode.value}: n {withstood.n} doctors, q {withstood.q}; tolerates "
        f"{withstood.words()}"
    )
