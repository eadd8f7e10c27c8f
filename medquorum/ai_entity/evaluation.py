"""How well a model does on cases with an expert contour: Dice, volumes by each method, levels.

Dice is 2 |A and B| / (|A| + |B|) on the case's own grid, 1 where both are empty; the probability of
what the model drew is interpolated to that grid and cut at the card's threshold there. A case on
which the model abstains has no Dice and is counted apart.

A model of several members was trained by cross-validation: its folds file says which member has not
seen which case. A case is recognised by the digest of its arrays, never by its name, and is judged
by that member alone; every other case by the mean of all members. Of older models the training card
tells which cases they were fitted on: their figures say nothing about new patients.

A digest knows every voxel, so one changed voxel makes another case of it. What bears the name of a
training case and is not that case bit by bit may still be that patient: nothing is claimed of it.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medquorum.ai_entity.calibration import bootstrap_interval
from medquorum.ai_entity.case_archive import CaseArchive, ReferenceCase, case_digest
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.findings import Findings
from medquorum.ai_entity.registry import LoadedModel, Registry
from medquorum.ai_entity.tumour.grid import GridImages, Placed, carry_labels, common_grid, resample
from medquorum.ai_entity.tumour.guard import reason_to_abstain
from medquorum.ai_entity.tumour.inference import Prediction, predict
from medquorum.ai_entity.tumour.pet_metrics import (
    Mask,
    fixed_threshold,
    relative_threshold,
    volume_ml,
)
from medquorum.ai_entity.tumour.pipeline import abstention, findings_of, placed

VOXEL_KINDS: Final = ("petct", "ct")
PPM: Final = 1_000_000
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
    """By whoever judged it; None where that is not known."""
    member: int | None = None
    """The member that judged it because the others were trained on it."""
    unknown_because: str | None = None
    """Why it is not known whether it was seen."""

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
            "seen_in_training_unknown_because": self.unknown_because,
            "member": self.member,
            "cross_validated": self.member is not None,
        }


def evaluated_model(
    registry: Registry, digest: str | None, *, ct_only: bool = False
) -> LoadedModel:
    """The model of this SHA-256 in hex, else the current one (for CT alone). Raises ModelError."""
    if digest is None:
        return registry.load(registry.digest_of("ct" if ct_only else "petct"))
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


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of the cases a model was trained on."""

    fitted_on: frozenset[str] | None = None
    """Names in the one archive its training card names; None where that tells nothing."""
    unseen_member: Mapping[str, int] | None = None
    """Digest of a case's arrays -> the member that has not seen it; None without a folds file."""
    names: frozenset[str] = frozenset()
    """Of the cases in the folds file."""

    def judge(self, case: ReferenceCase, member: int | None) -> tuple[bool | None, str | None]:
        """Whether ``case`` was seen by who judges it; or None, and why that is not known."""
        if self.unseen_member is None and self.fitted_on is None:
            return None, "the model's training card does not name the cases of this archive"
        if self.unseen_member is None:
            return case.name in (self.fitted_on or ()), None
        if member is None and any(_names_same(name, case.name) for name in self.names):
            return None, (
                "it bears the name of a training case and is not that case bit by bit: an altered "
                "copy, or another patient"
            )
        return False, None


def evaluate_cases(archive: CaseArchive, model: LoadedModel, seen: Seen) -> Iterator[CaseResult]:
    """One result per case, each computed when it is asked for: one case is in memory at a time."""
    for case in archive:
        yield evaluate_case(case, model, seen)


def evaluate_case(case: ReferenceCase, model: LoadedModel, seen: Seen) -> CaseResult:
    """The model's findings on one case, held against its contour."""
    images = common_grid(case.ct, case.pet if model.card.kind == "petct" else None)
    member = None if seen.unseen_member is None else seen.unseen_member.get(case_digest(case))
    reason = reason_to_abstain(images)
    dice = network_ml = relative_ml = None
    if reason is not None:
        findings = abstention(model, reason)
    else:
        prediction = placed(model, images, predict(model, images, member=member))
        findings = findings_of(model, images, prediction)
        labels = _labels(findings)
        mask = _drawn_on_own_grid(case, images, prediction, labels, model)
        dice, network_ml = dice_of(mask, case.contour), volume_ml(mask, case.spacing_mm)
        lesions = carry_labels(labels, images.affine, case.pet)
        relative = relative_threshold(case.pet.voxels, lesions, case.spacing_mm)
        relative_ml = volume_ml(relative, case.spacing_mm)
    regions = () if findings.tumour is None else findings.tumour.regions
    was_seen, unknown_because = seen.judge(case, member)
    return CaseResult(
        case=case.name,
        dice=dice,
        network_ml=network_ml,
        suv_4_ml=volume_ml(fixed_threshold(case.pet.voxels, case.spacing_mm), case.spacing_mm),
        suv_41_percent_ml=relative_ml,
        reference_ml=volume_ml(case.contour, case.spacing_mm),
        levels=tuple((region.region, region.level.value) for region in regions),
        abstained=findings.abstained,
        seen_in_training=was_seen,
        member=member,
        unknown_because=unknown_because,
    )


def _labels(findings: Findings) -> npt.NDArray[np.int32]:
    if findings.overlay is None:
        raise ValueError("findings of a prediction have an overlay")
    return findings.overlay.labels().astype(np.int32)


def _drawn_on_own_grid(
    case: ReferenceCase,
    images: GridImages,
    prediction: Prediction,
    labels: npt.NDArray[np.int32],
    model: LoadedModel,
) -> Mask:
    """The drawn lesions on the case's grid: their probability interpolated, then the threshold."""
    near = ndimage.binary_dilation(labels > 0, np.ones((3, 3, 3)))
    kept = np.where(near, prediction.probability, np.float32(0.0))
    z, y, x = case.contour.shape
    share = resample(Placed(kept, images.affine), case.pet.affine, (z, y, x), 0.0)
    return np.asarray(share >= np.float32(model.card.threshold_ppm / PPM))


def _names_same(training: str, given: str) -> bool:
    """Whether ``given`` has the name of a training case in it, as in ``sts-005 copy``."""
    wanted, found = (re.sub(r"[^a-z0-9]", "", name.casefold()) for name in (training, given))
    return re.search(rf"(?<!\d){re.escape(wanted)}(?!\d)", found) is not None


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


def seen_cases(model: LoadedModel, models: Path, archive: Path) -> Seen:
    """What the folder of ``models`` tells of the model's training. Raises ModelError."""
    plan = model.card.multitask
    if plan is None or plan.folds is None:
        return Seen(fitted_on=fitted_cases(model, models, archive))
    try:
        stated = json.loads((models / plan.folds).read_bytes())
        held_out = {
            str(name): int(fold["member"]) for fold in stated["folds"] for name in fold["held_out"]
        }
        known = {
            str(digest): held_out[name]
            for name, digest in stated["cases"].items()
            if name in held_out
        }
        if any(not 0 <= member < plan.members for member in known.values()):
            raise ValueError("a member the model does not have")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            Reason.MALFORMED_MODEL, f"{plan.folds} does not tell who has seen which case"
        ) from error
    return Seen(unseen_member=known, names=frozenset(str(name) for name in stated["cases"]))


def summary(results: list[CaseResult], model: LoadedModel) -> dict[str, Any]:
    """The document of `medquorum ai evaluate --json`."""
    judged = [one.dice for one in results if one.dice is not None]
    unseen = [one.dice for one in results if one.dice is not None and one.seen_in_training is False]
    return {
        "cases": [one.document() for one in results],
        "mean_dice": _mean(judged),
        "mean_dice_95_percent": _interval(judged),
        "median_dice": _rounded(float(np.median(judged))) if judged else None,
        "mean_dice_not_seen_in_training": _mean(unseen),
        "not_known_whether_seen": sum(one.seen_in_training is None for one in results),
        "volume_bias_ml": _volume_bias(results),
        "judged": len(judged),
        "abstained": len(results) - len(judged),
        "cross_validated": bool(results) and all(one.member is not None for one in results),
        "model": f"{model.card.name} {model.card.version}",
        "model_digest": model.card.digest.hex(),
        "not_for_clinical_use": True,
    }


def _volume_bias(results: list[CaseResult]) -> dict[str, Any] | None:
    """Bland-Altman of network minus reference: mean with its interval, limits of agreement."""
    errors = [one.network_ml - one.reference_ml for one in results if one.network_ml is not None]
    if not errors:
        return None
    spread = 1.96 * float(np.std(errors))
    mean = float(np.mean(errors))
    return {
        "mean": _rounded(mean),
        "mean_95_percent": _interval(errors),
        "limits_of_agreement": [_rounded(mean - spread), _rounded(mean + spread)],
    }


def _interval(values: list[float]) -> list[float | None] | None:
    if not values:
        return None
    found = bootstrap_interval(lambda column: float(column.mean()), np.asarray(values))
    return [_rounded(found.low), _rounded(found.high)]


def _mean(scores: list[float]) -> float | None:
    return _rounded(float(np.mean(scores))) if scores else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
