"""What the API may ask of a node about one patient's record as a whole, and about its figures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol

from medquorum.node.dossier_views import ConsentView, TimelineView
from medquorum.node.statistics_views import StatisticsView

if TYPE_CHECKING:
    from medquorum.node.desk import Reader


class DossierDesk(Protocol):
    """Patients' records as wholes."""

    async def timeline(self, patient: int) -> TimelineView:
        """The patient's consultations; DeskError 404 when there is no such patient."""

    async def consents(self, patient: int) -> tuple[ConsentView, ...]:
        """Statements of consent held here, newest first."""

    async def consent(self, patient: int, identifier: bytes) -> bytes:
        """One statement as it was signed (R-CST2); DeskError 404 when there is none."""

    async def accept_consent(self, encoded: bytes, brought_by: str) -> ConsentView:
        """Keep a statement that its patient has signed; durable before it returns."""

    async def download(self, patient: int, reader: Reader, *, images: bool) -> AsyncIterator[bytes]:
        """The whole record as one zip; every reading in it is logged.

        DeskError 404 when there is no such patient, 403 where a consent is missing (R-CST3).
        """


class StatisticsDesk(Protocol):
    """How the network does; nothing about patients."""

    async def read(self) -> StatisticsView:
        """Latencies, participation and maturity over the latest blocks."""
