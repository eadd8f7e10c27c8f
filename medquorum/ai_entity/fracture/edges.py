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

from medquorum.ai_entity.fracture.directions import (
    AXIS_STEP,
    edge_points,
    look_around,
    spread_cells,
)
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

MIN_COHERENCE: Final = 0.8
"""Agreement of the edges that do not lean across (those may be the fracture): two cortices reach
0.95, edges of all directions, less the leaning ones, 0.64; joints lie between."""

ACROSS_COSINE: Final = 0.7
"""An edge counts as across when its normal is more than 45 degrees off the shaft's normal."""

JOINT_PIXELS: Final = 40
"""A joint's surface runs across the bone as a fracture does: so close to one nothing is judged."""

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
    grey, inside = small.grey, off_the_rim(small.exposed)
    eight = eight_bit(grey)
    blurred = cv2.GaussianBlur(eight, (BLUR_PIXELS, BLUR_PIXELS), 0)
    spread = cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    even = cv2.createCLAHE(CLAHE_CLIP, (CLAHE_TILES, CLAHE_TILES)).apply(spread)
    gx = cv2.Sobel(even, cv2.CV_32F, 1, 0)
    gy = cv2.Sobel(even, cv2.CV_32F, 0, 1)
    edges = _canny(even, _length(gx, gy), inside)
    bone = find_bone(grey, inside)
    points = edge_points(gx, gy, edges)
    everything = np.ones(points.rows.shape, dtype=np.bool_)
    leaning = look_around(points, everything, edges.shape).along(points) < ACROSS_COSINE
    around = look_around(points, ~leaning, edges.shape)
    straight = _away_from_joints(around.coherence >= MIN_COHERENCE)
    shaft = bone & spread_cells(straight, edges.shape)
    across = np.zeros_like(edges)
    across[points.rows, points.columns] = around.along(points) < ACROSS_COSINE
    across &= shaft
    return EdgeMaps(even, edges, bone, shaft, across, small.scale, small)


def shrink(grey: Grey, exposed: Mask) -> SmallPicture:
    """A picture with its exposed field at working size; a smaller one as it is."""
    scale = min(1.0, WORK_PIXELS / max(grey.shape))
    if scale >= 1.0:
        return SmallPicture(grey, exposed, 1.0)
    rows, columns = grey.shape
    side = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    field = cv2.resize(exposed.view(np.uint8), side, interpolation=cv2.INTER_NEAREST)
    small = cv2.resize(grey, side, interpolation=cv2.INTER_AREA)
    return SmallPicture(np.asarray(small, dtype=np.float32), np.asarray(field > 0), scale)


def eight_bit(grey: Grey) -> Bytes:
    """Brightness 0..1 in 256 steps."""
    return np.asarray(cv2.convertScaleAbs(grey, alpha=255.0))


def off_the_rim(exposed: Mask) -> Mask:
    """The exposed field without RIM_PIXELS on every side."""
    side = 2 * RIM_PIXELS + 1
    eroded = cv2.erode(
        exposed.view(np.uint8),
        np.ones((side, side), np.uint8),
        borderType=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return np.asarray(eroded).view(np.bool_)


def _canny(image: Bytes, magnitude: Grey, inside: Mask) -> Mask:
    """Canny with the upper threshold at Otsu's of the gradient, the lower at half of it."""
    reach = max(float(magnitude[inside].max(initial=1.0)), 1.0)
    steps = cv2.convertScaleAbs(magnitude, alpha=255.0 / reach)
    high = max(find_level(np.asarray(steps), inside) * reach, MIN_GRADIENT)
    found = cv2.Canny(image, high / 2.0, high, L2gradient=True)
    return np.asarray((found > 0) & inside)


def find_level(eight: Bytes, within: Mask) -> float:
    """Otsu's level of 8-bit values within a mask, 0..1 of their range; 0 when there are none.

    Otsu 1979: the level that leaves the greatest variance between the two classes.
    """
    counts = cv2.calcHist([eight], [0], within.view(np.uint8), [256], [0, 256]).ravel()
    share = np.cumsum(counts, dtype=np.float64)
    total = np.cumsum(counts * np.arange(256), dtype=np.float64)
    room = share * (share[-1] - share)
    apart = np.square(total[-1] * share - total * share[-1])
    between = np.divide(apart, room, out=np.zeros_like(apart), where=room > 0.0)
    return float(np.argmax(between)) / 255.0


def find_body(grey: Grey, inside: Mask) -> Mask:
    """What is denser than air, by half of Otsu's level."""
    return np.asarray(inside & (grey > find_level(eight_bit(grey), inside) * AIR_SHARE))


def find_bone(grey: Grey, inside: Mask) -> Mask:
    """The denser class of the body by Otsu's level, taken twice (air, then soft tissue)."""
    body = find_body(grey, inside)
    bone = body & (grey > find_level(eight_bit(grey), body))
    kernel = np.ones((CLOSING, CLOSING), np.uint8)
    closed = cv2.morphologyEx(bone.view(np.uint8), cv2.MORPH_CLOSE, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed, ltype=cv2.CV_16U)
    large = stats[:, cv2.CC_STAT_AREA] >= MIN_BONE_SHARE * grey.size
    large[0] = False
    return np.asarray(large[labels] & inside) if count > 1 else np.zeros_like(inside)


def _away_from_joints(coherent: Mask) -> Mask:
    """Cells whose direction is clear for JOINT_PIXELS around; the film's border does not count."""
    if coherent.all():
        return coherent
    distance = cv2.distanceTransform(coherent.view(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(distance > JOINT_PIXELS / AXIS_STEP)


def _length(left: Grey, right: Grey) -> Grey:
    return np.asarray(cv2.magnitude(left, right))


def suspicious_contours(maps: EdgeMaps) -> tuple[Suspicion, ...]:
    """Contours of edges across a shaft, longest first, at most MAX_XRAY_CONTOURS.

    Filtered by area (at least MIN_CONTOUR_PIXELS on the outline's side) and shape (longer than
    wide).
    """
    joined = cv2.dilate(maps.across.view(np.uint8), np.ones((3, 3), np.uint8))
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
