"""Films to evidence, evidence to a refitted fracture model: the rule alone, or rule and network.

A film is looked at once. Of the network its tiles' features are kept: the head is linear in them,
so what any head makes of a film follows without the network (``network_logit``). Fusing and the
rule are run from the candidate's own bytes.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.fracture.edges import find_edges, suspicious_contours
from medquorum.ai_entity.fracture.fused import (
    DECIDING_TILES,
    DECIMALS,
    LOGIT_LIMIT,
    load_models,
)
from medquorum.ai_entity.fracture.guard import reason_to_abstain
from medquorum.ai_entity.fracture.radiograph import Radiograph, radiograph_of
from medquorum.ai_entity.fracture.scoring import measure
from medquorum.ai_entity.learning.member_models import files_of
from medquorum.ai_entity.learning.readings import GREY_STEPS, UM_PER_MM
from medquorum.ai_entity.learning.training_set import Array, Sample
from medquorum.ai_entity.model_card import FUSION
from medquorum.ai_entity.model_output import open_session
from medquorum.ai_entity.registry import LoadedModel, Registry

RULE_PRIOR_FILMS: Final = 30.0
"""Weight of the rule's six numbers: thirty films of doctors move them half the way, roughly."""

NETWORK_PRIORS: Final = (30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0)
"""Weights of the network's head that are tried: few films fit its 2,049 numbers all too well."""

LOSS_SPREAD: Final = 0.5
"""Nats, about the standard deviation of one film's cross-entropy: over the root of the films it is
the standard error within which the strongest prior is as good (one-standard-error rule, Breiman et
al. 1984)."""

HOLD_OUT_FILMS: Final = 40
Features = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FilmEvidence:
    """What is learnt from, or judged on, of one film."""

    fractured: bool
    patient: str
    synthetic: bool
    measures: Features
    """[6] of the rule."""
    tiles: Features | None
    """[n, c] features of its tiles; None where the rule runs alone."""
    refused: bool = False
    """By the guard: no model concludes anything on it, so none is to learn from it."""

    def __repr__(self) -> str:
        return f"FilmEvidence(synthetic={self.synthetic})"


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A candidate's files in memory, and what it says of a film."""

    model: bytes
    """The reported model."""
    card: Mapping[str, Any]
    parts: Mapping[str, bytes]
    """Other files of it by name: a network and its card."""
    probability: Callable[[FilmEvidence], float]
    prior_films: float = 0.0


def film_of(arrays: Mapping[str, Array], sample: Sample) -> Radiograph:
    """The radiograph of a sample as the pipelines take it."""
    top, bottom, left, right = (int(edge) for edge in arrays["field"])
    grey = arrays["grey"].astype(np.float32) / np.float32(GREY_STEPS)
    exposed = np.zeros(grey.shape, dtype=np.bool_)
    exposed[top:bottom, left:right] = True
    pixel_um = sample.facts["label"]["pixel_um"]
    return Radiograph(grey, exposed, None, None if pixel_um is None else pixel_um / UM_PER_MM)


class FractureEyes:
    """The current model's eyes: rule and, where it is a fusion, network."""

    def __init__(self, models: Path, threads: int = 1) -> None:
        """Open the current models of kind fracture. Raises ModelError."""
        self.folder = models
        self.registry = Registry(models)
        self.reported = self.registry.load(self.registry.digest_of("fracture"), threads)
        self.rule = self.reported
        self.network: LoadedModel | None = None
        if self.reported.card.form == FUSION:
            found = load_models(self.registry, threads)
            self.rule, self.network = found.rule, found.network

    def look(
        self, film: Radiograph, fractured: bool, patient: str, synthetic: bool
    ) -> FilmEvidence:
        """Run rule and network over one film."""
        maps = find_edges(film)
        measures = measure(maps, suspicious_contours(maps)).vector()
        tiles = None if self.network is None else self._tiles(film, self.network)
        refused = reason_to_abstain(film, maps) is not None
        return FilmEvidence(fractured, patient, synthetic, measures, tiles, refused)

    def _tiles(self, film: Radiograph, network: LoadedModel) -> Features:
        from medquorum.ai_entity.fracture.tiles import cut_tiles, place_tiles

        grid = place_tiles(film.grey, film.exposed)
        if not grid.centres:
            return np.zeros((0, 1), dtype=np.float32)
        return network.run_all(cut_tiles(film.grey, grid))[2]

    def file_of(self, model: LoadedModel) -> Path:
        """Where a loaded model's file lies."""
        return files_of(self.folder, model.card.digest)[0]

    def card_of(self, model: LoadedModel) -> dict[str, Any]:
        """A loaded model's card, whole."""
        card = json.loads(files_of(self.folder, model.card.digest)[1].read_bytes())
        return dict(card)

    def shipped(self) -> FittedModel:
        """The model in use, as a candidate is judged."""
        content = self.file_of(self.reported).read_bytes()
        card = self.card_of(self.reported)
        if self.network is None:
            return FittedModel(content, card, {}, rule_alone(content))
        head = read_head(self.file_of(self.network).read_bytes())
        return FittedModel(content, card, {}, self._fusing(content, head))

    def refitted(
        self, films: Sequence[FilmEvidence], prior_films: float | None = None
    ) -> FittedModel:
        """The model in use with weights drawn towards these films.

        Without a prior the network's is chosen by left-out films of the training set itself.
        Raises ValueError where they are all of one kind, ModelError.
        """
        if self.network is None:
            return self._refitted_rule(films, prior_films or RULE_PRIOR_FILMS)
        return self._refitted_network(films, prior_films, self.network)

    def _refitted_rule(self, films: Sequence[FilmEvidence], prior_films: float) -> FittedModel:
        from medquorum.ai_entity.learning.edges_head import refit_rule

        features = np.asarray([one.measures for one in films])
        labels = np.asarray([one.fractured for one in films])
        content = refit_rule(self.file_of(self.rule), features, labels, prior_films)
        card = renamed(self.card_of(self.rule), content)
        return FittedModel(content, card, {}, rule_alone(content), prior_films)

    def _refitted_network(
        self, films: Sequence[FilmEvidence], prior_films: float | None, network: LoadedModel
    ) -> FittedModel:
        from medquorum.ai_entity.fracture.fusion_graph import refit_fusion
        from medquorum.ai_entity.fracture.retrain import retrain_head

        head = read_head(self.file_of(network).read_bytes())
        seen = [one for one in films if one.tiles is not None and len(one.tiles)]
        features = np.asarray([_deciding(one.tiles, head) for one in seen])
        labels = np.asarray([one.fractured for one in seen])
        with tempfile.TemporaryDirectory(prefix="medquorum-refit-") as folder:
            tried = {
                prior: retrain_head(
                    self.file_of(network), features, labels, prior, Path(folder) / str(place)
                )
                for place, prior in enumerate(
                    NETWORK_PRIORS if prior_films is None else (prior_films,)
                )
            }
            losses = {prior: one.loss_after for prior, one in tried.items()}
            chosen = strongest(losses, len(seen))
            fitted, out = tried[chosen], tried[chosen].model.parent
            fused = refit_fusion(self.file_of(self.reported), fitted, out)
            content, new_network = fused.read_bytes(), fitted.model.read_bytes()
            card = json.loads(fused.with_suffix(".json").read_bytes())
            parts = {"network.onnx": new_network, "network.json": fitted.card.read_bytes()}
        fusing = self._fusing(content, read_head(new_network))
        return FittedModel(content, renamed(card, content), parts, fusing, chosen)

    def _fusing(self, content: bytes, head: "Head") -> Callable[[FilmEvidence], float]:
        """What a fusion's bytes make of a film whose network has this head."""
        session, rule = open_session(content), self.rule

        def probability(film: FilmEvidence) -> float:
            share = float(rule.run(film.measures[None])[0, 0])
            kept = min(max(share, 1e-6), 1.0 - 1e-6)
            logits = (float(np.log(kept) - np.log1p(-kept)), network_logit(film.tiles, head))
            return _run(session, np.asarray([logits], dtype=np.float32))

        return probability


@dataclass(frozen=True, slots=True)
class Head:
    """The network's last linear layer."""

    weight: npt.NDArray[np.float64]
    bias: float


def read_head(content: bytes) -> Head:
    """The head in a network's file. Needs ``onnx``."""
    import onnx
    from onnx import numpy_helper

    from medquorum.ai_entity.fracture.resnet_graph import HEAD_BIAS, HEAD_WEIGHT

    network = onnx.load_model_from_string(content)
    stored = {
        one.name: numpy_helper.to_array(one)
        for one in network.graph.initializer
        if one.name in (HEAD_WEIGHT, HEAD_BIAS)
    }
    return Head(stored[HEAD_WEIGHT].astype(np.float64).ravel(), float(stored[HEAD_BIAS].ravel()[0]))


def strongest(losses: Mapping[float, float], films: int) -> float:
    """The strongest prior that is as good on left-out films as the best one, but for chance."""
    bound = min(losses.values()) + LOSS_SPREAD / float(np.sqrt(films))
    return max(prior for prior, loss in losses.items() if loss <= bound)


def network_logit(tiles: Features | None, head: Head) -> float:
    """A film's logit: mean of its two highest tiles; without tiles nothing speaks for a break."""
    if tiles is None or len(tiles) == 0:
        return -LOGIT_LIMIT
    logits = tiles.astype(np.float64) @ head.weight + head.bias
    return round(float(np.sort(logits)[-DECIDING_TILES:].mean()), DECIMALS)


def _deciding(tiles: Features | None, head: Head) -> Features:
    """Mean features of the deciding tiles."""
    if tiles is None:
        raise ValueError("a film without a network's features")
    logits = tiles.astype(np.float64) @ head.weight + head.bias
    return np.asarray(tiles[np.argsort(logits, kind="stable")[-DECIDING_TILES:]].mean(axis=0))


def rule_alone(content: bytes) -> Callable[[FilmEvidence], float]:
    """What a rule's bytes make of a film."""
    session = open_session(content)

    def probability(film: FilmEvidence) -> float:
        return _run(session, film.measures[None].astype(np.float32))

    return probability


def _run(session: Any, values: npt.NDArray[np.float32]) -> float:
    name = session.get_inputs()[0].name
    return round(float(np.asarray(session.run(None, {name: values})[0]).ravel()[0]), 3)


def renamed(card: Mapping[str, Any], content: bytes) -> dict[str, Any]:
    """The card of the model it was refitted from, with its own digest and version."""
    digest = hashlib.sha256(content).hexdigest()
    version = f"{str(card['version']).partition('+')[0]}+{digest[:8]}"
    return {**card, "sha256": digest, "version": version}


def hold_out_films(count: int = HOLD_OUT_FILMS) -> Iterator[tuple[str, Radiograph, bool]]:
    """Phantom films of the family that nothing is trained on: name, film, fractured or not."""
    from medquorum.ai_entity.phantom.limb_film import Family, make_limb_film

    for number in range(count):
        fractured = bool(number % 2)
        made = make_limb_film(Family.HOLD_OUT, number, fractured)
        bright = made.stored.astype(np.float32)
        if made.inverted:
            bright = bright.max() - bright
        yield f"phantom hold-out {number}", radiograph_of(bright, None), fractured
