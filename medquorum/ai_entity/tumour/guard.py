"""Does this look like what the model was made for? If not, the entity abstains and says why.

A network answers noise as readily as a patient. These checks are rules, not a second model; their
bounds lie outside what 40 real PET/CT cases show (smoothness of CT 0.75 and of PET 0.80 or more,
soft tissue 0.57 L or more, 75 % or more of the activity inside the body).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.tumour.grid import GridImages, Volume

MIN_SIDE_MM: Final = 60.0
MIN_SOFT_TISSUE_ML: Final = 150.0
SOFT_TISSUE_HU: Final = (-200.0, 300.0)
MIN_CT_SMOOTHNESS: Final = 0.55
MIN_PET_SMOOTHNESS: Final = 0.55
MAX_BODY_MEDIAN_SUV: Final = 8.0
MIN_BODY_MEDIAN_SUV: Final = 0.01
MIN_UPTAKE_IN_BODY: Final = 0.5
"""Share of the PET's activity that must lie inside the CT's body."""


def smoothness(volume: Volume) -> float:
    """Correlation between voxels two steps apart: near 1 in a body, near 0 in noise.

    Two steps, because linear interpolation correlates direct neighbours of any noise.
    """
    scores = []
    for axis in range(3):
        if volume.shape[axis] < 6:
            continue
        first = np.take(volume, range(volume.shape[axis] - 2), axis=axis).ravel()
        second = np.take(volume, range(2, volume.shape[axis]), axis=axis).ravel()
        spread = float(first.std() * second.std())
        if spread <= 1e-9:
            return 0.0
        scores.append(float(((first - first.mean()) * (second - second.mean())).mean()) / spread)
    return min(scores) if scores else 0.0


def soft_tissue(hu: Volume) -> npt.NDArray[np.bool_]:
    """Voxels in the soft-tissue range of Hounsfield units."""
    return np.asarray((hu > SOFT_TISSUE_HU[0]) & (hu < SOFT_TISSUE_HU[1]))


def reason_to_abstain(images: GridImages) -> str | None:
    """A sentence when the images are not a body, or None."""
    step_mm = images.voxel_volume_mm3 ** (1.0 / 3.0)
    if min(images.hu.shape) * step_mm < MIN_SIDE_MM:
        return f"the image covers less than {MIN_SIDE_MM:.0f} mm in one direction"
    tissue = soft_tissue(images.hu)
    tissue_ml = float(tissue.sum()) * images.voxel_volume_mm3 / 1000.0
    if tissue_ml < MIN_SOFT_TISSUE_ML:
        return f"only {tissue_ml:.0f} mL of the CT has the density of soft tissue"
    if smoothness(np.clip(images.hu, -1000.0, 1000.0)) < MIN_CT_SMOOTHNESS:
        return "neighbouring voxels of the CT do not resemble each other: noise, not a body"
    return None if images.suv is None else _pet_reason(images.suv, tissue, images.hu)


def _pet_reason(suv: Volume, tissue: npt.NDArray[np.bool_], hu: Volume) -> str | None:
    median = float(np.median(suv[tissue]))
    if not MIN_BODY_MEDIAN_SUV <= median <= MAX_BODY_MEDIAN_SUV:
        return f"the median SUV of soft tissue is {median:.2f}: no FDG PET in SUV units"
    if smoothness(np.log1p(suv)) < MIN_PET_SMOOTHNESS:
        return "neighbouring voxels of the PET do not resemble each other: noise, not a body"
    inside = float(suv[hu > SOFT_TISSUE_HU[0]].sum()) / max(float(suv.sum()), 1e-9)
    if inside < MIN_UPTAKE_IN_BODY:
        return f"only {100 * inside:.0f} % of the PET's activity lies in the CT's body"
    return None
