"""Shapes of phantoms: where a voxel lies in an ellipsoid or how far from a line. All in mm."""

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float64]
Labels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Volume = npt.NDArray[np.float32]
Point = tuple[float, float, float]
"""x, y, z (LPS), or z, y, x where the name says so."""


def ellipsoid(points: tuple[Field, ...], centre: Point, radii: Point) -> Field:
    """Squared normalised radius at ``points`` (x, y, z planes that broadcast, mm): < 1 inside."""
    x, y, z = (
        (axis - middle) / radius for axis, middle, radius in zip(points, centre, radii, strict=True)
    )
    return np.asarray(x**2 + y**2 + z**2)


def volume_ml(mask: Mask, spacing_zyx_mm: Point) -> float:
    """Number of voxels times the volume of one."""
    return float(np.count_nonzero(mask)) * float(np.prod(spacing_zyx_mm)) / 1000.0


def distance_to_segment(points: tuple[Field, ...], start: Point, end: Point) -> Field:
    """Distance in mm of every point to the straight piece from ``start`` to ``end``."""
    way = np.asarray(end) - np.asarray(start)
    offsets = [axis - first for axis, first in zip(points, start, strict=True)]
    share = sum(offset * step for offset, step in zip(offsets, way, strict=True)) / (way @ way)
    share = np.clip(share, 0.0, 1.0)
    gaps = [(offset - share * step) ** 2 for offset, step in zip(offsets, way, strict=True)]
    return np.asarray(np.sqrt(gaps[0] + gaps[1] + gaps[2]))
