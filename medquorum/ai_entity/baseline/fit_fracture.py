"""Fit the fracture decision on phantoms and write model, card and training-data card.

    python -m medquorum.ai_entity.baseline.fit_fracture --out FOLDER

A logistic model with weight decay on the six edge features; half of the phantoms are intact. Two
other sets of seeds judge it. No patient image takes part, so real films remain a held-out check.
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper
from scipy.optimize import minimize

from medquorum.ai_entity.baseline.onnx_graph import GraphWriter
from medquorum.ai_entity.fracture.edges import find_edges, suspicious_contours
from medquorum.ai_entity.fracture.radiograph import radiograph_of
from medquorum.ai_entity.fracture.scoring import FEATURE_NAMES, measure
from medquorum.ai_entity.phantom.long_bone import dataset_seeds, make_long_bone

VERSION: Final = "1.0.0"
STEM: Final = "fracture_rule_based"
TRAINING_CARD: Final = "long_bone_phantom_training.json"
FIT_SEEDS: Final = (10_000, 240)
TEST_SEEDS: Final = (50_000, 160)
WEIGHT_DECAY: Final = 0.01

Matrix = npt.NDArray[np.float64]


def phantom_features(first: int, count: int) -> tuple[Matrix, npt.NDArray[np.bool_]]:
    """Features [n,6] and labels of the phantoms from seed ``first``."""
    rows, labels = [], []
    for seed, fractured in dataset_seeds(first, count):
        image = radiograph_of(make_long_bone(seed, fractured).pixels.astype(np.float32), None)
        maps = find_edges(image)
        rows.append(measure(maps, suspicious_contours(maps)).vector())
        labels.append(fractured)
    return np.asarray(rows, dtype=np.float64), np.asarray(labels)


def fit_logistic(
    features: Matrix, labels: npt.NDArray[np.bool_], decay: float = WEIGHT_DECAY
) -> tuple[Matrix, float]:
    """Weights and intercept on the raw features; decay acts on standardised ones.

    Weights are not negative: more of what speaks for a fracture never speaks against it.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    inputs, targets = (features - mean) / scale, labels.astype(np.float64)

    def loss(flat: Matrix) -> float:
        logits = inputs @ flat[:-1] + flat[-1]
        cost = np.logaddexp(0.0, logits) - targets * logits
        return float(cost.mean() + 0.5 * decay * (flat[:-1] ** 2).sum())

    start = np.zeros(features.shape[1] + 1)
    bounds = [(0.0, None)] * features.shape[1] + [(None, None)]
    found = np.asarray(minimize(loss, start, method="L-BFGS-B", bounds=bounds).x)
    weights = found[:-1] / scale
    return weights, float(found[-1] - mean @ weights)


def build_logistic(weights: Matrix, intercept: float) -> bytes:
    """ONNX file: ``features`` [n,6] -> ``probability`` [n,1]."""
    writer = GraphWriter()
    product = writer.node("MatMul", ["features", writer.weight(weights[:, None])])
    logit = writer.node("Add", [product, writer.weight([intercept])])
    probability = writer.node("Sigmoid", [logit])
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", len(weights)])
    output = helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 1])
    return writer.model("medquorum_fracture", [features], (probability, output))


def evaluate(
    features: Matrix, labels: npt.NDArray[np.bool_], weights: Matrix, intercept: float
) -> dict[str, float]:
    """Sensitivity, specificity and Brier score at one half."""
    probability = 1.0 / (1.0 + np.exp(-(features @ weights + intercept)))
    called = probability >= 0.5
    return {
        "phantoms": len(labels),
        "sensitivity": round(float(called[labels].mean()), 4),
        "specificity": round(float((~called[~labels]).mean()), 4),
        "brier": round(float(np.square(probability - labels).mean()), 4),
    }


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of models and cards")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    weights, intercept = fit_logistic(*phantom_features(*FIT_SEEDS))
    model = build_logistic(weights, intercept)
    training = _json(
        {
            "generator": "medquorum.ai_entity.phantom.long_bone",
            "first_seed_and_count": list(FIT_SEEDS),
            "labels": "known by construction; every second phantom has a displaced cut",
            "patient_images": 0,
        }
    )
    card = {
        "name": "medquorum-fracture-rule-based",
        "version": VERSION,
        "kind": "fracture",
        "sha256": hashlib.sha256(model).hexdigest(),
        "training_sha256": hashlib.sha256(training).hexdigest(),
        "architecture": "logistic on six edge features",
        "inputs": list(FEATURE_NAMES),
        "threshold_ppm": 500_000,
        "held_out_phantoms": evaluate(*phantom_features(*TEST_SEEDS), weights, intercept),
        "limits": [
            "Not for clinical use: a rule on edges, fitted on phantoms only.",
            "Sees displaced cuts of long-bone shafts; undisplaced, joint, rib and spine fractures "
            "are outside it.",
            "Real films seen: one intact tibia (which shaped the rule on joints) and one chest, "
            "both without fracture. No real fracture was available: sensitivity is unknown.",
        ],
        "not_for_clinical_use": True,
    }
    (folder / TRAINING_CARD).write_bytes(training)
    (folder / f"{STEM}.onnx").write_bytes(model)
    (folder / f"{STEM}.json").write_bytes(_json(card))
    print(card["held_out_phantoms"], dict(zip(FEATURE_NAMES, weights.round(3), strict=True)))


if __name__ == "__main__":
    main()
