"""Limbs and bodies of one substance: what a torso does not show and a scanner sees all the same.

A *limb* is one leg or two: skin, fat, muscle with septa of fat, a hollow bone that widens towards a
joint, and vessels; a third of them are healthy. Its tumour resembles a soft-tissue sarcoma: large,
along the limb, muscle-like in density, often with a cold core inside a hot rim. A *uniform body*
is a cylinder of one density and uptake with hot balls, as in acceptance tests, with balls of any
size anywhere: a lesion is what exceeds its surroundings, whatever they are. Neither is anatomy.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from medquorum.ai_entity.phantom.anatomy import Anatomy
from medquorum.ai_entity.phantom.density import paint_hu, smooth_noise
from medquorum.ai_entity.phantom.geometry import Field, Labels, Mask, Point, Volume
from medquorum.ai_entity.phantom.growths import Growth
from medquorum.ai_entity.phantom.organs import Organ

PURPOSE_LIMB: Final = 21
PURPOSE_LIMB_LESION: Final = 22
PURPOSE_BALLS: Final = 23
GRID_MM: Final = 4.0
HEALTHY_SHARE: Final = 1.0 / 3.0
MARGIN_MM: Final = 24.0
BALL_RADII_MM: Final = (5.0, 20.0)


@dataclass(frozen=True, slots=True)
class _Leg:
    """One leg's own sizes in mm; its axis runs along z."""

    centre: tuple[float, float]
    radii: tuple[float, float]
    """Half axes x, y at the thick end."""
    taper: float
    """Share of the thickness that is lost towards the other end."""
    fat: float
    bone: tuple[float, float, float]
    """Radius, and place against the centre."""
    joint: float
    """Factor by which the bone widens at the thin end."""


def draw_limb(seed: int, grid_mm: float = GRID_MM) -> Anatomy:
    """Organ labels and HU of one leg or two, 22 to 40 cm long."""
    rng = np.random.default_rng((PURPOSE_LIMB, seed))
    legs = _legs(rng)
    width = max(abs(leg.centre[0]) + leg.radii[0] for leg in legs) + MARGIN_MM
    depth = max(leg.radii[1] for leg in legs) + MARGIN_MM
    length = float(rng.uniform(220.0, 400.0))
    x, y = _axis(width, grid_mm), _axis(depth, grid_mm)
    z = _axis(length / 2.0, grid_mm)[:, None, None]
    points = (x[None, None, :], y[None, :, None], z)
    organs = np.full((len(z), len(y), len(x)), Organ.AIR, dtype=np.uint8)
    septa = smooth_noise(rng, organs.shape, 12.0 / grid_mm)
    along = (z + length / 2.0) / length
    for leg in legs:
        _draw_leg(organs, points, along, leg, septa)
    hu = paint_hu(organs, (grid_mm,) * 3, (PURPOSE_LIMB + 10, seed))
    hollow = _inside_bones(points, along, legs) & (organs == Organ.BONE)
    hu[hollow] = float(rng.uniform(-60.0, 60.0))
    origin = (float(x.min()), float(y.min()), float(z.min()))
    return Anatomy(organs, hu, (grid_mm,) * 3, origin, f"parametric limb {seed}")


def _axis(half: float, step: float) -> Field:
    return np.arange(-half + step / 2.0, half, step, dtype=np.float64)


def _legs(rng: np.random.Generator) -> tuple[_Leg, ...]:
    wide, deep = float(rng.uniform(52.0, 98.0)), float(rng.uniform(0.85, 1.1))
    leg = _Leg(
        centre=(0.0, 0.0),
        radii=(wide, wide * deep),
        taper=float(rng.uniform(0.0, 0.4)),
        fat=float(rng.uniform(4.0, 0.3 * wide)),
        bone=(float(rng.uniform(11.0, 17.0)), *_pair(rng.normal(0.0, 8.0, 2))),
        joint=float(rng.uniform(1.0, 2.6)),
    )
    if rng.random() < 0.5:
        return (leg,)
    gap = wide + float(rng.uniform(4.0, 20.0))
    mirrored = (leg.bone[0], -leg.bone[1], leg.bone[2])
    left = _Leg((gap, 0.0), leg.radii, leg.taper, leg.fat, leg.bone, leg.joint)
    return left, _Leg((-gap, 0.0), leg.radii, leg.taper, leg.fat, mirrored, leg.joint)


def _pair(values: Field) -> tuple[float, float]:
    first, second = values
    return float(first), float(second)


def _draw_leg(
    organs: Labels, points: tuple[Field, ...], along: Field, leg: _Leg, septa: Field
) -> None:
    x, y = points[0] - leg.centre[0], points[1] - leg.centre[1]
    size = 1.0 - leg.taper * along
    wide, deep = leg.radii[0] * size, leg.radii[1] * size
    organs[np.hypot(x / wide, y / deep) < 1.0] = Organ.FAT
    muscle = np.hypot(x / np.maximum(wide - leg.fat, 9.0), y / np.maximum(deep - leg.fat, 9.0))
    organs[(muscle < 1.0) & (np.abs(septa) > 0.06)] = Organ.MUSCLE
    radius, right, back = leg.bone
    vessels = np.hypot(x - right - 2.2 * radius * np.sign(right or 1.0), y - back - 4.0)
    organs[vessels + 0.0 * along < 6.0] = Organ.VESSELS
    organs[np.hypot(x - right, y - back) < _bone_radius(leg, along)] = Organ.BONE


def _bone_radius(leg: _Leg, along: Field) -> Field:
    return np.asarray(
        leg.bone[0] * (1.0 + (leg.joint - 1.0) * np.clip(along * 4.0 - 3.0, 0.0, 1.0))
    )


def _inside_bones(points: tuple[Field, ...], along: Field, legs: tuple[_Leg, ...]) -> Mask:
    shape = np.broadcast_shapes(*(axis.shape for axis in points))
    found = np.zeros(shape, dtype=np.bool_)
    for leg in legs:
        x, y = points[0] - leg.centre[0] - leg.bone[1], points[1] - leg.centre[1] - leg.bone[2]
        found |= np.hypot(x, y) < _bone_radius(leg, along) - 6.0
    return found


def limb_growths(limb: Anatomy, seed: int) -> tuple[Growth, ...]:
    """None, or one tumour in the muscle of a limb and now and then a small one beside it."""
    rng = np.random.default_rng((PURPOSE_LIMB_LESION, seed))
    if rng.random() < HEALTHY_SHARE:
        return ()
    places = np.argwhere(limb.organs == Organ.MUSCLE)
    inner = places[np.abs(places[:, 0] - limb.organs.shape[0] / 2.0) < 0.3 * limb.organs.shape[0]]
    count = 1 + int(rng.random() < 0.2)
    return tuple(
        _sarcoma(rng, inner[int(rng.integers(len(inner)))], small=place > 0)
        for place in range(count)
    )


def _sarcoma(
    rng: np.random.Generator, place: np.ndarray[tuple[int, ...], np.dtype[np.intp]], small: bool
) -> Growth:
    radius = float(rng.uniform(6.0, 14.0) if small else np.exp(rng.uniform(np.log(9), np.log(70))))
    a, b, c = (float(radius * factor) for factor in rng.uniform(0.75, 1.5, 3))
    cold = rng.random() < 0.6
    z, y, x = (int(index) for index in place)
    return Growth(
        organ=Organ.MUSCLE,
        centre_index=(z, y, x),
        radii_mm=(a, b, c),
        suv=float(np.exp(rng.uniform(np.log(1.6), np.log(14.0)))),
        hu=float(rng.uniform(2.0, 52.0)),
        into=Organ.FAT,
        shape_seed=int(rng.integers(2**31)),
        core=(float(rng.uniform(0.4, 0.9)), float(rng.uniform(0.08, 0.6))) if cold else (0.0, 1.0),
    )


def draw_uniform_body(seed: int, grid_mm: float = GRID_MM) -> tuple[Anatomy, Volume, Mask]:
    """A cylinder with hot balls: (labels and HU, uptake [z,y,x], balls [z,y,x]).

    Its inside is called muscle; what reads it for training leaves the organs out.
    """
    rng = np.random.default_rng((PURPOSE_BALLS, seed))
    wide, deep = float(rng.uniform(100.0, 170.0)), float(rng.uniform(90.0, 125.0))
    x, y = _axis(wide + MARGIN_MM, grid_mm), _axis(deep + MARGIN_MM, grid_mm)
    z = _axis(float(rng.uniform(90.0, 130.0)), grid_mm)[:, None, None]
    points = (x[None, None, :], y[None, :, None], z)
    shape = (len(z), len(y), len(x))
    inside = np.broadcast_to(np.hypot(points[0] / wide, points[1] / deep) < 1.0, shape)
    organs = np.where(inside, np.uint8(Organ.MUSCLE), np.uint8(Organ.AIR))
    hu = np.where(inside, rng.uniform(-20.0, 60.0), -1000.0)
    background = float(rng.uniform(0.4, 2.5))
    suv = np.where(inside, background, 0.0)
    balls = _balls(rng, points, (wide, deep))
    suv[balls] = background * float(rng.uniform(2.5, 10.0))
    tube = np.broadcast_to(np.hypot(points[0], points[1]) < rng.uniform(0.0, 28.0), shape) & ~balls
    hu[tube], suv[tube] = -700.0, 0.1 * background
    origin = (float(x.min()), float(y.min()), float(z.min()))
    spacing: Point = (grid_mm, grid_mm, grid_mm)
    drawn = Anatomy(organs, hu.astype(np.float32), spacing, origin, f"uniform body {seed}")
    return drawn, suv.astype(np.float32), balls


def _balls(rng: np.random.Generator, points: tuple[Field, ...], radii: tuple[float, float]) -> Mask:
    x, y, z = points
    found = np.zeros(np.broadcast_shapes(x.shape, y.shape, z.shape), dtype=np.bool_)
    for _ in range(int(rng.integers(0, 9))):
        angle, far = rng.uniform(0.0, 2.0 * np.pi), float(rng.uniform(0.3, 0.75))
        centre = (far * radii[0] * np.cos(angle), far * radii[1] * np.sin(angle))
        height = float(rng.uniform(0.7 * z.min(), 0.7 * z.max()))
        away = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - height) ** 2)
        found |= away < float(rng.uniform(*BALL_RADII_MM))
    return found
