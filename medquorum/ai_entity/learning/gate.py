"""Is the candidate no worse than the model in use? A paired bootstrap on a fixed hold-out.

Both models read the same hold-out: phantoms of seeds that no training uses, and the patients of the
training set who are never trained on. Each case gives each model a score, more is better; cases of
one patient are drawn together (Efron and Tibshirani 1993, chapter 8). The candidate passes when the
lower bound of the mean difference, 2.5 % quantile of the draws, is above minus the margin
(non-inferiority): on everything together, and on phantoms and on patients each by itself where
there are enough. Phantoms' truth is known by construction, so that wrong labels in the ledger,
which are wrong in its hold-out too, cannot speak for the model that learnt them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.learning.lessons import StudyKind

DRAWS: Final = 4_000
SEED: Final = 20_261_122
LOWER_QUANTILE: Final = 0.025
PPM: Final = 1_000_000

MARGIN: Final = {StudyKind.FRACTURE: 0.02, StudyKind.CT: 0.02, StudyKind.PETCT: 0.02}
"""How much worse, on average, is still not worse: two hundredths of a Brier score, or of Dice."""

SCORE_NAME: Final = {
    StudyKind.FRACTURE: "1 - (probability - truth)^2, mean over films (one minus Brier 1950)",
    StudyKind.CT: "Dice against the approved mask, mean over cases",
    StudyKind.PETCT: "Dice against the approved mask, mean over cases",
}

MIN_CASES: Final = 8
"""Fewer cases decide nothing."""

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeldOutCase:
    """One case of the hold-out with both models' scores."""

    patient: str
    """Hash of the patient's key, or the phantom's name."""
    synthetic: bool
    current: float
    candidate: float


@dataclass(frozen=True, slots=True)
class Compared:
    """Means and their difference on some cases, 0..1."""

    cases: int
    patients: int
    current: float
    candidate: float
    lower: float
    """Lower bound of candidate minus current."""

    def document(self) -> dict[str, int]:
        """Whole numbers for a card."""
        return {
            "cases": self.cases,
            "patients": self.patients,
            "current_ppm": _ppm(self.current),
            "candidate_ppm": _ppm(self.candidate),
            "difference_ppm": _ppm(self.candidate - self.current),
            "lower_bound_ppm": _ppm(self.lower),
        }


@dataclass(frozen=True, slots=True)
class GateResult:
    """What the gate says, and on what."""

    passed: bool
    reason: str
    kind: StudyKind
    margin: float
    everything: Compared
    phantoms: Compared | None
    patients: Compared | None

    def document(self) -> dict[str, Any]:
        """The ``gate`` of a model card."""
        return {
            "passed": self.passed,
            "reason": self.reason,
            "score": SCORE_NAME[self.kind],
            "margin_ppm": _ppm(self.margin),
            "method": f"paired bootstrap over patients, {DRAWS} draws, seed {SEED}; "
            "passed when the lower bound (2.5 %) of the difference is above minus the margin, "
            f"on all cases, and on phantoms and on patients alone where there are {MIN_CASES}",
            "all": self.everything.document(),
            "phantoms": None if self.phantoms is None else self.phantoms.document(),
            "ledger_patients": None if self.patients is None else self.patients.document(),
        }


def judge(cases: Sequence[HeldOutCase], kind: StudyKind, margin: float | None = None) -> GateResult:
    """The gate's verdict on one hold-out."""
    bound = MARGIN[kind] if margin is None else margin
    everything = compare(cases)
    phantoms = _part([one for one in cases if one.synthetic])
    patients = _part([one for one in cases if not one.synthetic])
    failing = [
        name
        for name, part in (("all", everything), ("phantoms", phantoms), ("patients", patients))
        if part is not None and part.cases >= MIN_CASES and not part.lower > -bound
    ]
    if everything.cases < MIN_CASES:
        reason = f"{everything.cases} held-out cases decide nothing; {MIN_CASES} are needed"
    elif failing:
        reason = (
            "may be worse than the model in use by more than the margin, on "
            f"{' and on '.join(failing)}"
        )
    else:
        reason = "not worse than the model in use, beyond the margin"
    passed = everything.cases >= MIN_CASES and not failing
    return GateResult(passed, reason, kind, bound, everything, phantoms, patients)


def _part(cases: Sequence[HeldOutCase]) -> Compared | None:
    return compare(cases) if cases else None


def compare(cases: Sequence[HeldOutCase]) -> Compared:
    """Both models' means on these cases and the lower bound of their difference."""
    if not cases:
        return Compared(0, 0, 0.0, 0.0, -1.0)
    names = sorted({one.patient for one in cases})
    place = {name: index for index, name in enumerate(names)}
    current, candidate, count = (np.zeros(len(names)) for _ in range(3))
    for one in cases:
        where = place[one.patient]
        current[where] += one.current
        candidate[where] += one.candidate
        count[where] += 1.0
    return Compared(
        len(cases),
        len(names),
        float(current.sum() / count.sum()),
        float(candidate.sum() / count.sum()),
        _lower_bound(candidate - current, count),
    )


def _lower_bound(difference: Scores, count: Scores) -> float:
    """Quantile of the mean difference when patients are drawn again and again."""
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(0, len(count), size=(DRAWS, len(count)))
    means = difference[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    return float(np.quantile(means, LOWER_QUANTILE))


def fracture_score(probability: float, fractured: bool) -> float:
    """One minus the squared error of a probability."""
    return 1.0 - (probability - float(fractured)) ** 2


def _ppm(share: float) -> int:
    return round(share * PPM)
