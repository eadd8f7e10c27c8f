"""The body at one look: from the front and from the side, each lesion outlined with its number.

With PET the highest uptake along each line of sight in inverse grey, as readers begin with; with CT
alone the mean density, like a scanner's own overview. Head up; from the front the patient's right
is on the left, from the side the front is on the left.
"""

from itertools import permutations
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.drawing import (
    DARK,
    WHITE,
    Picture,
    draw_length,
    draw_outline,
    draw_scale,
    grey_picture,
    write,
)
from medquorum.ai_entity.tumour.grid import GridImages, Volume

LONGER_SIDE_PIXELS: Final = 440
MIN_SUV_WINDOW: Final = 5.0
AIR_HU: Final = -1000.0

Kind = TypeVar("Kind", bound=np.generic)
Upright = tuple[tuple[int, int, int], tuple[bool, bool, bool]]
"""Which array axes run head to foot, front to back, right to left, and whether each is turned."""


def projections(images: GridImages, labels: npt.NDArray[np.uint8]) -> Picture:
    """Both views side by side. ``labels`` [z,y,x] holds the numbers of lesions, 0 elsewhere."""
    way = upright(images.affine)
    spacing_mm = np.linalg.norm(images.affine[:3, list(way[0])], axis=0)
    sizes_mm = spacing_mm * np.asarray(labels.shape)[list(way[0])]
    pixels_per_mm = LONGER_SIDE_PIXELS / float(sizes_mm.max())
    views = []
    for across, name, (first, last) in ((2, "front", "RL"), (1, "side", "AP")):
        columns, rows = (
            max(1, round(float(sizes_mm[axis]) * pixels_per_mm)) for axis in (across, 0)
        )
        view = _view(images, labels, (way, 3 - across), (columns, rows))
        ink = WHITE if images.suv is None else DARK
        draw_length(view, pixels_per_mm, ink)
        for words, place in (
            (f"from the {name}", (4, 14)),
            (first, (4, rows // 2 + 5)),
            (last, (columns - 14, rows // 2 + 5)),
        ):
            write(view, words, place, ink)
        views.append(np.pad(view, ((0, 0), (0, 4), (0, 0))))
    return np.concatenate(views, axis=1)


def _view(
    images: GridImages,
    labels: npt.NDArray[np.uint8],
    sight: tuple[Upright, int],
    size: tuple[int, int],
) -> Picture:
    """Along one axis of the upright body, at (columns, rows)."""
    way, along = sight
    if images.suv is None:
        density = np.clip(turned(images.hu, way) - AIR_HU, 0.0, None).mean(axis=along)
        picture = grey_picture(density / max(float(density.max()), 1.0), size)
    else:
        hottest = hottest_shown(images.suv)
        picture = grey_picture(1.0 - turned(images.suv, way).max(axis=along) / hottest, size)
        draw_scale(picture, hottest)
    standing = turned(labels, way)
    for number in np.unique(labels[labels > 0]):
        draw_outline(picture, (standing == number).any(axis=along), int(number))
    return picture


def hottest_shown(suv: Volume) -> float:
    """The SUV that is drawn black."""
    return max(MIN_SUV_WINDOW, float(np.percentile(suv, 99.5)))


def upright(affine: npt.NDArray[np.float64]) -> Upright:
    """How an array of this affine, (z,y,x,1) -> LPS mm, is turned to stand before the reader."""
    towards = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    best = max(permutations(range(3)), key=lambda axes: sum(abs(towards[(2, 1, 0), axes])))
    head, back, left = best
    # The head comes first, the front first, the right first: against, along and along LPS.
    turns = (towards[2, head] > 0.0, towards[1, back] < 0.0, towards[0, left] < 0.0)
    return (head, back, left), (bool(turns[0]), bool(turns[1]), bool(turns[2]))


def turned(array: npt.NDArray[Kind], way: Upright) -> npt.NDArray[Kind]:
    """The array [z,y,x] as [head to foot, front to back, right to left]."""
    axes, turns = way
    standing = array.transpose(axes)
    return np.flip(standing, tuple(axis for axis in range(3) if turns[axis]))
