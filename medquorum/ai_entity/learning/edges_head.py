"""Refit the rule's six weights from validated films, for an entity that runs the rule alone.

Drawn towards the shipped weights as the network's head is (``fracture.retrain``):

    sum of cross-entropies + prior_strength / 2 * (sum_j v_j (w_j - w0_j)^2 + (b - b0)^2)

with v_j the mean square of feature j, so that ``prior_strength`` counts, roughly, in films. Weights
stay at or above zero: more of what speaks for a fracture never speaks against it. Needs ``onnx``.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.fracture.scoring import FEATURE_NAMES

Matrix = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]


def refit_rule(
    model: Path, features: npt.NDArray[Any], labels: npt.NDArray[Any], prior_strength: float
) -> bytes:
    """The rule's file with weights refitted on features [n,6] and labels [n].

    Nothing but the two arrays differs. Raises ValueError for labels of one kind only, ModelError
    for a file without such weights.
    """
    import onnx
    from onnx import numpy_helper

    network = onnx.load_model_from_string(model.read_bytes())
    stored = {one.name: numpy_helper.to_array(one) for one in network.graph.initializer}
    slopes = [name for name, values in stored.items() if values.size == len(FEATURE_NAMES)]
    offsets = [name for name, values in stored.items() if values.size == 1]
    if len(slopes) != 1 or len(offsets) != 1:
        raise ModelError(Reason.WRONG_SHAPE, "the model is no rule on six features")
    before = np.append(stored[slopes[0]].ravel(), stored[offsets[0]].ravel()).astype(np.float64)
    after = fit_near(np.asarray(features, dtype=np.float64), labels, before, prior_strength)
    for one in network.graph.initializer:
        shape = stored[one.name].shape
        if one.name == slopes[0]:
            one.CopyFrom(numpy_helper.from_array(_exact(after[:-1], shape), one.name))
        elif one.name == offsets[0]:
            one.CopyFrom(numpy_helper.from_array(_exact(after[-1:], shape), one.name))
    return bytes(network.SerializeToString(deterministic=True))


def _exact(values: Matrix, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    return values.astype(np.float32).reshape(shape)


def fit_near(
    features: Matrix, labels: npt.NDArray[Any], before: Matrix, prior_strength: float
) -> Matrix:
    """Weights and intercept [k+1] by the formula of this module. Raises ValueError."""
    truth = np.asarray(labels).astype(np.bool_)
    if features.ndim != 2 or features.shape != (len(truth), len(before) - 1):
        raise ValueError(f"features must be [films, {len(before) - 1}] with one label each")
    if truth.all() or not truth.any():
        raise ValueError("films with and without a fracture are needed")
    if not prior_strength > 0.0:
        raise ValueError("the prior's strength must be positive: films beside the shipped weights")
    targets = truth.astype(np.float64)
    scale = np.append(np.square(features).mean(axis=0) + 1e-9, 1.0)

    def loss(weights: Matrix) -> tuple[float, Matrix]:
        logits = features @ weights[:-1] + weights[-1]
        error = 1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0))) - targets
        pull = prior_strength * scale * (weights - before)
        cost = float((np.logaddexp(0.0, logits) - targets * logits).sum())
        cost += float(0.5 * (weights - before) @ pull)
        return cost, np.append(error @ features, error.sum()) + pull

    bounds = [(0.0, None)] * (len(before) - 1) + [(None, None)]
    start = np.append(np.maximum(before[:-1], 0.0), before[-1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x, dtype=np.float64)
