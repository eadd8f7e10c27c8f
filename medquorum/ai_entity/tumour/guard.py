"""Does this look like what the model was made for? If not, the entity abstains and says why.

A network answers noise as readily as a patient. These checks are rules, not a second model; their
bounds lie outside what 40 real PET/CT cases show (smoothness of CT 0.75 and of PET 0.80 or more,
soft tissue 0.57 L or more, 75 % or more of the activity inside the body, 46 % or more of the voxels
at fat or below, spacings of 3.3 to 5.5 mm).
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


FINEST_MM: Final = 0.2
"""A voxel below is a microscope's or a small animal's."""

COARSEST_MM: Final = 12.0
"""A lesion of 3 mL is 18 mm wide: coarser voxels cannot show it."""

FAT_HU: Final = -30.0
MIN_FAT_OR_AIR_SHARE: Final = 0.01
"""Every body has fat and air around it; MR and PET values are never negative."""


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
    reason = _size_reason(images) or _ct_reason(images)
    if reason is not None or images.suv is None:
        return reason
    return _pet_reason(images.suv, soft_tissue(images.hu), images.hu)


def _size_reason(images: GridImages) -> str | None:
    spacings = images.native_spacings_mm
    if spacings and min(spacings) < FINEST_MM:
        return f"voxels of {min(spacings):.2f} mm: finer than any scanner of the body"
    if spacings and max(spacings) > COARSEST_MM:
        return f"voxels of {max(spacings):.1f} mm: too coarse for lesions of 3 mL"
    step_mm = images.voxel_volume_mm3 ** (1.0 / 3.0)
    if min(images.hu.shape) * step_mm < MIN_SIDE_MM:
        return f"the image covers less than {MIN_SIDE_MM:.0f} mm in one direction"
    return None


def _ct_reason(images: GridImages) -> str | None:
    if not np.isfinite(images.hu).all():
        return "the CT has values that are no numbers"
    if float(np.ptp(images.hu)) == 0.0:
        return "the CT is of one value everywhere"
    tissue_ml = float(soft_tissue(images.hu).sum()) * images.voxel_volume_mm3 / 1000.0
    if tissue_ml < MIN_SOFT_TISSUE_ML:
        return f"only {tissue_ml:.0f} mL of the CT has the density of soft tissue"
    if smoothness(np.clip(images.hu, -1000.0, 1000.0)) < MIN_CT_SMOOTHNESS:
        return "neighbouring voxels of the CT do not resemble each other: noise, not a body"
    if float((images.hu < FAT_HU).mean()) < MIN_FAT_OR_AIR_SHARE:
        return "no fat or air in the CT: another modality, or not in Hounsfield units"
    return None


def _pet_reason(suv: Volume, tissue: npt.NDArray[np.bool_], hu: Volume) -> str | None:
    if not np.isfinite(suv).all():
        return "the PET has values that are no numbers"
    if float(np.ptp(suv)) == 0.0:
        return "the PET is of one value everywhere"
    median = float(np.median(suv[tissue]))
    if not MIN_BODY_MEDIAN_SUV <= median <= MAX_BODY_MEDIAN_SUV:
        return f"the median SUV of soft tissue is {median:.2f}: no FDG PET in SUV units"
    if smoothness(np.log1p(suv)) < MIN_PET_SMOOTHNESS:
        return "neighbouring voxels of the PET do not resemble each other: noise, not a body"
    inside = float(suv[hu > SOFT_TISSUE_HU[0]].sum()) / max(float(suv.sum()), 1e-9)
    if inside < MIN_UPTAKE_IN_BODY:
        return f"only {100 * inside:.0f} % of the PET's activity lies in the CT's body"
    return None
