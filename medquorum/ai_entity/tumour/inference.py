"""Run a voxel model over a whole grid in slabs, so that memory is bounded.

Each slab carries as much margin as the model's widest kernel sees, hence the slabs join without a
seam. Probabilities are rounded to thousandths before anything is decided on them: the last bits of
a float differ between processors, and a report should not.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.baseline.feature_bank import CT_BANK, PET_CT_BANK
from medquorum.ai_entity.registry import LoadedModel
from medquorum.ai_entity.tumour.grid import GridImages, Volume

SLAB_VOXELS: Final = 1_500_000
"""Per slab with its margin: some 60 float32 planes of it stay below 0.4 GB."""

HALO_VOXELS: Final = max(PET_CT_BANK.halo_voxels, CT_BANK.halo_voxels)

ROUNDING: Final = 1_000
"""Probabilities are multiples of 1/1000."""


def model_channels(images: GridImages, kind: str) -> Volume:
    """Channels [c,z,y,x] in the order the kind expects: ``petct`` SUV, HU; ``ct`` HU."""
    if kind == "petct":
        if images.suv is None:
            raise ValueError("a petct model needs a PET")
        return np.stack([images.suv, images.hu])
    return images.hu[None]


def predict(model: LoadedModel, channels: Volume) -> Volume:
    """Probability [z,y,x], multiples of 1/1000, of ``channels`` [c,z,y,x]."""
    halo = HALO_VOXELS
    padded = np.pad(channels, ((0, 0), *(((halo, halo),) * 3)), mode="edge")
    depth = channels.shape[1]
    plane = padded.shape[2] * padded.shape[3]
    step = max(SLAB_VOXELS // plane - 2 * halo, 4)
    inner = slice(halo, -halo)
    slabs: list[npt.NDArray[np.float32]] = []
    for start in range(0, depth, step):
        stop = min(start + step, depth)
        slab = np.ascontiguousarray(padded[None, :, start : stop + 2 * halo])
        slabs.append(model.run(slab)[0, 0, inner, inner, inner])
    probability = np.concatenate(slabs)
    if probability.shape != channels.shape[1:]:
        raise ValueError("the model changed the size of its input")
    finite = np.nan_to_num(probability, nan=0.0, posinf=1.0, neginf=0.0)
    rounded = np.round(np.clip(finite, 0.0, 1.0) * ROUNDING) / ROUNDING
    return np.asarray(rounded, dtype=np.float32)
