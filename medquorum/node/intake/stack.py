"""Whether the slices of a series are one gapless stack (DICOM PS3.3 C.7.6.2.1.1).

A doctor can read a series with a gap, so that intake does not ask for this; a policy that approves
by itself does. What is missing at either end of a stack cannot be told from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from medquorum.node.intake.faults import Fault, IntakeRefused

SLICES_LEAST: Final = 3
"""Two slices have one distance, which is even by itself."""
TOLERANCE: Final = 0.01
"""Of the distance; scanners print positions with two or three decimals."""
JITTER_MM: Final = 0.1
"""PET bed positions are joined with steps that differ a little."""
_KEYWORD: Final = "ImagePositionPatient"

Numbers = tuple[float, ...]


def check_stack(positions: Sequence[Numbers], cosines: Numbers) -> None:
    """IntakeRefused unless the slices at these positions, in mm, are evenly spaced.

    `cosines` are the six of ImageOrientationPatient, those of row and column.
    """
    if len(positions) < SLICES_LEAST:
        raise IntakeRefused(Fault.GAP, len(positions), _KEYWORD)
    (a, b, c), (d, e, f) = cosines[:3], cosines[3:]
    normal = (b * f - c * e, c * d - a * f, a * e - b * d)
    places = sorted(
        (sum(n * p for n, p in zip(normal, position, strict=True)), ordinal)
        for ordinal, position in enumerate(positions, 1)
    )
    steps = [(after - before, ordinal) for (before, _), (after, ordinal) in pairwise(places)]
    usual = sorted(step for step, _ in steps)[len(steps) // 2]
    for step, ordinal in steps:
        if step <= 0 or abs(step - usual) > max(JITTER_MM, TOLERANCE * usual):
            raise IntakeRefused(Fault.GAP, ordinal, _KEYWORD)
