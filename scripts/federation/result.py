"""What came of a federated run: the table, the JSON, and the network as ONNX with its card.

The card's training digest is that of the agreement, which stands beside the model and lists every
hospital's training set by digest: whoever holds a training set can see that it was in it, nobody
else learns anything about it.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from medquorum.ai_entity.federated.trainer import OVERLAP, with_weights
from medquorum.ai_entity.model_card import MULTITASK, PPM
from medquorum.ai_entity.training.export import export_members
from scripts.federation.comparison import Outcome
from scripts.federation.example import Settings

NAME = "federated_petct"
LIMITS = (
    "An example of training together: a few hundred steps, far from what the shipped model had. "
    "Not for clinical use.",
    "The organ head was not trained: the hospitals' cases carry no organ labels.",
    "Neither temperature nor threshold was fitted.",
)


def document(outcome: Outcome, settings: Settings) -> dict[str, Any]:
    """The outcome as JSON values."""
    agreement = outcome.agreement
    hospitals = [
        {
            "name": hospital.name,
            "training_patients": hospital.patients,
            "training_set_sha256": hospital.training_set_sha256,
            "own_held_out_dice": {"alone": round(own[0], 4), "federated": round(own[1], 4)},
            "hold_out_dice_alone": mean(outcome.hold_out_dice[hospital.name]),
        }
        for hospital, own in zip(agreement.hospitals, outcome.own_dice, strict=True)
    ]
    return {
        "source": settings.source,
        "agreement": agreement.digest,
        "rounds": agreement.rounds,
        "steps": agreement.steps,
        "weights": agreement.numbers,
        "hospitals": hospitals,
        "hold_out": {
            "patients": len(outcome.hold_out_dice["federated"]),
            "federated": mean(outcome.hold_out_dice["federated"]),
            "dice": outcome.hold_out_dice,
        },
        "history": list(outcome.history),
        "refused": [line for line in outcome.history if "refused" in line],
        "seconds": round(outcome.seconds, 1),
    }


def mean(values: list[float]) -> float:
    """Rounded."""
    return round(float(np.mean(values)), 4)


def table(told: dict[str, Any]) -> str:
    """For a reader."""
    hold_out = told["hold_out"]
    lines = [
        f"{told['source']}",
        f"{told['rounds']} rounds of {told['steps']} steps at each hospital, {told['seconds']} s;"
        f" Dice, mean over patients nobody trained on",
        "",
        f"{'':<14}{'patients':>9}{'own held-out patients':>26}{'common hold-out':>24}",
        f"{'':<14}{'trained':>9}{'alone':>13}{'together':>13}{'alone':>12}{'together':>12}",
    ]
    for hospital in told["hospitals"]:
        own = hospital["own_held_out_dice"]
        lines.append(
            f"{hospital['name']:<14}{hospital['training_patients']:>9}{own['alone']:>13.3f}"
            f"{own['federated']:>13.3f}{hospital['hold_out_dice_alone']:>12.3f}"
            f"{hold_out['federated']:>12.3f}"
        )
    refused = len(told["refused"])
    lines += [
        "",
        f"common hold-out: {hold_out['patients']} patients of no hospital. Few steps:"
        " not for clinical use.",
        f"crossed between institutions: {told['weights']} weights a message and agreed numbers;"
        f" messages refused: {refused}",
    ]
    return "\n".join(lines)


def write_result(folder: Path, outcome: Outcome, settings: Settings) -> dict[str, Any]:
    """``federated_petct.onnx`` and ``.json`` (card), ``agreement.json``, ``outcome.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    agreement = outcome.agreement
    network = with_weights(agreement, outcome.federated).eval()
    model = export_members([network], folder / f"{NAME}.onnx")
    agreement.write(folder / "agreement.json")
    told = document(outcome, settings)
    card = model_card(told, outcome, model)
    for name, content in ((NAME, card), ("outcome", told)):
        text = json.dumps(content, indent=1, sort_keys=True) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return told


def model_card(told: dict[str, Any], outcome: Outcome, model: bytes) -> dict[str, Any]:
    """The card's JSON values; a registry can read it."""
    agreement = outcome.agreement
    return {
        "kind": agreement.inputs,
        "form": MULTITASK,
        "name": "medquorum-federated-example",
        "version": "1.0.0",
        "sha256": hashlib.sha256(model).hexdigest(),
        "window": [agreement.side] * 3,
        "overlap": OVERLAP,
        "temperature_ppm": PPM,
        "threshold_ppm": PPM // 2,
        "members": 1,
        "training_sha256": agreement.digest,
        "training": {
            "how": f"federated averaging, {told['rounds']} rounds of {told['steps']} steps",
            "agreement": "agreement.json",
            "source": told["source"],
            "hospitals": [
                {key: hospital[key] for key in ("name", "training_patients", "training_set_sha256")}
                for hospital in told["hospitals"]
            ],
        },
        "test": {
            "patients": told["hold_out"]["patients"],
            "mean_dice": told["hold_out"]["federated"],
            "how": "patients of no hospital, on the 4 mm grid",
        },
        "limits": list(LIMITS),
        "not_for_clinical_use": True,
    }
