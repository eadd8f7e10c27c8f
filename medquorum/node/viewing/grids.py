"""One image on the grid of another: PET on CT, labels on the image they are about.

A plane of the target is walked voxel by voxel in patient space; where both grids are parallel, as
those of one scanner are, this is two small matrix products. Trilinear for values, nearest for
labels. Positions come from each slice, so that uneven spacing is respected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.node.viewing.told import Description

Array = npt.NDArray[np.float64]
ReadPlane = Callable[[int], npt.NDArray[np.int16]]

PARALLEL: Final = 1e-3
"""Of direction cosines: below this the directions of two grids are the same."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the voxels of a volume lie, mm LPS."""

    rows: int
    columns: int
    across: Array
    """Unit direction of a row: along it the column index grows."""
    down: Array
    normal: Array
    column_mm: float
    row_mm: float
    positions: Array
    """Centre of each slice's first voxel [slices, 3]."""

    @property
    def heights(self) -> Array:
        """Places of the slices along the normal."""
        return np.asarray(self.positions @ self.normal)

    def plane(self, index: int) -> Array:
        """Coordinates of every voxel of a slice [rows, columns, 3]."""
        columns = np.arange(self.columns)[None, :, None] * self.column_mm * self.across
        rows = np.arange(self.rows)[:, None, None] * self.row_mm * self.down
        return np.asarray(self.positions[index] + columns + rows)


def grid_of(description: Description) -> Grid:
    """The grid of a CT or PET. ValueError for a radiograph, which has none."""
    if description.orientation is None or description.spacing_mm is None:
        raise ValueError("a radiograph lies on no grid of the patient")
    across, down = (np.asarray(each) for each in np.split(np.array(description.orientation), 2))
    across, down = across / np.linalg.norm(across), down / np.linalg.norm(down)
    return Grid(
        rows=description.rows,
        columns=description.columns,
        across=across,
        down=down,
        normal=np.cross(across, down),
        column_mm=description.spacing_mm[0],
        row_mm=description.spacing_mm[1],
        positions=np.array(description.positions, dtype=np.float64),
    )


def planes_needed(source: Grid, target: Grid, index: int) -> tuple[int, int, float] | None:
    """For parallel grids: the slices of the source around a slice of the target, and the share
    of the second; None where the target lies outside."""
    height = float(target.positions[index] @ source.normal)
    heights = source.heights
    if len(heights) == 1:
        return (0, 0, 0.0) if abs(height - heights[0]) < source.row_mm else None
    half = (heights[1] - heights[0]) / 2, (heights[-1] - heights[-2]) / 2
    if not heights[0] - half[0] <= height <= heights[-1] + half[1]:
        return None
    above = int(np.clip(np.searchsorted(heights, height), 1, len(heights) - 1))
    gap = heights[above] - heights[above - 1]
    share = float(np.clip((height - heights[above - 1]) / gap if gap > 0 else 0.0, 0.0, 1.0))
    return above - 1, above, share


def planes_around(image: Description, on: Description, index: int) -> range:
    """The slices of an image that a slice of another needs."""
    return _around(grid_of(image), grid_of(on), index)


def plane_on(
    image: Description, on: Description, index: int, around: range, planes: Sequence[bytes]
) -> bytes:
    """A slice of `on` holding the values of `image`, int16; `planes` are those `around` it."""
    shape = (image.rows, image.columns)
    held = {
        place: np.frombuffer(plane, "<i2").reshape(shape)
        for place, plane in zip(around, planes, strict=True)
    }
    return resampled(grid_of(image), grid_of(on), index, held.__getitem__).astype("<i2").tobytes()


def _around(source: Grid, target: Grid, index: int) -> range:
    if _parallel(source, target):
        needed = planes_needed(source, target, index)
        return range(0) if needed is None else range(needed[0], needed[1] + 1)
    corners = target.plane(index)[:: max(target.rows - 1, 1), :: max(target.columns - 1, 1)]
    heights, source_heights = corners @ source.normal, source.heights
    if heights.max() < source_heights[0] or heights.min() > source_heights[-1]:
        return range(0)
    first = int(np.searchsorted(source_heights, heights.min(), side="right")) - 1
    last = int(np.searchsorted(source_heights, heights.max()))
    return range(max(first, 0), min(last, len(source_heights) - 1) + 1)


def resampled(source: Grid, target: Grid, index: int, read: ReadPlane) -> npt.NDArray[np.int16]:
    """A slice of the target's grid with the source's values, trilinear; 0 outside."""
    if _parallel(source, target):
        return _by_lines(source, target, index, read)
    return _by_points(source, target, index, read)


def _parallel(one: Grid, other: Grid) -> bool:
    apart = max(np.abs(one.across - other.across).max(), np.abs(one.down - other.down).max())
    return bool(apart < PARALLEL)


def _by_lines(source: Grid, target: Grid, index: int, read: ReadPlane) -> npt.NDArray[np.int16]:
    needed = planes_needed(source, target, index)
    if needed is None:
        return np.zeros((target.rows, target.columns), dtype=np.int16)
    below, above, share = needed
    plane = read(below).astype(np.float32)
    if share:
        plane += (read(above).astype(np.float32) - plane) * np.float32(share)
    start = target.positions[index] - source.positions[below]
    column = (start @ source.across + np.arange(target.columns) * target.column_mm) / (
        source.column_mm
    )
    row = (start @ source.down + np.arange(target.rows) * target.row_mm) / source.row_mm
    values = _weights(row, source.rows) @ plane @ _weights(column, source.columns).T
    return np.rint(values).astype(np.int16)


def _weights(places: Array, count: int) -> npt.NDArray[np.float32]:
    """The matrix of linear interpolation at places of 0..count-1; half a voxel beyond still counts.

    Rows of places further out are zero.
    """
    inside = (places >= -0.5) & (places <= count - 0.5)
    held = np.clip(places, 0, count - 1)
    low = np.minimum(held.astype(int), max(count - 2, 0))
    share = held - low
    matrix = np.zeros((len(places), count), dtype=np.float32)
    lines = np.arange(len(places))
    matrix[lines, low] += np.where(inside, 1.0 - share, 0.0)
    matrix[lines, np.minimum(low + 1, count - 1)] += np.where(inside, share, 0.0)
    return matrix


def _by_points(source: Grid, target: Grid, index: int, read: ReadPlane) -> npt.NDArray[np.int16]:
    points = target.plane(index)
    heights, away = source.heights, points - source.positions[0]
    around = _around(source, target, index)
    if not around:
        return np.zeros((target.rows, target.columns), dtype=np.int16)
    first = around.start
    z = np.interp(points @ source.normal, heights, np.arange(len(heights)), left=-1, right=-1)
    block = np.stack([read(one).astype(np.float32) for one in around])
    place = (
        z - first,
        (away @ source.down) / source.row_mm,
        (away @ source.across) / (source.column_mm),
    )
    values = np.zeros(z.shape, dtype=np.float32)
    inside = z >= 0
    for size, axis in zip(block.shape, place, strict=True):
        inside &= (axis >= -0.5) & (axis <= size - 0.5)
    corners = [_corner(axis, size) for size, axis in zip(block.shape, place, strict=True)]
    for bits in range(8):
        weight, at = np.ones_like(z), []
        for axis, (low, high, share) in enumerate(corners):
            upper = bool(bits >> axis & 1)
            weight = weight * (share if upper else 1.0 - share)
            at.append(high if upper else low)
        values += (weight * block[at[0], at[1], at[2]]).astype(np.float32)
    return np.rint(np.where(inside, values, 0.0)).astype(np.int16)


def _corner(
    places: Array, count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Array]:
    held = np.clip(places, 0, count - 1)
    low = np.floor(held).astype(np.int64)
    return low, np.minimum(low + 1, count - 1), held - low


def nearest_labels(
    labels: npt.NDArray[np.uint8], to_voxel: Array, points: Array
) -> npt.NDArray[np.uint8]:
    """The label at every point [..., 3]; 0 outside.

    `to_voxel` is the 4 x 4 map of a point to the label map's own (z, y, x).
    """
    places = np.rint(points @ to_voxel[:3, :3].T + to_voxel[:3, 3]).astype(np.int64)
    inside = ((places >= 0) & (places < labels.shape)).all(axis=-1)
    held = np.clip(places, 0, np.array(labels.shape) - 1)
    found: npt.NDArray[Any] = labels[held[..., 0], held[..., 1], held[..., 2]]
    return np.where(inside, found, 0).astype(np.uint8)
