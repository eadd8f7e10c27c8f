"""From images in patient coordinates to a model's axes and spacing.

Arrays here are [z,y,x] as everywhere; a model may want its axes in another order and direction
(``AdaptedPlan.axes``). The grid keeps the reference image's extent: its shape is rounded to whole
voxels and its spacing adjusted so that the borders coincide, as nnU-Net does.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.limits import MAX_CASE_VOXELS
from medquorum.ai_entity.tumour.grid import Affine, Placed, Volume, spacing_of

LPS: Final = "LPS"
OPPOSITE: Final = {"R": "L", "A": "P", "I": "S"}


@dataclass(frozen=True, slots=True)
class Frame:
    """A grid of voxels in a model's axes."""

    affine: Affine
    """Index in the model's axes to LPS mm."""
    shape: tuple[int, int, int]


def turned(image: Placed, axes: str) -> Placed:
    """``image`` with its axes in the order and direction nearest to ``axes``; no interpolation."""
    order = _nearest_axes(image.affine)
    moved, affine = image.voxels, image.affine
    sources = []
    for letter in axes:
        direction = LPS.index(OPPOSITE.get(letter, letter))
        sources.append(order.index(direction))
    moved = np.transpose(moved, sources)
    columns = affine[:, sources].copy()
    origin = affine[:, 3].copy()
    for axis, letter in enumerate(axes):
        direction = LPS.index(OPPOSITE.get(letter, letter))
        wanted = -1.0 if letter in OPPOSITE else 1.0
        if columns[direction, axis] * wanted < 0.0:
            origin = origin + columns[:, axis] * (moved.shape[axis] - 1)
            columns[:, axis] *= -1.0
            moved = np.flip(moved, axis)
    return Placed(np.ascontiguousarray(moved), np.c_[columns, origin])


def _nearest_axes(affine: Affine) -> list[int]:
    """For each array axis the patient axis (0 x, 1 y, 2 z) it runs along most, each once."""
    along = np.abs(affine[:3, :3]) / spacing_of(affine)
    order = [-1, -1, -1]
    for _ in range(3):
        direction, axis = np.unravel_index(int(along.argmax()), along.shape)
        order[int(axis)] = int(direction)
        along[direction, :] = -1.0
        along[:, axis] = -1.0
    return order


def frame_over(image: Placed, spacing_mm: tuple[float, float, float]) -> Frame:
    """The grid of ``spacing_mm`` over the extent of ``image`` (in the model's axes already).

    Raises SeriesError when it would be too large.
    """
    have = spacing_of(image.affine)
    sides = np.asarray(image.voxels.shape)
    a, b, c = (max(round(float(one)), 1) for one in sides * have / np.asarray(spacing_mm))
    if a * b * c > MAX_CASE_VOXELS:
        raise SeriesError(
            Reason.OVERSIZE, f"at the model's voxel size more than {MAX_CASE_VOXELS} voxels"
        )
    scale = sides / np.asarray([a, b, c])
    affine = image.affine.copy()
    affine[:3, 3] = (image.affine @ np.append((scale - 1.0) / 2.0, 1.0))[:3]
    affine[:3, :3] = image.affine[:3, :3] * scale
    return Frame(affine, (a, b, c))


def on_frame(image: Placed, frame: Frame, order: int) -> Volume:
    """``image`` at the voxel centres of ``frame``; beyond its border the border's value."""
    way = np.linalg.inv(image.affine) @ frame.affine
    return np.asarray(
        ndimage.affine_transform(
            image.voxels,
            way[:3, :3],
            offset=way[:3, 3],
            output_shape=frame.shape,
            order=order,
            mode="nearest",
        ),
        dtype=np.float32,
    )
