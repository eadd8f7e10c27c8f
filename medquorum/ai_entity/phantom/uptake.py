"""Physiologic FDG uptake of a labelled body, parametric or real: what must not be called tumour.

Every organ gets its own mean (``organs.TISSUES``), slow variation inside it, and what makes it hot
in healthy people: a horseshoe of left ventricular muscle, renal pelves full of excreted tracer, gut
segments, grey matter, the bladder.
"""

from typing import Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.phantom.density import smooth_noise
from medquorum.ai_entity.phantom.geometry import Labels, Mask, Point, Volume
from medquorum.ai_entity.phantom.organs import (
    HOT_GUT_SUV,
    MYOCARDIUM_SUV,
    RENAL_PELVIS_SUV,
    TISSUES,
    WHITE_MATTER_SHARE,
    Organ,
)

VARIATION: Final = 0.08
"""Standard deviation of the slow variation, share of the mean."""
VARIATION_MM: Final = 14.0
WALL_MM: Final = 11.0
VENTRICLE_MM: Final = 31.0
"""Outer half axis of the left ventricle."""
PELVIS_MM: Final = 11.0
GREY_MM: Final = 9.0


def physiologic_activity(organs: Labels, spacing_zyx_mm: Point, rng: np.random.Generator) -> Volume:
    """SUV [z,y,x] of a body without tumour, before the scanner."""
    means = np.asarray([rng.uniform(*TISSUES[organ].suv) for organ in Organ])
    step = spacing_zyx_mm[1]
    grain = smooth_noise(rng, organs.shape, VARIATION_MM / step)
    suv = means[organs] * (1.0 + VARIATION * grain)
    wall = rng.uniform(0.0, 1.0) ** 1.5
    low, high = MYOCARDIUM_SUV
    suv[_ventricle(organs == Organ.HEART, spacing_zyx_mm)] = low + wall * (high - low)
    suv[_renal_pelves(organs == Organ.KIDNEYS, spacing_zyx_mm)] = rng.uniform(*RENAL_PELVIS_SUV)
    segments = smooth_noise(rng, organs.shape, 24.0 / step)
    hot = (organs == Organ.GUT) & (segments > rng.uniform(0.9, 1.9))
    suv[hot] = rng.uniform(*HOT_GUT_SUV) * (1.0 + 0.2 * grain[hot])
    brain = organs == Organ.BRAIN
    if brain.any():
        depth = ndimage.distance_transform_edt(brain, spacing_zyx_mm)
        suv[brain & (depth > GREY_MM) & (np.abs(depth - 38.0) > 8.0)] *= WHITE_MATTER_SHARE
    return np.asarray(np.maximum(suv, 0.0), dtype=np.float32)


def _places(
    mask: Mask, spacing_zyx_mm: Point
) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """Open coordinate planes (z, y, x) in mm of the mask's grid."""
    return [
        index * step
        for index, step in zip(np.ogrid[tuple(map(slice, mask.shape))], spacing_zyx_mm, strict=True)
    ]


def _ventricle(heart: Mask, spacing_zyx_mm: Point) -> Mask:
    """A horseshoe: an ellipsoid shell in the heart's left, lower, front part, open to the base."""
    if not heart.any():
        return heart
    z, y, x = _places(heart, spacing_zyx_mm)
    middle = np.asarray([axis.mean() for axis in np.nonzero(heart)]) * spacing_zyx_mm
    dz, dy, dx = z - middle[0] + 4.0, y - middle[1] + 2.0, x - middle[2] - 16.0
    axis = np.asarray((-0.45, -0.5, 0.74))
    along = dz * axis[0] + dy * axis[1] + dx * axis[2]
    across = np.sqrt(np.maximum(dz**2 + dy**2 + dx**2 - along**2, 0.0))
    outer = np.hypot(along / (1.35 * VENTRICLE_MM), across / VENTRICLE_MM) < 1.0
    inner_mm = VENTRICLE_MM - WALL_MM
    inner = np.hypot(along / (1.35 * VENTRICLE_MM - WALL_MM), across / inner_mm) < 1.0
    return np.asarray(heart & outer & ~inner & (along > -0.7 * VENTRICLE_MM))


def _renal_pelves(kidneys: Mask, spacing_zyx_mm: Point) -> Mask:
    """A ball on the inner side of each kidney that is large enough to be one."""
    found = np.zeros_like(kidneys)
    numbered, count = ndimage.label(kidneys)
    z, y, x = _places(kidneys, spacing_zyx_mm)
    centre_x = (kidneys.shape[2] - 1) * spacing_zyx_mm[2] / 2.0
    for number in range(1, count + 1):
        kidney = numbered == number
        if np.count_nonzero(kidney) * float(np.prod(spacing_zyx_mm)) < 20_000.0:
            continue
        middle = np.asarray([axis.mean() for axis in np.nonzero(kidney)]) * spacing_zyx_mm
        inward = 9.0 * np.sign(centre_x - middle[2])
        far = (z - middle[0]) ** 2 + (y - middle[1]) ** 2 + (x - middle[2] - inward) ** 2
        found |= kidney & (far < PELVIS_MM**2)
    return found
