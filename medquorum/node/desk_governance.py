"""What the API and the command line may ask of a node about governance (R-GOV1 to R-GOV10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from medquorum.ledger.charter import Charter
from medquorum.ledger.governance import Act
from medquorum.ledger.keys import Address
from medquorum.ledger.limits import DAY_MS
from medquorum.node.governance_views import (
    ActReceipt,
    CharterChangeView,
    EvidenceView,
    HaltView,
    MaturityView,
    RegistryEntryView,
)

ACT_LIFETIME_MS: Final = 14 * DAY_MS
"""Doctors on holiday vote when they are back."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Another attending physician for a patient: a block of the patient's chain (R-BLK1)."""

    patient: int
    doctor: Address

    def as_map(self) -> dict[str, object]:
        """The wish in canonical form."""
        return {"doctor": self.doctor, "patient": self.patient}


Request = Act | Assignment
"""What an issuer may ask the doctors to decide."""


class GovernanceDesk(Protocol):
    """The governance side of a running node."""

    async def accept(self, encoded: bytes) -> ActReceipt:
        """Take a proposal of governance or `attending` signed elsewhere, by any active member.

        DeskError says which rule refuses it; nothing is kept then.
        """

    async def issue(self, request: Request, lifetime_ms: int = ACT_LIFETIME_MS) -> ActReceipt:
        """Sign a request with the institution's issuing key; DeskError 403 at a doctor's node."""

    def charters(self) -> tuple[Charter, ...]:
        """Every version of the charter, by its number; the last is in force."""

    async def history(self) -> tuple[CharterChangeView, ...]:
        """How each version of the charter came about, oldest first."""

    def registry(self) -> tuple[RegistryEntryView, ...]:
        """Who stands in for whom."""

    async def maturity(self) -> tuple[MaturityView, ...]:
        """What became of the AI entities' reports."""

    async def evidence(self) -> tuple[EvidenceView, ...]:
        """Contradictions that stand in the chain, oldest first."""

    async def halt(self) -> HaltView:
        """Whether ordering stopped for good, and what shows why."""
