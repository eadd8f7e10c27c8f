"""How an AI entity's reports fared over time, from the verified ledger alone.

Its reports with a block (R-GOV10), in order, are cut into windows per model digest. Of each window:
the share accepted with Wilson's interval, the share that drew no conclusion (confidence 0), and how
far the confidences have moved from those of the model's first window: the population stability
index over fixed bins, with the probability that windows drawn from one pool differ as much
(permutation test). A small window has a large index by chance, so only both together are a shift.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.learning.verified_ledger import VerifiedLedger
from medquorum.ledger.charter_rules import MaturityRule
from medquorum.ledger.keys import Address, address_text
from medquorum.ledger.maturity import PPM, maturity, wilson_lower_ppm
from medquorum.ledger.types import ADDRESS_PREFIX, Outcome, Role

BIN_EDGES_PPM: Final = (0, 1, 500_000, 600_000, 700_000, 800_000, 900_000, 950_000, PPM + 1)
"""No conclusion, below one half, then finer where the confidences of conclusions lie."""

SMOOTHING: Final = 0.5
"""Added to every bin: an empty one would make the index infinite (Jeffreys)."""

PERMUTATIONS: Final = 1_000
SEED: Final = 20_261_122
NOTABLE_PSI: Final = 0.25
"""The usual reading of the index: below 0.1 stable, above 0.25 moved."""

NOTABLE_P: Final = 0.01
Counts = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """One report of an AI entity that the doctors have decided on."""

    issuer: bytes
    model: bytes
    time_ms: int
    accepted: bool
    confidence_ppm: int
    """0 where no conclusion was drawn."""


@dataclass(frozen=True, slots=True)
class Window:
    """Consecutive reports of one model."""

    first: int
    """Number of its first report among the model's, from 1."""
    reports: int
    accepted: int
    abstained: int
    mean_confidence_ppm: int
    """Of those that concluded; 0 where none did."""
    from_ms: int
    to_ms: int
    psi: float
    chance: float
    """Share of permutations with an index as large; 1 for the first window."""

    @property
    def interval_ppm(self) -> tuple[int, int]:
        """Wilson's 95 % interval of the accepted share."""
        return (
            wilson_lower_ppm(self.accepted, self.reports),
            PPM - wilson_lower_ppm(self.reports - self.accepted, self.reports),
        )

    @property
    def shifted(self) -> bool:
        """Whether the confidences have moved by more than chance explains."""
        return self.psi > NOTABLE_PSI and self.chance < NOTABLE_P

    def document(self) -> dict[str, Any]:
        """JSON values."""
        low, high = self.interval_ppm
        return {
            "first_report": self.first,
            "reports": self.reports,
            "accepted": self.accepted,
            "accepted_ppm": _share_ppm(self.accepted, self.reports),
            "wilson_ppm": [low, high],
            "abstained_ppm": _share_ppm(self.abstained, self.reports),
            "mean_confidence_ppm": self.mean_confidence_ppm,
            "from_ms": self.from_ms,
            "to_ms": self.to_ms,
            "psi": round(self.psi, 4),
            "chance": round(self.chance, 4),
            "shifted": self.shifted,
        }


@dataclass(frozen=True, slots=True)
class ModelHistory:
    """One model of one AI entity through its windows."""

    issuer: str
    model: str
    """SHA-256 in hex."""
    windows: tuple[Window, ...]

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "issuer": self.issuer,
            "model_digest": self.model,
            "windows": [one.document() for one in self.windows],
        }


def judged_reports(ledger: VerifiedLedger) -> list[Judged]:
    """The machines' reports in the chain, oldest first."""
    found = []
    for entry in ledger.entries:
        core = entry.block.proposal.core
        if core.ai is not None:
            accepted = entry.block.header.outcome is Outcome.ACCEPTED
            found.append(
                Judged(
                    bytes(core.issuer),
                    core.ai.model_digest,
                    entry.time_ms,
                    accepted,
                    core.ai.confidence_ppm,
                )
            )
    return found


def histories(reports: Sequence[Judged], window: int) -> list[ModelHistory]:
    """Every model's windows of ``window`` reports; the last may be shorter."""
    by_model: dict[tuple[bytes, bytes], list[Judged]] = {}
    for report in reports:
        by_model.setdefault((report.issuer, report.model), []).append(report)
    return [
        ModelHistory(
            address_text(Address(issuer), ADDRESS_PREFIX[Role.AI_ENTITY]),
            model.hex(),
            _windows(theirs, window),
        )
        for (issuer, model), theirs in by_model.items()
    ]


def _windows(reports: Sequence[Judged], size: int) -> tuple[Window, ...]:
    first = reports[:size]
    found = []
    for start in range(0, len(reports), size):
        some = reports[start : start + size]
        concluded = [one.confidence_ppm for one in some if one.confidence_ppm > 0]
        psi, chance = (0.0, 1.0) if start == 0 else stability(_ppms(first), _ppms(some))
        found.append(
            Window(
                first=start + 1,
                reports=len(some),
                accepted=sum(one.accepted for one in some),
                abstained=len(some) - len(concluded),
                mean_confidence_ppm=round(sum(concluded) / len(concluded)) if concluded else 0,
                from_ms=some[0].time_ms,
                to_ms=some[-1].time_ms,
                psi=psi,
                chance=chance,
            )
        )
    return tuple(found)


def _ppms(reports: Sequence[Judged]) -> npt.NDArray[np.int64]:
    return np.asarray([one.confidence_ppm for one in reports], dtype=np.int64)


def stability(before: npt.NDArray[np.int64], after: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Population stability index of two samples of confidences, and its chance under one pool."""
    observed = psi(_counts(before), _counts(after))
    rng = np.random.default_rng(SEED)
    pool = np.concatenate([before, after])
    as_large = 0
    for _ in range(PERMUTATIONS):
        drawn = rng.permutation(pool)
        as_large += psi(_counts(drawn[: len(before)]), _counts(drawn[len(before) :])) >= observed
    return observed, (1 + as_large) / (1 + PERMUTATIONS)


def _counts(confidences: npt.NDArray[np.int64]) -> Counts:
    return np.histogram(confidences, bins=np.asarray(BIN_EDGES_PPM))[0].astype(np.float64)


def psi(before: Counts, after: Counts) -> float:
    """Sum over bins of (q - p) ln(q / p), each share with ``SMOOTHING`` added."""
    p, q = ((one + SMOOTHING) / (one + SMOOTHING).sum() for one in (before, after))
    return float(((q - p) * np.log(q / p)).sum())


def maturities(reports: Sequence[Judged], rule: MaturityRule) -> dict[str, dict[str, Any]]:
    """R-GOV10 of every AI entity by its address, after its last report."""
    by_issuer: dict[bytes, list[bool]] = {}
    for report in reports:
        by_issuer.setdefault(report.issuer, []).append(report.accepted)
    return {
        address_text(Address(issuer), ADDRESS_PREFIX[Role.AI_ENTITY]): {
            "reports": found.reports,
            "approved": found.approved,
            "lower_ppm": found.lower_ppm,
            "threshold_ppm": found.threshold_ppm,
            "window": found.window,
            "mature": found.mature,
        }
        for issuer, found in (
            (one, maturity(outcomes, rule)) for one, outcomes in by_issuer.items()
        )
    }


def _share_ppm(part: int, whole: int) -> int:
    return round(part / whole * PPM) if whole else 0
