"""Segmentation by thresholds and the measures of uptake, as functions of arrays and spacings.

What is measured, and where each definition is published:

- *SUV >= 4.0, components of 3 cm3 and more*: Boellaard et al., J Nucl Med 2024,
  doi 10.2967/jnumed.124.267789. Physiologic uptake is part of it until a reader deletes it.
- *41 % of SUVmax per lesion*: EANM procedure guideline 2.0, Boellaard et al., Eur J Nucl Med Mol
  Imaging 2015, doi 10.1007/s00259-014-2961-x.
- *SUVpeak*: highest mean over a sphere of 1 cm3 (PERCIST 1.0, Wahl et al., J Nucl Med 2009,
  doi 10.2967/jnumed.108.057307).
- *TLG*: mean SUV times volume of the lesion (Larson et al., Clin Positron Imaging 1999).

Arrays are [z,y,x], spacings (z,y,x) in millimetres. A volume is the number of voxels times the
product of the spacings, nothing else.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medquorum.ai_entity.tumour.boxes import box_of

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]
Suv = npt.NDArray[np.floating[Any]]
Spacing = tuple[float, float, float]

MIN_LESION_MM3: Final = 3_000.0
"""3 cm3, the preselection of Boellaard et al. 2024."""

FIXED_SUV: Final = 4.0
RELATIVE_SHARE: Final = 0.41

NEIGHBOURHOOD_MM: Final = 12.0
"""How far around a lesion its 41 % isocontour may reach: beyond that it has left the lesion."""

PEAK_RADIUS_MM: Final = (3.0 * 1000.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
"""6.204 mm: the radius of 1 cm3."""

SUBSAMPLES: Final = 9
"""Sub-voxels per axis when a voxel's share of the sphere is counted."""

MM3_PER_ML: Final = 1_000.0


def volume_ml(mask: Mask, spacing_mm: Spacing) -> float:
    """Number of voxels times the product of the spacings, in mL."""
    return float(np.count_nonzero(mask)) * float(np.prod(spacing_mm)) / MM3_PER_ML


def glycolysis(suv: Suv, mask: Mask, spacing_mm: Spacing) -> float:
    """Total lesion glycolysis in SUV x mL: the mean SUV times the volume."""
    return float(suv[mask].sum(dtype=np.float64)) * float(np.prod(spacing_mm)) / MM3_PER_ML


def keep_large(mask: Mask, voxel_mm3: float, smallest_mm3: float = MIN_LESION_MM3) -> Mask:
    """``mask`` without face-connected components below ``smallest_mm3``."""
    kept, box = np.zeros_like(mask), box_of(mask)
    if box is None:
        return kept
    labels, _ = ndimage.label(mask[box])
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    kept[box] = (sizes * voxel_mm3 >= smallest_mm3 * (1.0 - 1e-9))[labels]
    return kept


def fixed_threshold(suv: Suv, spacing_mm: Spacing, threshold: float = FIXED_SUV) -> Mask:
    """Voxels of ``threshold`` and more in face-connected components of 3 cm3 and more."""
    return keep_large(np.asarray(suv >= threshold), float(np.prod(spacing_mm)))


def relative_threshold(
    suv: Suv, lesions: Labels, spacing_mm: Spacing, share: float = RELATIVE_SHARE
) -> Mask:
    """Union over the lesions 1..n of each one's isocontour at ``share`` of its own SUVmax.

    The isocontour holds the voxels that reach the share, are face-connected to the lesion's hottest
    voxel, and lie within NEIGHBOURHOOD_MM of the lesion and in no other lesion. A lesion without
    uptake adds nothing.
    """
    found = np.zeros(lesions.shape, dtype=np.bool_)
    for number, box in enumerate(ndimage.find_objects(lesions), start=1):
        if box is not None:
            wide = _widened(box, lesions.shape, spacing_mm)
            found[wide] |= _isocontour(suv[wide], lesions[wide], number, (spacing_mm, share))
    return found


def _widened(
    box: tuple[slice, ...], shape: tuple[int, ...], spacing_mm: Spacing
) -> tuple[slice, ...]:
    reach = [int(NEIGHBOURHOOD_MM // step) + 1 for step in spacing_mm]
    return tuple(
        slice(max(edge.start - more, 0), min(edge.stop + more, side))
        for edge, more, side in zip(box, reach, shape, strict=True)
    )


def _isocontour(suv: Suv, lesions: Labels, number: int, rule: tuple[Spacing, float]) -> Mask:
    spacing_mm, share = rule
    own = lesions == number
    hottest = np.unravel_index(int(np.where(own, suv, -np.inf).argmax()), suv.shape)
    maximum = float(suv[hottest])
    if not maximum > 0.0:
        return np.zeros_like(own)
    distance = ndimage.distance_transform_edt(~own, sampling=spacing_mm)
    allowed = (distance <= NEIGHBOURHOOD_MM) & (own | (lesions == 0))
    labels, _ = ndimage.label((suv >= share * maximum) & allowed)
    return np.asarray(labels == labels[hottest])


def sphere_weights(spacing_mm: Spacing) -> npt.NDArray[np.float64]:
    """Share of each voxel's volume inside a sphere of 1 cm3 on the central voxel's centre."""
    axes = []
    counts = []
    for step in spacing_mm:
        reach = int(np.ceil(PEAK_RADIUS_MM / step - 0.5))
        fine = (np.arange(SUBSAMPLES) - (SUBSAMPLES - 1) / 2.0) / SUBSAMPLES
        axes.append((np.arange(-reach, reach + 1)[:, None] + fine[None, :]).ravel() * step)
        counts.append(2 * reach + 1)
    z, y, x = axes
    squared = z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2
    inside = squared <= PEAK_RADIUS_MM**2
    pairs = [side for count in counts for side in (count, SUBSAMPLES)]
    return np.asarray(inside.reshape(pairs).mean(axis=(1, 3, 5)))


def peak_map(suv: Suv, spacing_mm: Spacing) -> npt.NDArray[np.float64]:
    """Mean over the 1 cm3 sphere around every voxel.

    Voxels that the sphere cuts count with their share. Where the sphere leaves the image, the mean
    is over the part of it that was measured: what lies outside is unknown, not zero.
    """
    weights = sphere_weights(spacing_mm)
    total = ndimage.correlate(suv.astype(np.float64), weights, mode="constant")
    measured = ndimage.correlate(np.ones(suv.shape), weights, mode="constant")
    return np.asarray(total / measured)


def suv_peak(suv: Suv, mask: Mask, spacing_mm: Spacing) -> float:
    """SUVpeak of a lesion: the highest sphere centred on one of its voxels. The mask has voxels.

    As published, the sphere may reach beyond the lesion: beside something hotter (a bladder) the
    peak can exceed the lesion's own SUVmax, which tells that the two touch.
    """
    (box,) = ndimage.find_objects(mask.astype(np.int8))
    around = tuple(
        slice(
            max(edge.start - int(PEAK_RADIUS_MM // step) - 1, 0),
            edge.stop + int(PEAK_RADIUS_MM // step) + 1,
        )
        for edge, step in zip(box, spacing_mm, strict=True)
    )
    return float(peak_map(suv[around], spacing_mm)[mask[around]].max())
