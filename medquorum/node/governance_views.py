"""What a node shows of governance: charters, registry, maturity, evidence, a halt (R-GOV1 to 10).

As in `views`: hashes and ids are lower-case hex, addresses bech32m text, times ms since 1970 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

from medquorum.node.views import VoteView


@dataclass(frozen=True, slots=True)
class ActReceipt:
    """What the issuer of an act keeps: the proposal is durable on this node."""

    proposal: str
    type: str
    summary: tuple[str, ...]
    """What it does, in sentences."""
    needed: int
    """Approvals of active doctors it needs (R-GOV4)."""
    doctors: int
    """Active doctors there are."""
    required: tuple[str, ...]
    """Names of doctors without whose approval it is not approved."""


@dataclass(frozen=True, slots=True)
class CharterChangeView:
    """One version of the charter: how it came about."""

    version: int
    n_bc: int | None
    """The amendment's block; None for the founding charter."""
    time_ms: int
    """Batch time of the amendment; of the founding charter when it was made."""
    proposal: str | None
    proposer: str | None
    """Address."""
    proposer_name: str | None
    changes: tuple[str, ...]
    doctors: int
    quorum: int
    mode: str
    votes: tuple[VoteView, ...]
    in_force: bool


@dataclass(frozen=True, slots=True)
class RegistryEntryView:
    """Who stands in for whom, when and for what (R-ORD15)."""

    kind: str
    """absence, delegation (one patient) or opening (one proposal)."""
    attending: str
    attending_name: str
    delegate: str
    delegate_name: str
    from_ms: int
    to_ms: int
    patient: int | None
    proposal: str | None
    in_force: bool
    """By the clock of this node."""


@dataclass(frozen=True, slots=True)
class MaturityView:
    """What became of an AI entity's reports (R-GOV10); shown, and deciding nothing."""

    entity: str
    entity_name: str
    kind: str | None
    """tumour or fracture; None for all of the entity's reports together, as R-GOV10 counts."""
    reports: int
    """Of the last `window` reports."""
    approved: int
    lower_ppm: int
    """Lower bound of Wilson's interval, z = 1.96."""
    threshold_ppm: int
    window: int
    mature: bool


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """A contradiction that stands in the chain (R-GOV5)."""

    n_bc: int
    time_ms: int
    culprit: str
    culprit_name: str
    kind: str
    says: str
    """What the culprit did, in words."""
    issuer_name: str
    first: str
    """The first statement, base64."""
    second: str


@dataclass(frozen=True, slots=True)
class StopView:
    """One stop of ordering that this node has kept."""

    reason: str
    """fork, invalid_final or ceased_voting."""
    found_at_us: int
    certificates: tuple[str, ...]
    """Canonical bytes of R-ORD11, base64; of both branches where the ledger forked."""
    vote: str | None
    """Canonical bytes of R-ORD10, base64: an own vote that the journal does not hold."""


@dataclass(frozen=True, slots=True)
class HaltView:
    """Whether this node orders no more, and what shows why (R-SIM2, R-SIM10)."""

    halted: bool
    reason: str | None
    advice: str
    stops: tuple[StopView, ...]
    """Newest first."""
