"""Volume of a hot lesion by a threshold that knows blur and background.

A fixed share of the maximum is right for one contrast and size only: 41 % of SUVmax reads the
22 mm sphere of the NEMA IEC phantom half too large at 4:1. Here the share follows from the lesion
itself, as in the iterative methods for PET volumes (Erdi et al., Cancer 1997, 80:2505; Jentzen
et al., J Nucl Med 2007, 48:108). A sphere of radius R, blurred by a Gaussian of the image's
resolution, is known in closed form: which mean contrast its core shows, and which its true border.
So, from the drawn lesion's volume: R, then the true contrast from the mean over the core (the 1 cm3
or, in larger lesions, the inner 34 % that lies deepest), then the threshold at the border, then the
volume above it; until it stays.

The image is read between its voxels (linearly), so that small spheres do not jump by whole voxels.
Lesions that are not round have more surface than assumed and read a little small; a lesion with a
cold core is measured by its hot part. So it is reported beside the network's volume, not instead.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special

from medquorum.ai_entity.tumour.boxes import box_of, grown
from medquorum.ai_entity.tumour.pet_metrics import (
    MM3_PER_ML,
    PEAK_RADIUS_MM,
    Labels,
    Mask,
    Spacing,
    Suv,
)

RESOLUTION_MM: Final = 8.0
"""Full width at half maximum of the image: a scanner of 6 mm, voxels of 4 mm, resampled once."""
SHELL_MM: Final = (8.0, 20.0)
"""The background is the median this far outside the lesion."""
REACH_MM: Final = 8.0
"""How far outside the drawn lesion the measured one may reach."""
FINE_MM: Final = 2.0
ROUNDS: Final = 12
CORE_SHARE: Final = 0.7
"""Of the radius."""
STAYS: Final = 0.01
"""Relative change of the volume at which the search ends."""
LEAST_CONTRAST: Final = 0.2
"""A core less than this share above its background has no border to find."""
FWHM_PER_SIGMA: Final = 2.3548

Exact = npt.NDArray[np.float64]


def blurred_sphere(distance_mm: Exact, radius_mm: float, sigma_mm: float) -> Exact:
    """A unit sphere convolved with a Gaussian, at these distances from its centre (0 allowed).

    Closed form of the convolution, e.g. Kessler et al., J Comput Assist Tomogr 1984, 8:514.
    """
    r = np.maximum(np.asarray(distance_mm, dtype=np.float64), 1e-3 * sigma_mm)
    near, far = (radius_mm - r) / sigma_mm, (radius_mm + r) / sigma_mm
    plateau = 0.5 * (special.erf(near / np.sqrt(2.0)) + special.erf(far / np.sqrt(2.0)))
    curvature = np.exp(-0.5 * near**2) - np.exp(-0.5 * far**2)
    return np.asarray(plateau - sigma_mm / (r * np.sqrt(2.0 * np.pi)) * curvature)


def core_mean(radius_mm: float, core_mm: float, sigma_mm: float) -> float:
    """Mean of ``blurred_sphere`` over its central ball of ``core_mm``."""
    radii: Exact = (np.arange(64, dtype=np.float64) + 0.5) / 64.0 * core_mm
    return float(np.average(blurred_sphere(radii, radius_mm, sigma_mm), weights=radii**2))


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """A lesion's box, refined."""

    suv: Exact
    own: Mask
    allowed: Mask
    background: float
    step_mm: Spacing
    sigma_mm: float

    @property
    def voxel_mm3(self) -> float:
        return float(np.prod(self.step_mm))


def adaptive_volume_ml(suv: Suv, lesions: Labels, number: int, spacing_mm: Spacing) -> float | None:
    """Volume of lesion ``number`` on the PET [z,y,x]; None where nothing stands out of it."""
    around = _surroundings(suv, lesions, number, spacing_mm)
    if around is None:
        return None
    mask = around.own
    volume = float(np.count_nonzero(mask)) * around.voxel_mm3
    for _ in range(ROUNDS):
        radius = (3.0 * volume / (4.0 * np.pi)) ** (1.0 / 3.0)
        core_mm = max(PEAK_RADIUS_MM, CORE_SHARE * radius)
        core = _deepest_mean(around, mask, 4.0 / 3.0 * np.pi * core_mm**3)
        contrast = core - around.background
        if contrast <= LEAST_CONTRAST * around.background:
            return None
        true_contrast = contrast / core_mean(radius, min(core_mm, radius), around.sigma_mm)
        share = float(blurred_sphere(np.asarray([radius]), radius, around.sigma_mm)[0])
        mask = _connected(around, around.background + share * true_contrast)
        found = float(np.count_nonzero(mask)) * around.voxel_mm3
        if found == 0.0:
            return None
        if abs(found - volume) <= STAYS * volume:
            return found / MM3_PER_ML
        volume = 0.5 * (found + volume)
    return volume / MM3_PER_ML


def _surroundings(
    suv: Suv, lesions: Labels, number: int, spacing_mm: Spacing
) -> _Surroundings | None:
    box = ndimage.find_objects(lesions, max_label=number)[number - 1]
    if box is None:
        return None
    wide = _grown(box, SHELL_MM[1], spacing_mm)
    part, own, other = suv[wide], lesions[wide] == number, lesions[wide] > 0
    distance = ndimage.distance_transform_edt(~own, sampling=spacing_mm)
    shell = (distance >= SHELL_MM[0]) & (distance <= SHELL_MM[1]) & ~other
    if not shell.any():
        return None
    background = float(np.median(part[shell]))
    inner = _grown(box, REACH_MM, spacing_mm)
    part, own, other = suv[inner], lesions[inner] == number, lesions[inner] > 0
    distance = ndimage.distance_transform_edt(~own, sampling=spacing_mm)
    factors = [max(round(step / FINE_MM), 1) for step in spacing_mm]
    z, y, x = (step / factor for step, factor in zip(spacing_mm, factors, strict=True))
    interpolation = float(np.mean(np.square(spacing_mm))) / 6.0
    return _Surroundings(
        suv=ndimage.zoom(part.astype(np.float64), factors, order=1, grid_mode=True, mode="nearest"),
        own=_refined(own, factors),
        allowed=_refined((distance <= REACH_MM) & (own | ~other), factors),
        background=background,
        step_mm=(z, y, x),
        sigma_mm=float(np.sqrt((RESOLUTION_MM / FWHM_PER_SIGMA) ** 2 + interpolation)),
    )


def _grown(box: tuple[slice, ...], reach_mm: float, spacing_mm: Spacing) -> tuple[slice, ...]:
    reach = [int(reach_mm // step) + 2 for step in spacing_mm]
    return tuple(
        slice(max(edge.start - more, 0), edge.stop + more)
        for edge, more in zip(box, reach, strict=True)
    )


def _refined(mask: Mask, factors: list[int]) -> Mask:
    for axis, factor in enumerate(factors):
        mask = np.repeat(mask, factor, axis=axis)
    return mask


def _deepest_mean(around: _Surroundings, mask: Mask, core_mm3: float) -> float:
    """Mean SUV of the voxels that lie deepest in ``mask``, as many as ``core_mm3`` holds."""
    inside = np.zeros(mask.shape)
    box = box_of(mask)
    if box is not None:
        wide = grown(box, 1, mask.shape)
        inside[wide] = ndimage.distance_transform_edt(mask[wide], sampling=around.step_mm)
    depth = inside.ravel()
    count = min(max(int(core_mm3 / around.voxel_mm3), 1), depth.size)
    deep = np.flatnonzero(mask)
    if len(deep) < count:  # smaller than its core: then some of what lies around it, too
        deep = np.arange(depth.size)
    deepest = deep[np.argsort(-depth[deep], kind="stable")[:count]]
    return float(around.suv.ravel()[deepest].mean())


def _connected(around: _Surroundings, bound: float) -> Mask:
    """The piece above ``bound`` that holds the hottest allowed place."""
    above = (around.suv >= bound) & around.allowed
    numbered, _ = ndimage.label(above)
    hottest = int(np.where(above, around.suv, -np.inf).argmax())
    return np.asarray(above & (numbered == numbered.ravel()[hottest]))
