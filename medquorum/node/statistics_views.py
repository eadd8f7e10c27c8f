"""Figures of the network for its operators: how long decisions take, who takes part.

Nothing here names a patient or a record. Times are ms.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LatencyView:
    """How long one block took, as this node saw it."""

    n_bc: int
    type: str
    outcome: str
    batch_time_ms: int
    """When its batch was made, ms since 1970 UTC."""
    votes_ms: int | None
    """From the proposal's arrival here to the last vote's; None where nobody had to vote."""
    total_ms: int
    """From the proposal's arrival here to its finality here."""


@dataclass(frozen=True, slots=True)
class ParticipationView:
    """What one doctor did with the proposals she was asked about."""

    name: str
    asked: int
    """Decided proposals in whose panel she was."""
    approved: int
    rejected: int
    abstained: int
    automatic: int
    """Of her votes, those a policy cast."""
    missing: int
    """Decided without her vote."""


@dataclass(frozen=True, slots=True)
class MaturityPoint:
    """The lower bound after one more report."""

    n_bc: int
    reports: int
    """Of the last `window`."""
    approved: int
    lower_ppm: int


@dataclass(frozen=True, slots=True)
class MaturityCurve:
    """How an AI entity's maturity went (R-GOV10)."""

    entity_name: str
    kind: str
    """tumour or fracture."""
    threshold_ppm: int
    window: int
    points: tuple[MaturityPoint, ...]


@dataclass(frozen=True, slots=True)
class StatisticsView:
    """Figures over the latest blocks."""

    first_n_bc: int
    last_n_bc: int
    latencies: tuple[LatencyView, ...]
    """Ascending; of proposals that this node knew before they were final."""
    participation: tuple[ParticipationView, ...]
    maturity: tuple[MaturityCurve, ...]
