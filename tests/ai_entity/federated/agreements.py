"""A small agreement between three hospitals, and weights that fit it."""

import numpy as np

from medquorum.ai_entity.federated.agreement import Agreement, Hospital, WeightShape
from medquorum.ai_entity.federated.exchange import Weights


def small_agreement(**changes: object) -> Agreement:
    """Two arrays, two rounds."""
    terms: dict[str, object] = {
        "inputs": "petct",
        "widths": (4, 4, 4, 4),
        "weights": (WeightShape("down.weight", (2, 3)), WeightShape("down.bias", (2,))),
        "hospitals": tuple(
            Hospital(f"hospital-{n}", patients, f"{n:064x}")
            for n, patients in ((1, 4), (2, 6), (3, 5))
        ),
        "rounds": 2,
        "steps": 3,
        "side": 16,
        "seed": 5,
        "update_limit": 2.0,
        "weight_limit": 10.0,
    }
    return Agreement(**{**terms, **changes})  # type: ignore[arg-type]


def small_weights(fill: float = 0.5) -> Weights:
    """Both arrays with one value."""
    return {
        "down.weight": np.full((2, 3), fill, dtype=np.float32),
        "down.bias": np.full((2,), fill, dtype=np.float32),
    }
