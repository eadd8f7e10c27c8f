"""A torso drawn from ellipsoids, tubes and shells: organ labels and their Hounsfield units.

Axes are LPS millimetres: x to the left, y to the back, z to the head, z = 0 at the ischium. Whose
torso it is says `person`. The means were chosen so that volumes fall into adult ranges: lungs
2.5-6.5 L, liver 1.0-2.1 L, spleen 0.1-0.35 L, both kidneys 0.2-0.42 L, heart 0.4-0.9 L, bladder
0.08-0.5 L. Arms are raised, as in PET/CT. No anatomy beyond that is claimed.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from medquorum.ai_entity.phantom.density import paint_hu
from medquorum.ai_entity.phantom.geometry import (
    Field,
    Labels,
    Mask,
    Point,
    Volume,
    distance_to_segment,
    ellipsoid,
)
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.phantom.person import PURPOSE_ANATOMY, Person, draw_person
from medquorum.ai_entity.phantom.skeleton import draw_skeleton

HALF_WIDTH_MM: Final = 236.0
HALF_DEPTH_MM: Final = 172.0
TORSO_TOP_MM: Final = 640.0
HEAD_TOP_MM: Final = 910.0

STATIONS_MM: Final = (0.0, 80.0, 180.0, 250.0, 330.0, 430.0, 520.0, 575.0, 600.0, 640.0, 700.0)
CAGE_HALF_WIDTHS_MM: Final = (
    138.0,
    142.0,
    132.0,
    127.0,
    134.0,
    140.0,
    126.0,
    72.0,
    42.0,
    34.0,
    34.0,
)
CAGE_HALF_DEPTHS_MM: Final = (84.0, 88.0, 82.0, 80.0, 90.0, 97.0, 86.0, 60.0, 42.0, 36.0, 36.0)
WALLS_MM: Final = (30.0, 28.0, 18.0, 16.0, 16.0, 22.0, 44.0, 66.0, 34.0, 24.0, 22.0)
"""Muscle and ribs around the cavity; at 575 mm the shoulders."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A body without lesions on an isotropic axial grid."""

    organs: Labels
    """[z,y,x]."""
    hu: Volume
    """[z,y,x], without scanner noise."""
    spacing_zyx_mm: Point
    origin_mm: Point
    """LPS place of voxel (0,0,0), x first."""
    source: str
    """A phrase for the reader: parametric, or from which real image."""


@dataclass(frozen=True, slots=True)
class Body:
    """The grid's coordinates and the person's outline on it."""

    points: tuple[Field, Field, Field]
    person: Person
    half_width: Field
    half_depth: Field
    wall: Field

    def within(self, inset_mm: float) -> Mask:
        """Inside the cavity's outline (ribs' inner side), ``inset_mm`` from it; below 0 outside."""
        x, y, _ = self.points
        wide = np.maximum(self.half_width - inset_mm, 1.0)
        deep = np.maximum(self.half_depth - inset_mm, 1.0)
        return np.asarray((np.abs(x) / wide) ** 2.4 + (np.abs(y) / deep) ** 2.4 < 1.0)

    def organ(self, name: str, centre: Point, radii: Point) -> Mask:
        """An ellipsoid of the person's size and place."""
        person = self.person
        field = ellipsoid(self.points, person.place(name, centre), person.radii(name, radii))
        return np.asarray(field < 1.0)


def draw_anatomy(seed: int, grid_mm: float = 4.0, with_head: bool = False) -> Anatomy:
    """The torso of one seed on a grid of ``grid_mm``; the same person with or without a head.

    Raises ValueError for a grid finer than 2 mm or coarser than 8 mm.
    """
    if not 2.0 <= grid_mm <= 8.0:
        raise ValueError("a torso is drawn on grids of 2 to 8 mm")
    body = _body(draw_person(seed, with_head), grid_mm)
    organs = _draw_trunk(body)
    _draw_chest(body, organs)
    _draw_abdomen(body, organs)
    draw_skeleton(body.points, (body.half_width, body.half_depth), body.person.stature, organs)
    if with_head:
        _draw_head(body, organs)
    x, y, z = body.points
    hu = paint_hu(organs, (grid_mm, grid_mm, grid_mm), (PURPOSE_ANATOMY + 10, seed))
    return Anatomy(
        organs=organs,
        hu=hu,
        spacing_zyx_mm=(grid_mm, grid_mm, grid_mm),
        origin_mm=(float(x.min()), float(y.min()), float(z.min())),
        source=f"parametric torso {seed}",
    )


def _body(person: Person, grid_mm: float) -> Body:
    def axis(low: float, high: float) -> Field:
        return np.arange(low + grid_mm / 2.0, high, grid_mm, dtype=np.float64)

    top = (HEAD_TOP_MM if person.with_head else TORSO_TOP_MM) * person.stature
    x, y = axis(-HALF_WIDTH_MM, HALF_WIDTH_MM), axis(-HALF_DEPTH_MM, HALF_DEPTH_MM)
    z = axis(0.0, top)[:, None, None]
    stations = np.asarray(STATIONS_MM) * person.stature
    profiles = [
        np.interp(z, stations, np.asarray(values) * person.stature)
        for values in (CAGE_HALF_WIDTHS_MM, CAGE_HALF_DEPTHS_MM, WALLS_MM)
    ]
    points = (x[None, None, :], y[None, :, None], z)
    return Body(points, person, profiles[0], profiles[1], profiles[2])


def _draw_trunk(body: Body) -> Labels:
    """Skin to cavity: fat, the muscles of the wall, and fat inside."""
    x, y, z = body.points
    neck = np.clip((z / body.person.stature - 570.0) / 50.0, 0.0, 1.0)
    fat = body.person.fat_mm * (1.0 - 0.6 * neck)
    wall = np.where(np.abs(y) > np.abs(x), np.minimum(body.wall, 26.0), body.wall)
    organs = np.full(np.broadcast_shapes(x.shape, y.shape, z.shape), Organ.AIR, dtype=np.uint8)
    top = (HEAD_TOP_MM - 190.0) * body.person.stature
    for inset, organ in ((-wall - fat, Organ.FAT), (-wall, Organ.MUSCLE), (0.0, Organ.FAT)):
        wide, deep = body.half_width - inset, body.half_depth - inset
        inside = (np.abs(x) / wide) ** 2.4 + (np.abs(y) / deep) ** 2.4 < 1.0
        organs[inside & (z < top)] = organ
    neck_muscle = body.within(0.0) & (z > 590.0 * body.person.stature) & (z < top)
    organs[neck_muscle] = Organ.MUSCLE
    back = body.within(-6.0) & (y > body.half_depth - 34.0) & (np.abs(x) < 62.0)
    organs[back] = Organ.MUSCLE
    return organs


def _diaphragm(body: Body) -> Field:
    """Height of the two domes over (x, y) in mm."""
    x, y, _ = body.points
    scale = body.person.stature
    side = np.where(x < 0.0, (x + 66.0) / 78.0, (x - 66.0) / 78.0)
    bulge = np.maximum(1.0 - side**2 - ((y + 8.0) / 104.0) ** 2, 0.0)
    return np.asarray((318.0 + np.where(x < 0.0, 86.0, 70.0) * np.sqrt(bulge)) * scale)


def _draw_chest(body: Body, organs: Labels) -> None:
    x, y, z = body.points
    scale = body.person.stature
    chest = body.within(4.0) & (z > _diaphragm(body)) & (z < 588.0 * scale)
    narrow = np.interp(
        z, np.asarray((320.0, 430.0, 520.0, 590.0)) * scale, (22.0, 24.0, 30.0, 34.0)
    )
    behind = np.maximum(y - 30.0, 0.0) * 0.12
    middle = np.abs(x) < narrow + behind
    organs[chest & ~middle] = Organ.LUNGS
    organs[chest & middle] = Organ.MEDIASTINUM
    heart = _tilted_heart(body) & (z > _diaphragm(body) - 14.0)
    organs[heart & body.within(4.0)] = Organ.HEART


def _tilted_heart(body: Body) -> Mask:
    x, y, z = body.points
    cx, cy, cz = body.person.place("heart", (24.0, -28.0, 424.0))
    a, b, c = body.person.radii("heart", (66.0, 46.0, 50.0))
    turn = 0.65
    along = (x - cx) * np.cos(turn) - (z - cz) * np.sin(turn)
    across = (x - cx) * np.sin(turn) + (z - cz) * np.cos(turn)
    return np.asarray((along / a) ** 2 + ((y - cy) / b) ** 2 + (across / c) ** 2 < 1.0)


def _draw_abdomen(body: Body, organs: Labels) -> None:
    x, y, z = body.points
    scale, person = body.person.stature, body.person
    cavity = body.within(3.0) & (z < _diaphragm(body) - 3.0)
    _draw_gut(body, organs, cavity)
    organs[cavity & body.organ("stomach", (58.0, -22.0, 326.0), (40.0, 32.0, 52.0))] = Organ.STOMACH
    right = body.organ("liver", (-66.0, -2.0, 342.0), (82.0, 82.0, 98.0))
    right &= z > (300.0 + 0.6 * x / scale - 0.1 * y / scale) * scale
    left = body.organ("liver", (4.0, -44.0, 352.0), (72.0, 30.0, 36.0))
    organs[cavity & (right | left)] = Organ.LIVER
    organs[cavity & body.organ("spleen", (96.0, 40.0, 334.0), (27.0, 43.0, 54.0))] = Organ.SPLEEN
    tube = np.minimum(np.hypot(x - 8.0, y - 34.0) / 11.0, np.hypot(x + 14.0, y - 32.0) / 12.0)
    organs[(tube < scale) & (z > 165.0 * scale) & cavity] = Organ.VESSELS
    psoas = np.minimum(np.abs(x - 40.0), np.abs(x + 40.0)) / 17.0
    organs[(np.hypot(psoas, (y - 52.0) / 17.0) < scale) & (z < 290.0 * scale) & cavity] = (
        Organ.MUSCLE
    )
    left_place, right_place = (66.0, 44.0, 268.0), (-66.0, 44.0, 252.0)
    kidneys = body.organ("left kidney", left_place, (28.0, 25.0, 54.0))
    kidneys |= body.organ("right kidney", right_place, (28.0, 25.0, 54.0))
    organs[kidneys & cavity] = Organ.KIDNEYS
    full = person.bladder
    radii = (44.0 * full, 38.0 * full, 36.0 * full)
    organs[cavity & body.organ("bladder", (0.0, -26.0, 58.0), radii)] = Organ.BLADDER


COLON_MM: Final = (
    (-92.0, -8.0, 108.0), (-94.0, 8.0, 240.0), (-34.0, -56.0, 226.0), (34.0, -56.0, 232.0),
    (98.0, 12.0, 286.0), (100.0, 22.0, 130.0), (52.0, 6.0, 92.0), (8.0, 30.0, 112.0),
    (0.0, 46.0, 24.0),
)  # fmt: skip
"""Caecum, flexures, sigmoid, rectum."""


def _draw_gut(body: Body, organs: Labels, cavity: Mask) -> None:
    """Loops of small bowel around the middle, framed by the colon."""
    x, y, z = body.points
    sx, sy, sz = body.person.shifts["gut"]
    wave = np.sin((x + 9.0 * sx) / 9.0 + np.cos(z / 21.0 + sy)) + np.cos(
        (z + 9.0 * sz) / 8.5 + np.sin((y + 9.0 * sy) / 14.0)
    )
    loops = (wave + np.sin((y + x / 3.0) / 9.5 + sz) > -0.35) & body.organ(
        "gut", (0.0, -22.0, 172.0), (92.0, 50.0, 84.0)
    )
    organs[loops & cavity] = Organ.GUT
    scale, radius = body.person.stature, 19.0 * body.person.sizes["gut"]
    for start, end in pairwise(COLON_MM):
        near = distance_to_segment(body.points, _scaled(start, scale), _scaled(end, scale))
        haustra = radius * (1.0 + 0.13 * np.sin((x + y + z) / 7.0))
        organs[(near < haustra) & cavity] = Organ.GUT


def _scaled(point: Point, scale: float) -> Point:
    return point[0] * scale, point[1] * scale, point[2] * scale


def _draw_head(body: Body, organs: Labels) -> None:
    scale = body.person.stature
    centre = (0.0, -8.0, 800.0 * scale)
    field = ellipsoid(body.points, centre, (72.0 * scale, 92.0 * scale, 98.0 * scale))
    for bound, organ in ((1.0, Organ.FAT), (0.93, Organ.BONE), (0.78, Organ.BRAIN)):
        organs[field < bound] = organ
    face = (body.points[2] < 770.0 * scale) & (body.points[1] < 30.0) & (field < 0.85)
    organs[face] = Organ.MUSCLE
