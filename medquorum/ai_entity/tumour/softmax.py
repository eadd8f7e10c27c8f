"""A multinomial logistic as numbers in a file: standardise, weigh, temper."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from medquorum.ai_entity.calibration import Exact, softmax


@dataclass(frozen=True, slots=True)
class Softmax:
    """``softmax((((f - mean) / scale) @ weights + bias) / T)``."""

    mean: Exact
    scale: Exact
    weights: Exact
    bias: Exact
    temperature: float = 1.0

    def logits(self, features: Exact) -> Exact:
        """Logits [n,k] before the temperature."""
        return np.asarray(((features - self.mean) / self.scale) @ self.weights + self.bias)

    def probabilities(self, features: Exact) -> Exact:
        """Probabilities [n,k]."""
        return softmax(self.logits(features) / self.temperature)

    def as_plain(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "mean": np.round(self.mean, 6).tolist(),
            "scale": np.round(self.scale, 6).tolist(),
            "weights": np.round(self.weights, 6).tolist(),
            "bias": np.round(self.bias, 6).tolist(),
            "temperature": round(self.temperature, 6),
        }


def softmax_from_plain(stated: Mapping[str, Any], features: int, classes: int) -> Softmax:
    """The inverse of ``as_plain``. Raises ValueError, KeyError or TypeError."""
    found = Softmax(
        mean=_numbers(stated["mean"], (features,)),
        scale=_numbers(stated["scale"], (features,)),
        weights=_numbers(stated["weights"], (features, classes)),
        bias=_numbers(stated["bias"], (classes,)),
        temperature=float(stated["temperature"]),
    )
    if not (found.scale > 0.0).all() or not 0.01 <= found.temperature <= 100.0:
        raise ValueError("a scale or the temperature is out of range")
    return found


def _numbers(values: Any, shape: tuple[int, ...]) -> Exact:
    found = np.asarray(values, dtype=np.float64)
    if found.shape != shape or not np.isfinite(found).all():
        raise ValueError("numbers of another shape, or not finite")
    return found
