"""Which voxels that a network suspects are physiologic uptake, given the organ they lie in.

The network sees a window of 19 cm and cannot always tell a brain from a tumour; where the body is
known (``organ_atlas``), this can. A logistic weighs the network's logit, the uptake and the density
of each suspected voxel, both against what is usual in its organ; it was fitted on phantoms that
trained nothing. It speaks only where organs were placed by the lungs: crops of a limb keep the
network's probability.

It has learnt the phantoms' world, in which nothing grows in heart, bladder or brain: there hardly
anything passes. Lesions there must be found by eye; the report says so.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.calibration import Exact, logit
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.tumour.grid import GridImages, Volume
from medquorum.ai_entity.tumour.pet_metrics import Mask
from medquorum.ai_entity.tumour.softmax import Softmax, softmax_from_plain
from medquorum.ai_entity.tumour.windows import Organs

SHARED: Final = (
    "logit of the network / 5",
    "log SUV above the organ's usual, in its spreads",
    "HU above the organ's usual, in its spreads",
    "log SUV",
)
VOXEL_FEATURES: Final = (
    *SHARED,
    *(organ.name.lower() for organ in Organ),
    *(f"{organ.name.lower()} x {SHARED[0]}" for organ in Organ),
    *(f"{organ.name.lower()} x {SHARED[3]}" for organ in Organ),
)
"""What counts alike in all organs, then what is peculiar to each."""
CONSIDERED: Final = 0.02
"""Voxels below this probability keep it."""
LEAST_SUV: Final = 0.05
HU_RANGE: Final = (-200.0, 300.0)
PIECE: Final = 100_000
"""Voxels judged at once."""


@dataclass(frozen=True, slots=True)
class Usual:
    """Healthy voxels of every organ [15]: mean and spread of log SUV and of smoothed HU."""

    log_suv: Exact
    suv_spread: Exact
    hu: Exact
    hu_spread: Exact

    def as_plain(self) -> list[list[float]]:
        """JSON values: four rows."""
        rows = (self.log_suv, self.suv_spread, self.hu, self.hu_spread)
        return [[round(float(value), 5) for value in row] for row in rows]


@dataclass(frozen=True, slots=True)
class VoxelJudge:
    """What was fitted."""

    usual: Usual
    softmax: Softmax


def judge_from_plain(plain: Any) -> VoxelJudge:
    """From JSON values. Raises ValueError, KeyError or TypeError."""
    rows = np.asarray(plain["usual"], dtype=np.float64)
    if rows.shape != (4, len(Organ)) or not np.isfinite(rows).all():
        raise ValueError("the usual uptakes have another shape")
    if min(rows[1].min(), rows[3].min()) <= 0.0:
        raise ValueError("a spread is greater than zero")
    usual = Usual(rows[0], rows[1], rows[2], rows[3])
    return VoxelJudge(usual, softmax_from_plain(plain["softmax"], len(VOXEL_FEATURES), 2))


def smoothed_hu(images: GridImages) -> Volume:
    """HU over a voxel's neighbourhood, clipped: grain is no tissue."""
    smooth = ndimage.gaussian_filter(images.hu, 1.0)
    return np.asarray(np.clip(smooth, *HU_RANGE), dtype=np.float32)


def log_suv(images: GridImages, where: Mask) -> Exact:
    """Natural logarithm of the SUV of the voxels of ``where``; 0 without a PET."""
    if images.suv is None:
        return np.zeros(int(np.count_nonzero(where)))
    return np.asarray(np.log(np.maximum(images.suv[where], LEAST_SUV)), dtype=np.float64)


def voxel_features(
    images: GridImages, prediction: tuple[Organs, Volume], where: Mask, usual: Usual
) -> Exact:
    """VOXEL_FEATURES of the voxels of ``where``, in scan order."""
    organs, shares = prediction[0][where], prediction[1][where].astype(np.float64)
    uptake = log_suv(images, where)
    said = logit(np.clip(shares, 1e-3, 1.0 - 1e-3)) / 5.0
    hu = smoothed_hu(images)[where]
    shared = np.stack(
        [
            said,
            (uptake - usual.log_suv[organs]) / usual.suv_spread[organs],
            (hu - usual.hu[organs]) / usual.hu_spread[organs],
            uptake,
        ],
        axis=1,
    )
    own = np.eye(len(Organ))[organs]
    return np.concatenate([shared, own, own * said[:, None], own * uptake[:, None]], axis=1)


def judged(images: GridImages, organs: Organs, probability: Volume, judge: VoxelJudge) -> Volume:
    """The probability [z,y,x] with what is physiologic taken down, multiples of 1/1000."""
    where = probability >= CONSIDERED
    if not where.any():
        return probability
    features = voxel_features(images, (organs, probability), where, judge.usual)
    tumour = np.concatenate(
        [
            judge.softmax.probabilities(features[start : start + PIECE])[:, 1]
            for start in range(0, len(features), PIECE)
        ]
    )
    found = probability.copy()
    found[where] = np.round(tumour * 1000.0) / 1000.0
    return found
