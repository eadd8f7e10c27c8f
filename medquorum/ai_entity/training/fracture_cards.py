"""The cards of rule, network and fusion, and of what they were trained on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from medquorum.ai_entity.fracture.fusion_graph import build_fusion
from medquorum.ai_entity.fracture.scoring import FEATURE_NAMES
from medquorum.ai_entity.phantom.limb_film import FAMILY_SEEDS, Family
from medquorum.ai_entity.phantom.limb_scanner import CALIBRATION_SCANNERS
from medquorum.ai_entity.training.fracture_export import (
    CALIBRATION_FILMS,
    LEAST_SPECIFICITY,
    VALIDATION_FILMS,
    FittedFusion,
    FittedParts,
    to_json,
)
from medquorum.ai_entity.training.fracture_films import (
    LIMBS,
    LONG_BONE_SEED,
    LONG_BONES,
    SOLID_BONE_SEED,
    SOLID_BONES,
)
from medquorum.ai_entity.training.fracture_loop import FractureRecipe

VERSION: Final = "2.0.0"
FUSION_VERSION: Final = "2.1.0"
RULE, NETWORK, FUSION = "fracture_rule_based", "fracture_resnet50", "fracture_fusion"
TRAINING: Final = "fracture_training.json"
CALIBRATION: Final = "fracture_fusion_training.json"
REBUILD: Final = "python -m medquorum.ai_entity.training.fracture --out FOLDER"
PPM: Final = 1_000_000
LIMITS: Final = (
    "Not for clinical use: trained, calibrated and thresholded on drawn and projected bones only.",
    "No real film of a fracture was available: the sensitivity on patients is unknown.",
    "Judges shafts of long bones; joints, ribs, spine, skull and pelvis are outside it.",
    "Hairlines thinner than a pixel of the film are not seen.",
)


def training_card(recipe: FractureRecipe, steps: int) -> bytes:
    """What the models were trained and fitted on."""
    return to_json(
        {
            "patient_images": 0,
            "labels": "known by construction",
            "drawn_limbs": {"first_seed": FAMILY_SEEDS[Family.TRAINING], "films": LIMBS},
            "long_bones": {"first_seed": LONG_BONE_SEED, "films": LONG_BONES},
            "breaks_in_three_dimensions": {"first_seed": SOLID_BONE_SEED, "films": SOLID_BONES},
            "calibration": {
                "family": "validation",
                "first": VALIDATION_FILMS[0],
                "films": VALIDATION_FILMS[1],
            },
            "recipe": asdict(recipe),
            "steps": steps,
        }
    )


def calibration_card(training: bytes) -> bytes:
    """What the fusion of parts that were trained by ``training`` was fitted on."""
    return to_json(
        {
            "patient_images": 0,
            "labels": "known by construction",
            "parts_training_sha256": hashlib.sha256(training).hexdigest(),
            "first_seed": FAMILY_SEEDS[Family.CALIBRATION],
            "first": CALIBRATION_FILMS[0],
            "films": CALIBRATION_FILMS[1],
            "scanners": [asdict(scanner) for scanner in CALIBRATION_SCANNERS],
        }
    )


def part_files(fitted: FittedParts, recipe: FractureRecipe, steps: int) -> dict[str, bytes]:
    """Rule and network with their cards, and what they were trained on, by name."""
    training = training_card(recipe, steps)
    files = {TRAINING: training}
    parts = ((RULE, fitted.rule, _rule()), (NETWORK, fitted.network, _network(steps)))
    for (stem, model, own), threshold in zip(parts, fitted.thresholds, strict=True):
        files[f"{stem}.onnx"] = model
        files[f"{stem}.json"] = _card(VERSION, training, model, threshold, own)
    return files


def fusion_files(fitted: FittedFusion, training: bytes, trained_on: str) -> dict[str, bytes]:
    """Fusion, its card and what it was fitted on, by name; ``training`` is the parts'."""
    model, calibration = build_fusion(fitted.fusion), calibration_card(training)
    card = _card(FUSION_VERSION, calibration, model, fitted.threshold, _fusion(fitted, trained_on))
    return {CALIBRATION: calibration, f"{FUSION}.onnx": model, f"{FUSION}.json": card}


def _card(
    version: str, training: bytes, model: bytes, threshold: float, own: Mapping[str, Any]
) -> bytes:
    common: dict[str, Any] = {
        "kind": "fracture",
        "version": version,
        "training_sha256": hashlib.sha256(training).hexdigest(),
        "limits": list(LIMITS),
        "not_for_clinical_use": True,
        "rebuild": REBUILD,
        "tested_on": {"real": REAL_TEST},
        "sha256": hashlib.sha256(model).hexdigest(),
        "threshold_ppm": round(threshold * PPM),
    }
    return to_json({**common, **own})


REAL_TEST: Final = (
    "two real films without a fracture (a tibia and a chest of pydicom-data): the tibia is not "
    "called fractured, the chest makes it abstain; no real film of a fracture was available"
)
DRAWN: Final = (
    f"{LIMBS} limbs drawn in the plane, {SOLID_BONES} bones broken in three dimensions and "
    f"{LONG_BONES} drawn shafts, half of them broken; no patient image"
)


def _rule() -> dict[str, Any]:
    return {
        "name": "medquorum-fracture-rule-based",
        "version": "1.1.0",
        "form": "edges",
        "architecture": "logistic on six edge features of the published pipeline",
        "inputs": list(FEATURE_NAMES),
        "trained_on": "240 drawn long-bone shafts, half with a displaced cut; no patient image. "
        f"Its threshold was chosen on {VALIDATION_FILMS[1]} films of the validation family",
        "rebuild": "python -m medquorum.ai_entity.baseline.fit_fracture --out FOLDER",
    }


def _network(steps: int) -> dict[str, Any]:
    return {
        "name": "medquorum-fracture-resnet50",
        "form": "tiles",
        "architecture": "ResNet-50 (23.5 million parameters) on tiles of 64 x 64 pixels, "
        "class-activation map, trained from scratch",
        "trained_on": f"{DRAWN}; {steps} steps on one core",
    }


def _fusion(fitted: FittedFusion, trained_on: str) -> dict[str, Any]:
    fusion = fitted.fusion
    return {
        "name": "medquorum-fracture",
        "form": "fusion",
        "architecture": "logistic of the log-odds of rule and ResNet-50",
        "parts": {"rule": fusion.rule.hex(), "network": fusion.network.hex()},
        "weights": {
            "rule_weight": fusion.rule_weight,
            "network_weight": fusion.network_weight,
            "intercept": fusion.intercept,
            "unseen": fusion.unseen,
        },
        "threshold_choice": {
            "how": f"the lowest with a specificity of {LEAST_SPECIFICITY} on calibration films",
            "specificity_there": fitted.specificity,
            "sensitivity_there": fitted.sensitivity,
        },
        "trained_on": f"{trained_on}. Fusion, calibration and threshold: {CALIBRATION_FILMS[1]} "
        f"films of the calibration family, of {len(CALIBRATION_SCANNERS)} scanners in turn, none "
        "of them the hold-out's",
    }


def with_hold_out(card: bytes, results: Mapping[str, Any], by: str) -> bytes:
    """A card that tells the synthetic hold-out's results of ``by`` (a name of ``evaluation``)."""
    content = json.loads(card)
    calibration = results["calibration"][by]
    content["tested_on"]["synthetic"] = {
        "films": results["films"],
        "how": "drawn films of the hold-out family, shifted scanner",
        "auroc": results["auroc"][by],
        "ece": calibration["ece"],
        "brier": calibration["brier"],
        "sensitivity": results["at_threshold"][by]["sensitivity"],
        "specificity": results["at_threshold"][by]["specificity"],
    }
    content["reliability"] = {
        "on": "drawn films of the hold-out family",
        "bins": calibration["reliability"],
    }
    return to_json(content)
