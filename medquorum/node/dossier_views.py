"""What a node shows of one patient's record as a whole: consultations and consents.

As in `views`: hashes and ids are lower-case hex, addresses bech32m text, times ms since 1970 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConsentView:
    """One statement that a patient has signed (R-CST1)."""

    id: str
    patient: int
    """N PB."""
    kind: str
    """grant or revocation."""
    grantee: str | None
    """Address of the member that may read; None for every member."""
    grantee_name: str | None
    purposes: tuple[str, ...]
    issued_at_ms: int
    from_ms: int
    until_ms: int
    revokes: str | None
    """Id of the grant that a revocation takes back."""
    revoked: bool
    in_force: bool
    """By the clock of this node."""
    brought_by: str
    """User name of who brought it to this node."""
    received_at_us: int


@dataclass(frozen=True, slots=True)
class PhaseView:
    """A phase that a consultation has entered."""

    phase: str
    n_bc: int | None
    """The block that led there; None for the start."""
    time_ms: int | None
    """When that block was issued."""


@dataclass(frozen=True, slots=True)
class StepView:
    """A step that a consultation is waiting for."""

    step: str
    roles: tuple[str, ...]
    """Roles of members that may do it."""
    leads_to: str


@dataclass(frozen=True, slots=True)
class ConsultationView:
    """One consultation: from its prescription to treatment or a negative result."""

    track: str
    """tumour or xray."""
    number: int
    """Counted from 1 for each track."""
    phase: str
    closed: bool
    """A later one of this track has begun."""
    phases: tuple[PhaseView, ...]
    blocks: tuple[int, ...]
    """N BC of the accepted blocks that belong to it, in order."""
    permitted: tuple[StepView, ...]
    """What may come next; none in a closed one."""


@dataclass(frozen=True, slots=True)
class TimelineView:
    """A patient's consultations."""

    n_pb: int
    readable: bool
    """False where prescriptions or reports are sealed for others: then there are no phases."""
    consultations: tuple[ConsultationView, ...]
    """Oldest first by their first block."""
