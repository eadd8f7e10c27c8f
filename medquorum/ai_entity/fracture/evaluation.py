"""Hold rule, network and fusion against films with a known truth.

The hold-out family shares no seed with training or validation and comes from a scanner that neither
has seen (``limb_film``). No real film of a fracture was available, so what these numbers say about
patients is limited to this: the whole chain works on projections of bones. AUROC is taken over
every film, abstained or not; intervals are bootstrap percentiles over films.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.calibration import (
    auroc,
    bootstrap_interval,
    brier_score,
    calibration_line,
    expected_calibration_error,
    logit,
    reliability_table,
)
from medquorum.ai_entity.findings import PPM
from medquorum.ai_entity.fracture.fused import FractureModels
from medquorum.ai_entity.fracture.pipeline import judge
from medquorum.ai_entity.fracture.trial_films import TrialFilm, trial_films
from medquorum.ai_entity.phantom.limb_bone import Displacement
from medquorum.ai_entity.phantom.limb_film import Family

FORMAT: Final = "medquorum-fracture-evaluation/1"
RULE, NETWORK, FUSED = "rule_based", "resnet50", "fused"
MIN_FILMS: Final = 20
MAX_FILMS: Final = 10_000
RELIABILITY_BINS: Final = 10
CHANCE_DRAWS: Final = 200

Numbers = npt.NDArray[np.float64]
Truth = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FilmResult:
    """What was said of one film."""

    fractured: bool
    displacement: Displacement | None
    source: str
    probability: dict[str, float]
    """By RULE, NETWORK and FUSED."""
    abstained: str | None
    called: bool
    box_hit: bool | None
    """Whether the first box touches the fracture; None where not called or whole."""


def judge_film(film: TrialFilm, models: FractureModels) -> FilmResult:
    """One film through the whole pipeline."""
    judged = judge(film.image, models)
    opinion = judged.opinion
    probability = {RULE: opinion.rule, FUSED: opinion.fused}
    if opinion.network is not None:
        probability[NETWORK] = opinion.network
    hit = None
    if judged.fractured and film.box is not None:
        boxes = judged.evidence.boxes()
        hit = bool(boxes) and touches(boxes[0], film.box)
    return FilmResult(
        fractured=film.fractured,
        displacement=film.displacement,
        source=film.source.value,
        probability=probability,
        abstained=judged.reason,
        called=judged.fractured,
        box_hit=hit,
    )


def touches(left: tuple[int, int, int, int], right: tuple[int, int, int, int]) -> bool:
    """Whether two boxes (x, y, width, height) share a pixel."""
    return (
        left[0] < right[0] + right[2]
        and right[0] < left[0] + left[2]
        and left[1] < right[1] + right[3]
        and right[1] < left[1] + left[3]
    )


def evaluate_phantoms(
    models: FractureModels, count: int, tell: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """The document of ``count`` hold-out films. Raises ValueError outside MIN to MAX_FILMS."""
    if not MIN_FILMS <= count <= MAX_FILMS:
        raise ValueError(f"give {MIN_FILMS} to {MAX_FILMS} films")
    results = []
    for film in trial_films(Family.HOLD_OUT, count):
        results.append(judge_film(film, models))
        if len(results) % 10 == 0:
            tell(f"film {len(results)} of {count}")
    return summarise(results, models)


def summarise(results: Iterable[FilmResult], models: FractureModels) -> dict[str, Any]:
    """Measures of films that were judged."""
    rows = tuple(results)
    truth = np.asarray([row.fractured for row in rows])
    thresholds = _thresholds(models)
    scores = {
        by: np.asarray([row.probability[by] for row in rows])
        for by in thresholds
        if by in rows[0].probability
    }
    return {
        "format": FORMAT,
        "synthetic": True,
        "not_for_clinical_use": True,
        "family": Family.HOLD_OUT.value,
        "films": len(rows),
        "fractured": int(truth.sum()),
        "model_digest": models.reported.card.digest.hex(),
        "auroc": {by: _interval(values, truth) for by, values in scores.items()},
        "at_threshold": {by: _operating(scores[by], truth, thresholds[by]) for by in scores},
        "by_displacement": {
            str(kind): {by: _of_kind(rows, scores[by], kind, thresholds[by]) for by in scores}
            for kind in Displacement
        },
        "by_source": {
            source: {by: _interval(scores[by][chosen], truth[chosen]) for by in scores}
            for source, chosen in _sources(rows).items()
        },
        "calibration": {by: _calibration(values, truth) for by, values in scores.items()},
        "concluded": _concluded(rows),
        "abstained": dict(Counter(row.abstained for row in rows if row.abstained is not None)),
        "boxes": _boxes(rows),
    }


def _thresholds(models: FractureModels) -> dict[str, float]:
    found = {RULE: models.rule.card.threshold_ppm / PPM}
    if models.network is not None:
        found[NETWORK] = models.network.card.threshold_ppm / PPM
    found[FUSED] = models.reported.card.threshold_ppm / PPM
    return found


def _sources(rows: tuple[FilmResult, ...]) -> dict[str, Truth]:
    """Films of each source that has broken and whole ones."""
    found = {}
    for source in sorted({row.source for row in rows}):
        chosen = np.asarray([row.source == source for row in rows])
        if len({row.fractured for row in rows if row.source == source}) == 2:
            found[source] = chosen
    return found


def _interval(scores: Numbers, truth: Truth) -> dict[str, float]:
    found = bootstrap_interval(auroc, scores, truth)
    return {
        "estimate": round(found.estimate, 4),
        "low": round(found.low, 4),
        "high": round(found.high, 4),
    }


def _operating(scores: Numbers, truth: Truth, threshold: float) -> dict[str, float]:
    called = scores >= threshold
    return {
        "threshold": threshold,
        "sensitivity": round(float(called[truth].mean()), 4),
        "specificity": round(float((~called[~truth]).mean()), 4),
    }


def _of_kind(
    rows: tuple[FilmResult, ...], scores: Numbers, kind: Displacement, threshold: float
) -> dict[str, float | int | None]:
    """Fractures of one kind against all whole films."""
    broken = np.asarray([row.displacement is kind for row in rows])
    whole = np.asarray([not row.fractured for row in rows])
    if not broken.any():
        return {"films": 0, "auroc": None, "sensitivity": None}
    both = broken | whole
    return {
        "films": int(broken.sum()),
        "auroc": round(auroc(scores[both], broken[both]), 4),
        "sensitivity": round(float((scores[broken] >= threshold).mean()), 4),
    }


def _calibration(probability: Numbers, truth: Truth) -> dict[str, Any]:
    slope, intercept = calibration_line(logit(probability), truth)
    error = bootstrap_interval(_ece, probability, truth)
    return {
        "ece": round(error.estimate, 4),
        "ece_low": round(error.low, 4),
        "ece_high": round(error.high, 4),
        "ece_by_chance": round(_ece_by_chance(probability), 4),
        "brier": round(brier_score(probability, truth), 4),
        "slope": round(slope, 3),
        "intercept": round(intercept, 3),
        "reliability": [
            {
                "count": one.count,
                "stated": round(one.stated, 4),
                "observed": round(one.observed, 4),
            }
            for one in reliability_table(probability, truth, RELIABILITY_BINS)
        ],
    }


def _ece(probability: Numbers, truth: Truth) -> float:
    return expected_calibration_error(probability, truth, RELIABILITY_BINS)


def _ece_by_chance(probability: Numbers) -> float:
    """Mean ECE that these probabilities would show if every one were exactly true."""
    rng = np.random.default_rng(0)
    drawn = [
        _ece(probability, rng.random(len(probability)) < probability) for _ in range(CHANCE_DRAWS)
    ]
    return float(np.mean(drawn))


def _concluded(rows: tuple[FilmResult, ...]) -> dict[str, Any]:
    """Where the pipeline did not abstain."""
    judged = [row for row in rows if row.abstained is None]
    broken = [row.called for row in judged if row.fractured]
    whole = [not row.called for row in judged if not row.fractured]
    return {
        "films": len(judged),
        "sensitivity": round(sum(broken) / len(broken), 4) if broken else None,
        "specificity": round(sum(whole) / len(whole), 4) if whole else None,
    }


def _boxes(rows: tuple[FilmResult, ...]) -> dict[str, Any]:
    hits = [row.box_hit for row in rows if row.box_hit is not None]
    return {
        "called_fractures": len(hits),
        "first_box_touches": round(sum(hits) / len(hits), 4) if hits else None,
    }
