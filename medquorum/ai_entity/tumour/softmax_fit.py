"""Fit a small multinomial logistic: L-BFGS with weight decay, deterministic."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from medquorum.ai_entity.calibration import Exact, fit_temperature, softmax
from medquorum.ai_entity.tumour.softmax import Softmax

Classes = npt.NDArray[np.int64]

DECAY = 3.0
"""In observations: a weight of one costs as much as three observations of an even loss."""
FOLDS = 5


def fit_softmax(features: Exact, classes: Classes, count: int, decay: float = DECAY) -> Softmax:
    """The softmax of ``features`` [n,f] to ``classes`` [n] of 0..count-1, temperature 1."""
    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-3)
    inputs, size = (features - mean) / scale, features.shape[1]
    targets = np.eye(count)[classes]

    def loss(flat: Exact) -> tuple[float, Exact]:
        weights, bias = flat[: size * count].reshape(size, count), flat[size * count :]
        logits = inputs @ weights + bias
        shares = softmax(logits)
        cost = -float((targets * np.log(shares + 1e-300)).sum())
        penalty = 0.5 * decay * float((weights**2).sum())
        error = shares - targets
        gradient = np.concatenate([(inputs.T @ error + decay * weights).ravel(), error.sum(axis=0)])
        return (cost + penalty) / len(inputs), gradient / len(inputs)

    start = np.zeros(size * count + count)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    best = np.asarray(found.x)
    return Softmax(mean, scale, best[: size * count].reshape(size, count), best[size * count :])


def fit_tempered(features: Exact, classes: Classes, units: Classes, count: int) -> Softmax:
    """The same with a temperature from folds that leave whole ``units`` [n] (phantoms) out."""
    folds = units % FOLDS
    logits = np.zeros((len(classes), count))
    for fold in range(FOLDS):
        chosen, left = folds != fold, folds == fold
        if chosen.any() and left.any():
            logits[left] = fit_softmax(features[chosen], classes[chosen], count).logits(
                features[left]
            )
    fitted = fit_softmax(features, classes, count)
    temperature = fit_temperature(logits, classes)
    return Softmax(fitted.mean, fitted.scale, fitted.weights, fitted.bias, temperature)
