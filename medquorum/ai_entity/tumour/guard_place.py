"""Does the PET show the body where the CT has it?

The outlines of both are moved against each other in the transverse plane: where they agree much
better some centimetres away, CT and PET are not of one position. Along the axis of a limb an
outline hardly changes, so nothing is said of that direction.

How the bounds were chosen: the PETs of 40 real cases (tumour and 5 cm around) and of 12 phantoms
were placed 0, 10, 20, 30 and 60 mm away, along x and y, to both sides. Unshifted, another place is
better by 0.04 at most in correlation, in phantoms by nothing. At two and a half times that, of the
real none of 40 is refused unshifted, 3 of 160 at 10 mm, 81 at 20, 149 at 30 and 153 at 60; of the
phantoms none below 20 mm and all from 30. A crop that the body fills shows no outline to compare.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.tumour.boxes import box_of, filled_planes
from medquorum.ai_entity.tumour.grid import AIR_HU, Volume

Mask = npt.NDArray[np.bool_]

BODY_HU: Final = -400.0
SKIN_SHARE: Final = 0.35
"""Of the median SUV of soft tissue; with 0.2, noise beside the body blurs the outline."""

COARSE: Final = 2
"""Voxels of the grid per side of those compared: 8 mm, half of the least shift that counts."""
REACH: Final = 5
"""Coarse voxels, 40 mm: beyond, cold tissue tells a shift."""
MIN_SHIFT_MM: Final = 16.0
"""Arms and breath move skin by a centimetre."""
MIN_GAIN: Final = 0.1
"""In correlation of the outlines, from the stated place to the best."""
MIN_VARIANCE: Final = 0.01
"""Of a mask: with less, nearly everything is body, or nearly nothing."""


def shifted_reason(hu: Volume, suv: Volume, tissue: Mask, voxel_mm3: float) -> str | None:
    """A sentence when the PET's outline fits the CT's body far better elsewhere, or None."""
    covered = box_of(hu != AIR_HU)
    if covered is None:
        return None
    skin = SKIN_SHARE * float(np.median(suv[tissue]))
    body, warm = _coarse(hu[covered] > BODY_HU), _coarse(suv[covered] > skin)
    here = _agreement(body, warm, (0, 0))
    if here is None:
        return None
    steps = range(-REACH, REACH + 1)
    found = {(y, x): _agreement(body, warm, (y, x)) for y in steps for x in steps}
    best = max(found, key=lambda shift: found[shift] or -1.0)
    shift_mm = float(np.hypot(*best)) * COARSE * voxel_mm3 ** (1.0 / 3.0)
    if shift_mm < MIN_SHIFT_MM or (found[best] or -1.0) - here < MIN_GAIN:
        return None
    return (
        f"the PET's outline fits the CT's body better {shift_mm:.0f} mm away: CT and PET are "
        "shifted against each other"
    )


def _coarse(mask: Mask) -> Mask:
    """The mask in blocks of COARSE voxels per side, half full or more, holes filled."""
    z, y, x = (side // COARSE for side in mask.shape)
    whole = mask[: z * COARSE, : y * COARSE, : x * COARSE]
    held = whole.reshape(z, COARSE, y, COARSE, x, COARSE).sum(axis=(1, 3, 5))
    return filled_planes(held * 2 >= COARSE**3)


def _agreement(body: Mask, warm: Mask, shift: tuple[int, int]) -> float | None:
    """Correlation of ``body`` with ``warm`` read ``shift`` (y, x) away, where both are known."""
    sides = body.shape[1:]
    if any(side <= abs(step) for side, step in zip(sides, shift, strict=True)):
        return None
    rows, columns = (_shared(side, step) for side, step in zip(sides, shift, strict=True))
    one, other = body[:, rows[0], columns[0]], warm[:, rows[1], columns[1]]
    total = one.size
    held, lit, both = (int(np.count_nonzero(mask)) for mask in (one, other, one & other))
    spread = held * (total - held), lit * (total - lit)
    if min(spread) < MIN_VARIANCE * total * total:
        return None
    return (total * both - held * lit) / float(np.sqrt(float(spread[0]) * float(spread[1])))


def _shared(side: int, step: int) -> tuple[slice, slice]:
    """Where an axis and the same axis ``step`` further have each other's voxels."""
    less, more = max(0, -step), max(0, step)
    return slice(less, side - more), slice(more, side - less)
