"""The cards of rule, network and fusion, and of what they were trained on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from medquorum.ai_entity.fracture.scoring import FEATURE_NAMES
from medquorum.ai_entity.phantom.limb_film import FAMILY_SEEDS, Family
from medquorum.ai_entity.training.fracture_export import (
    VALIDATION_FILMS,
    Fitted,
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
RULE, NETWORK, FUSION = "fracture_rule_based", "fracture_resnet50", "fracture_fusion"
TRAINING: Final = "fracture_training.json"
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


def card_files(fitted: Fitted, recipe: FractureRecipe, steps: int) -> dict[str, bytes]:
    """All files by name: three models, three cards, the training card."""
    training = training_card(recipe, steps)
    common: dict[str, Any] = {
        "kind": "fracture",
        "version": VERSION,
        "training_sha256": hashlib.sha256(training).hexdigest(),
        "limits": list(LIMITS),
        "not_for_clinical_use": True,
        "rebuild": REBUILD,
        "tested_on": {"real": REAL_TEST},
    }
    own = {RULE: _rule(), NETWORK: _network(steps), FUSION: _fusion(fitted)}
    content = {RULE: fitted.rule, NETWORK: fitted.network, FUSION: fitted.fusion}
    short = {RULE: "rule", NETWORK: "network", FUSION: "fusion"}
    files = {TRAINING: training}
    for stem, model in content.items():
        digest = hashlib.sha256(model).hexdigest()
        threshold = round(fitted.thresholds[short[stem]] * PPM)
        card = common | own[stem] | {"sha256": digest, "threshold_ppm": threshold}
        files |= {f"{stem}.onnx": model, f"{stem}.json": to_json(card)}
    return files


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


def _fusion(fitted: Fitted) -> dict[str, Any]:
    return {
        "name": "medquorum-fracture",
        "form": "fusion",
        "architecture": "logistic of the log-odds of rule and ResNet-50",
        "parts": {
            "rule": hashlib.sha256(fitted.rule).hexdigest(),
            "network": hashlib.sha256(fitted.network).hexdigest(),
        },
        "weights": {
            name: fitted.facts[name]
            for name in ("rule_weight", "network_weight", "intercept", "unseen")
        },
        "trained_on": f"{DRAWN}. Fusion, calibration and thresholds: {VALIDATION_FILMS[1]} films "
        "of the validation family",
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
