"""Does this look like what the model was made for? If not, the entity abstains and says why.

A network answers noise as readily as a patient. These checks are rules, not a second model; their
bounds lie outside what 40 real PET/CT cases, a real chest and the phantoms show (smoothness of CT
0.75 and of PET 0.80 or more, soft tissue 0.57 L or more, 75 % or more of the activity inside the
body, 46 % or more of the voxels at fat or below, median SUV of soft tissue 0.39 to 1.07, at most
9 % of the soft tissue without uptake, spacings of 3.3 to 5.5 mm). What a body looks like stands in
``guard_body``, whether the PET lies where the CT does in ``guard_place``. A dog of a person's size,
or a person mirrored, is not told from a person.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.tumour.grid import GridImages, Volume
from medquorum.ai_entity.tumour.guard_body import repeated_reason, shape_reason
from medquorum.ai_entity.tumour.guard_place import shifted_reason

MIN_SIDE_MM: Final = 60.0
MIN_SOFT_TISSUE_ML: Final = 150.0
SOFT_TISSUE_HU: Final = (-200.0, 300.0)
MIN_CT_SMOOTHNESS: Final = 0.55
MIN_PET_SMOOTHNESS: Final = 0.55
MEDIAN_SUV: Final = (0.05, 5.0)
MIN_UPTAKE_IN_BODY: Final = 0.5
"""Share of the PET's activity that must lie inside the CT's body."""

COLD_SHARE: Final = 0.1
MAX_COLD_TISSUE: Final = 0.15
"""Of the soft tissue, with less than COLD_SHARE of its median SUV: where a PET lies elsewhere."""

FINEST_MM: Final = 0.2
"""A voxel below is a microscope's or a small animal's."""

COARSEST_MM: Final = 12.0
"""A lesion of 3 mL is 18 mm wide: coarser voxels cannot show it."""

FAT_HU: Final = -30.0
MIN_FAT_OR_AIR_SHARE: Final = 0.01
"""Every body has fat and air around it; MR and PET values are never negative."""

AIR_HU: Final = -400.0
METAL_HU: Final = 2_000.0
MAX_METAL_SHARE: Final = 0.2
"""Of the soft tissue's volume; two hip implants are 3 %."""

INTERCEPT: Final = 1_024.0
"""What a scanner adds to store Hounsfield units without a sign."""

MIN_TISSUE_INSIDE: Final = 0.1
"""Soft tissue among everything denser than air less the intercept; real 0.23 and more."""

TISSUE_SPREAD_HU: Final = 150.0
"""How far the median density of a body lies from water, with its fat and its bones."""

MAX_NEGATIVE_SHARE: Final = 0.02
NEGATIVE_SUV: Final = -1.0
"""Reconstruction noise dips below zero, but neither so deep nor so often."""

UNITS: Final = 1_000.0
"""Grams for kilograms, kBq for Bq: the factor by which units are confused."""


def smoothness(volume: Volume) -> float:
    """Correlation between voxels two steps apart: near 1 in a body, near 0 in noise.

    Two steps, because linear interpolation correlates direct neighbours of any noise.
    """
    scores = []
    for axis in range(3):
        if volume.shape[axis] < 6:
            continue
        lines = np.moveaxis(volume, axis, 0)
        first, second = (np.moveaxis(one, 0, axis).ravel() for one in (lines[:-2], lines[2:]))
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
    if images.suv is not None and images.names_fdg is False:
        return "the PET's header names another tracer than FDG, and this model reads FDG only"
    reason = _size_reason(images) or _density_reason(images.hu, images.voxel_volume_mm3)
    if reason is not None:
        return reason
    tissue = soft_tissue(images.hu)
    reason = (
        repeated_reason(images.hu)
        or _noise_reason(images.hu)
        or shape_reason(images.hu, tissue, images.voxel_volume_mm3)
    )
    if reason is not None or images.suv is None:
        return reason
    return (
        _units_reason(images, tissue)
        or _place_reason(images.suv, tissue, images.hu)
        or shifted_reason(images.hu, images.suv, tissue, images.voxel_volume_mm3)
    )


def assumed_tracer(images: GridImages) -> tuple[str, ...]:
    """What a report must say where the PET's header does not tell the tracer."""
    if images.suv is None or images.names_fdg is not None:
        return ()
    return ("The PET's header does not name its tracer: FDG was assumed.",)


def _size_reason(images: GridImages) -> str | None:
    spacings = images.native_spacings_mm
    if spacings and min(spacings) < FINEST_MM:
        return f"voxels of {min(spacings):.2f} mm: finer than any scanner of the body"
    if spacings and max(spacings) > COARSEST_MM:
        return f"voxels of {max(spacings):.1f} mm: too coarse for lesions of 3 mL"
    step_mm = images.voxel_volume_mm3 ** (1.0 / 3.0)
    if min(images.hu.shape) * step_mm < MIN_SIDE_MM:
        return (
            f"the image covers less than {MIN_SIDE_MM:.0f} mm in one direction: a few slices of a "
            "series"
        )
    return None


def _density_reason(hu: Volume, voxel_mm3: float) -> str | None:
    """Are these Hounsfield units of a body?"""
    if not np.isfinite(hu).all():
        return "the CT has values that are no numbers"
    if float(np.ptp(hu)) == 0.0:
        return "the CT is of one value everywhere"
    reason = _too_low(hu)
    if reason is not None:
        return reason
    if not (hu > AIR_HU).any():
        return "the CT is empty: nothing but air"
    tissue_ml = float(soft_tissue(hu).sum()) * voxel_mm3 / 1000.0
    metal_ml = float((hu > METAL_HU).sum()) * voxel_mm3 / 1000.0
    if metal_ml > MAX_METAL_SHARE * max(tissue_ml, MIN_SOFT_TISSUE_ML):
        return f"{metal_ml:.0f} mL of the CT is as dense as metal: an object, not a body"
    if float((hu < FAT_HU).mean()) < MIN_FAT_OR_AIR_SHARE:
        return _too_high(hu) or (
            "no fat or air in the CT: another modality, or not in Hounsfield units"
        )
    if tissue_ml < MIN_SOFT_TISSUE_ML:
        return _too_low(hu) or (f"only {tissue_ml:.0f} mL of the CT has the density of soft tissue")
    return None


def _too_high(hu: Volume) -> str | None:
    """Where the densest part should be: soft tissue plus the intercept, not anywhere."""
    dense = hu[hu > INTERCEPT / 2.0]
    if dense.size < MIN_FAT_OR_AIR_SHARE * hu.size:
        return None
    if abs(float(np.median(dense)) - INTERCEPT) > TISSUE_SPREAD_HU:
        return None
    return (
        f"the CT's values are about {INTERCEPT:.0f} too high: its rescale intercept was not applied"
    )


def _too_low(hu: Volume) -> str | None:
    """Air where no scanner has any, and a body of nothing but bone; padding alone has its body."""
    inside = hu > AIR_HU - INTERCEPT
    if float(inside.mean()) > 1.0 - MIN_FAT_OR_AIR_SHARE or not inside.any():
        return None
    if float(soft_tissue(hu).sum()) > MIN_TISSUE_INSIDE * float(inside.sum()):
        return None
    return (
        f"the CT's values are about {INTERCEPT:.0f} too low: its rescale intercept was applied "
        "twice"
    )


def _noise_reason(hu: Volume) -> str | None:
    if smoothness(np.clip(hu, -1000.0, 1000.0)) < MIN_CT_SMOOTHNESS:
        return (
            "neighbouring voxels of the CT do not resemble each other: noise or writing, not a body"
        )
    return None


def _units_reason(images: GridImages, tissue: npt.NDArray[np.bool_]) -> str | None:
    """Is this a PET in SUV?"""
    suv = images.suv
    assert suv is not None  # noqa: S101 - asked only where there is a PET
    native = suv if images.native_suv is None else images.native_suv.voxels
    if not (np.isfinite(suv).all() and np.isfinite(native).all()):
        return "the PET has values that are no numbers"
    if float(np.ptp(suv)) == 0.0:
        return "the PET is of one value everywhere"
    if float((native < NEGATIVE_SUV).mean()) > MAX_NEGATIVE_SHARE:
        return "the PET has many negative values: another modality, perhaps the CT itself"
    median = float(np.median(suv[tissue]))
    if not MEDIAN_SUV[0] <= median <= MEDIAN_SUV[1]:
        return f"the median SUV of soft tissue is {median:.3g}: {_unit_words(median)}"
    if smoothness(np.log1p(suv)) < MIN_PET_SMOOTHNESS:
        return "neighbouring voxels of the PET do not resemble each other: noise, not a body"
    return None


def _unit_words(median: float) -> str:
    if MEDIAN_SUV[0] <= median / UNITS <= MEDIAN_SUV[1]:
        return "about a thousand times too high; is the weight in grams, or the dose in kBq?"
    if MEDIAN_SUV[0] <= median * UNITS <= MEDIAN_SUV[1]:
        return "about a thousand times too low; is the weight in tonnes, or the dose in mBq?"
    return "no FDG PET in SUV units"


def _place_reason(suv: Volume, tissue: npt.NDArray[np.bool_], hu: Volume) -> str | None:
    """Does the PET lie where the CT has its body?"""
    inside = float(suv[hu > SOFT_TISSUE_HU[0]].sum()) / max(float(suv.sum()), 1e-9)
    if inside < MIN_UPTAKE_IN_BODY:
        return f"only {100 * inside:.0f} % of the PET's activity lies in the CT's body"
    uptake = suv[tissue]
    cold = float((uptake < COLD_SHARE * float(np.median(uptake))).mean())
    if cold > MAX_COLD_TISSUE:
        return (
            f"{100 * cold:.0f} % of the CT's soft tissue has no uptake: CT and PET are shifted or "
            "flipped against each other"
        )
    return None
