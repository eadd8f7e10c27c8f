"""Do stated probabilities come true? The one place that fits and measures calibration.

- *Temperature*: one number that divides logits (Guo et al., ICML 2017, eq. 9); the order of scores
  stays, so AUROC does not change. The negative log-likelihood is convex in 1/T: bisection finds it.
- *Calibration line*: logistic regression of the truth on the logit (Cox 1958); slope 1 and
  intercept 0 are perfect. Applied to logits it is Platt scaling.
- *ECE*: mean gap between stated and observed share over bins of equal mass (Nixon et al. 2019).
  Observations of equal probability share their mean outcome first: ties have no order.
- *Quadratic kappa*: Cohen 1968, disagreements weigh by the square of their distance.
- *AUROC*: the Mann-Whitney statistic, ties one half.

Probabilities are 0..1, ``truth`` is boolean or 0/1. Pure functions of numpy arrays; empty input and
truths of one class only, where a measure needs two, raise ValueError.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating[Any]]
Truth = npt.NDArray[np.bool_] | npt.NDArray[np.integer[Any]]
Exact = npt.NDArray[np.float64]

BINS: Final = 15
REPEATS: Final = 1_000
LEVEL: Final = 0.95
COLDEST, HOTTEST = 0.02, 50.0
"""Bounds of a temperature: perfectly separated samples would ask for zero."""
SMALLEST: Final = 1e-12
RIDGE: Final = 1e-6
"""Keeps the calibration line finite where samples are separated."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its bootstrap percentile interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """One bin of equal mass."""

    count: int
    stated: float
    """Mean probability."""
    observed: float
    """Share that was true."""
    low: float
    high: float
    """Smallest and largest probability in the bin."""


def sigmoid(logits: Scores) -> Exact:
    """1 / (1 + exp(-z)), without overflow."""
    z = np.asarray(logits, dtype=np.float64)
    small = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0.0, 1.0, small) / (1.0 + small))


def logit(probability: Scores) -> Exact:
    """log(p / (1 - p)), p kept 1e-12 away from 0 and 1."""
    p = np.clip(np.asarray(probability, dtype=np.float64), SMALLEST, 1.0 - SMALLEST)
    return np.asarray(np.log(p) - np.log1p(-p))


def softmax(logits: Scores) -> Exact:
    """Probabilities [n,k] of logits [n,k]."""
    z = np.asarray(logits, dtype=np.float64)
    exps = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(exps / exps.sum(axis=-1, keepdims=True))


def tempered(logits: Scores, temperature: float) -> Exact:
    """Probabilities of logits [n] (of the positive class) or [n,k] divided by a temperature > 0."""
    if not temperature > 0.0:
        raise ValueError("a temperature is greater than zero")
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    return sigmoid(scaled) if scaled.ndim == 1 else softmax(scaled)


def fit_temperature(logits: Scores, truth: Truth) -> float:
    """The temperature of least negative log-likelihood, within COLDEST .. HOTTEST.

    ``logits`` [n] with ``truth`` [n] of 0/1, or [n,k] with classes 0..k-1.
    """
    z = np.asarray(logits, dtype=np.float64)
    classes = np.asarray(truth).astype(np.int64)
    _same_length(z, classes)
    pairs = z if z.ndim == 2 else np.stack([np.zeros_like(z), z], axis=1)
    chosen = pairs[np.arange(len(pairs)), classes]
    low, high = 1.0 / HOTTEST, 1.0 / COLDEST
    for _ in range(80):
        inverse = float(np.sqrt(low * high))
        slope = float(((softmax(pairs * inverse) * pairs).sum(axis=1) - chosen).mean())
        low, high = (low, inverse) if slope > 0.0 else (inverse, high)
    return 1.0 / float(np.sqrt(low * high))


def calibration_line(logits: Scores, truth: Truth) -> tuple[float, float]:
    """(slope, intercept) of the logistic regression of ``truth`` on ``logits`` [n], by Newton."""
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(truth).astype(np.float64)
    _both_classes(z, y)
    design = np.stack([z, np.ones_like(z)], axis=1)
    weights = np.asarray([1.0, 0.0])
    for _ in range(100):
        p = sigmoid(design @ weights)
        gradient = design.T @ (p - y) + RIDGE * weights
        curvature = (design * (p * (1.0 - p))[:, None]).T @ design + RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        step *= min(1.0, 5.0 / max(float(np.abs(step).max()), SMALLEST))
        weights = weights - step
        if float(np.abs(step).max()) < 1e-10:
            break
    return float(weights[0]), float(weights[1])


def reliability_table(
    probability: Scores, truth: Truth, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Bins of equal mass in the order of probability; fewer when there are fewer observations."""
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(truth).astype(np.float64)
    _same_length(p, y)
    _, place = np.unique(p, return_inverse=True)
    shared = (np.bincount(place, weights=y) / np.bincount(place))[place]
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return tuple(
        ReliabilityBin(
            count=len(part),
            stated=float(p[part].mean()),
            observed=float(shared[part].mean()),
            low=float(p[part[0]]),
            high=float(p[part[-1]]),
        )
        for part in parts
    )


def expected_calibration_error(probability: Scores, truth: Truth, bins: int = BINS) -> float:
    """Mean |stated - observed| over ``reliability_table``, weighted by count."""
    table = reliability_table(probability, truth, bins)
    total = sum(one.count for one in table)
    return sum(one.count * abs(one.stated - one.observed) for one in table) / total


def brier_score(probability: Scores, truth: Truth) -> float:
    """Mean squared error of [n] probabilities, or of [n,k] summed over classes (Brier 1950)."""
    p = np.asarray(probability, dtype=np.float64)
    y = np.asarray(truth)
    _same_length(p, y)
    if p.ndim == 1:
        return float(((p - y.astype(np.float64)) ** 2).mean())
    return float(((p - np.eye(p.shape[1])[y.astype(np.int64)]) ** 2).sum(axis=1).mean())


def auroc(score: Scores, truth: Truth) -> float:
    """Chance that a true one scores above a false one; ties count one half."""
    s, y = np.asarray(score, dtype=np.float64), np.asarray(truth).astype(np.bool_)
    _both_classes(s, y)
    _, place, counts = np.unique(s, return_inverse=True, return_counts=True)
    mid_ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[place]
    positives = int(y.sum())
    above = float(mid_ranks[y].sum()) - positives * (positives + 1) / 2.0
    return above / (positives * (len(y) - positives))


def confusion_matrix(
    truth: npt.NDArray[np.integer[Any]], predicted: npt.NDArray[np.integer[Any]], classes: int
) -> npt.NDArray[np.int64]:
    """Counts [truth, predicted] of labels 0..classes-1."""
    left, right = np.asarray(truth, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    if left.shape != right.shape:
        raise ValueError("truth and prediction are not of one length")
    if left.size and not 0 <= min(left.min(), right.min()) <= max(left.max(), right.max()) < (
        classes
    ):
        raise ValueError(f"labels lie outside 0 to {classes - 1}")
    return np.bincount(left * classes + right, minlength=classes**2).reshape(classes, classes)


def quadratic_kappa(confusion: npt.NDArray[np.integer[Any]]) -> float:
    """Cohen's kappa with quadratic weights of counts [truth, predicted]; 1 where all agree."""
    counts = np.asarray(confusion, dtype=np.float64)
    total = float(counts.sum())
    if total == 0.0:
        raise ValueError("a confusion matrix without counts has no kappa")
    grades = np.arange(len(counts))
    weights = (grades[:, None] - grades[None, :]) ** 2
    chance = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    expected = float((weights * chance).sum())
    return 1.0 if expected == 0.0 else 1.0 - float((weights * counts).sum()) / expected


def bootstrap_interval(
    statistic: Callable[..., float], *columns: npt.NDArray[Any], seed: int = 0
) -> Interval:
    """``statistic(*columns)`` with its 95 % percentile interval over resampled rows.

    The columns share their first axis, one row per independent unit (patient, image). Resamples on
    which the statistic raises ValueError (one class only) are left out.
    """
    count = len(columns[0])
    if count == 0 or any(len(column) != count for column in columns):
        raise ValueError("a bootstrap needs columns of one length, not empty")
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(REPEATS):
        rows = rng.integers(0, count, count)
        try:
            drawn.append(statistic(*(column[rows] for column in columns)))
        except ValueError:
            continue
    estimate = statistic(*columns)
    if not drawn:
        return Interval(estimate, estimate, estimate)
    tail = 100.0 * (1.0 - LEVEL) / 2.0
    low, high = np.percentile(drawn, [tail, 100.0 - tail])
    return Interval(estimate, float(low), float(high))


def _same_length(scores: Exact, truth: npt.NDArray[Any]) -> None:
    if len(scores) == 0 or len(scores) != len(truth):
        raise ValueError("scores and truth must be of one length, not empty")


def _both_classes(scores: Exact, truth: npt.NDArray[Any]) -> None:
    _same_length(scores, truth)
    if not 0 < int(truth.sum()) < len(truth):
        raise ValueError("this measure needs true and false observations")
