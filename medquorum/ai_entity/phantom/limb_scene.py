"""What lies in the beam of a drawn limb: bones, soft tissue, and what resembles a fracture.

Scenes: one thick bone, a pair, the rays of a hand or foot, a joint. Look-alikes are drawn with the
same chances into broken and whole limbs, so that none of them tells a network the answer: growth
plates, nutrient canals, a neighbour's cortex running across, ovals with a dense rim, dense islands,
growth arrest lines, skin folds, plates with screws, wires, a cast, a ring.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.phantom.limb_bone import (
    TISSUE_MU,
    LimbBone,
    Plane,
    bone_axis,
    outer_radius,
    point_on,
)

METAL_MU: Final = 0.5
"""Per mm, steel or titanium seen through a hardened beam."""


@dataclass(frozen=True, slots=True)
class LimbScene:
    """Bones, the first being the one that may break, and the limb around them."""

    bones: tuple[LimbBone, ...]
    field_mm: tuple[float, float]
    """Rows, columns."""
    turn_rad: float
    limb_mm: tuple[float, float, float]
    """Centre, half width and half depth of the soft tissue."""


def draw_scene(rng: np.random.Generator) -> LimbScene:
    """One of the four kinds of scene."""
    kind = int(rng.choice(4, p=(0.3, 0.35, 0.2, 0.15)))
    length = float(rng.uniform(150.0, 300.0)) if kind != 2 else float(rng.uniform(110.0, 190.0))
    bones = (_single, _pair, _rays, _joint)[kind](rng, length)
    edges = [bone.centre_mm + side * bone.radius_mm for bone in bones for side in (-1.0, 1.0)]
    centre = (min(edges) + max(edges)) / 2.0
    half = (max(edges) - min(edges)) / 2.0 + float(rng.uniform(10.0, 34.0))
    width = max(2.0 * half + float(rng.uniform(-6.0, 30.0)), 0.45 * length)
    turn = float(rng.normal(0.0, 0.12)) + (np.pi / 2 if rng.random() < 0.1 else 0.0)
    field = (length, width) if abs(turn) < 1.0 else (width, length)
    thickness = float(rng.uniform(0.25, 0.4) if kind == 2 else rng.uniform(0.7, 1.0))
    limb = (centre, half, half * thickness)
    return LimbScene(bones, field, turn, limb)


def _bone(
    rng: np.random.Generator, centre: float, radius: float, ends: tuple[float, float]
) -> LimbBone:
    deep = float(rng.uniform(2.0, 4.0)) * radius
    plates = []
    if rng.random() < 0.3:
        plates = [ends[0] + 0.9 * radius, ends[1] - 0.9 * radius]
    return LimbBone(
        centre_mm=centre,
        tilt=float(rng.normal(0.0, 0.04)),
        bow_mm=float(rng.uniform(-4.0, 4.0)),
        radius_mm=radius,
        cortex_mm=float(rng.uniform(0.18, 0.38)) * radius,
        ends_mm=ends,
        flare=float(rng.uniform(0.25, 0.9)),
        metaphysis_mm=deep,
        plates_mm=tuple(plates),
    )


def _ends(rng: np.random.Generator, length: float) -> tuple[float, float]:
    """Of a bone that leaves the picture or ends in it."""
    low = -float(rng.choice((0.36, 0.45, 0.62, 0.9))) * length
    high = float(rng.choice((0.36, 0.45, 0.62, 0.9))) * length
    return low, high


def _single(rng: np.random.Generator, length: float) -> tuple[LimbBone, ...]:
    return (_bone(rng, float(rng.uniform(-8, 8)), float(rng.uniform(9, 17)), _ends(rng, length)),)


def _pair(rng: np.random.Generator, length: float) -> tuple[LimbBone, ...]:
    radius = float(rng.uniform(6.0, 15.0))
    second = float(rng.uniform(0.35, 1.0)) * min(radius, 8.0)
    gap = radius + second + float(rng.uniform(-0.4 * second, 14.0))
    side = float(rng.choice((-1.0, 1.0)))
    ends = _ends(rng, length)
    shifted = (ends[0] + float(rng.uniform(-8, 8)), ends[1] + float(rng.uniform(-8, 8)))
    bones = (
        _bone(rng, -side * gap / 2.0, radius, ends),
        _bone(rng, side * gap / 2.0, second, shifted),
    )
    return bones if rng.random() < 0.75 else (bones[1], bones[0])


def _rays(rng: np.random.Generator, length: float) -> tuple[LimbBone, ...]:
    """Three to five thin bones side by side, each followed by the next beyond a joint."""
    count, radius = int(rng.integers(3, 6)), float(rng.uniform(3.5, 6.0))
    pitch = radius * float(rng.uniform(3.2, 4.4))
    bones = []
    for index in range(count):
        centre = (index - (count - 1) / 2.0) * pitch
        joint = float(rng.uniform(-0.2, 0.2)) * length
        size = radius * float(rng.uniform(0.85, 1.15))
        bones.append(_bone(rng, centre, size, (joint - 0.42 * length, joint)))
        bones.append(_bone(rng, centre, 0.85 * size, (joint + 1.8, joint + 0.36 * length)))
    order = rng.permutation(len(bones))
    return tuple(bones[index] for index in order)


def _joint(rng: np.random.Generator, length: float) -> tuple[LimbBone, ...]:
    place = float(rng.uniform(-0.2, 0.2)) * length
    radius, gap = float(rng.uniform(8.0, 15.0)), float(rng.uniform(1.5, 5.0))
    bones = [
        _bone(rng, 0.0, radius, (-0.9 * length, place)),
        _bone(rng, 0.0, radius * float(rng.uniform(0.7, 1.1)), (place + gap, 0.9 * length)),
    ]
    if rng.random() < 0.5:
        beside = radius * float(rng.uniform(1.4, 2.0))
        bones.append(_bone(rng, beside, 0.4 * radius, (place + 3.0 * gap, 0.9 * length)))
    return tuple(bones) if rng.random() < 0.5 else tuple(bones[1::-1] + bones[2:])


def visible_span(scene: LimbScene, bone: LimbBone) -> tuple[float, float]:
    """Places on the axis where a cut lies in the picture and off the joint surface."""
    half = 0.5 * max(scene.field_mm) - 20.0
    low = max(bone.ends_mm[0] + 0.8 * bone.radius_mm, -half)
    high = min(bone.ends_mm[1] - 0.8 * bone.radius_mm, half)
    middle = (low + high) / 2.0
    return min(low, middle), max(high, middle)


def soft_tissue(rng: np.random.Generator, scene: LimbScene, x: Plane, y: Plane) -> Plane:
    """Attenuation of the limb with muscle borders and a skin fold in some."""
    centre, half, deep = scene.limb_mm
    wave = 1.0 + 0.08 * np.sin(y / float(rng.uniform(35, 70)) + float(rng.uniform(0, 6)))
    chord = 2.0 * deep * np.sqrt(np.maximum(1.0 - np.square((x - centre) / (half * wave)), 0.0))
    path = chord * TISSUE_MU
    grain = ndimage.gaussian_filter(rng.standard_normal(x.shape, dtype=np.float32), (9.0, 4.0))
    path = path * (1.0 + 0.02 * grain / grain.std())
    if rng.random() < 0.3:
        slope, place = float(rng.uniform(-0.6, 0.6)), float(rng.uniform(-0.4, 0.4))
        fold = y - place * scene.field_mm[0] - slope * x
        step = 1.0 / (1.0 + np.exp(-np.clip(fold / 0.8, -30.0, 30.0)))
        fall = np.exp(-np.maximum(fold, 0.0) / float(rng.uniform(8.0, 60.0)))
        path = path + TISSUE_MU * float(rng.uniform(2.0, 8.0)) * step * fall * (path > 0.05)
    return np.asarray(path, dtype=np.float32)


def look_alikes(rng: np.random.Generator, scene: LimbScene, x: Plane, y: Plane) -> Plane:
    """Attenuation added or taken by what is no fracture."""
    added = np.zeros_like(x)
    chosen = 0 if rng.random() < 0.6 else int(rng.integers(len(scene.bones)))
    bone = scene.bones[chosen]
    across, along = bone_axis(bone, x, y)
    outer, _ = outer_radius(bone, along)
    inside = np.abs(across) < outer
    low, high = visible_span(scene, bone)
    for chance, draw in ((0.3, _oval), (0.35, _canal), (0.25, _arrest_lines), (0.15, _island)):
        if rng.random() < chance:
            place = float(rng.uniform(low, high))
            added += inside * draw(rng, bone, across, along - place)
    grain = ndimage.gaussian_filter(rng.standard_normal(x.shape, dtype=np.float32), (5.0, 1.5))
    added += inside * grain / grain.std() * float(rng.uniform(0.003, 0.02))
    for chance, draw in ((0.06, _plate), (0.04, _wire)):
        if rng.random() < chance:
            place = float(rng.uniform(low, high))
            added += draw(rng, bone, across, along - place)
    if rng.random() < 0.05:
        added += _cast(rng, scene, x)
    if rng.random() < 0.03:
        added += _ring(rng, bone, across, along - float(rng.uniform(low, high)))
    return added


def _oval(rng: np.random.Generator, bone: LimbBone, across: Plane, along: Plane) -> Plane:
    """A lucent oval with a dense rim, as a non-ossifying fibroma."""
    size = bone.radius_mm * float(rng.uniform(0.3, 0.9))
    side = bone.radius_mm * float(rng.uniform(-0.6, 0.6))
    lobes = 1.0 + 0.15 * np.sin(3.0 * np.arctan2(along, across - side))
    away = np.hypot((across - side) / (0.6 * lobes), along / lobes) / size
    hole = 1.0 / (1.0 + np.exp(np.clip(9.0 * (away - 1.0), -60.0, 60.0)))
    rim = np.exp(-0.5 * np.square((away - 1.08) / 0.1))
    return np.asarray(-float(rng.uniform(0.05, 0.2)) * hole + float(rng.uniform(0.0, 0.12)) * rim)


def _canal(rng: np.random.Generator, bone: LimbBone, across: Plane, along: Plane) -> Plane:
    """A nutrient canal: a thin line, steep to the axis, through one cortex, with smooth ends."""
    lean = float(rng.choice((-1.0, 1.0))) * float(rng.uniform(0.08, 0.3))
    side = bone.radius_mm * float(rng.uniform(-0.8, 0.8))
    length = bone.radius_mm * float(rng.uniform(0.7, 1.6))
    line = np.exp(-0.5 * np.square((across - side - lean * along) / float(rng.uniform(0.4, 0.8))))
    fading = np.exp(-np.square(np.square(along / length)))
    return np.asarray(-float(rng.uniform(0.03, 0.1)) * line * fading)


def _arrest_lines(rng: np.random.Generator, bone: LimbBone, across: Plane, along: Plane) -> Plane:
    """One to three thin dense lines straight across."""
    added = np.zeros_like(across)
    for index in range(int(rng.integers(1, 4))):
        away = along - index * float(rng.uniform(3.0, 8.0)) - 0.02 * np.square(across) / 2.0
        added += float(rng.uniform(0.02, 0.09)) * np.exp(-0.5 * np.square(away / 0.5))
    return added


def _island(rng: np.random.Generator, bone: LimbBone, across: Plane, along: Plane) -> Plane:
    size = float(rng.uniform(1.5, 4.0))
    side = bone.radius_mm * float(rng.uniform(-0.5, 0.5))
    return np.asarray(
        float(rng.uniform(0.05, 0.2)) * np.exp(-(np.square(across - side) + along**2) / size**2)
    )


def _plate(rng: np.random.Generator, bone: LimbBone, across: Plane, along: Plane) -> Plane:
    """A plate beside or on the bone with screws through it."""
    half, side = float(rng.uniform(20.0, 45.0)), bone.radius_mm * float(rng.uniform(-1.1, 1.1))
    plate = (np.abs(along) < half) & (np.abs(across - side) < float(rng.uniform(1.5, 5.0)))
    added = METAL_MU * 2.5 * plate
    for place in np.arange(-half + 4.0, half, float(rng.uniform(8.0, 14.0))):
        screw = (np.abs(along - place) < 1.5) & (np.abs(across) < 1.05 * bone.radius_mm)
        added = np.maximum(added, METAL_MU * 3.0 * screw)
    return np.asarray(added, dtype=np.float32)


def _wire(rng: np.random.Generator, bone: LimbBone, across: Plane, along: Plane) -> Plane:
    lean = float(rng.uniform(-1.0, 1.0))
    wire = (np.abs(across - lean * along) < 0.9) & (np.abs(along) < float(rng.uniform(15.0, 60.0)))
    return np.asarray(METAL_MU * 1.5 * wire, dtype=np.float32)


def _cast(rng: np.random.Generator, scene: LimbScene, x: Plane) -> Plane:
    """Plaster around the limb, with its weave."""
    centre, half, _ = scene.limb_mm
    away = np.abs(x - centre) - half
    weave = ndimage.gaussian_filter(rng.standard_normal(x.shape, dtype=np.float32), 1.5)
    shell = (away > 0.0) & (away < float(rng.uniform(4.0, 8.0)))
    path = 0.25 * shell + 0.12 * (away <= 0.0) * (1.0 + 0.25 * weave / weave.std())
    return np.asarray(path, dtype=np.float32)


def _ring(rng: np.random.Generator, bone: LimbBone, across: Plane, along: Plane) -> Plane:
    ring = np.abs(along - 0.02 * np.square(across)) < float(rng.uniform(1.0, 2.5))
    return np.asarray(METAL_MU * 3.0 * ring * (np.abs(across) < 1.8 * bone.radius_mm))


def corners_of_cut(
    bone: LimbBone, along_mm: float, slope: float, shift_mm: float
) -> tuple[tuple[float, float], ...]:
    """Image points (x, y) in mm that span a cut with its displaced piece."""
    return tuple(
        point_on(bone, across + move, along_mm + slope * across)
        for across in (-bone.radius_mm, 0.0, bone.radius_mm)
        for move in (0.0, shift_mm)
    )
