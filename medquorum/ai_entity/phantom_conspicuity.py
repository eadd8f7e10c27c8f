"""How plainly a lesion of a phantom shows: its volume, and its uptake over that of its organ.

A grade that is missed says little by itself: some lesions take up what their organ does. These
tables tell misses on such lesions from misses on lesions that stand out. Density is not looked at:
a lesion of usual uptake may still show on the CT. Measured on the images that the model was given,
from the truth alone, so nothing that a model does moves a lesion from one row to another.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.phantom.whole_body import TorsoPhantom

VOLUMES_ML: Final = (0.0, 1.0, 4.0, float("inf"))
UPTAKE_RATIOS: Final = (0.0, 1.5, 2.5, float("inf"))
NEIGHBOURS: Final = np.ones((3, 3, 3), dtype=np.bool_)
BORDER_VOXELS: Final = 2
"""About a lesion, counted to neither side: the scanner blurs it there."""


@dataclass(frozen=True, slots=True)
class Conspicuity:
    """Of all lesions of one organ."""

    volume_ml: float
    uptake_ratio: float
    """Mean SUV of their voxels over that of the organ's other voxels."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One organ that is Metastasis in truth, and what it was called."""

    conspicuity: Conspicuity
    called_right: bool
    called_tumour: bool
    """Any level but Negative."""


def conspicuity_of(torso: TorsoPhantom, organ: Organ) -> Conspicuity | None:
    """None where no lesion or nothing but lesion is in the organ."""
    own = torso.organs == organ
    lesion = own & torso.lesions
    if not lesion.any():
        return None
    near = ndimage.binary_dilation(torso.lesions, NEIGHBOURS, BORDER_VOXELS)
    healthy = own & ~near
    if not healthy.any():
        return None
    voxel_ml = float(np.prod(torso.spacing_zyx_mm)) / 1000.0
    usual = max(float(torso.suv[healthy].mean()), 1e-3)
    return Conspicuity(
        float(np.count_nonzero(lesion)) * voxel_ml, float(torso.suv[lesion].mean()) / usual
    )


def conspicuity_tables(shown: Iterable[Shown]) -> dict[str, list[dict[str, Any]]]:
    """By volume and by uptake: how many organs, called Metastasis, called any tumour."""
    everything = list(shown)
    return {
        "volume_ml": _table(everything, VOLUMES_ML, lambda one: one.volume_ml),
        "uptake_ratio": _table(everything, UPTAKE_RATIOS, lambda one: one.uptake_ratio),
    }


def _table(
    everything: list[Shown], bounds: Sequence[float], read: Callable[[Conspicuity], float]
) -> list[dict[str, Any]]:
    rows = []
    for low, high in pairwise(bounds):
        here = [one for one in everything if low <= read(one.conspicuity) < high]
        rows.append(
            {
                "from": low,
                "below": None if high == float("inf") else high,
                "organs": len(here),
                "called_metastasis": sum(one.called_right for one in here),
                "called_tumour": sum(one.called_tumour for one in here),
            }
        )
    return rows
