"""The published edge pipeline, and what makes it stand on real radiographs.

Published steps, in order: resize, grey, Gaussian blur, normalise, Canny, contours filtered by area
and shape; from them *edge density*, *contour count* and *fracture area*. A plain Canny marks every
cortex and every collimator rim, so here: CLAHE evens the exposure, Canny's thresholds follow Otsu's
of the gradient, bone is told from soft tissue, and a contour counts only when it lies in a shaft
and runs across it (a cortex runs along its own bone, a fracture does not).
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.fracture.radiograph import Grey, Mask, Radiograph
from medquorum.ai_entity.limits import MAX_XRAY_CONTOURS

WORK_PIXELS: Final = 640
"""Longer side after the resize; shafts are then 20 to 120 pixels wide."""

BLUR_PIXELS: Final = 7
CLAHE_CLIP: Final = 2.0
CLAHE_TILES: Final = 8
AIR_SHARE: Final = 0.5
"""Of Otsu's level: thin soft tissue is darker than the level but not air."""

CLOSING: Final = 15
"""Pixels: a fracture's gap belongs to the bone."""

AXIS_SIGMA: Final = 45.0
"""Pixels over which the direction of the shaft is averaged."""

AXIS_STEP: Final = 4
MIN_COHERENCE: Final = 0.8
"""Agreement of the edges that do not lean across (those may be the fracture): two cortices reach
0.95, edges of all directions, less the leaning ones, 0.64; joints lie between."""

ACROSS_COSINE: Final = 0.7
"""An edge counts as across when its normal is more than 45 degrees off the shaft's normal."""

JOINT_PIXELS: Final = 40
"""A joint's surface runs across the bone as a fracture does: so close to one nothing is judged."""

DIRECTION_SIGMA: Final = 1.5
"""Pixels over which an edge's own direction is averaged."""

MIN_GRADIENT: Final = 60.0
"""Sobel units of an 8-bit picture: less is grain."""

MIN_CONTOUR_PIXELS: Final = 9
MIN_BONE_SHARE: Final = 0.004
RIM_PIXELS: Final = 12
"""Around the exposed field: the blades' rims and the film's border are not anatomy."""

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SmallPicture:
    """A radiograph at working size."""

    grey: Grey
    exposed: Mask
    scale: float
    """Working pixels per pixel of the original."""


@dataclass(frozen=True, slots=True)
class EdgeMaps:
    """Everything at working size [rows, columns]."""

    normalised: Bytes
    edges: Mask
    bone: Mask
    shaft: Mask
    """Bone with one clear direction."""
    across: Mask
    """Edges in a shaft that run across it."""
    scale: float
    """Working pixels per pixel of the original."""
    small: SmallPicture | None = None
    """What they were found in."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One suspicious contour in working pixels."""

    box: tuple[int, int, int, int]
    length: float
    area: float


def find_edges(image: Radiograph) -> EdgeMaps:
    """The published steps up to Canny, and the shaft's direction."""
    small = shrink(image.grey, image.exposed)
    grey, inside = small.grey, _inside(small.exposed)
    eight = np.round(grey * 255.0).astype(np.uint8)
    blurred = cv2.GaussianBlur(eight, (BLUR_PIXELS, BLUR_PIXELS), 0)
    spread = cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    even = cv2.createCLAHE(CLAHE_CLIP, (CLAHE_TILES, CLAHE_TILES)).apply(spread)
    gx = cv2.Sobel(even, cv2.CV_32F, 1, 0)
    gy = cv2.Sobel(even, cv2.CV_32F, 0, 1)
    edges = _canny(even, _length(gx, gy), inside)
    bone = find_bone(grey, inside)
    direction = _edge_normal(gx, gy)
    normal, _ = _shaft_normal(direction, edges)
    leaning = _along(normal, direction) < ACROSS_COSINE
    normal, coherence = _shaft_normal(direction, edges & ~leaning)
    shaft = bone & _away_from_joints(coherence >= MIN_COHERENCE)
    across = edges & shaft & (_along(normal, direction) < ACROSS_COSINE)
    return EdgeMaps(even, edges, bone, shaft, across, small.scale, small)


def shrink(grey: Grey, exposed: Mask) -> SmallPicture:
    """A picture with its exposed field at working size; a smaller one as it is."""
    scale = min(1.0, WORK_PIXELS / max(grey.shape))
    if scale >= 1.0:
        return SmallPicture(grey, exposed, 1.0)
    rows, columns = grey.shape
    side = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    field = cv2.resize(exposed.astype(np.uint8), side, interpolation=cv2.INTER_NEAREST)
    small = cv2.resize(grey, side, interpolation=cv2.INTER_AREA)
    return SmallPicture(np.asarray(small, dtype=np.float32), np.asarray(field > 0), scale)


def _inside(exposed: Mask) -> Mask:
    padded = np.pad(exposed.astype(np.uint8), 1)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    return np.asarray(distance > RIM_PIXELS)


def _canny(image: Bytes, magnitude: Grey, inside: Mask) -> Mask:
    """Canny with the upper threshold at Otsu's of the gradient, the lower at half of it."""
    reach = float(magnitude[inside].max(initial=1.0))
    otsu = find_level(magnitude[inside] / reach)
    high = max(otsu * reach, MIN_GRADIENT)
    found = cv2.Canny(image, high / 2.0, high, L2gradient=True)
    return np.asarray((found > 0) & inside)


def find_level(levels: Grey) -> float:
    """Otsu's level of values 0..1, 0 when there are none."""
    if levels.size == 0:
        return 0.0
    eight = np.round(levels * 255.0).astype(np.uint8).reshape(-1, 1)
    level, _ = cv2.threshold(eight, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return float(level) / 255.0


def find_body(grey: Grey, inside: Mask) -> Mask:
    """What is denser than air, by half of Otsu's level."""
    return np.asarray(inside & (grey > find_level(grey[inside]) * AIR_SHARE))


def find_bone(grey: Grey, inside: Mask) -> Mask:
    """The denser class of the body by Otsu's level, taken twice (air, then soft tissue)."""
    body = find_body(grey, inside)
    level = find_level(grey[body])
    bone = (body & (grey > level)).astype(np.uint8)
    closed = cv2.morphologyEx(bone, cv2.MORPH_CLOSE, np.ones((CLOSING, CLOSING), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    large = stats[:, cv2.CC_STAT_AREA] >= MIN_BONE_SHARE * grey.size
    large[0] = False
    return np.asarray(large[labels] & inside) if count > 1 else np.zeros_like(inside)


def _shaft_normal(direction: tuple[Grey, Grey], edges: Mask) -> tuple[tuple[Grey, Grey], Grey]:
    """Unit normal of most edges around, and how much they agree (structure tensor of edges).

    Every edge pixel counts the same: a fracture's edges are strong but short, a cortex is long.
    """
    ux, uy = direction[0] * edges, direction[1] * edges
    jxx, jyy, jxy = (_widely_averaged(plane) for plane in (ux * ux, uy * uy, ux * uy))
    gap = _length(jxx - jyy, 2.0 * jxy)
    return _direction(jxx - jyy, jxy, gap), gap / np.maximum(jxx + jyy, 1e-6)


def _widely_averaged(plane: Grey) -> Grey:
    """Gaussian of AXIS_SIGMA on a coarse grid, with a sixteenth of the work."""
    rows, columns = plane.shape
    small = (max(columns // AXIS_STEP, 1), max(rows // AXIS_STEP, 1))
    coarse = cv2.resize(plane.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(coarse, (0, 0), AXIS_SIGMA / AXIS_STEP)
    return np.asarray(cv2.resize(blurred, (columns, rows), interpolation=cv2.INTER_LINEAR))


def _away_from_joints(coherent: Mask) -> Mask:
    """Where the direction is clear for JOINT_PIXELS around; the film's border does not count."""
    if coherent.all():
        return coherent
    distance = cv2.distanceTransform(coherent.astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(distance > JOINT_PIXELS)


def _edge_normal(gx: Grey, gy: Grey) -> tuple[Grey, Grey]:
    """Unit normal of each edge, averaged a little: single pixels of a jagged line disagree."""
    jxx, jyy, jxy = (
        np.asarray(cv2.GaussianBlur(plane, (0, 0), DIRECTION_SIGMA), dtype=np.float32)
        for plane in (gx * gx, gy * gy, gx * gy)
    )
    return _direction(jxx - jyy, jxy, _length(jxx - jyy, 2.0 * jxy))


def _length(left: Grey, right: Grey) -> Grey:
    return np.asarray(cv2.magnitude(left, right))


def _direction(difference: Grey, mixed: Grey, gap: Grey) -> tuple[Grey, Grey]:
    """Cosine and sine of half the angle of (difference, 2 mixed), whose length is ``gap``."""
    half = np.divide(difference, 2.0 * gap, out=np.full_like(gap, 0.5), where=gap > 0.0)
    np.clip(half, -0.5, 0.5, out=half)
    cosine = cv2.sqrt(half + np.float32(0.5))
    sine = cv2.sqrt(np.float32(0.5) - half)
    return np.asarray(cosine), np.copysign(sine, mixed)


def _along(left: tuple[Grey, Grey], right: tuple[Grey, Grey]) -> Grey:
    return np.asarray(np.abs(left[0] * right[0] + left[1] * right[1]))


def suspicious_contours(maps: EdgeMaps) -> tuple[Suspicion, ...]:
    """Contours of edges across a shaft, longest first, at most MAX_XRAY_CONTOURS.

    Filtered by area (at least MIN_CONTOUR_PIXELS on the outline's side) and shape (longer than
    wide).
    """
    joined = cv2.dilate(maps.across.astype(np.uint8), np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found = []
    for contour in contours:
        (_, (width, height), _) = cv2.minAreaRect(contour)
        length = max(width, height)
        if length < MIN_CONTOUR_PIXELS or length < 1.3 * min(width, height):
            continue
        x, y, w, h = (int(side) for side in cv2.boundingRect(contour))
        found.append(Suspicion((x, y, w, h), float(length), float(cv2.contourArea(contour))))
    found.sort(key=lambda one: (-one.length, one.box))
    return tuple(found[:MAX_XRAY_CONTOURS])
