"""From a trained network to registered files: calibrated head, fusion, thresholds, cards.

Needs no torch. The network's logit is brought to log-odds by a line fitted on validation films, of
the scanner that it was trained on, and folded into its head. The fusion is a logistic of both
logits with weights that are not negative, fitted on calibration films of several scanners: what a
logit is worth falls with the scanner, and a probability has to hold on the next one too.

Thresholds of rule and network are those of the greatest sensitivity + specificity (Youden 1950).
The fusion's is the lowest that keeps LEAST_SPECIFICITY on the calibration films: a missed fracture
costs more than a second look. The hold-out takes no part.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from medquorum.ai_entity.baseline.fit_fracture import fit_logistic
from medquorum.ai_entity.calibration import calibration_line, logit, sigmoid
from medquorum.ai_entity.fracture.edges import find_edges, suspicious_contours
from medquorum.ai_entity.fracture.fused import LOGIT_LIMIT, look_at_tiles
from medquorum.ai_entity.fracture.fusion_graph import Fusion
from medquorum.ai_entity.fracture.resnet_graph import build_resnet
from medquorum.ai_entity.fracture.scoring import measure
from medquorum.ai_entity.fracture.trial_films import trial_films
from medquorum.ai_entity.model_card import TILES, ModelCard
from medquorum.ai_entity.model_output import open_session
from medquorum.ai_entity.phantom.limb_film import Family
from medquorum.ai_entity.registry import LoadedModel

STRIDES: Final = (1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1)
"""Of the sixteen blocks of a ResNet-50."""

VALIDATION_FILMS: Final = (0, 240)
"""First number and count."""

CALIBRATION_FILMS: Final = (0, 600)
"""Six scanners in turn."""

LEAST_SPECIFICITY: Final = 0.85
FUSION_DECAY: Final = 0.003

Vector = npt.NDArray[np.float64]
Truth = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FilmSet:
    """Edge vectors [n,6], network logits [n] and the truth."""

    edges: Vector
    network: Vector
    truth: Truth

    def evidence(self, rule: bytes) -> Vector:
        """Log-odds [n,2] of the rule in the file ``rule`` and of the network."""
        features = self.edges.astype(np.float32)
        shares = open_session(rule).run(None, {"features": features})[0][:, 0]
        logits = logit(np.clip(shares, 1e-6, 1.0 - 1e-6))
        return np.clip(np.stack([logits, self.network], axis=1), -LOGIT_LIMIT, LOGIT_LIMIT)


def gather(family: Family, span: tuple[int, int], network: bytes) -> FilmSet:
    """What rule and network see of films of a family."""
    card = ModelCard("", "", "fracture", bytes(32), bytes(32), 0, (), TILES)
    model = LoadedModel(card, open_session(network))
    edges, logits, truth = [], [], []
    for film in trial_films(family, span[1], span[0]):
        maps = find_edges(film.image)
        edges.append(measure(maps, suspicious_contours(maps)).vector())
        truth.append(film.fractured)
        logits.append(look_at_tiles(film.image, model, maps).logit)
    return FilmSet(
        np.asarray(edges, dtype=np.float64),
        np.asarray(logits, dtype=np.float64),
        np.asarray(truth, dtype=np.bool_),
    )


def network_file(arrays: Mapping[str, npt.NDArray[np.float32]], line: tuple[float, float]) -> bytes:
    """The ONNX file with ``slope, intercept`` of a calibration line folded into the head."""
    slope, intercept = line
    head = {
        "head.weight": np.asarray(slope * arrays["head.weight"], dtype=np.float32),
        "head.bias": np.asarray(slope * arrays["head.bias"] + intercept, dtype=np.float32),
    }
    return build_resnet({**arrays, **head}, STRIDES)


def youden(probability: Vector, truth: Truth) -> float:
    """Threshold of the greatest sensitivity + specificity: middle between two scores, 3 decimals.

    Of several equally good ones the middle one.
    """
    edges = np.unique(np.round(probability, 6))
    middles = (edges[1:] + edges[:-1]) / 2.0 if len(edges) > 1 else edges
    called = probability[None] >= middles[:, None]
    gain = called[:, truth].mean(axis=1) - called[:, ~truth].mean(axis=1)
    best = np.flatnonzero(gain >= gain.max() - 1e-12)
    return round(float(middles[best[len(best) // 2]]), 3)


def sensitive(probability: Vector, truth: Truth, least_specificity: float) -> float:
    """The lowest threshold that calls at most 1 - ``least_specificity`` of the whole films.

    Middle between two scores, 3 decimals.
    """
    whole = np.sort(probability[~truth])
    calls = int(np.floor((1.0 - least_specificity) * len(whole) + 1e-9))
    highest_not_called = float(whole[len(whole) - calls - 1])
    above = probability[probability > highest_not_called]
    next_one = float(above.min()) if len(above) else 1.0
    return round(max((highest_not_called + next_one) / 2.0, highest_not_called + 5e-4), 3)


@dataclass(frozen=True, slots=True)
class FittedParts:
    """Rule and network, before cards are written."""

    rule: bytes
    network: bytes
    thresholds: tuple[float, float]
    """Of rule and network."""


def fit_parts(
    arrays: Mapping[str, npt.NDArray[np.float32]], rule: bytes, validation: FilmSet
) -> FittedParts:
    """The calibrated network beside the rule; ``validation`` logits are of the raw head."""
    line = calibration_line(validation.network, validation.truth)
    evidence = validation.evidence(rule)
    network = np.clip(line[0] * validation.network + line[1], -LOGIT_LIMIT, LOGIT_LIMIT)
    return FittedParts(
        rule,
        network_file(arrays, line),
        (
            youden(sigmoid(evidence[:, 0]), validation.truth),
            youden(sigmoid(network), validation.truth),
        ),
    )


@dataclass(frozen=True, slots=True)
class FittedFusion:
    """A fusion, before its card is written."""

    fusion: Fusion
    threshold: float
    specificity: float
    """Of the calibration films, at the threshold; so is ``sensitivity``."""
    sensitivity: float


def fuse_parts(rule: bytes, network: bytes, calibration: FilmSet) -> FittedFusion:
    """The fusion of two files; ``calibration`` was gathered with this network."""
    evidence, truth = calibration.evidence(rule), calibration.truth
    weights, intercept, unseen = fit_fusion(evidence, truth)
    fusion = Fusion(
        round(float(weights[0]), 6),
        round(float(weights[1]), 6),
        round(intercept, 6),
        hashlib.sha256(rule).digest(),
        hashlib.sha256(network).digest(),
        round(unseen, 6),
    )
    probability = fusion.probability(evidence)
    threshold = sensitive(probability, truth, LEAST_SPECIFICITY)
    called = probability >= threshold
    return FittedFusion(
        fusion,
        threshold,
        specificity=round(float((~called[~truth]).mean()), 4),
        sensitivity=round(float(called[truth].mean()), 4),
    )


def fit_fusion(evidence: Vector, truth: Truth) -> tuple[Vector, float, float]:
    """Weights, intercept and unseen share of greatest likelihood; weights are not negative."""
    weights, intercept = fit_logistic(evidence, truth, FUSION_DECAY)

    def loss(flat: Vector) -> float:
        seen = sigmoid(evidence @ flat[:2] + flat[2])
        share = np.clip(flat[3] + (1.0 - flat[3]) * seen, 1e-9, 1.0 - 1e-9)
        cost = -np.where(truth, np.log(share), np.log1p(-share)).mean()
        return float(cost + 0.5 * FUSION_DECAY * np.square(flat[:2]).sum())

    start = np.asarray([*weights, intercept, 0.1])
    bounds = [(0.0, None), (0.0, None), (None, None), (0.0, 0.5)]
    found = np.asarray(minimize(loss, start, method="L-BFGS-B", bounds=bounds).x)
    return found[:2], float(found[2]), float(found[3])


def to_json(content: Mapping[str, Any]) -> bytes:
    """Readable, same content same bytes."""
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write named files into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
