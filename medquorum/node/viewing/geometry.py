"""Where slices lie: their order, true spacing and what is wrong with it (DICOM PS3.3 C.7.6.2.1.1).

Order and spacing come from ImagePositionPatient along the normal of ImageOrientationPatient, never
from InstanceNumber or SliceThickness: both are free to be wrong, and often are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import Final

Vector = tuple[float, float, float]

JITTER_MM: Final = 0.1
"""Scanners print two or three decimals, and PET beds are joined with steps that differ a little."""
UNEVEN_SHARE: Final = 0.01
"""Of the usual distance."""
GAP_SHARE: Final = 1.5
"""A distance of this many usual ones or more is a gap."""
TILT_SHARE: Final = 0.01
"""Sideways movement by slice, of its length, from which a stack is called sheared."""


class Concern(StrEnum):
    """What a reader must know before she measures or scrolls."""

    MISSING_SLICES = "missing_slices"
    UNEVEN_SPACING = "uneven_spacing"
    DOUBLED_POSITION = "doubled_position"
    """Two slices at one place: two acquisitions in one series."""
    TILTED_STACK = "tilted_stack"
    """The gantry was tilted: slices are shifted against each other."""
    SINGLE_SLICE = "single_slice"
    INVERTED = "inverted"
    """Stored as MONOCHROME1, shown bright where the body is dense."""
    BURNED_IN = "burned_in"
    """The file says that writing is burned into its pixels."""
    LOSSY = "lossy"
    """The file says that it was once compressed with loss."""


@dataclass(frozen=True, slots=True)
class Caution:
    """A concern, where, and how much of it."""

    kind: Concern
    after: int | None = None
    """Index of the slice before a gap."""
    count: int | None = None
    """Slices that seem missing there."""
    least_mm: float | None = None
    most_mm: float | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """Slices in order along the normal."""

    order: tuple[int, ...]
    """For each place from 0 which of the given slices lies there."""
    positions: tuple[Vector, ...]
    """ImagePositionPatient in that order, mm LPS."""
    step_mm: float | None
    """The usual distance along the normal; None for a single slice."""
    warnings: tuple[Caution, ...]


def normal_of(cosines: Sequence[float]) -> Vector:
    """The unit normal of a slice from the six cosines of ImageOrientationPatient."""
    (a, b, c), (d, e, f) = cosines[:3], cosines[3:]
    across = (b * f - c * e, c * d - a * f, a * e - b * d)
    length = math.hypot(*across)
    return (across[0] / length, across[1] / length, across[2] / length)


def along(normal: Vector, position: Sequence[float]) -> float:
    """Distance of a position from the origin along a normal, mm."""
    return sum(n * p for n, p in zip(normal, position, strict=True))


def stack_of(positions: Sequence[Vector], cosines: Sequence[float]) -> Stack:
    """Put slices with these positions in order, and say what is odd about them."""
    normal = normal_of(cosines)
    places = [along(normal, position) for position in positions]
    order = tuple(sorted(range(len(places)), key=lambda one: (places[one], one)))
    ordered = tuple(positions[one] for one in order)
    if len(order) == 1:
        return Stack(order, ordered, None, (Caution(Concern.SINGLE_SLICE),))
    steps = [after - before for before, after in pairwise(places[one] for one in order)]
    apart = [step for step in steps if step > JITTER_MM]
    usual = median(apart) if apart else None
    warnings = [*_spacing_warnings(steps, usual), *_tilt_warnings(ordered, normal)]
    return Stack(order, ordered, usual, tuple(warnings))


def _spacing_warnings(steps: Sequence[float], usual: float | None) -> list[Caution]:
    found = []
    doubled = [index for index, step in enumerate(steps) if step <= JITTER_MM]
    if doubled:
        found.append(Caution(Concern.DOUBLED_POSITION, after=doubled[0], count=len(doubled)))
    if usual is None:
        return found
    gaps = [index for index, step in enumerate(steps) if step >= GAP_SHARE * usual]
    missing = sum(max(round(steps[index] / usual) - 1, 1) for index in gaps)
    if gaps:
        found.append(Caution(Concern.MISSING_SLICES, after=gaps[0], count=missing))
    odd = max(JITTER_MM, UNEVEN_SHARE * usual)
    others = [step for step in steps if JITTER_MM < step < GAP_SHARE * usual]
    if others and max(abs(step - usual) for step in others) > odd:
        least, most = min(others), max(others)
        found.append(
            Caution(Concern.UNEVEN_SPACING, least_mm=round(least, 4), most_mm=round(most, 4))
        )
    return found


def _tilt_warnings(ordered: Sequence[Vector], normal: Vector) -> list[Caution]:
    moved = [after - before for before, after in zip(ordered[0], ordered[-1], strict=True)]
    rise = along(normal, moved)
    sideways = math.sqrt(max(sum(one * one for one in moved) - rise * rise, 0.0))
    if sideways > TILT_SHARE * abs(rise) and sideways > JITTER_MM:
        return [Caution(Concern.TILTED_STACK)]
    return []
