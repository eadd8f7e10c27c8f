"""Square tiles along the bones of a film: what the network looks at.

A hairline is narrower than a pixel of a whole film shrunk to a network's input, so the network sees
tiles of a sixth of the exposed field, half overlapping, wherever their middle shows bone. Every
place of a bone then lies in the middle half of a tile. Tiles follow the film, not millimetres: PNG
and JPEG have none.
"""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.fracture.edges import (
    SmallPicture,
    find_body,
    find_bone,
    off_the_rim,
    shrink,
)
from medquorum.ai_entity.fracture.radiograph import Grey, Mask

TILE_PIXELS: Final = 64
"""Side of the network's input."""

TILES_PER_FIELD: Final = 6
"""Tiles, without overlap, along the longer side of the exposed field."""

MIN_BONE_IN_MIDDLE: Final = 0.12
"""Share of the tile's middle half that is bone."""

MAX_TILES: Final = 48
"""Those with most bone; bounds time and memory of one film."""

FEW_TILES: Final = 8
"""Fewer mean that metal or a marker took the place of bone as the densest class."""


@dataclass(frozen=True, slots=True)
class TileGrid:
    """Where the tiles of one picture lie."""

    centres: tuple[tuple[float, float], ...]
    """(x, y) in pixels of that picture, from the top left, row by row."""
    side: float
    """In pixels of that picture."""


def place_tiles(grey: Grey, exposed: Mask, per_field: int = TILES_PER_FIELD) -> TileGrid:
    """Tiles along what is taken for bone; along the whole limb where that is next to nothing."""
    small = shrink(grey, exposed)
    return place_on(small, find_bone(small.grey, off_the_rim(small.exposed)), per_field)


def place_on(small: SmallPicture, bone: Mask, per_field: int = TILES_PER_FIELD) -> TileGrid:
    """``place_tiles`` where picture and bone are at hand at working size; in original pixels."""
    grid = lay_tiles(small.exposed, bone, per_field)
    if len(grid.centres) < FEW_TILES:
        grid = lay_tiles(small.exposed, find_body(small.grey, small.exposed), per_field)
    centres = tuple((x / small.scale, y / small.scale) for x, y in grid.centres)
    return TileGrid(centres, grid.side / small.scale)


def lay_tiles(exposed: Mask, bone: Mask, per_field: int = TILES_PER_FIELD) -> TileGrid:
    """Tiles of a picture by its exposed field and its bones [rows, columns]."""
    rows, columns = (np.flatnonzero(exposed.any(axis=axis)) for axis in (1, 0))
    if rows.size == 0 or columns.size == 0:
        return TileGrid((), 1.0)
    extent = (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)
    side = max(span[1] - span[0] for span in extent) / per_field
    sums = np.asarray(cv2.integral(bone.astype(np.uint8)), dtype=np.int32)
    found = []
    for y in _places(*extent[0], side):
        for x in _places(*extent[1], side):
            share = _share(sums, x, y, side / 4.0)
            if share >= MIN_BONE_IN_MIDDLE:
                found.append((-share, y, x))
    kept = sorted((y, x) for _, y, x in sorted(found)[:MAX_TILES])
    return TileGrid(tuple((x, y) for y, x in kept), float(side))


def _places(low: int, high: int, side: float) -> tuple[float, ...]:
    """Centres half a tile apart, or closer, that cover low..high."""
    room = (high - low) - side
    if room <= 0.0:
        return ((low + high) / 2.0,)
    count = int(np.ceil(room / (side / 2.0))) + 1
    step = room / (count - 1)
    return tuple(low + side / 2.0 + index * step for index in range(count))


def _share(sums: npt.NDArray[np.int32], x: float, y: float, half: float) -> float:
    top, bottom = (int(np.clip(round(y + s * half), 0, sums.shape[0] - 1)) for s in (-1, 1))
    left, right = (int(np.clip(round(x + s * half), 0, sums.shape[1] - 1)) for s in (-1, 1))
    area = (bottom - top) * (right - left)
    total = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return float(total) / area if area else 0.0


def cut_tiles(grey: Grey, grid: TileGrid, pixels: int = TILE_PIXELS) -> npt.NDArray[np.float32]:
    """Tiles [n, 1, pixels, pixels] of brightness 0..1; outside the picture is its border."""
    tiles = np.empty((len(grid.centres), 1, pixels, pixels), dtype=np.float32)
    for index, centre in enumerate(grid.centres):
        tiles[index, 0] = cut_tile(grey, centre, grid.side, pixels)
    return tiles


def cut_tile(
    grey: npt.NDArray[Any], centre: tuple[float, float], side: float, pixels: int
) -> npt.NDArray[Any]:
    """One square of ``side`` picture pixels around ``centre``, as [pixels, pixels].

    Shrinking averages (area), growing interpolates; the square is laid on whole picture pixels so
    that a re-saved picture gives the same tile.
    """
    whole = max(round(side), 2)
    left, top = round(centre[0] - whole / 2.0), round(centre[1] - whole / 2.0)
    rows = np.clip(np.arange(top, top + whole), 0, grey.shape[0] - 1)
    columns = np.clip(np.arange(left, left + whole), 0, grey.shape[1] - 1)
    square = grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    missing = (
        max(-top, 0),
        max(top + whole - grey.shape[0], 0),
        max(-left, 0),
        max(left + whole - grey.shape[1], 0),
    )
    if any(missing):
        square = cv2.copyMakeBorder(np.ascontiguousarray(square), *missing, cv2.BORDER_REPLICATE)
    how = cv2.INTER_AREA if whole > pixels else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (pixels, pixels), interpolation=how))
