"""The model card of a tumour network: what it was trained and tested on, in one file beside it."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.model_card import MULTITASK, PPM
from medquorum.ai_entity.training.network import WIDTHS, Inputs
from medquorum.ai_entity.training.tumour_recipe import (
    MIRRORS,
    OVERLAP,
    PRETRAIN_STEPS,
    WHOLE_BODY_MIRRORS,
    WHOLE_BODY_TEMPERATURE,
)
from medquorum.ai_entity.training.tumour_run import FOLDS_FILE, TumourRun

VERSION: Final = {Inputs.PETCT: "5.2.0", Inputs.CT: "3.1.0"}
SOURCE: Final = (
    "Soft-tissue-Sarcoma collection, The Cancer Imaging Archive (Vallieres et al. 2015, "
    "doi 10.7937/K9/TCIA.2015.7GO2GSKS, CC BY 3.0; Phys Med Biol doi "
    "10.1088/0031-9155/60/14/5471; Clark et al. 2013 doi 10.1007/s10278-013-9622-7); crops of the "
    "Image Biomarker Standardisation Initiative"
)
LIMITS: Final = (
    "Not for clinical use: a research model without clinical validation.",
    "Tested on real patients only with soft-tissue sarcoma of the limbs, on crops of the tumour "
    "plus 5 cm; every case has a tumour, so specificity, other tumours and whole-body behaviour "
    "are known from phantoms alone.",
    "Organs, physiologic uptake and metastases were learnt from drawn phantoms, which are no "
    "anatomy.",
    "The contour is anatomical (drawn with MR), so a part of it takes up no FDG.",
)
KIND_LIMITS: Final = {
    Inputs.PETCT: "FDG only; SUVbw must be right, since gain errors beyond 15 % were not trained.",
    Inputs.CT: (
        "CT alone: clearly weaker than PET/CT; muscle and organs resemble tumour. It finds nothing "
        "on whole bodies (0 of 8 organs of 5 validation phantoms) and abstains there."
    ),
}
COMPANIONS: Final = ", each with a companion that reads the CT alone and has a third of its word"
WHOLE: Final = " and one network for whole bodies, which speaks where the lungs are in view"
BODIES: Final = (
    "{bodies} phantoms (torsos, limbs with and without tumour, a real chest CT under a made-up "
    "PET, uniform bodies), all of the training family, at most moderately varied scanners"
)
SYNTHETIC: Final = {
    Inputs.PETCT: BODIES,
    Inputs.CT: "members: {torsos} torsos; for whole bodies: " + BODIES,
}
RECIPE: Final = {
    Inputs.PETCT: (
        "{pretrain} steps on all phantoms; from there, per fold {folds} steps on the other folds' "
        "patients and, one patch in five, limbs; and for whole bodies {whole} steps on phantoms "
        "with further lesions in three patches of five, from the third round on also on the "
        "torsos and chests among phantoms up to number {more}, from the fourth on scanners that "
        "vary more, from the sixth on further lesions in four patches of five, smaller, and most "
        "where they are missed most; "
        "companions as the members of the network for CT alone; patches of {side}^3 voxels"
    ),
    Inputs.CT: (
        "members: {pretrain} steps on torsos, then per fold {folds} steps on the other folds' "
        "patients mixed with torsos; for whole bodies: {whole} steps on all phantoms; patches of "
        "{side}^3 voxels"
    ),
}
LOOKED_AT: Final = {
    Inputs.PETCT: (
        "held-out figures were looked at while recipes were judged: those of all folds for three "
        "earlier generations, and for this one folds 0, 1, 2 and 4, on which it was judged that a "
        "second, longer round helps (from 0.733 to 0.759 there) and in which of 25 ways member "
        "and companion are put together (by weight and by limit; from 0.770 to 0.776; a longer "
        "trained companion was no better on fold 1), and all folds to judge that mirrored passes "
        "help (from 0.776 to 0.779), so that the figures are a little too good; "
        "temperature and threshold of every fold come from the other folds"
    ),
    Inputs.CT: (
        "held-out figures were looked at while recipes were judged, those of all folds, so that "
        "the figures are a little too good; temperature and threshold of every fold come from the "
        "other folds"
    ),
}


def stem(inputs: Inputs) -> str:
    """Name of the model's files without their ending."""
    return f"tumour_{inputs.value}"


def card(run: TumourRun, model: bytes, results: dict[str, Any], folds: Path) -> dict[str, Any]:
    """The card's JSON values."""
    together = results["together"]
    whole = run.whole_body_rounds
    beside = COMPANIONS if run.inputs is Inputs.PETCT else ""
    return {
        "kind": run.inputs.value,
        "form": MULTITASK,
        "name": f"medquorum-tumour-{run.inputs.value}",
        "version": VERSION[run.inputs],
        "sha256": hashlib.sha256(model).hexdigest(),
        "architecture": (
            f"3-D U-Net of widths {', '.join(map(str, WIDTHS))}, instance norm; lesion "
            f"and organ heads; {run.folds} members{beside}{WHOLE if whole else ''}; mean over "
            "mirrored passes; voxels of 4 mm; kernels of 8 bits"
        ),
        "window": [run.side] * 3,
        "overlap": OVERLAP,
        "mirrors": list(MIRRORS),
        "temperature_ppm": round(results["temperature"] * PPM),
        "threshold_ppm": round(results["threshold"] * PPM),
        "members": run.folds + bool(whole),
        **(_whole_body(run) if whole else {}),
        "folds": FOLDS_FILE,
        "training_sha256": hashlib.sha256(folds.read_bytes()).hexdigest(),
        "training": _training(run, int(together["patients"])),
        "reliability": results["reliability"],
        "test_real": together
        | {
            "how": "5-fold cross-validation by patient, on each case's own grid",
            "looked_at": LOOKED_AT[run.inputs],
            "voxel_calibration_error": results["voxel_calibration_error"],
            "per_case": f"{stem(run.inputs)}_results.json",
        },
        "limits": [*LIMITS, KIND_LIMITS[run.inputs]],
        "not_for_clinical_use": True,
    }


def _whole_body(run: TumourRun) -> dict[str, Any]:
    softer = WHOLE_BODY_TEMPERATURE.get(run.inputs)
    mirrors = list(WHOLE_BODY_MIRRORS)
    return {"whole_body_member": run.folds, "whole_body_mirrors": mirrors} | (
        {} if softer is None else {"whole_body_temperature_ppm": round(softer * PPM)}
    )


def _training(run: TumourRun, patients: int) -> dict[str, Any]:
    given = run.pretrain_steps
    return {
        "real": f"{patients} patients: {SOURCE}",
        "synthetic": SYNTHETIC[run.inputs].format(torsos=run.torso_count, bodies=run.body_count),
        "recipe": RECIPE[run.inputs].format(
            pretrain=PRETRAIN_STEPS[run.inputs] if given is None else given,
            folds=_rounds(run.fold_rounds),
            more=_rounds(run.more_bodies),
            whole=_rounds(run.whole_body_rounds),
            side=run.side,
        ),
        "seed": run.seed,
    }


def _rounds(steps: tuple[int, ...]) -> str:
    return " and then ".join(map(str, steps))


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Indented, with sorted keys."""
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
