"""Which voxels of a whole body are tumour, given the organ they lie in and what lies around them.

The network sees a window of 19 cm and cannot always tell a brain from a tumour; where the body is
known (``organ_atlas``), this can. A perceptron of one hidden layer weighs, for every voxel that the
network suspects or that takes up FDG, the network's word, the uptake at three scales, the density
and the organ; it was fitted on phantoms that trained nothing. It speaks only where organs were
placed by the lungs: crops of a limb keep the network's probability.

It has learnt the phantoms' world, in which nothing grows in heart, bladder or brain: there hardly
anything passes. Lesions there must be found by eye; the report says so.
"""

from functools import partial
from typing import Any, Final

import numpy as np

from medquorum.ai_entity.baseline.head import Head
from medquorum.ai_entity.calibration import Exact, logit, sigmoid
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.tumour.boxes import blurred, box_of, grown, within
from medquorum.ai_entity.tumour.grid import GridImages, Volume
from medquorum.ai_entity.tumour.pet_metrics import Mask
from medquorum.ai_entity.tumour.side_by_side import side_by_side
from medquorum.ai_entity.tumour.windows import Organs

VOXEL_FEATURES: Final = (
    "logit of the network / 5",
    "the same, smoothed over 6 mm",
    "log SUV",
    "log SUV over 8 mm",
    "log SUV over 20 mm",
    "HU over 4 mm / 50",
    "HU over 8 mm / 50",
    "share of its organ within 8 mm",
    *(organ.name.lower() for organ in Organ),
)
CONSIDERED: Final = 0.02
CONSIDERED_SUV: Final = 1.5
"""Voxels below both are no tumour."""
LEAST_SUV: Final = 0.05
HU_RANGE: Final = (-200.0, 300.0)
MAX_UNITS: Final = 64
REACH: Final = 8
"""Voxels that the smoothing over 8 mm reaches."""
PIECE: Final = 100_000
"""Voxels judged at once."""


def considered(images: GridImages, organs: Organs, probability: Volume) -> Mask:
    """The voxels of the body that may be tumour."""
    where = probability >= CONSIDERED
    if images.suv is not None:
        where |= images.suv > CONSIDERED_SUV
    return np.asarray(where & (organs != Organ.AIR))


def voxel_features(
    images: GridImages, organs: Organs, probability: Volume, where: Mask
) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """VOXEL_FEATURES [n,f] of the voxels of ``where``, in scan order."""
    box = box_of(where)
    if box is None:
        return np.zeros((0, len(VOXEL_FEATURES)), dtype=np.float32)
    suv = np.ones_like(images.hu) if images.suv is None else images.suv
    inside, wide = where[box], grown(box, REACH, where.shape)
    density = np.clip(blurred(images.hu, 1.0, wide), *HU_RANGE)
    wide_suv, near_suv, near_density, near_share = side_by_side(
        [
            partial(blurred, suv, 5.0, box),
            partial(blurred, suv, 2.0, box),
            partial(blurred, density, 2.0, within(box, wide)),
            partial(blurred, probability, 1.5, box),
        ]
    )
    columns = [
        _logits(probability[where]),
        _logits(near_share[inside]),
        _logarithm(suv[where]),
        _logarithm(near_suv[inside]),
        _logarithm(wide_suv[inside]),
        density[within(box, wide)][inside] / 50.0,
        near_density[inside] / 50.0,
        _own_share(organs, where)[where],
    ]
    own = np.eye(len(Organ), dtype=np.float32)[organs[where]]
    return np.concatenate([np.stack(columns, axis=1).astype(np.float32), own], axis=1)


def _logits(shares: Volume) -> Exact:
    return logit(np.clip(shares.astype(np.float64), 1e-3, 1.0 - 1e-3)) / 5.0


def _logarithm(suv: Volume) -> Exact:
    return np.asarray(np.log(np.maximum(suv, LEAST_SUV)), dtype=np.float64)


def _own_share(organs: Organs, where: Mask) -> Volume:
    """For voxels of ``where`` the share of their own organ around them: 1 deep inside it."""
    found = np.zeros(organs.shape, dtype=np.float32)

    def share_of(organ: Organ) -> None:
        own = organs == organ
        asked = own & where
        box = box_of(asked)
        if box is not None:
            found[box][asked[box]] = blurred(own.astype(np.float32), 2.0, box)[asked[box]]

    side_by_side(partial(share_of, organ) for organ in Organ)
    return found


def judged(images: GridImages, organs: Organs, probability: Volume, judge: Head) -> Volume:
    """Probability of tumour [z,y,x], multiples of 1/1000; 0 where nothing is considered."""
    where = considered(images, organs, probability)
    found = np.zeros_like(probability)
    if where.any():
        features = voxel_features(images, organs, probability, where)
        shares = np.concatenate(
            [
                sigmoid(judge.logit(features[start : start + PIECE]))
                for start in range(0, len(features), PIECE)
            ]
        )
        found[where] = np.round(shares * 1000.0) / 1000.0
    return found


def judge_to_plain(judge: Head) -> dict[str, Any]:
    """JSON values."""
    arrays = {"mean": judge.mean, "scale": judge.scale, "w1": judge.w1, "b1": judge.b1,
              "w2": judge.w2}  # fmt: skip
    plain: dict[str, Any] = {name: np.round(one, 6).tolist() for name, one in arrays.items()}
    return plain | {"b2": round(judge.b2, 6)}


def judge_from_plain(plain: Any) -> Head:
    """The inverse. Raises ValueError, KeyError or TypeError."""
    mean, scale, w1, b1, w2 = (
        np.asarray(plain[name], dtype=np.float64) for name in ("mean", "scale", "w1", "b1", "w2")
    )
    inputs, units = len(VOXEL_FEATURES), len(b1)
    shapes = [mean.shape, scale.shape, w1.shape, b1.shape, w2.shape]
    if units > MAX_UNITS or shapes != [
        (inputs,),
        (inputs,),
        (inputs, units),
        (units,),
        (units,),
    ]:
        raise ValueError("the voxel judge has other sizes")
    judge = Head(mean, scale, w1, b1, w2, float(plain["b2"]))
    if not all(np.isfinite(one).all() for one in (mean, scale, w1, b1, w2, judge.b2)):
        raise ValueError("the voxel judge holds values that are no numbers")
    if scale.min() <= 0.0:
        raise ValueError("a scale is greater than zero")
    return judge
