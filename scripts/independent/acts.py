"""What a governance proposal says: its core, its act, who may issue it and with which key.

Carries out R-GOV1 to R-GOV3. Whether the act fits the chain is judged in `admission`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from .canonical import NUMBER_MAX, TIME_MAX_MS, Fault, Fields, Value
from .changes import (
    CHANGES_MAX,
    ApproveModel,
    Change,
    RotateKey,
    WithdrawModel,
    read_change,
)
from .charter import Charter
from .crypto import Signatures, tagged
from .members import Member

AMENDING: Final = frozenset({"hospital", "doctor"})
"""Whose amendments may change anything."""
GOVERNANCE_ISSUERS: Final = {
    "amendment": frozenset({"hospital", "doctor", "laboratory", "radiologist", "ai_entity"}),
    "absence": frozenset({"doctor"}),
    "delegation": frozenset({"doctor"}),
    "opening": frozenset({"hospital", "doctor"}),
    "evidence": frozenset({"doctor"}),
}
GOVERNANCE_FIELDS: Final = (
    "act",
    "expires_at_ms",
    "issued_at_ms",
    "issuer",
    "network",
    "record",
    "type",
    "version",
)
EVIDENCE_KINDS: Final = (
    "two_notars",
    "skip_and_final",
    "two_finals",
    "notar_and_final",
    "two_proposals",
    "two_votes",
)
LIFETIME_MAX_MS: Final = 90 * 24 * 60 * 60 * 1_000


@dataclass(frozen=True, slots=True)
class Amendment:
    """The charter gets another version."""

    base_version: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Absence:
    """A doctor is away, and who stands in; with no delegate: is back."""

    attending: bytes
    delegate: bytes | None
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Delegation:
    """Who stands in for one patient; with no delegate: nobody any more."""

    attending: bytes
    delegate: bytes | None
    patient: int


@dataclass(frozen=True, slots=True)
class Opening:
    """Who stands in for one proposal on which the attending keeps silent."""

    attending: bytes
    delegate: bytes
    proposal: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two messages of one member that contradict each other."""

    culprit: bytes
    first: bytes
    kind: str
    second: bytes


Act: TypeAlias = Amendment | Absence | Delegation | Opening | Evidence


@dataclass(frozen=True, slots=True)
class GovernanceCore:
    """The core of a governance proposal (R-GOV1); times in ms."""

    type: str
    network: bytes
    issuer: bytes
    issued_at_ms: int
    expires_at_ms: int
    act: Act


def read_governance_core(decoded: Value) -> GovernanceCore:
    """Return the governance core that a decoded map is; raise `Fault` for any other form."""
    fields = Fields(decoded, "the governance core", GOVERNANCE_FIELDS)
    fields.integer("version", 1, 1)
    fields.binary("record", 32)
    block_type = fields.text("type")
    if block_type not in ACTS:
        raise Fault("R-BLK1", "a governance type that does not exist")
    names, read = ACTS[block_type]
    return GovernanceCore(
        type=block_type,
        network=fields.binary("network", 32),
        issuer=fields.binary("issuer", 32),
        issued_at_ms=fields.integer("issued_at_ms", high=TIME_MAX_MS),
        expires_at_ms=fields.integer("expires_at_ms", high=TIME_MAX_MS),
        act=read(Fields(fields.value("act"), f"the act of an {block_type}", names)),
    )


def _read_amendment(fields: Fields) -> Act:
    changes = fields.entries("changes")
    if not 1 <= len(changes) <= CHANGES_MAX:
        raise Fault("R-GOV2", f"an amendment has 1 to {CHANGES_MAX} changes")
    return Amendment(
        fields.integer("base_version", high=NUMBER_MAX), tuple(map(read_change, changes))
    )


def _read_absence(fields: Fields) -> Act:
    return Absence(
        attending=fields.binary("attending", 32),
        delegate=fields.optional_binary("delegate", 32),
        from_ms=fields.integer("from_ms", high=TIME_MAX_MS),
        to_ms=fields.integer("to_ms", high=TIME_MAX_MS),
    )


def _read_delegation(fields: Fields) -> Act:
    return Delegation(
        attending=fields.binary("attending", 32),
        delegate=fields.optional_binary("delegate", 32),
        patient=fields.integer("patient", 1, NUMBER_MAX),
    )


def _read_opening(fields: Fields) -> Act:
    return Opening(
        attending=fields.binary("attending", 32),
        delegate=fields.binary("delegate", 32),
        proposal=fields.binary("proposal", 32),
    )


def _read_evidence(fields: Fields) -> Act:
    return Evidence(
        culprit=fields.binary("culprit", 32),
        first=fields.binary("first"),
        kind=fields.choice("kind", EVIDENCE_KINDS),
        second=fields.binary("second"),
    )


ACTS: Final[dict[str, tuple[tuple[str, ...], Callable[[Fields], Act]]]] = {
    "amendment": (("base_version", "changes"), _read_amendment),
    "absence": (("attending", "delegate", "from_ms", "to_ms"), _read_absence),
    "delegation": (("attending", "delegate", "patient"), _read_delegation),
    "opening": (("attending", "delegate", "proposal"), _read_opening),
    "evidence": (("culprit", "first", "kind", "second"), _read_evidence),
}


def _is_own(change: Change, issuer: Member) -> bool:
    """Tell whether a change is of the issuer's keys, or of an AI entity's own models (R-GOV3)."""
    if isinstance(change, ApproveModel | WithdrawModel):
        return issuer.role == "ai_entity" and change.member == issuer.address
    return isinstance(change, RotateKey)


def check_governance_proposal(
    core: GovernanceCore, encoded: bytes, signature: bytes, charter: Charter, signatures: Signatures
) -> bytes:
    """Return the proposal's id after every check that needs no chain; raise `Fault`."""
    if core.network != charter.network:
        raise Fault("R-GOV1", "the proposal is of another network")
    if not core.issued_at_ms < core.expires_at_ms <= core.issued_at_ms + LIFETIME_MAX_MS:
        raise Fault("R-PRO8", "the proposal's times do not lie at most 90 days apart")
    issuer = charter.active(core.issuer)
    if issuer is None or issuer.role not in GOVERNANCE_ISSUERS[core.type]:
        raise Fault("R-GOV3", f"the issuer of an {core.type} may not issue it")
    if (
        isinstance(core.act, Amendment)
        and issuer.role not in AMENDING
        and not all(_is_own(change, issuer) for change in core.act.changes)
    ):
        raise Fault("R-GOV3", "only hospitals and doctors change more than what is their own")
    if isinstance(core.act, Delegation) and core.act.attending != core.issuer:
        raise Fault("R-GOV3", "a delegation by another than the attending it names")
    key = issuer.consensus if isinstance(core.act, Evidence) else issuer.clinical
    proposal = tagged("proposal", charter.network, encoded)
    what = "the issuer"
    signatures.check(key, proposal, signature, rule="R-GOV1", what=what)
    return proposal
