"""Fit the two voxel baselines on real PET/CT and write models, cards and the training-data card.

    python -m medquorum.ai_entity.baseline.fit --petct soft_tissue_sarcoma_40.npz --out FOLDER

Cross-validation is by patient over all cases; the shipped head is then fitted on all of them but
the held-out ones (``cases.HELD_OUT``). Deterministic on one machine: fixed seeds, fixed order.
"""

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from medquorum.ai_entity.baseline.cases import HELD_OUT, archive_digest, draw_sample, load_cases
from medquorum.ai_entity.baseline.feature_bank import CT_BANK, PET_CT_BANK, FeatureBank
from medquorum.ai_entity.baseline.head import FitPlan
from medquorum.ai_entity.baseline.onnx_graph import build_voxel_model
from medquorum.ai_entity.baseline.validation import FOLDS, Outcome, cross_validate, fit_on

VERSION: Final = "1.0.0"
TRAINING_CARD: Final = "soft_tissue_sarcoma_training.json"
SOURCE: Final = (
    "Soft-tissue-Sarcoma collection, The Cancer Imaging Archive (Vallieres et al. 2015, "
    "doi 10.7937/K9/TCIA.2015.7GO2GSKS, CC BY 3.0; Phys Med Biol doi "
    "10.1088/0031-9155/60/14/5471; Clark et al. 2013 doi 10.1007/s10278-013-9622-7); crops of the "
    "Image Biomarker Standardisation Initiative"
)
COMMON_LIMITS: Final = (
    "Not for clinical use: a research baseline without clinical validation.",
    "Trained on soft-tissue sarcoma of the limbs only, on crops of the tumour plus 5 cm; every "
    "case has a tumour, so specificity and whole-body behaviour are unmeasured.",
    "The contour is anatomical (drawn with MR), so a part of it takes up no FDG.",
)
KIND_LIMITS: Final = {
    "petct": (
        "Physiologic uptake (brain, heart, kidneys, bladder, gut) is NOT removed: on a whole-body "
        "scan it is marked as tumour unless a doctor deletes it.",
        "Yardstick on the same 40 cases: fixed threshold SUV >= 2.5 reaches a mean Dice of 0.546.",
    ),
    "ct": (
        "CT alone: clearly weaker than PET/CT; muscle and organs resemble tumour without uptake.",
    ),
}


@dataclass(frozen=True, slots=True)
class Fitted:
    """One model file and what is to be said about it."""

    bank: FeatureBank
    model: bytes
    outcome: Outcome
    cases: tuple[str, ...]


def fit_bank(path: Path, bank: FeatureBank, plan: FitPlan) -> Fitted:
    """Cross-validate and fit one baseline."""
    cases = list(load_cases(path, bank))
    samples = [draw_sample(case, plan.seed + index) for index, case in enumerate(cases)]
    outcome = cross_validate(cases, samples, plan)
    kept = [index for index, case in enumerate(cases) if case.name not in HELD_OUT]
    head = fit_on([samples[index] for index in kept], plan)
    names = tuple(cases[index].name for index in kept)
    return Fitted(bank, build_voxel_model(bank, head), outcome, names)


def training_card(path: Path, names: tuple[str, ...]) -> bytes:
    """What the models were fitted on; its SHA-256 stands in every report."""
    return _json(
        {
            "cases": list(names),
            "archive_sha256": archive_digest(path),
            "held_out_cases": list(HELD_OUT),
            "labels": "expert contour of the gross tumour volume (GTV_Mass)",
            "licence": "CC BY 3.0",
            "source": SOURCE,
        }
    )


def model_card(fitted: Fitted, training_digest: str) -> dict[str, Any]:
    """The card of one model, numbers as they were measured."""
    outcome, kind = fitted.outcome, fitted.bank.name
    return {
        "name": f"medquorum-{kind}-baseline",
        "version": VERSION,
        "kind": kind,
        "sha256": hashlib.sha256(fitted.model).hexdigest(),
        "training_sha256": training_digest,
        "architecture": "fixed Gaussian convolutions at 4, 9 and 20 mm, 24 tanh units, logistic; "
        "voxels of 4 mm",
        "inputs": list(fitted.bank.channels),
        "threshold_ppm": round(outcome.threshold * 1_000_000),
        "cross_validation": {
            "cases": len(outcome.case_dice),
            "folds": FOLDS,
            "mean_dice": round(float(np.mean(list(outcome.case_dice.values()))), 4),
            "median_dice": round(float(np.median(list(outcome.case_dice.values()))), 4),
            "mean_dice_per_fold": [round(value, 4) for value in outcome.fold_dice],
            "dice_per_case": {name: round(v, 3) for name, v in outcome.case_dice.items()},
            "voxel_calibration_error": round(outcome.calibration_error, 4),
            "threshold_chosen_on": "the other folds; the shipped one on all folds",
        },
        "limits": [*COMMON_LIMITS, *KIND_LIMITS[kind]],
        "not_for_clinical_use": True,
    }


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--petct", type=Path, required=True, help="archive of cases (npz)")
    parser.add_argument("--out", type=Path, required=True, help="folder of models and cards")
    parser.add_argument("--iterations", type=int, default=150)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    plan = FitPlan(iterations=arguments.iterations)
    for bank in (PET_CT_BANK, CT_BANK):
        fitted = fit_bank(arguments.petct, bank, plan)
        card = training_card(arguments.petct, fitted.cases)
        (arguments.out / TRAINING_CARD).write_bytes(card)
        stem = f"{bank.name}_baseline"
        (arguments.out / f"{stem}.onnx").write_bytes(fitted.model)
        described = model_card(fitted, hashlib.sha256(card).hexdigest())
        (arguments.out / f"{stem}.json").write_bytes(_json(described))
        print(stem, described["cross_validation"]["mean_dice"], fitted.outcome.fold_dice)


if __name__ == "__main__":
    main()
