"""The fitted part of a baseline: a small two-layer perceptron with a logistic output.

Fitted by L-BFGS on balanced, sub-sampled voxels with weight decay; the intercept is then moved back
by the log ratio of sampling rates, so that the output is a probability under the true share of
tumour voxels (prior correction of King & Zeng 2001, section 4.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Head:
    """``p = logistic(w2 . tanh(w1 (f - mean)/scale + b1) + b2)``."""

    mean: Matrix
    scale: Matrix
    w1: Matrix
    b1: Matrix
    w2: Matrix
    b2: float

    def logit(self, features: npt.NDArray[np.float32]) -> Matrix:
        """Logits [n] of ``features`` [n,f]."""
        hidden = np.tanh(((features - self.mean) / self.scale) @ self.w1 + self.b1)
        return np.asarray(hidden @ self.w2 + self.b2)


@dataclass(frozen=True, slots=True)
class FitPlan:
    """How a head is fitted."""

    hidden_units: int = 24
    weight_decay: float = 1e-3
    iterations: int = 150
    seed: int = 20260101


def _unpack(flat: Matrix, features: int, hidden: int) -> tuple[Matrix, Matrix, Matrix, float]:
    edge = features * hidden
    return (
        flat[:edge].reshape(features, hidden),
        flat[edge : edge + hidden],
        flat[edge + hidden : edge + 2 * hidden],
        float(flat[-1]),
    )


def fit_head(
    features: npt.NDArray[np.float32],
    labels: npt.NDArray[np.bool_],
    weights: Matrix,
    prior_shift: float,
    plan: FitPlan,
) -> Head:
    """Weighted logistic loss of ``features`` [n,f]; ``prior_shift`` is added to the intercept."""
    mean = features.mean(axis=0).astype(np.float64)
    scale = features.std(axis=0).astype(np.float64) + 1e-6
    inputs = ((features - mean) / scale).astype(np.float32)
    targets = labels.astype(np.float32)
    norm_weights = (weights / weights.sum()).astype(np.float32)
    count, hidden = inputs.shape[1], plan.hidden_units

    def loss(flat: Matrix) -> tuple[float, Matrix]:
        w1, b1, w2, b2 = _unpack(flat.astype(np.float32), count, hidden)
        active = np.tanh(inputs @ w1 + b1)
        logits = active @ w2 + b2
        cost = np.logaddexp(0.0, logits) - targets * logits
        error = norm_weights * (1.0 / (1.0 + np.exp(-np.clip(logits, -60, 60))) - targets)
        back = np.outer(error, w2) * (1.0 - active * active)
        gradient = np.concatenate(
            [
                (inputs.T @ back + plan.weight_decay * w1).ravel(),
                back.sum(axis=0),
                active.T @ error + plan.weight_decay * w2,
                [error.sum()],
            ]
        )
        decay = 0.5 * plan.weight_decay * float((w1 * w1).sum() + (w2 * w2).sum())
        return float(norm_weights @ cost) + decay, gradient.astype(np.float64)

    rng = np.random.default_rng(plan.seed)
    start = np.concatenate(
        [
            rng.normal(0, 1 / np.sqrt(count), count * hidden),
            np.zeros(hidden),
            rng.normal(0, 1 / np.sqrt(hidden), hidden),
            [0.0],
        ]
    )
    w1, b1, w2, b2 = _unpack(_lowest(loss, start, plan.iterations), count, hidden)
    return Head(mean, scale, w1, b1, w2, b2 + prior_shift)


def _lowest(
    loss: Callable[[Matrix], tuple[float, Matrix]], start: Matrix, iterations: int
) -> Matrix:
    from scipy.optimize import minimize  # loads a quarter of scipy; reading a head needs none of it

    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": iterations})
    return np.asarray(found.x)
