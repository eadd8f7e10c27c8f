"""How well a model does on cases with an expert contour: Dice, volumes by each method, levels.

Dice is 2 |A and B| / (|A| + |B|) on the case's own grid, 1 where both are empty. A case on which
the model abstains has no Dice and is counted apart. Cases that the model was fitted on are marked
where the training card tells: their figures say nothing about new patients.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.case_archive import CaseArchive, ReferenceCase
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.registry import LoadedModel, Registry
from medquorum.ai_entity.tumour.grid import Placed, carry_labels, common_grid, resample
from medquorum.ai_entity.tumour.pet_metrics import fixed_threshold, relative_threshold, volume_ml
from medquorum.ai_entity.tumour.pipeline import analyse_with

VOXEL_KINDS: Final = ("petct", "ct")
DIGITS: Final = 4
"""Decimals of shares and millilitres in the document."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What the model made of one case; volumes in mL."""

    case: str
    dice: float | None
    network_ml: float | None
    suv_4_ml: float
    suv_41_percent_ml: float | None
    reference_ml: float
    levels: tuple[tuple[str, str], ...]
    abstained: str | None
    seen_in_training: bool | None
    """None where the training card does not tell."""

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "case": self.case,
            "dice": _rounded(self.dice),
            "volume_ml": {
                "network": _rounded(self.network_ml),
                "suv_4": _rounded(self.suv_4_ml),
                "suv_41pct": _rounded(self.suv_41_percent_ml),
                "reference": _rounded(self.reference_ml),
            },
            "levels": dict(self.levels),
            "abstained": self.abstained,
            "seen_in_training": self.seen_in_training,
        }


def evaluated_model(registry: Registry, digest: str | None) -> LoadedModel:
    """The model of this SHA-256 in hex, else the current one for PET/CT. Raises ModelError."""
    if digest is None:
        return registry.load(registry.digest_of("petct"))
    try:
        wanted = bytes.fromhex(digest)
    except ValueError as error:
        raise ModelError(Reason.UNKNOWN_MODEL, "a digest is 64 hexadecimal digits") from error
    model = registry.load(wanted)
    if model.card.kind not in VOXEL_KINDS:
        raise ModelError(
            Reason.UNKNOWN_MODEL, "this model does not draw tumours; choose one of kind petct or ct"
        )
    return model


def evaluate_cases(
    archive: CaseArchive, model: LoadedModel, fitted_on: frozenset[str] | None
) -> Iterator[CaseResult]:
    """One result per case, each computed when it is asked for: one case is in memory at a time."""
    for case in archive:
        seen = None if fitted_on is None else case.name in fitted_on
        yield evaluate_case(case, model, seen)


def evaluate_case(case: ReferenceCase, model: LoadedModel, seen: bool | None) -> CaseResult:
    """The model's findings on one case, held against its contour."""
    images = common_grid(case.ct, case.pet if model.card.kind == "petct" else None)
    findings = analyse_with(model, images)
    dice = network_ml = relative_ml = None
    if findings.overlay is not None and findings.tumour is not None:
        labels = findings.overlay.labels().astype(np.int32)
        z, y, x = case.contour.shape
        drawn = Placed((labels > 0).astype(np.float32), images.affine)
        mask = resample(drawn, case.pet.affine, (z, y, x), 0.0) >= 0.5
        dice = dice_of(mask, case.contour)
        network_ml = findings.tumour.total_tumour_volume_ul / 1000.0
        lesions = carry_labels(labels, images.affine, case.pet)
        relative = relative_threshold(case.pet.voxels, lesions, case.spacing_mm)
        relative_ml = volume_ml(relative, case.spacing_mm)
    regions = () if findings.tumour is None else findings.tumour.regions
    return CaseResult(
        case=case.name,
        dice=dice,
        network_ml=network_ml,
        suv_4_ml=volume_ml(fixed_threshold(case.pet.voxels, case.spacing_mm), case.spacing_mm),
        suv_41_percent_ml=relative_ml,
        reference_ml=volume_ml(case.contour, case.spacing_mm),
        levels=tuple((region.region, region.level.value) for region in regions),
        abstained=findings.abstained,
        seen_in_training=seen,
    )


def dice_of(left: npt.NDArray[np.bool_], right: npt.NDArray[np.bool_]) -> float:
    """Overlap of two masks, 0..1; two empty ones agree."""
    total = int(np.count_nonzero(left)) + int(np.count_nonzero(right))
    return 1.0 if total == 0 else 2.0 * int(np.count_nonzero(left & right)) / total


def fitted_cases(model: LoadedModel, models: Path, archive: Path) -> frozenset[str] | None:
    """The cases of ``archive`` that the model was fitted on; None where its card cannot tell."""
    for path in sorted(models.glob("*_training.json")):
        content = path.read_bytes()
        if hashlib.sha256(content).digest() != model.card.training_digest:
            continue
        card = json.loads(content)
        with archive.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if card.get("archive_sha256") == digest:
            return frozenset(str(name) for name in card["cases"])
    return None


def summary(results: list[CaseResult], model: LoadedModel) -> dict[str, Any]:
    """The document of `medquorum ai evaluate --json`."""
    judged = [one.dice for one in results if one.dice is not None]
    unseen = [one.dice for one in results if one.dice is not None and not one.seen_in_training]
    return {
        "cases": [one.document() for one in results],
        "mean_dice": _mean(judged),
        "mean_dice_not_seen_in_training": _mean(unseen),
        "judged": len(judged),
        "abstained": len(results) - len(judged),
        "model": f"{model.card.name} {model.card.version}",
        "model_digest": model.card.digest.hex(),
        "not_for_clinical_use": True,
    }


def _mean(scores: list[float]) -> float | None:
    return _rounded(float(np.mean(scores))) if scores else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
