"""An honest desk of dossiers and figures in memory: fixed views, and it keeps what it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from medquorum.node.desk import DeskError, Reader
from medquorum.node.dossier_views import (
    ConsentView,
    ConsultationView,
    PhaseView,
    StepView,
    TimelineView,
)
from medquorum.node.statistics_views import (
    LatencyView,
    MaturityCurve,
    MaturityPoint,
    ParticipationView,
    StatisticsView,
)

CONSENT_ID = "88" * 32


def consent(patient: int = 1) -> ConsentView:
    """A grant in force."""
    return ConsentView(
        id=CONSENT_ID,
        patient=patient,
        kind="grant",
        grantee=None,
        grantee_name=None,
        purposes=("research",),
        issued_at_ms=1_800_000_000_000,
        from_ms=1_800_000_000_000,
        until_ms=1_831_536_000_000,
        revokes=None,
        revoked=False,
        in_force=True,
        brought_by="patient",
        received_at_us=1_800_000_000_000_000,
    )


def timeline(patient: int) -> TimelineView:
    """A consultation that waits for its CT."""
    phases = (
        PhaseView("registered", None, None),
        PhaseView("form", 2, 1_800_000_000_000),
        PhaseView("ct_prescribed", 4, 1_800_000_100_000),
    )
    step = StepView("take_ct", ("hospital", "radiologist"), "ct")
    consultation = ConsultationView(
        "tumour", 1, "ct_prescribed", False, phases, (2, 4, 6, 8), (step,)
    )
    return TimelineView(patient, readable=True, consultations=(consultation,))


@dataclass
class FakeDossiers:
    """Answers for two patients."""

    held: list[ConsentView] = field(default_factory=lambda: [consent()])
    brought: list[tuple[bytes, str]] = field(default_factory=list)
    refusal: Exception | None = None
    downloads: list[tuple[int, Reader, bool]] = field(default_factory=list)

    async def timeline(self, patient: int) -> TimelineView:
        return timeline(patient)

    async def consents(self, patient: int) -> tuple[ConsentView, ...]:
        return tuple(one for one in self.held if one.patient == patient)

    async def consent(self, patient: int, identifier: bytes) -> bytes:
        if patient != 1 or identifier.hex() != CONSENT_ID:
            raise DeskError(404, "unknown_consent", "no such statement here")
        return b"signed statement"

    async def accept_consent(self, encoded: bytes, brought_by: str) -> ConsentView:
        if self.refusal is not None:
            raise self.refusal
        self.brought.append((encoded, brought_by))
        return consent()

    async def download(self, patient: int, reader: Reader, *, images: bool) -> AsyncIterator[bytes]:
        if self.refusal is not None:
            raise self.refusal
        self.downloads.append((patient, reader, images))
        return _archive()


async def _archive() -> AsyncIterator[bytes]:
    yield b"PK"
    yield b" archive"


@dataclass
class FakeStatistics:
    """Fixed figures."""

    async def read(self) -> StatisticsView:
        return StatisticsView(
            first_n_bc=1,
            last_n_bc=8,
            latencies=tuple(
                LatencyView(n, "ct", "accepted", 1_800_000_000_000 + n, n * 500, n * 700)
                for n in range(1, 9)
            ),
            participation=(
                ParticipationView("Dr. Amara", 8, 7, 1, 0, 0, 0),
                ParticipationView("Dr. Chen", 8, 5, 0, 1, 0, 2),
            ),
            maturity=(
                MaturityCurve(
                    "AI Entity",
                    "tumour",
                    900_000,
                    100,
                    tuple(MaturityPoint(n, n, n, 1_000_000 * n // (n + 4)) for n in range(1, 9)),
                ),
            ),
        )
