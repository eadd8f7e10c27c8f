"""Is what a CT shows shaped like a part of a grown person?

Rules on the 4 mm grid, with what 40 real cases, a real chest and the phantoms show beside each
bound. A limb of a person and the trunk of a cat have one width; but no human limb holds lungs, and
no part of a person floats whole in the field of a scanner.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medquorum.ai_entity.tumour.boxes import filled_planes
from medquorum.ai_entity.tumour.grid import Volume

Mask = npt.NDArray[np.bool_]

BODY_HU: Final = -400.0

CORE_MM: Final = 8.0
MIN_CORE_SHARE: Final = 0.15
"""Of the soft tissue, deeper than CORE_MM inside it: real 0.34 (an ankle) and more."""

MAX_REPEATED_SHARE: Final = 0.5
REPEATED_HU: Final = 0.5
REPEATED_ABOVE_HU: Final = -900.0
"""Voxels equal to those of the next slice, outside air: real 0.10 and less."""

MIN_TRUNK_MM: Final = 190.0
"""Width of a circle as large as the widest cross-section: a slim woman's chest has 240."""

MAX_LUNG_SHARE: Final = 0.25
LUNG_RUN_MM: Final = 20.0
"""Enclosed air of a cross-section over this run: limbs 0.02, a head with wide sinuses 0.15."""

MIN_WHOLE_ML: Final = 7_000.0
"""Of a body that touches no side of the field: a cat has 4 L, the NEMA body phantom 12 L."""


def shape_reason(hu: Volume, tissue: Mask, voxel_mm3: float) -> str | None:
    """A sentence when this is no part of a grown person's body, or None."""
    return _thin_reason(tissue, voxel_mm3) or _animal_reason(hu, voxel_mm3)


def repeated_reason(hu: Volume) -> str | None:
    """A sentence when neighbouring slices are copies of one picture, or None."""
    solid = hu[1:] > REPEATED_ABOVE_HU
    if solid.any():
        repeated = np.abs(np.diff(hu, axis=0)) < REPEATED_HU
        if float(repeated[solid].mean()) > MAX_REPEATED_SHARE:
            return "slice after slice shows the same picture: writing or a test pattern, not a body"
    return None


def _thin_reason(tissue: Mask, voxel_mm3: float) -> str | None:
    depth = max(round(CORE_MM / voxel_mm3 ** (1.0 / 3.0)), 1)
    core = ndimage.binary_erosion(tissue, iterations=depth)
    if float(core.sum()) < MIN_CORE_SHARE * float(tissue.sum()):
        return "the soft tissue is nowhere thick: foam or a drawing, not a body"
    return None


def _animal_reason(hu: Volume, voxel_mm3: float) -> str | None:
    body = largest_part(hu > BODY_HU)
    filled = filled_planes(body)
    step_mm = voxel_mm3 ** (1.0 / 3.0)
    volume_ml = float(filled.sum()) * voxel_mm3 / 1000.0
    if not touches_sides(body, (0, 1, 2)) and volume_ml < MIN_WHOLE_ML:
        return (
            f"a whole body or object of {volume_ml / 1000.0:.1f} L: an animal or a small phantom, "
            "not a part of a grown person"
        )
    areas = filled.sum(axis=(1, 2))
    width_mm = 2.0 * float(np.sqrt(areas.max() / np.pi)) * step_mm
    if width_mm >= MIN_TRUNK_MM or touches_sides(body, (1, 2)):
        return None
    air = (filled & ~body).sum(axis=(1, 2)) / np.maximum(areas, 1)
    run = max(round(LUNG_RUN_MM / step_mm), 1)
    lungs = float(ndimage.uniform_filter1d(air, run, mode="nearest").max())
    if lungs > MAX_LUNG_SHARE:
        return f"lungs in a body {width_mm:.0f} mm wide: an animal or an infant, not a grown person"
    return None


def largest_part(mask: Mask) -> Mask:
    """The largest connected part; a couch and cables fall away."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == int(sizes.argmax()))


def touches_sides(mask: Mask, axes: tuple[int, ...]) -> bool:
    """Whether the mask reaches the first or last plane of one of the axes."""
    return any(bool(np.take(mask, index, axis=axis).any()) for axis in axes for index in (0, -1))
