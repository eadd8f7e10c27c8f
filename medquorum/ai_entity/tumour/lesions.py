"""Measurements of each lesion on the analysis grid.

SUVpeak is the highest mean over a sphere of 1 cm3 (radius 6.204 mm) centred on a voxel of the
lesion (PERCIST 1.0, Wahl et al., J Nucl Med 2009). Voxels that the sphere cuts are weighted by the
share of their volume inside it. Total lesion glycolysis is the sum of SUV times voxel volume.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medquorum.ai_entity.findings import Lesion, milli, ppm
from medquorum.ai_entity.limits import MAX_LESIONS
from medquorum.ai_entity.tumour.candidates import Labels, keep_large
from medquorum.ai_entity.tumour.grid import GRID_STEP_MM, GridImages, Volume
from medquorum.ai_entity.tumour.regions import region_of

PEAK_RADIUS_MM: Final = (3.0 * 1000.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
SUBSAMPLES: Final = 9
"""Sub-voxels per axis when a voxel's share of the sphere is counted."""

FIXED_THRESHOLDS: Final = (2.5, 4.0)
"""SUV thresholds of the published comparisons (Boellaard et al. 2024; PMC7139791)."""

UM_PER_MM: Final = 1000.0


def peak_weights(step_mm: float = GRID_STEP_MM) -> npt.NDArray[np.float64]:
    """Normalised weights of the 1 cm3 sphere on a grid of ``step_mm``."""
    reach = int(np.ceil(PEAK_RADIUS_MM / step_mm - 0.5))
    fine = (np.arange(SUBSAMPLES) - (SUBSAMPLES - 1) / 2.0) / SUBSAMPLES
    axis = (np.arange(-reach, reach + 1)[:, None] + fine[None, :]).ravel() * step_mm
    inside = (
        axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2
    ) <= PEAK_RADIUS_MM**2
    count = 2 * reach + 1
    shares = inside.reshape(count, SUBSAMPLES, count, SUBSAMPLES, count, SUBSAMPLES)
    weights = shares.mean(axis=(1, 3, 5))
    return np.asarray(weights / weights.sum())


def measure_lesions(
    images: GridImages, labels: Labels, count: int, probability: Volume
) -> tuple[Lesion, ...]:
    """The largest lesions with their numbers; label n becomes lesion n."""
    peaks = None
    if images.suv is not None:
        peaks = ndimage.correlate(images.suv.astype(np.float64), peak_weights(), mode="constant")
    kept = min(count, MAX_LESIONS)
    boxes = ndimage.find_objects(labels, max_label=kept)
    return tuple(_measure(images, labels, probability, peaks, box) for box in _numbered(boxes))


def _numbered(
    boxes: list[tuple[slice, ...]],
) -> Iterator[tuple[int, tuple[slice, ...]]]:
    return enumerate(boxes, start=1)


def _measure(
    images: GridImages,
    labels: Labels,
    probability: Volume,
    peaks: npt.NDArray[np.float64] | None,
    numbered_box: tuple[int, tuple[slice, ...]],
) -> Lesion:
    number, box = numbered_box
    mask = labels[box] == number
    voxel_mm3 = images.voxel_volume_mm3
    corner = np.asarray([edge.start for edge in box])
    centre = np.append(np.argwhere(mask).mean(axis=0) + corner, 1.0)
    x, y, z = (round(float(mm) * UM_PER_MM) for mm in (images.affine @ centre)[:3])
    uptake = None if images.suv is None else images.suv[box][mask].astype(np.float64)
    return Lesion(
        number=number,
        region=region_of(images.hu, labels == number, box),
        centroid_um=(x, y, z),
        volume_ul=round(float(mask.sum()) * voxel_mm3),
        suv_max_milli=None if uptake is None else milli(float(uptake.max())),
        suv_peak_milli=None if peaks is None else milli(float(peaks[box][mask].max())),
        glycolysis_milli=(
            None if uptake is None else milli(float(uptake.sum()) * voxel_mm3 / 1000.0)
        ),
        probability_ppm=ppm(float(probability[box][mask].mean(dtype=np.float64))),
    )


def comparison_volumes(images: GridImages) -> tuple[tuple[str, int], ...]:
    """Volumes by fixed SUV thresholds over the whole image, components of 3 mL and more."""
    if images.suv is None:
        return ()
    volumes = []
    for threshold in FIXED_THRESHOLDS:
        mask = keep_large(images.suv >= threshold, images.voxel_volume_mm3)
        name = f"SUV >= {threshold} and component >= 3 mL, physiologic uptake included"
        volumes.append((name, round(float(mask.sum()) * images.voxel_volume_mm3)))
    return tuple(volumes)
