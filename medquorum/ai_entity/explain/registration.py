"""Where does the earlier body lie in the later one? Translation only, and only when it is certain.

Both coarse tissue maps are put on one axis-aligned 8 mm grid. The masked normalised
cross-correlation (Padfield, IEEE Trans Image Process 2012, doi 10.1109/TIP.2011.2181402) gives, for
every shift at once, the correlation over the voxels that both maps cover, so that two fields of
view of different length are no obstacle. A shift is believed when the correlation there is high and
no shift elsewhere comes close: a thigh alone fits along its whole length and stays unplaced.
Turning, breathing and bent joints are not corrected; whoever compares lesions allows for them.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from medquorum.ai_entity.explain.landmarks import STEP_MM, Landmarks
from medquorum.ai_entity.tumour.grid import Affine

LEAST_LIKENESS: Final = 0.6
"""Two scans of one phantom person correlate at 0.9, two persons at 0.7 to 0.85: this tells whether
a shift makes sense, not whether it is the same patient."""

AMBIGUITY_MM: Final = 40.0
"""A second candidate nearer than this is the same peak."""

LEAST_LEAD: Final = 0.03
"""By how much the best shift must beat every other."""

LEAST_OVERLAP: Final = 0.4
"""Share of the smaller map that both must cover at a shift."""

MAX_CORRELATED: Final = 12_000_000
"""Voxels of the padded grid: some 0.6 GB of transforms."""

Field = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shift:
    """A translation in LPS mm with the correlation it reaches, or why there is none."""

    vector_mm: tuple[float, float, float] | None
    likeness: float
    refusal: str = ""


def find_shift(earlier: Landmarks, later: Landmarks) -> Shift:
    """The translation to add to the earlier study's places. Raises ValueError on hostile maps."""
    first, first_corner = _straightened(earlier)
    second, second_corner = _straightened(later)
    shape = [a + b - 1 for a, b in zip(first.shape, second.shape, strict=True)]
    if int(np.prod(shape)) > MAX_CORRELATED:
        return Shift(None, 0.0, "the studies are too large to be aligned")
    likeness = _correlation(first, second, shape)
    best = np.unravel_index(int(likeness.argmax()), likeness.shape)
    highest = float(likeness[best])
    if highest < LEAST_LIKENESS:
        return Shift(None, highest, "no shift makes the two bodies alike")
    if highest - _next_best(likeness, best) < LEAST_LEAD:
        return Shift(None, highest, "several shifts fit equally well (as along a limb)")
    voxels = np.asarray(_refined(likeness, best)) - (np.asarray(first.shape) - 1)
    z, y, x = voxels * STEP_MM + second_corner - first_corner
    return Shift((float(x), float(y), float(z)), highest)


def _straightened(landmarks: Landmarks) -> tuple[Field, Field]:
    """Classes + 1 on an axis-aligned grid (0: not covered) and its corner (z,y,x) in mm."""
    classes, affine = landmarks.classes().astype(np.float64) + 1.0, landmarks.affine()
    corners = _corners(classes.shape, affine)
    low, high = corners.min(axis=0), corners.max(axis=0)
    shape = np.floor((high - low) / STEP_MM + 1e-6).astype(int) + 1
    if not np.isfinite(low).all() or int(np.prod(shape)) > MAX_CORRELATED:
        raise ValueError("the landmarks' affine does not describe a body")
    straight = np.zeros((4, 4))
    straight[[2, 1, 0], [0, 1, 2]] = STEP_MM
    straight[:3, 3], straight[3, 3] = low, 1.0
    way = np.linalg.inv(affine) @ straight
    placed = ndimage.affine_transform(
        classes,
        way[:3, :3],
        offset=way[:3, 3],
        output_shape=tuple(int(side) for side in shape[::-1]),
        order=0,
        mode="constant",
        cval=0.0,
    )
    return np.asarray(placed, dtype=np.float64), low[::-1]


def _corners(shape: tuple[int, ...], affine: Affine) -> Field:
    ends = np.stack(np.meshgrid(*((0, side - 1) for side in shape), indexing="ij"), axis=-1)
    places = np.c_[ends.reshape(-1, 3), np.ones(8)] @ affine.T
    return np.asarray(places[:, :3], dtype=np.float64)


def _correlation(first: Field, second: Field, shape: list[int]) -> Field:
    """Masked normalised cross-correlation of ``second`` with ``first`` at every shift."""
    fast = [fft.next_fast_len(side, real=True) for side in shape]
    cut = tuple(slice(0, side) for side in shape)

    def forward(field: Field) -> Any:
        return fft.rfftn(field, fast)

    def back(product: Any) -> Field:
        return np.asarray(fft.irfftn(product, fast)[cut])

    turned = first[::-1, ::-1, ::-1]
    mask_1, mask_2 = forward((turned > 0.0).astype(float)), forward((second > 0.0).astype(float))
    image_1, image_2 = forward(turned), forward(second)
    count = np.maximum(np.round(back(mask_1 * mask_2)), 1.0)
    sum_1, sum_2 = back(image_1 * mask_2), back(mask_1 * image_2)
    joint = back(image_1 * image_2) - sum_1 * sum_2 / count
    spread_1 = back(forward(turned**2) * mask_2) - sum_1**2 / count
    spread_2 = back(mask_1 * forward(second**2)) - sum_2**2 / count
    spread = np.sqrt(np.maximum(spread_1, 0.0) * np.maximum(spread_2, 0.0))
    least = LEAST_OVERLAP * min(float((first > 0.0).sum()), float((second > 0.0).sum()))
    judged = (count >= least) & (spread > 1e-6 * count)
    return np.where(judged, joint / np.where(judged, spread, 1.0), -1.0)


def _next_best(likeness: Field, best: tuple[Any, ...]) -> float:
    reach = int(AMBIGUITY_MM // STEP_MM)
    elsewhere = likeness.copy()
    elsewhere[tuple(slice(max(int(at) - reach, 0), int(at) + reach + 1) for at in best)] = -1.0
    return float(elsewhere.max())


def _refined(likeness: Field, best: tuple[Any, ...]) -> list[float]:
    """The peak between voxels: the vertex of a parabola through three values along each axis."""
    place = []
    for axis, at in enumerate(int(one) for one in best):
        where = list(best)
        values = []
        for step in (-1, 0, 1):
            where[axis] = min(max(at + step, 0), likeness.shape[axis] - 1)
            values.append(float(likeness[tuple(where)]))
        bend = values[0] - 2.0 * values[1] + values[2]
        lean = 0.5 * (values[0] - values[2]) / bend if bend < -1e-9 else 0.0
        place.append(at + float(np.clip(lean, -0.5, 0.5)))
    return place
