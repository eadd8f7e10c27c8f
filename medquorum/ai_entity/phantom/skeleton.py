"""The bones of the parametric torso: spine, ribs, sternum, shoulders, pelvis, upper thighs.

Ribs are bands of a shell around the chest's outline that fall towards the front; the spine
follows the back of that outline; the rest are ellipsoids, shells and tubes at usual places.
Lengths in mm at stature 1, LPS as in ``anatomy``.
"""

from typing import Final

import numpy as np

from medquorum.ai_entity.phantom.geometry import Field, Labels, Mask, distance_to_segment, ellipsoid
from medquorum.ai_entity.phantom.organs import Organ

RIB_PITCH_MM: Final = 25.0
RIB_HEIGHT_MM: Final = 12.0
RIB_FALL: Final = 0.5
"""How much a rib falls per mm towards the front."""
VERTEBRA_MM: Final = 31.0
DISC_MM: Final = 6.0

Points = tuple[Field, Field, Field]
Outline = tuple[Field, Field]


def draw_skeleton(points: Points, outline: Outline, stature: float, organs: Labels) -> None:
    """Write BONE into ``organs`` [z,y,x]; ``outline`` holds the cavity's half axes per height."""
    scaled = (points[0] / stature, points[1] / stature, points[2] / stature)
    cage = (outline[0] / stature, outline[1] / stature)
    bone = _ribs(scaled, cage) | _pelvis(scaled) | _shoulders(scaled, cage)
    spine, canal = _spine(scaled, cage)
    body = organs != Organ.AIR
    organs[bone & body] = Organ.BONE
    organs[spine & body] = Organ.BONE
    organs[canal & body] = Organ.MUSCLE


def _shell(points: Points, cage: Outline, inner_mm: float, outer_mm: float) -> Mask:
    x, y, _ = points
    inside = [
        (np.abs(x) / (cage[0] + edge)) ** 2.4 + (np.abs(y) / (cage[1] + edge)) ** 2.4 < 1.0
        for edge in (inner_mm, outer_mm)
    ]
    return np.asarray(inside[1] & ~inside[0])


def _ribs(points: Points, cage: Outline) -> Mask:
    x, y, z = points
    height = z - RIB_FALL * y
    band = (height % RIB_PITCH_MM < RIB_HEIGHT_MM) & (height > 300.0) & (z < 578.0)
    floating = (height < 345.0) & (y < 0.0)
    reach = np.interp(height, (300.0, 400.0, 470.0), (-10.0, -70.0, -140.0))
    ribs = _shell(points, cage, 0.0, 8.0) & band & ~floating & (y > reach) & (z < 572.0)
    sternum = (np.abs(x) < 19.0) & (y < 0.0) & (z > 400.0) & (z < 566.0)
    return np.asarray(ribs | (sternum & _shell(points, cage, -3.0, 8.0)))


def _spine(points: Points, cage: Outline) -> tuple[Mask, Mask]:
    """Vertebrae with discs between them, arch and spinous process; and the canal."""
    x, y, z = points
    middle = cage[1] - 26.0
    size = np.interp(z, (80.0, 250.0, 560.0, 680.0), (25.0, 24.0, 17.0, 12.0))
    bodies = np.hypot(x / size, (y - middle) / (size * 0.8)) < 1.0
    vertebrae = bodies & ((z % VERTEBRA_MM) > DISC_MM)
    canal = np.hypot(x, y - middle - size * 0.8 - 8.0) < 8.0
    arch = np.hypot(x, y - middle - size * 0.8 - 8.0) < 14.0
    level = z % VERTEBRA_MM > 12.0
    behind = y - middle - size * 0.8 - 20.0
    spinous = (np.abs(x) < 4.0) & (behind > 0.0) & (behind < 24.0) & level
    transverse = (np.abs(y - middle - size * 0.8 - 4.0) < 5.0) & (np.abs(x) < size + 16.0) & level
    tall = (z > 60.0) & (z < 705.0)
    return (vertebrae | (arch & level) | spinous | transverse) & tall & ~canal, canal & tall


def _pelvis(points: Points) -> Mask:
    x, y, z = points
    wing = ellipsoid(points, (0.0, 0.0, 120.0), (134.0, 92.0, 120.0))
    blade = (wing < 1.0) & (wing > 0.82) & (z > 62.0) & (z < 196.0) & (np.abs(x) > 34.0)
    front = y > -52.0 + np.maximum(z - 120.0, 0.0) * 0.2
    sacrum = ellipsoid(points, (0.0, 66.0, 112.0), (54.0, 22.0, 54.0)) < 1.0
    side = np.abs(x)
    mirrored = (side, y, z)
    head = ellipsoid(mirrored, (92.0, 2.0, 52.0), (24.0, 24.0, 24.0)) < 1.0
    socket = ellipsoid(mirrored, (84.0, 4.0, 58.0), (32.0, 32.0, 32.0))
    cup = (socket < 1.0) & (socket > 0.72) & (side < 92.0)
    ischium = distance_to_segment(mirrored, (76.0, 20.0, 44.0), (54.0, 40.0, 6.0)) < 13.0
    pubis = distance_to_segment(mirrored, (70.0, -26.0, 54.0), (6.0, -62.0, 34.0)) < 9.0
    neck = distance_to_segment(mirrored, (92.0, 2.0, 52.0), (124.0, 8.0, 26.0)) < 14.0
    shaft = distance_to_segment(mirrored, (126.0, 8.0, 28.0), (118.0, 4.0, -40.0)) < 16.0
    return np.asarray((blade & front) | sacrum | head | cup | ischium | pubis | neck | shaft)


def _shoulders(points: Points, cage: Outline) -> Mask:
    x, y, z = points
    side = np.abs(x)
    mirrored = (side, y, z)
    behind = _shell(points, cage, 13.0, 20.0) & (y > 10.0) & (side > 40.0) & (side < 150.0)
    scapula = behind & (z > 430.0 + 0.35 * side) & (z < 560.0)
    clavicle = distance_to_segment(mirrored, (18.0, -62.0, 566.0), (112.0, -6.0, 590.0)) < 7.0
    humerus = ellipsoid(mirrored, (128.0, 6.0, 574.0), (23.0, 23.0, 23.0)) < 1.0
    return np.asarray(scapula | clavicle | humerus)
