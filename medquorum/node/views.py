"""What a node shows of itself: the typed answers behind the API, the page and the command line.

Hashes, ids, records and keys are lower-case hex; addresses are bech32m text; times are ms since
1970 UTC, `*_us` microseconds. Nothing here holds patient content.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VoteView:
    """One doctor's vote as others may see it once it is cast."""

    voter: str
    voter_name: str
    decision: str
    role: str
    mode: str
    grade: int | None
    automatic: bool = False
    """Cast by a policy of the charter, not by a person: mode is `policy:` and its id."""
    by_touch: bool = False
    """Signed by the doctor's authenticator, not by her key file (R-VOT2)."""
    backed_up: bool = False
    """That authenticator's key is, or can be, in a vendor's cloud (R-VOT6)."""


@dataclass(frozen=True, slots=True)
class VerdictView:
    """Where a proposal stands; for a block, how it was decided."""

    standing: str
    panel: int
    approvals: int
    rejections: int
    abstentions: int
    attending: str | None
    attending_approved: bool
    dissent: tuple[str, ...]
    """Names of doctors who voted otherwise than the outcome."""
    missing: tuple[str, ...]
    """Names of panel members who have not voted."""


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A proposal, open or not."""

    id: str
    type: str
    state: str
    """open, accepted, rejected, expired or stale."""
    reason: str | None
    issuer: str
    issuer_name: str
    issuer_role: str
    patient: int | None
    doctor: str
    record: str
    parts: tuple[str, ...]
    body: str
    """none (not entitled), announced, fetching, held, opened or failed."""
    issued_at_ms: int
    expires_at_ms: int
    received_at_us: int
    references: tuple[str, ...]
    replaces: str | None
    ai: dict[str, object] | None
    n_bc: int | None
    verdict: VerdictView
    votes: tuple[VoteView, ...]
    summary: tuple[str, ...] = ()
    """Of an act of governance or an assignment: what it does, in sentences."""
    blind: bool = False
    """Votes and counts are hidden from this doctor until she has voted herself."""
    images: tuple[str, ...] = ()
    """Block types of the images that it refers to: what a report is about."""
    decided_at_ms: int | None = None
    """Time of the batch that holds its block."""


@dataclass(frozen=True, slots=True)
class WhyView:
    """Why a proposal is not final, in words and in parts."""

    id: str
    state: str
    sentences: tuple[str, ...]
    missing_voters: tuple[str, ...]
    missing_certificate: str | None
    slot: int
    leader: str


@dataclass(frozen=True, slots=True)
class BlockView:
    """A block as it stands in the chain."""

    n_bc: int
    hash: str
    hprevious: str
    type: str
    """The proposal's type; `rejection` where the outcome is rejected."""
    proposal_type: str
    outcome: str
    n_pb: int
    n_pa: int
    hpatient: str
    proposal: str
    issuer: str
    issuer_name: str
    issuer_role: str
    doctor: str
    record: str
    parts: tuple[str, ...]
    body_root: str
    references: tuple[str, ...]
    ai: dict[str, object] | None
    epoch: int
    slot: int
    batch_time_ms: int
    finalised_at_us: int
    verdict: VerdictView
    votes: tuple[VoteView, ...]
    summary: tuple[str, ...] = ()
    """Of an act of governance or an assignment: what it does, in sentences."""
    replaces: str | None = None
    """Hash of the block that this one corrects."""
    issued_at_ms: int = 0
    doctor_name: str = ""
    patient_key: str = ""
    """Kp; empty for an act of governance, as are the next two."""
    patient_name: str = ""
    """PAT NAME: the commitment, never the name."""
    signature: str = ""
    """Sigt: the issuer's signature of the proposal."""


@dataclass(frozen=True, slots=True)
class PatientView:
    """A patient's pseudonymous state."""

    n_pb: int
    address: str
    public_key: str
    encryption_key: str
    patient_name: str
    attending: str
    attending_name: str
    head: str
    length: int
    phase: str
    """Phase of the consultation; `not readable here` where the history is sealed for others."""
    next_steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PeerView:
    """One other member as this node sees it."""

    name: str
    role: str
    address: str
    connected: bool
    behind: int | None


@dataclass(frozen=True, slots=True)
class StatusView:
    """The node in one glance."""

    name: str
    role: str
    address: str
    network: str
    network_name: str
    charter_version: int
    doctors: int
    quorum: int
    mode: str
    n_bc: int
    tip_hash: str
    patients: int
    epoch: int
    slot: int
    final_slot: int
    leader: str
    open_proposals: int
    peers: tuple[PeerView, ...]
    ready: bool
    not_ready: tuple[str, ...]
    ordering: str
    """idle, ordering, observing, or halted with the reason."""


@dataclass(frozen=True, slots=True)
class EventView:
    """One live change: block, proposal, vote, body, peer or halt."""

    sequence: int
    """Rises, and counts nothing: the moment it was noted, µs since 1970; resume after it."""
    kind: str
    at_us: int
    subject: str
    """Hex id of what changed, or a member's address."""
    detail: dict[str, object]
