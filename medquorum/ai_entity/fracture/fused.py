"""Rule, network and fusion as one opinion on a film.

The network judges tiles; the film's logit is the mean of its two highest tiles, which half overlap,
so that a break is seen twice and a grain of noise once. The registered model of kind ``fracture``
is either the rule alone (form ``edges``) or a fusion, whose file names rule and network by digest.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.fracture.edges import EdgeMaps
from medquorum.ai_entity.fracture.radiograph import Radiograph
from medquorum.ai_entity.fracture.scoring import EdgeMeasures
from medquorum.ai_entity.fracture.tiles import TileGrid, cut_tiles, place_on, place_tiles
from medquorum.ai_entity.model_card import EDGES, FUSION, TILES
from medquorum.ai_entity.registry import LoadedModel, Registry

RULE: Final = "rule_sha256"
NETWORK: Final = "network_sha256"
LOGIT_LIMIT: Final = 12.0
"""Beyond it a logit says no more."""

DECIDING_TILES: Final = 2
DECIMALS: Final = 3
"""Logits are rounded, so that the last bits of a processor's sums do not reach a report."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FractureModels:
    """What runs; network and fusion are absent when the rule decides alone."""

    reported: LoadedModel
    """The one whose digest names all of them."""
    rule: LoadedModel
    network: LoadedModel | None = None

    @property
    def fuses(self) -> bool:
        """Whether the network takes part."""
        return self.network is not None


@dataclass(frozen=True, slots=True)
class TileOpinion:
    """What the network saw."""

    grid: TileGrid
    logits: npt.NDArray[np.float64]
    """[n] of the tiles."""
    activation: Array
    """[n, h, w] class-activation maps, the head's intercept added: log-odds by place."""
    features: Array
    """[c] mean features of the deciding tiles."""

    @property
    def logit(self) -> float:
        """The film's: mean of the deciding tiles; without tiles nothing speaks for a fracture."""
        if self.logits.size == 0:
            return -LOGIT_LIMIT
        return round(float(np.sort(self.logits)[-DECIDING_TILES:].mean()), DECIMALS)


@dataclass(frozen=True, slots=True)
class Opinion:
    """Probabilities of a fracture, 0..1."""

    rule: float
    network: float | None
    fused: float


def load_models(registry: Registry, threads: int = 1) -> FractureModels:
    """The current models of kind ``fracture``. Raises ModelError."""
    reported = registry.load(registry.digest_of("fracture"), threads)
    if reported.card.form == EDGES:
        return FractureModels(reported, reported)
    if reported.card.form != FUSION:
        raise ModelError(Reason.UNKNOWN_MODEL, "a network's tiles alone give no report; fuse them")
    return FractureModels(
        reported,
        _part(registry, reported, RULE, EDGES, threads),
        _part(registry, reported, NETWORK, TILES, threads),
    )


def _part(
    registry: Registry, fusion: LoadedModel, name: str, form: str, threads: int
) -> LoadedModel:
    try:
        digest = bytes.fromhex(fusion.facts()[name])
    except (KeyError, ValueError) as error:
        raise ModelError(
            Reason.MALFORMED_MODEL, "the fusion does not name its models; restore its file"
        ) from error
    part = registry.load(digest, threads)
    if (part.card.kind, part.card.form) != ("fracture", form):
        raise ModelError(Reason.UNKNOWN_MODEL, f"the fusion names a model that is not of {form}")
    return part


def look_at_tiles(
    image: Radiograph, network: LoadedModel, maps: EdgeMaps | None = None
) -> TileOpinion:
    """Run the network over a film's tiles, all in one batch. Raises ModelError.

    ``maps`` are the film's, where they are at hand: its bones are then found.
    """
    if maps is None or maps.small is None:
        grid = place_tiles(image.grey, image.exposed)
    else:
        grid = place_on(maps.small, maps.bone)
    if not grid.centres:
        nothing = np.zeros((0, 1, 1), dtype=np.float32)
        return TileOpinion(grid, np.zeros(0), nothing, np.zeros(0, dtype=np.float32))
    logit, activation, features = network.run_all(cut_tiles(image.grey, grid))
    logits = np.asarray(np.around(logit[:, 0], DECIMALS), dtype=np.float64)
    head = logit[:, :, None, None] - activation.mean(axis=(2, 3), keepdims=True)
    deciding = np.argsort(logits, kind="stable")[-DECIDING_TILES:]
    return TileOpinion(
        grid, logits, np.asarray((activation + head)[:, 0]), features[deciding].mean(axis=0)
    )


def rule_logit(models: FractureModels, measures: EdgeMeasures) -> float:
    """Log-odds of the rule for a film's measures."""
    probability = float(models.rule.run(measures.vector()[None])[0, 0])
    kept = min(max(probability, 1e-6), 1.0 - 1e-6)
    return round(float(np.log(kept) - np.log1p(-kept)), DECIMALS)


def fuse(models: FractureModels, rule: float, network: float | None) -> Opinion:
    """Probabilities from the two logits."""
    alone = 1.0 / (1.0 + float(np.exp(-rule)))
    if network is None:
        return Opinion(alone, None, alone)
    evidence = np.asarray([[rule, network]], dtype=np.float32)
    fused = round(float(models.reported.run(evidence)[0, 0]), DECIMALS)
    kept = float(np.clip(network, -LOGIT_LIMIT, LOGIT_LIMIT))
    return Opinion(alone, 1.0 / (1.0 + float(np.exp(-kept))), fused)
