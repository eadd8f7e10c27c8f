"""Patient-level cross-validation of a baseline: folds, Dice against the contour, calibration."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.baseline.cases import Case, Sample
from medquorum.ai_entity.baseline.head import FitPlan, Head, fit_head
from medquorum.ai_entity.tumour.grid import Placed, Volume, resample, spacing_of
from medquorum.ai_entity.tumour.pet_metrics import keep_large

FOLDS: Final = 5
THRESHOLDS: Final = (0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50)
CALIBRATION_BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What cross-validation found, in words a model card can carry."""

    threshold: float
    """Best mean Dice over all out-of-fold predictions; the one shipped."""
    fold_dice: tuple[float, ...]
    """Mean Dice per fold, each at the threshold that was best on the *other* folds."""
    case_dice: dict[str, float]
    calibration_error: float
    """Expected calibration error of body voxels, equal-mass bins."""


def fold_of(index: int) -> int:
    """Cases are dealt to folds in the order of their names."""
    return index % FOLDS


def fit_on(samples: list[Sample], plan: FitPlan) -> Head:
    """A head on pooled samples, with the intercept moved to their mean share of tumour."""
    share = float(np.mean([sample.tumour_share for sample in samples]))
    return fit_head(
        np.concatenate([sample.features for sample in samples]),
        np.concatenate([sample.labels for sample in samples]),
        np.concatenate([sample.weights for sample in samples]),
        float(np.log(share / (1.0 - share))),
        plan,
    )


def predict(head: Head, case: Case) -> Volume:
    """Probability [z,y,x] on the grid, 0 outside the body."""
    flat = case.features.reshape(len(case.features), -1).T
    probability = 1.0 / (1.0 + np.exp(-np.clip(head.logit(flat), -60.0, 60.0)))
    return np.where(case.body, probability.reshape(case.body.shape), 0.0).astype(np.float32)


def dice_by_threshold(case: Case, probability: Volume) -> tuple[float, ...]:
    """Dice against the contour on its own grid, one per threshold."""
    z, y, x = case.contour.voxels.shape
    back = resample(Placed(probability, case.grid_affine), case.contour.affine, (z, y, x), 0.0)
    truth = case.contour.voxels > 0.5
    voxel_mm3 = float(np.prod(spacing_of(case.contour.affine)))
    scores = []
    for threshold in THRESHOLDS:
        mask = keep_large(back >= threshold, voxel_mm3)
        scores.append(2.0 * float((mask & truth).sum()) / float(mask.sum() + truth.sum()))
    return tuple(scores)


def calibration_error(probability: npt.NDArray[np.float32], truth: npt.NDArray[np.bool_]) -> float:
    """Expected calibration error over equal-mass bins."""
    order = np.argsort(probability, kind="stable")
    gaps = [
        abs(float(probability[part].mean()) - float(truth[part].mean())) * len(part)
        for part in np.array_split(order, CALIBRATION_BINS)
    ]
    return float(sum(gaps) / len(order))


def cross_validate(cases: list[Case], samples: list[Sample], plan: FitPlan) -> Outcome:
    """Patient-level cross-validation over FOLDS folds."""
    scores = np.zeros((len(cases), len(THRESHOLDS)))
    predicted, truths = [], []
    for fold in range(FOLDS):
        head = fit_on([s for i, s in enumerate(samples) if fold_of(i) != fold], plan)
        for index, case in enumerate(cases):
            if fold_of(index) == fold:
                probability = predict(head, case)
                scores[index] = dice_by_threshold(case, probability)
                predicted.append(probability[case.body])
                truths.append(case.labels[case.body])
    folds = np.asarray([fold_of(index) for index in range(len(cases))])
    honest = np.zeros(len(cases))
    for fold in range(FOLDS):
        best_elsewhere = int(scores[folds != fold].mean(axis=0).argmax())
        honest[folds == fold] = scores[folds == fold, best_elsewhere]
    return Outcome(
        threshold=THRESHOLDS[int(scores.mean(axis=0).argmax())],
        fold_dice=tuple(float(honest[folds == fold].mean()) for fold in range(FOLDS)),
        case_dice={case.name: float(value) for case, value in zip(cases, honest, strict=True)},
        calibration_error=calibration_error(np.concatenate(predicted), np.concatenate(truths)),
    )
