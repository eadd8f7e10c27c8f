"""Lesions in a labelled body: irregular ellipsoids of stated organ, size, density and uptake.

A *story* says what is placed: nothing, one confined small lesion, a large one, one that grows
into a neighbour, a primary with daughters in other organs, several in one organ. The levels are
never taken from the story: ``organ_levels`` reads them from what was drawn.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.phantom.geometry import Field, Labels, Mask, Point, Volume, volume_ml
from medquorum.ai_entity.phantom.organs import TISSUES, Organ


class Story(StrEnum):
    """What disease is put into a body."""

    NEGATIVE = "negative"
    CONFINED = "confined"
    LARGE = "large"
    EXTENDING = "extending"
    SPREAD = "spread"
    MULTIPLE = "multiple"


CORE_MM: Final = 18.0
"""Larger lesions lose uptake within: necrosis."""
CORE: Final = (0.5, 0.45)


@dataclass(frozen=True, slots=True)
class Growth:
    """One lesion to draw."""

    organ: Organ
    centre_index: tuple[int, int, int]
    """Voxel [z,y,x]."""
    radii_mm: Point
    """Half axes z, y, x before turning."""
    suv: float
    """Mean; a core in large ones is colder."""
    hu: float
    into: Organ | None = None
    """A neighbour it grows into, or confined."""
    shape_seed: int = 0
    core: tuple[float, float] = CORE
    """The core of a large lesion: its share of the radius, and of the uptake."""


HOSTS: Final = (Organ.LUNGS, Organ.LIVER, Organ.BONE, Organ.MEDIASTINUM, Organ.MUSCLE,
                Organ.SPLEEN, Organ.KIDNEYS, Organ.STOMACH, Organ.GUT)  # fmt: skip
ROOMY: Final = (Organ.LUNGS, Organ.LIVER)
"""Where 50 mL fit."""
NEIGHBOURS: Final = (
    (Organ.LUNGS, Organ.MEDIASTINUM), (Organ.LUNGS, Organ.BONE), (Organ.LUNGS, Organ.MUSCLE),
    (Organ.LIVER, Organ.STOMACH), (Organ.LIVER, Organ.KIDNEYS), (Organ.MEDIASTINUM, Organ.LUNGS),
    (Organ.MUSCLE, Organ.BONE), (Organ.STOMACH, Organ.LIVER), (Organ.KIDNEYS, Organ.LIVER),
)  # fmt: skip
LESION_HU: Final = {Organ.LUNGS: (20.0, 50.0), Organ.LIVER: (25.0, 45.0), Organ.BONE: (30.0, 600.0)}
"""Lytic to sclerotic in bone; elsewhere 30 to 55."""
LESION_SUV: Final = (3.0, 14.0)
MAX_DAUGHTERS: Final = 5


def plan_growths(
    organs: Labels, spacing_zyx_mm: Point, story: Story, rng: np.random.Generator
) -> tuple[Growth, ...]:
    """Draw the lesions of a story; organs the labels do not show get none."""
    drawing = _Drawing(organs, spacing_zyx_mm, rng)
    match story:
        case Story.NEGATIVE:
            return ()
        case Story.CONFINED:
            return (drawing.inside(drawing.one_of(HOSTS), (6.0, 15.0)),)
        case Story.LARGE:
            return (drawing.inside(drawing.one_of(ROOMY), (27.0, 36.0)),)
        case Story.EXTENDING:
            return (drawing.across(),)
        case Story.SPREAD:
            first = drawing.one_of(HOSTS)
            count = int(rng.integers(2, MAX_DAUGHTERS + 1))
            others = tuple(organ for organ in HOSTS if organ is not first)
            daughters = [drawing.inside(drawing.one_of(others), (5.0, 11.0)) for _ in range(count)]
            return (drawing.inside(first, (12.0, 22.0)), *daughters)
        case Story.MULTIPLE:
            host = drawing.one_of(ROOMY)
            return tuple(drawing.inside(host, (6.0, 12.0)) for _ in range(int(rng.integers(4, 8))))


@dataclass(frozen=True, slots=True)
class _Drawing:
    organs: Labels
    spacing: Point
    rng: np.random.Generator

    def one_of(self, choices: tuple[Organ, ...]) -> Organ:
        """A random organ of those that hold at least 15 mL here."""
        shown = [one for one in choices if volume_ml(self.organs == one, self.spacing) >= 15.0]
        if not shown:
            raise ValueError("the labels show no organ that could hold this story's lesion")
        return shown[int(self.rng.integers(len(shown)))]

    def inside(self, organ: Organ, radius_mm: tuple[float, float]) -> Growth:
        """A lesion confined to the organ, as deep as its size asks or the organ allows."""
        mask = self.organs == organ
        radius = float(self.rng.uniform(*radius_mm))
        depth = ndimage.distance_transform_edt(mask, self.spacing)
        wanted = min(0.8 * radius, 0.7 * float(depth.max()))
        return self._growth(organ, np.argwhere(depth >= wanted), radius, None)

    def across(self) -> Growth:
        """A lesion centred at the border of two neighbours."""
        order = self.rng.permutation(len(NEIGHBOURS))
        for organ, into in (NEIGHBOURS[int(index)] for index in order):
            border = (self.organs == organ) & ndimage.binary_dilation(self.organs == into)
            if np.count_nonzero(border) >= 20:
                radius = float(self.rng.uniform(15.0, 24.0))
                return self._growth(organ, np.argwhere(border), radius, into)
        raise ValueError("the labels show no two organs that touch")

    def _growth(
        self, organ: Organ, places: "np.ndarray[tuple[int, ...], np.dtype[np.intp]]",
        radius: float, into: Organ | None,
    ) -> Growth:  # fmt: skip
        z, y, x = (int(index) for index in places[int(self.rng.integers(len(places)))])
        a, b, c = (float(radius * factor) for factor in self.rng.uniform(0.8, 1.25, 3))
        low, high = LESION_SUV
        suv = low + (high - low) * float(self.rng.beta(1.6, 2.0))
        hu = float(self.rng.uniform(*LESION_HU.get(organ, (30.0, 55.0))))
        shape = int(self.rng.integers(2**31))
        return Growth(organ, (z, y, x), (a, b, c), suv, hu, into, shape)


def irregular_ellipsoid(shape: tuple[int, ...], spacing_zyx_mm: Point, growth: Growth) -> Field:
    """Normalised radius [z,y,x] of the lesion: below 1 inside; turned, with a bumpy surface."""
    rng = np.random.default_rng(growth.shape_seed)
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    planes = np.ogrid[tuple(map(slice, shape))]
    steps = [
        (plane - centre) * step
        for plane, centre, step in zip(planes, growth.centre_index, spacing_zyx_mm, strict=True)
    ]
    turned = [
        sum(steps[column] * turn[row, column] for column in range(3)) / growth.radii_mm[row]
        for row in range(3)
    ]
    radius = np.sqrt(turned[0] ** 2 + turned[1] ** 2 + turned[2] ** 2)
    safe = np.maximum(radius, 1e-6)
    bumps = np.zeros_like(radius)
    for _ in range(5):
        wave = rng.normal(0.0, 2.2, 3)
        phase = rng.uniform(0.0, 2.0 * np.pi)
        angle = sum(part * direction for part, direction in zip(wave, turned, strict=True)) / safe
        bumps += np.cos(angle + phase)
    return np.asarray(radius / (1.0 + 0.09 * bumps))


def draw_growth(organs: Labels, spacing_zyx_mm: Point, growth: Growth) -> tuple[Mask, Field]:
    """The lesion's voxels, clipped to its organ and the neighbour it grows into, and its radius."""
    field = irregular_ellipsoid(organs.shape, spacing_zyx_mm, growth)
    allowed = organs == growth.organ
    if growth.into is not None:
        allowed |= (organs == growth.into) | (organs == Organ.FAT)
    mask = (field < 1.0) & allowed
    mask[growth.centre_index] = True
    numbered, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    return np.asarray(numbered == numbered[growth.centre_index]), field


def grow(hu: Volume, suv: Volume, lesion: tuple[Mask, Field], growth: Growth) -> None:
    """Write one lesion's density and uptake into ``hu`` and ``suv``."""
    mask, field = lesion
    hu[mask] = growth.hu
    large = max(growth.radii_mm) > CORE_MM
    reach, share = growth.core
    core = np.where(field[mask] < reach, share, 1.0) if large else 1.0
    suv[mask] = np.maximum(growth.suv * core, TISSUES[Organ.FAT].suv[1])
