"""What the members make of patients that they have not seen: Dice, volumes, calibration.

A probability is the sigmoid of the logit over the temperature, interpolated to the case's own grid
and cut at the threshold there. Temperature and threshold for a fold are chosen on the held-out
logits of the *other* folds' patients: each of these logits comes from a member that had not seen
its patient, and the fold's own patients take no part. What is shipped is chosen on all patients.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.calibration import (
    Interval,
    bootstrap_interval,
    expected_calibration_error,
    fit_temperature,
    sigmoid,
)
from medquorum.ai_entity.case_archive import ReferenceCase
from medquorum.ai_entity.evaluation import dice_of
from medquorum.ai_entity.training.folds import Folds
from medquorum.ai_entity.tumour.grid import Placed, Volume, common_grid, resample
from medquorum.ai_entity.tumour.pet_metrics import volume_ml

THRESHOLDS: Final = np.round(np.arange(0.2, 0.801, 0.05), 2)
YARDSTICK_SUV: Final = 2.5
EVERY: Final = 5
"""Every fifth voxel is enough for one number."""
ROUNDING: Final = 1_000
BINS: Final = 10

Exact = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One patient's logits and truth, flat where voxels are only counted."""

    case: ReferenceCase
    logits: Volume
    """[z,y,x] on the 4 mm grid."""
    sampled: Exact
    """Logits of every fifth voxel of the 4 mm grid."""
    truth: npt.NDArray[np.bool_]
    """Whether the contour holds them."""

    def probability(self, temperature: float) -> Volume:
        """On the case's own grid [z,y,x]."""
        affine = common_grid(self.case.ct, self.case.pet).affine
        share = np.round(sigmoid(self.logits / temperature) * ROUNDING) / ROUNDING
        z, y, x = self.case.contour.shape
        drawn = Placed(share.astype(np.float32), affine)
        return resample(drawn, self.case.pet.affine, (z, y, x), 0.0)


def held_out(case: ReferenceCase, logits: Volume) -> HeldOut:
    """The logits of a case beside its truth."""
    affine = common_grid(case.ct, case.pet).affine
    z, y, x = logits.shape
    contour = Placed(case.contour.astype(np.float32), case.pet.affine)
    truth = resample(contour, affine, (z, y, x), 0.0) >= 0.5
    return HeldOut(case, logits, logits.ravel()[::EVERY].astype(np.float64), truth.ravel()[::EVERY])


@dataclass(frozen=True, slots=True)
class Chosen:
    """The two numbers between logits and a mask."""

    temperature: float
    threshold: float


def choose(cases: list[HeldOut], dices: Exact) -> Chosen:
    """Temperature of least log-loss, and the threshold [column of ``dices``] of most mean Dice."""
    logits = np.concatenate([case.sampled for case in cases])
    truth = np.concatenate([case.truth for case in cases])
    best = int(dices.mean(axis=0).argmax())
    return Chosen(fit_temperature(logits, truth), float(THRESHOLDS[best]))


def dice_table(case: HeldOut, temperature: float) -> Exact:
    """Dice at every threshold."""
    probability = case.probability(temperature)
    return np.asarray([dice_of(probability >= cut, case.case.contour) for cut in THRESHOLDS])


def measured(
    folds: Folds, reference: Mapping[str, ReferenceCase], logits: Mapping[str, Volume]
) -> dict[str, Any]:
    """The results document: per patient, together, and what was chosen."""
    cases = {name: held_out(reference[name], logits[name]) for name in sorted(folds.cases)}
    everyone = list(cases.values())
    sampled = np.concatenate([case.sampled for case in everyone])
    truth = np.concatenate([case.truth for case in everyone])
    common = fit_temperature(sampled, truth)
    tables = {name: dice_table(case, common) for name, case in cases.items()}
    shipped = choose(everyone, np.stack(list(tables.values())))
    rows: dict[str, Any] = {}
    stated: dict[str, Exact] = {}
    for member, names in enumerate(folds.held_out):
        others = [name for name in cases if name not in names]
        chosen = choose([cases[name] for name in others], np.stack([tables[n] for n in others]))
        for name in names:
            rows[name] = {"member": member} | _row(cases[name], chosen, shipped)
            stated[name] = sigmoid(cases[name].sampled / chosen.temperature)
    ordered = {name: rows[name] for name in sorted(rows)}
    return {
        "temperature": round(shipped.temperature, 4),
        "threshold": shipped.threshold,
        "cases": ordered,
        "together": _together(list(ordered.values())),
        "voxel_calibration_error": round(
            expected_calibration_error(sigmoid(sampled / shipped.temperature), truth), 4
        ),
        "reliability": {
            "on": f"every {EVERY}th voxel of {len(cases)} real patients, each judged by the member "
            "that has not seen the patient, at the temperature of the other folds",
            "bins": reliability_bins(np.concatenate([stated[name] for name in cases]), truth),
        },
    }


def reliability_bins(stated: Exact, truth: npt.NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Tenths of stated probability: how many, their mean, and the share that was lesion."""
    place = np.minimum((stated * BINS).astype(int), BINS - 1)
    return [
        {
            "count": int(np.count_nonzero(place == number)),
            "stated": round(float(stated[place == number].mean()), 4),
            "observed": round(float(truth[place == number].mean()), 4),
        }
        for number in range(BINS)
        if np.any(place == number)
    ]


def _row(case: HeldOut, chosen: Chosen, shipped: Chosen) -> dict[str, Any]:
    contour, spacing = case.case.contour, case.case.spacing_mm
    mask = case.probability(chosen.temperature) >= chosen.threshold
    shipped_mask = case.probability(shipped.temperature) >= shipped.threshold
    hot = case.case.pet.voxels >= YARDSTICK_SUV
    return {
        "dice": round(dice_of(mask, contour), 4),
        "dice_at_shipped_threshold": round(dice_of(shipped_mask, contour), 4),
        "dice_suv_2_5": round(dice_of(hot, contour), 4),
        "volume_ml": round(volume_ml(mask, spacing), 2),
        "reference_ml": round(volume_ml(contour, spacing), 2),
        "missed_ml": round(volume_ml(contour & ~mask, spacing), 2),
        "added_ml": round(volume_ml(mask & ~contour, spacing), 2),
        "temperature": round(chosen.temperature, 4),
        "threshold": chosen.threshold,
    }


def _together(rows: list[dict[str, Any]]) -> dict[str, Any]:
    dice = np.asarray([row["dice"] for row in rows])
    shipped = np.asarray([row["dice_at_shipped_threshold"] for row in rows])
    network = np.asarray([row["volume_ml"] for row in rows])
    reference = np.asarray([row["reference_ml"] for row in rows])
    difference = network - reference
    relative = 100.0 * difference / reference
    return {
        "patients": len(rows),
        "mean_dice": _interval(bootstrap_interval(_mean, dice)),
        "median_dice": _interval(bootstrap_interval(_median, dice)),
        "mean_dice_at_shipped_threshold": round(float(shipped.mean()), 4),
        "mean_dice_suv_2_5": round(float(np.mean([row["dice_suv_2_5"] for row in rows])), 4),
        "bias_ml": _interval(bootstrap_interval(_mean, difference)),
        "lower_limit_ml": _interval(bootstrap_interval(_lower_limit, difference)),
        "upper_limit_ml": _interval(bootstrap_interval(_upper_limit, difference)),
        "bias_percent": _interval(bootstrap_interval(_mean, relative)),
        "median_bias_percent": _interval(bootstrap_interval(_median, relative)),
    }


def _mean(values: Exact) -> float:
    return float(values.mean())


def _median(values: Exact) -> float:
    return float(np.median(values))


def _lower_limit(values: Exact) -> float:
    """Bland and Altman 1986: mean minus 1.96 standard deviations of the differences."""
    return float(values.mean() - 1.96 * values.std(ddof=1))


def _upper_limit(values: Exact) -> float:
    return float(values.mean() + 1.96 * values.std(ddof=1))


def _interval(interval: Interval) -> list[float]:
    return [round(value, 4) for value in (interval.estimate, interval.low, interval.high)]
