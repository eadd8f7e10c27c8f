"""The mean of every whole block of an image, in float32.

Sums of whole numbers below 2^24 are exact in float32 in whatever order they are added: a CT as its
scanner stored it is summed as it lies in the file, and the result has the bits of the slow way.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Volume = npt.NDArray[np.float32]
Blocks = tuple[int, int, int]
"""Voxels z, y, x of a block."""

EXACT: Final = 1 << 24
"""Whole numbers up to here, and sums of them, are exact in float32."""
STORED_KINDS: Final = {"uint8": 255, "int16": 32_768, "uint16": 65_535}
"""Pixels as stored, and how far from zero they can lie."""


def block_means(voxels: Volume, blocks: Blocks) -> Volume:
    """Means [z',y',x'] of the whole blocks of ``voxels`` [z,y,x]; what is left over is left out."""
    counts = [size // block for size, block in zip(voxels.shape, blocks, strict=True)]
    trimmed = voxels[tuple(slice(0, n * f) for n, f in zip(counts, blocks, strict=True))]
    pairs = [side for pair in zip(counts, blocks, strict=True) for side in pair]
    return np.asarray(trimmed.reshape(pairs).mean(axis=(1, 3, 5), dtype=np.float32))


def stored_means(
    planes: Sequence[npt.NDArray[np.generic]], blocks: Blocks, rescale: tuple[float, float]
) -> Volume | None:
    """Means [y',x'] of one layer of blocks, ``slope * stored + intercept`` of its planes.

    None where the sums might be rounded: then only ``block_means`` tells how.
    """
    slope, intercept = rescale
    if not (slope.is_integer() and intercept.is_integer()):
        return None
    if any(plane.dtype.name not in STORED_KINDS for plane in planes):
        return None
    count = int(np.prod(blocks))
    most: float = max(STORED_KINDS[plane.dtype.name] for plane in planes)
    if count * (abs(slope) * most + abs(intercept)) > EXACT:
        most = max(abs(float(end)) for plane in planes for end in (plane.min(), plane.max()))
    if count * (abs(slope) * most + abs(intercept)) > EXACT:
        return None
    total = np.zeros(planes[0].shape, dtype=np.float32)
    for plane in planes:
        np.add(total, plane, out=total)
    rows, columns = len(total) // blocks[1], len(total[0]) // blocks[2]
    tall: npt.NDArray[Any] = total[: rows * blocks[1]].reshape(rows, blocks[1], -1).sum(axis=1)
    wide = tall[:, : columns * blocks[2]].reshape(rows, columns, blocks[2]).sum(axis=2)
    rescaled = wide * np.float32(slope) + np.float32(count * intercept)
    return np.asarray(rescaled / np.float32(count))
