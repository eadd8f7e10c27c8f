"""Refit the last linear layer of the fracture network from validated films, without torch.

The network's features stay; the head is drawn from the shipped one towards what doctors found. With
few films the shipped weights prevail: the loss is

    sum of cross-entropies + prior_strength / 2 * (mean square feature * |w - w0|^2 + (b - b0)^2)

so that ``prior_strength`` counts, roughly, in films. The new file differs from the old one in
nothing but the head's two arrays. Its temperature is fitted on left-out films (five folds), drawn
towards 1 in the same way; ``fusion.refit_fusion`` takes it over.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from scipy.optimize import minimize, minimize_scalar

from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.fracture.resnet_graph import HEAD_BIAS, HEAD_WEIGHT

FOLDS: Final = 5
MAX_FILMS: Final = 100_000
TEMPERATURES: Final = (0.2, 5.0)

Matrix = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RetrainedHead:
    """A refitted network."""

    model: Path
    card: Path
    digest: bytes
    """SHA-256 of the new file."""
    films: int
    temperature: float
    """Divides the new logits."""
    loss_before: float
    """Mean cross-entropy of the given films with the shipped head."""
    loss_after: float
    """Of the same films, each by a head that has not seen it, with the temperature."""
    moved: float
    """Distance of the new weights from the old, relative to the old ones' length."""


@dataclass(frozen=True, slots=True)
class _Head:
    weight: Matrix
    bias: float

    def logits(self, features: Matrix) -> Matrix:
        return np.asarray(features @ self.weight + self.bias)


def retrain_head(
    model: Path,
    features: npt.NDArray[np.floating[Any]],
    labels: npt.NDArray[Any],
    prior_strength: float,
    out: Path,
) -> RetrainedHead:
    """Write ``out``/<name>.onnx and .json: ``model`` with a head refitted on films.

    ``features`` [n, c] are the network's ``features`` of each film's deciding tile, ``labels`` [n]
    true where doctors found a fracture, ``prior_strength`` > 0 the weight of the shipped head in
    films. Raises ValueError for arrays that do not fit or labels of one kind only, ModelError for a
    file without such a head.
    """
    network = _open(model)
    shipped = _head_of(network)
    inputs, truth = _checked(features, labels, shipped, prior_strength)
    fitted = _fit(inputs, truth, shipped, prior_strength)
    unseen = _left_out_logits(inputs, truth, shipped, prior_strength)
    temperature = _temperature(unseen, truth, prior_strength)
    _replace(network, fitted)
    content = bytes(network.SerializeToString(deterministic=True))
    out.mkdir(parents=True, exist_ok=True)
    path = out / model.name
    path.write_bytes(content)
    digest = hashlib.sha256(content).digest()
    result = RetrainedHead(
        model=path,
        card=path.with_suffix(".json"),
        digest=digest,
        films=len(truth),
        temperature=temperature,
        loss_before=_loss(shipped.logits(inputs), truth),
        loss_after=_loss(unseen / temperature, truth),
        moved=float(
            np.linalg.norm(fitted.weight - shipped.weight)
            / max(float(np.linalg.norm(shipped.weight)), 1e-12)
        ),
    )
    seen = training_digest(features, labels)
    _write_card(model.with_suffix(".json"), result, prior_strength, seen)
    return result


def training_digest(features: npt.NDArray[np.floating[Any]], labels: npt.NDArray[Any]) -> bytes:
    """SHA-256 that names a set of features and labels."""
    whole = hashlib.sha256(np.ascontiguousarray(features, dtype="<f4").tobytes())
    whole.update(np.ascontiguousarray(labels, dtype=np.uint8).tobytes())
    return whole.digest()


def _open(path: Path) -> Any:
    try:
        return onnx.load_model_from_string(path.read_bytes())
    except Exception as error:
        raise ModelError(Reason.MALFORMED_MODEL, f"{path.name} is no readable model") from error


def _head_of(network: Any) -> _Head:
    found = {one.name: numpy_helper.to_array(one) for one in network.graph.initializer}
    if HEAD_WEIGHT not in found or HEAD_BIAS not in found:
        raise ModelError(Reason.WRONG_SHAPE, "the model has no head that can be refitted")
    return _Head(found[HEAD_WEIGHT].astype(np.float64)[:, 0], float(found[HEAD_BIAS][0]))


def _checked(
    features: npt.NDArray[np.floating[Any]],
    labels: npt.NDArray[Any],
    head: _Head,
    prior_strength: float,
) -> tuple[Matrix, Labels]:
    inputs = np.asarray(features, dtype=np.float64)
    truth = np.asarray(labels).astype(np.bool_)
    if inputs.ndim != 2 or inputs.shape[1] != head.weight.size or len(inputs) != len(truth):
        raise ValueError(f"features must be [films, {head.weight.size}] with one label each")
    if not np.isfinite(inputs).all() or len(inputs) > MAX_FILMS:
        raise ValueError(f"features must be numbers of at most {MAX_FILMS} films")
    if truth.all() or not truth.any():
        raise ValueError("films with and without a fracture are needed")
    if not prior_strength > 0.0:
        raise ValueError("the prior's strength must be positive: films beside the shipped weights")
    return inputs, truth


def _fit(inputs: Matrix, truth: Labels, shipped: _Head, prior_strength: float) -> _Head:
    scale = max(float(np.square(inputs).mean(axis=0).sum()), 1e-12) / inputs.shape[1]
    targets = truth.astype(np.float64)

    def loss(move: Matrix) -> tuple[float, Matrix]:
        logits = inputs @ (shipped.weight + move[:-1]) + shipped.bias + move[-1]
        error = 1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0))) - targets
        pull = prior_strength * np.append(scale * move[:-1], move[-1])
        cost = float((np.logaddexp(0.0, logits) - targets * logits).sum() + 0.5 * move @ pull)
        return cost, np.append(error @ inputs, error.sum()) + pull

    start = np.zeros(inputs.shape[1] + 1)
    move = np.asarray(
        minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    )
    return _Head(shipped.weight + move[:-1], shipped.bias + float(move[-1]))


def _left_out_logits(
    inputs: Matrix, truth: Labels, shipped: _Head, prior_strength: float
) -> Matrix:
    """Logit of each film by a head fitted without its fold; folds hold both kinds alike."""
    order = np.argsort(~truth, kind="stable")
    fold = np.empty(len(truth), dtype=np.int64)
    fold[order] = np.arange(len(truth)) % FOLDS
    logits = np.empty(len(truth))
    for number in range(FOLDS):
        seen = fold != number
        if truth[seen].all() or not truth[seen].any():
            head = shipped
        else:
            head = _fit(inputs[seen], truth[seen], shipped, prior_strength)
        logits[~seen] = head.logits(inputs[~seen])
    return logits


def _temperature(logits: Matrix, truth: Labels, prior_strength: float) -> float:
    def cost(logarithm: float) -> float:
        own = _loss(logits / np.exp(logarithm), truth) * len(truth)
        return float(own + 0.5 * prior_strength * logarithm**2)

    bounds = (float(np.log(TEMPERATURES[0])), float(np.log(TEMPERATURES[1])))
    return float(np.exp(minimize_scalar(cost, bounds=bounds, method="bounded").x))


def _loss(logits: Matrix, truth: Labels) -> float:
    return float((np.logaddexp(0.0, logits) - truth * logits).mean())


def _replace(network: Any, head: _Head) -> None:
    for one in network.graph.initializer:
        if one.name == HEAD_WEIGHT:
            one.raw_data = head.weight.astype("<f4")[:, None].tobytes()
        elif one.name == HEAD_BIAS:
            one.raw_data = np.asarray([head.bias], dtype="<f4").tobytes()


def _write_card(shipped: Path, result: RetrainedHead, prior_strength: float, seen: bytes) -> None:
    """The shipped card with what changed."""
    card = json.loads(shipped.read_bytes())
    before = card["sha256"]
    card |= {
        "sha256": result.digest.hex(),
        "training_sha256": seen.hex(),
        "version": f"{card['version'].partition('+')[0]}+{result.digest.hex()[:8]}",
        "refitted_head": {
            "from_sha256": before,
            "films": result.films,
            "prior_strength": prior_strength,
            "temperature": round(result.temperature, 6),
            "loss_before": round(result.loss_before, 6),
            "loss_on_left_out_films": round(result.loss_after, 6),
        },
    }
    result.card.write_text(json.dumps(card, indent=1, sort_keys=True) + "\n")
