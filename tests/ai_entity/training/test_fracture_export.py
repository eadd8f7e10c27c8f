"""The fusion is fitted on films of several scanners, its threshold for few missed fractures."""

import hashlib
import json

import numpy as np
import pytest

from medquorum.ai_entity.calibration import expected_calibration_error, sigmoid
from medquorum.ai_entity.fracture.fusion_graph import build_fusion
from medquorum.ai_entity.model_card import read_card
from medquorum.ai_entity.phantom.limb_scanner import CALIBRATION_SCANNERS
from medquorum.ai_entity.registry import MODELS_FOLDER
from medquorum.ai_entity.training import fracture_cards as cards
from medquorum.ai_entity.training.fracture_export import (
    LEAST_SPECIFICITY,
    FilmSet,
    fuse_parts,
    sensitive,
)

RULE = (MODELS_FOLDER / "fracture_rule_based.onnx").read_bytes()
NETWORK = b"stands for a network's file"


def films(count: int, unseen: float, seed: int) -> FilmSet:
    """Whether a film is broken follows its network logit; edges say nothing."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 2.5, count)
    truth = rng.random(count) < unseen + (1.0 - unseen) * sigmoid(1.5 * logits - 1.0)
    return FilmSet(np.abs(rng.normal(1.0, 0.5, (count, 6))), logits, truth)


def test_a_fusion_finds_what_the_films_were_drawn_by() -> None:
    fitted = fuse_parts(RULE, NETWORK, films(4_000, 0.2, 1))
    assert fitted.fusion.network_weight == pytest.approx(1.5, abs=0.3)
    assert fitted.fusion.unseen == pytest.approx(0.2, abs=0.05)
    others = films(4_000, 0.2, 2)
    probability = fitted.fusion.probability(others.evidence(RULE))
    assert expected_calibration_error(probability, others.truth) < 0.04
    assert fitted.specificity >= LEAST_SPECIFICITY
    called = probability >= fitted.threshold
    assert called[others.truth].mean() == pytest.approx(fitted.sensitivity, abs=0.05)


@pytest.mark.parametrize("least", [0.5, 0.8, 0.9, 1.0])
def test_the_threshold_is_the_lowest_that_keeps_the_specificity(least: float) -> None:
    rng = np.random.default_rng(4)
    truth = rng.random(400) < 0.5
    probability = np.clip(rng.normal(0.35 + 0.3 * truth, 0.15), 0.001, 0.999)
    threshold = sensitive(probability, truth, least)
    whole = probability[~truth]
    assert (whole < threshold).mean() >= least
    lower = np.sort(probability[probability < threshold - 1e-3])[-1]
    assert (whole < lower).mean() <= least


def test_a_card_names_its_parts_its_films_and_its_choice() -> None:
    fitted = fuse_parts(RULE, NETWORK, films(300, 0.1, 3))
    files = cards.fusion_files(fitted, b"what the parts were trained on", "made-up films")
    assert set(files) == {"fracture_fusion.onnx", "fracture_fusion.json", cards.CALIBRATION}
    model = files["fracture_fusion.onnx"]
    assert model == build_fusion(fitted.fusion)
    content = files["fracture_fusion.json"]
    assert read_card(content, hashlib.sha256(model).digest()).kind == "fracture"
    card, calibration = json.loads(content), json.loads(files[cards.CALIBRATION])
    assert card["parts"]["network"] == hashlib.sha256(NETWORK).hexdigest()
    assert card["threshold_ppm"] == round(fitted.threshold * 1_000_000)
    assert card["training_sha256"] == hashlib.sha256(files[cards.CALIBRATION]).hexdigest()
    assert len(calibration["scanners"]) == len(CALIBRATION_SCANNERS)
