"""Boxes around what matters, so that a whole grid is not filtered for a few voxels of it.

A filter sees as far as its kernel reaches: computed on a box that is wider by that much, or ends
where the image ends, its values inside have the very bits of the whole image's.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Mask = npt.NDArray[np.bool_]
Volume = npt.NDArray[np.float32]
Box = tuple[slice, slice, slice]

TRUNCATE: Final = 4.0
"""Standard deviations after which scipy's Gaussian ends."""
MAX_BOXES: Final = 64
"""More groups than this are taken as one: comparing every two of them would take longer."""


def box_of(mask: Mask) -> Box | None:
    """The smallest box that holds all of ``mask`` [z,y,x]; None when it is empty."""
    if not mask.any():
        return None
    z = _span(mask.any(axis=(1, 2)))
    flat = np.asarray(mask[z].any(axis=0))
    return z, _span(flat.any(axis=1)), _span(flat.any(axis=0))


def _span(held: Any) -> slice:
    places = np.flatnonzero(held)
    return slice(int(places[0]), int(places[-1]) + 1)


def grown(box: Box, reach: int, shape: Sequence[int]) -> Box:
    """The box wider by ``reach`` voxels on every side, as far as the image goes."""
    z, y, x = (
        slice(max(edge.start - reach, 0), min(edge.stop + reach, side))
        for edge, side in zip(box, shape, strict=True)
    )
    return z, y, x


def within(inner: Box, outer: Box) -> Box:
    """Where ``inner`` lies in an array cut out by ``outer``."""
    z, y, x = (
        slice(one.start - other.start, one.stop - other.start)
        for one, other in zip(inner, outer, strict=True)
    )
    return z, y, x


def blurred(volume: Volume, sigma: float, box: Box) -> Volume:
    """``gaussian_filter(volume, sigma)[box]``."""
    wide = grown(box, int(TRUNCATE * sigma + 0.5), volume.shape)
    smooth = ndimage.gaussian_filter(volume[wide], sigma, truncate=TRUNCATE)
    return np.asarray(smooth[within(box, wide)])


def boxes_apart(mask: Mask) -> list[Box]:
    """Boxes that hold ``mask`` [z,y,x] and do not touch: around each is a shell that is free of it.

    The shell, one voxel wide and missing only where the image ends, belongs to the box.
    """
    whole = box_of(mask)
    if whole is None:
        return []
    wide = grown(whole, 1, mask.shape)
    numbered, count = ndimage.label(mask[wide], np.ones((3, 3, 3)))
    if count > MAX_BOXES:
        return [wide]
    corner = [edge.start for edge in wide]
    boxes: list[Box] = []
    for found in ndimage.find_objects(numbered):
        z, y, x = (
            slice(edge.start + start, edge.stop + start)
            for edge, start in zip(found, corner, strict=True)
        )
        _add_apart(boxes, grown((z, y, x), 1, mask.shape))
    return boxes


def _add_apart(boxes: list[Box], box: Box) -> None:
    """Add ``box``, joined with every one that it shares a voxel with."""
    shared = [other for other in boxes if _meet(box, other)]
    while shared:
        for other in shared:
            boxes.remove(other)
            box = _joined(box, other)
        shared = [other for other in boxes if _meet(box, other)]
    boxes.append(box)


def _meet(one: Box, other: Box) -> bool:
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))


def _joined(one: Box, other: Box) -> Box:
    z, y, x = (
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    return z, y, x


def filled_planes(mask: Mask) -> Mask:
    """``mask`` [z,y,x] with what it encloses in each transverse plane (4 neighbours) filled."""
    in_plane = np.zeros((3, 3, 3), dtype=np.bool_)
    in_plane[1] = ndimage.generate_binary_structure(2, 1)
    numbered, count = ndimage.label(~mask, in_plane)
    outside = np.zeros(count + 1, dtype=np.bool_)
    for border in (numbered[:, 0], numbered[:, -1], numbered[:, :, 0], numbered[:, :, -1]):
        outside[border] = True
    outside[0] = False
    return np.asarray(~outside[numbered])
