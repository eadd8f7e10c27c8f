"""Who one torso belongs to: sizes and places drawn from the seed.

Stature scales everything (5 %), every organ has its own size (sigma 7 %) and place (sigma 4 mm);
fat is 8 to 32 mm thick.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from medquorum.ai_entity.phantom.geometry import Point

PURPOSE_ANATOMY: Final = 1
"""Second word of a random generator's seed, so that no purpose disturbs another."""

ORGAN_NAMES: Final = (
    "heart", "liver", "spleen", "left kidney", "right kidney", "stomach", "bladder", "gut"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """What was drawn for one body."""

    stature: float
    fat_mm: float
    bladder: float
    """Radius factor: how full it is."""
    with_head: bool
    sizes: dict[str, float]
    shifts: dict[str, Point]

    def place(self, name: str, centre: Point) -> Point:
        """The organ's own centre in mm."""
        dx, dy, dz = self.shifts[name]
        x, y, z = centre
        return x * self.stature + dx, y * self.stature + dy, z * self.stature + dz

    def radii(self, name: str, radii: Point) -> Point:
        """The organ's own half axes in mm."""
        a, b, c = (radius * self.stature * self.sizes[name] for radius in radii)
        return a, b, c


def draw_person(seed: int, with_head: bool) -> Person:
    """Stature, fat, sizes and shifts of one body."""
    rng = np.random.default_rng((PURPOSE_ANATOMY, seed))
    stature = float(np.clip(rng.normal(1.0, 0.05), 0.9, 1.09))
    sizes = {name: float(np.clip(rng.normal(1.0, 0.07), 0.84, 1.16)) for name in ORGAN_NAMES}
    shifts = {}
    for name in ORGAN_NAMES:
        x, y, z = (float(step) for step in np.clip(rng.normal(0.0, 4.0, 3), -8.0, 8.0))
        shifts[name] = (x, y, z)
    return Person(
        stature=stature,
        fat_mm=float(rng.uniform(8.0, 32.0)),
        bladder=float(rng.uniform(0.75, 1.2)),
        with_head=with_head,
        sizes=sizes,
        shifts=shifts,
    )
