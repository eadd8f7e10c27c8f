"""Which way an edge runs, and which way most edges around a place do (structure tensors).

Only edges have a direction here, a hundredth of a film's pixels, so they are kept as points; what
lies around a place is summed on a coarse grid, with a sixteenth of the work and less.
"""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

AXIS_SIGMA: Final = 45.0
"""Pixels over which the direction of the shaft is averaged."""

AXIS_STEP: Final = 4
"""Pixels of a cell of the coarse grid."""

DIRECTION_SIGMA: Final = 1.5
"""Pixels over which an edge's own direction is averaged."""

DIRECTION_PIXELS: Final = 9
"""The kernel's width: three sigma on either side."""


@dataclass(frozen=True, slots=True)
class EdgePoints:
    """Edges as points with a unit normal."""

    rows: Places
    columns: Places
    cosine: Plane
    """[n], like ``sine``; a normal and its opposite are the same."""
    sine: Plane


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Per cell of AXIS_STEP pixels: unit normal of most edges around, and how much they agree."""

    cosine: Plane
    sine: Plane
    coherence: Plane
    """0 to 1; 0 where no edge is near."""

    def along(self, points: EdgePoints) -> Plane:
        """|cosine| [n] between each edge's own normal and that of the edges around it."""
        cells = points.rows // AXIS_STEP, points.columns // AXIS_STEP
        product = self.cosine[cells] * points.cosine + self.sine[cells] * points.sine
        return np.asarray(np.abs(product))


def edge_points(gx: Plane, gy: Plane, edges: Mask) -> EdgePoints:
    """Edges with their normals, averaged a little: single pixels of a jagged line disagree."""
    rows, columns = np.nonzero(edges)
    side = (DIRECTION_PIXELS, DIRECTION_PIXELS)
    jxx, jyy, jxy = (
        np.asarray(
            cv2.GaussianBlur(cv2.multiply(left, right), side, DIRECTION_SIGMA)[rows, columns],
            dtype=np.float32,
        )
        for left, right in ((gx, gx), (gy, gy), (gx, gy))
    )
    gap = np.asarray(np.hypot(jxx - jyy, 2.0 * jxy), dtype=np.float32)
    return EdgePoints(rows, columns, *_direction(jxx - jyy, jxy, gap))


def look_around(points: EdgePoints, kept: Mask, shape: tuple[int, ...]) -> Surroundings:
    """What the ``kept`` [n] edges of a picture of ``shape`` say together.

    Every edge counts the same: a fracture's edges are strong but short, a cortex is long.
    """
    height, width = (-(-side // AXIS_STEP) for side in shape)
    cells = (points.rows[kept] // AXIS_STEP) * width + points.columns[kept] // AXIS_STEP
    ux, uy = points.cosine[kept], points.sine[kept]
    jxx, jyy, jxy = (
        _widely_averaged(np.bincount(cells, product, height * width), (height, width))
        for product in (ux * ux, uy * uy, ux * uy)
    )
    gap = np.asarray(cv2.magnitude(jxx - jyy, 2.0 * jxy), dtype=np.float32)
    cosine, sine = _direction(jxx - jyy, jxy, gap)
    return Surroundings(cosine, sine, gap / np.maximum(jxx + jyy, np.float32(1e-6)))


def spread_cells(cells: Mask, shape: tuple[int, ...]) -> Mask:
    """A mask of cells on the pixels of a picture of ``shape``."""
    side = (cells.shape[1] * AXIS_STEP, cells.shape[0] * AXIS_STEP)
    pixels = cv2.resize(cells.view(np.uint8), side, interpolation=cv2.INTER_NEAREST)
    return np.ascontiguousarray(pixels[: shape[0], : shape[1]]).view(np.bool_)


def _widely_averaged(sums: npt.NDArray[Any], shape: tuple[int, int]) -> Plane:
    """Gaussian of AXIS_SIGMA over sums by cell, laid out as [rows, columns] of cells."""
    cells = np.asarray(sums, dtype=np.float32).reshape(shape)
    return np.asarray(cv2.GaussianBlur(cells, (0, 0), AXIS_SIGMA / AXIS_STEP), dtype=np.float32)


def _direction(difference: Plane, mixed: Plane, gap: Plane) -> tuple[Plane, Plane]:
    """Cosine and sine of half the angle of (difference, 2 mixed), whose length is ``gap``."""
    half = np.divide(difference, 2.0 * gap, out=np.full_like(gap, 0.5), where=gap > 0.0)
    np.clip(half, -0.5, 0.5, out=half)
    sine = np.sqrt(np.float32(0.5) - half)
    return np.sqrt(half + np.float32(0.5)), np.copysign(sine, mixed)
