"""An honest governance desk in memory: it keeps what it is asked and answers fixed views."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import CodecError
from medquorum.ledger.proposal import parse_proposal
from medquorum.node.desk_governance import ACT_LIFETIME_MS, Request
from medquorum.node.governance_views import (
    ActReceipt,
    CharterChangeView,
    EvidenceView,
    HaltView,
    MaturityView,
    RegistryEntryView,
    StopView,
)
from medquorum.node.views import VoteView
from tests.ledger.charter_kit import make_charter

RECEIPT = ActReceipt("77" * 32, "amendment", ("suspends Dr. Chen",), 3, 4, ())


@dataclass
class FakeGovernance:
    """Answers like a node with one version of the charter."""

    versions: list[Charter] = field(default_factory=lambda: [make_charter()])
    refusal: Exception | None = None
    """Raised by every act, when set."""
    carried: list[bytes] = field(default_factory=list)
    issued: list[tuple[Request, int]] = field(default_factory=list)
    entries: list[RegistryEntryView] = field(default_factory=list)

    async def accept(self, encoded: bytes) -> ActReceipt:
        if self.refusal is not None:
            raise self.refusal
        self.carried.append(encoded)
        try:
            return replace(RECEIPT, proposal=parse_proposal(encoded).id.hex())
        except CodecError:
            return RECEIPT

    async def issue(self, request: Request, lifetime_ms: int = ACT_LIFETIME_MS) -> ActReceipt:
        if self.refusal is not None:
            raise self.refusal
        self.issued.append((request, lifetime_ms))
        return RECEIPT

    def charters(self) -> tuple[Charter, ...]:
        return tuple(self.versions)

    async def history(self) -> tuple[CharterChangeView, ...]:
        vote = VoteView("mqdoc1x", "Dr. Amara", "approve", "peer", "human", None)
        return tuple(
            CharterChangeView(
                version=charter.version,
                n_bc=charter.version or None,
                time_ms=1_800_000_000_000,
                proposal="77" * 32 if charter.version else None,
                proposer="mqhosp1x" if charter.version else None,
                proposer_name="Hospital St. Mary" if charter.version else None,
                changes=("suspends Dr. Chen",) if charter.version else ("founded",),
                doctors=len(charter.doctors),
                quorum=charter.quorum,
                mode=charter.ordering.mode.value,
                votes=(vote,) if charter.version else (),
                in_force=charter is self.versions[-1],
            )
            for charter in self.versions
        )

    def registry(self) -> tuple[RegistryEntryView, ...]:
        return tuple(self.entries)

    async def maturity(self) -> tuple[MaturityView, ...]:
        return (
            MaturityView("mqai1x", "AI Entity", None, 30, 29, 833_000, 900_000, 100, False),
            MaturityView("mqai1x", "AI Entity", "tumour", 30, 29, 833_000, 900_000, 100, False),
        )

    async def evidence(self) -> tuple[EvidenceView, ...]:
        return (
            EvidenceView(
                n_bc=7,
                time_ms=1_800_000_000_000,
                culprit="mqdoc1x",
                culprit_name="Dr. Chen",
                kind="two_votes",
                says="cast two different votes on one proposal",
                issuer_name="Dr. Amara",
                first="AA==",
                second="AQ==",
            ),
        )

    async def halt(self) -> HaltView:
        stop = StopView("fork", 5, ("AA==", "AQ=="), None)
        return HaltView(True, "fork", "keep both certificates", (stop,))
