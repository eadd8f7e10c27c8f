"""Films with a known truth on which models are fitted and tried, in the families of ``limb_film``.

Four of five are limbs drawn in the plane; every fifth is a bone broken in three dimensions and
projected. Every second film of either kind is broken.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.fracture.radiograph import Radiograph, radiograph_of
from medquorum.ai_entity.phantom.bone_block import draw_bone
from medquorum.ai_entity.phantom.limb_bone import Displacement
from medquorum.ai_entity.phantom.limb_film import (
    FAMILY_SEEDS,
    Family,
    make_limb_film,
    scanner_of,
)
from medquorum.ai_entity.phantom.radiograph import draw_film
from medquorum.ai_entity.phantom.radiograph import radiograph_of as film_of_block

EVERY: Final = 5


class Source(StrEnum):
    """How a film was made."""

    DRAWN = "drawn in the plane"
    SOLID = "broken in three dimensions"


@dataclass(frozen=True, slots=True)
class TrialFilm:
    """One film as the pipeline reads it, with its truth."""

    image: Radiograph
    source: Source
    displacement: Displacement | None
    """None when whole."""
    box: tuple[int, int, int, int] | None
    """(x, y, width, height) of the fracture in pixels."""

    @property
    def fractured(self) -> bool:
        """The truth."""
        return self.displacement is not None


def trial_films(family: Family, count: int, first: int = 0) -> Iterator[TrialFilm]:
    """``count`` films of a family from number ``first`` on; the same numbers give the same."""
    for number in range(first, first + count):
        block, place = divmod(number, EVERY)
        if place == EVERY - 1:
            yield _solid(family, number, bool(block % 2))
        else:
            drawn = make_limb_film(family, number, bool(place % 2))
            image = windowed_image(drawn.stored, drawn.inverted)
            yield TrialFilm(image, Source.DRAWN, drawn.displacement, drawn.box)


def _solid(family: Family, number: int, fractured: bool) -> TrialFilm:
    seed = FAMILY_SEEDS[family] + number
    scanner = scanner_of(family, number)
    film = scanner.seen(draw_film(seed))
    block = draw_bone(seed, scanner.voxel_mm)
    made = film_of_block(block, seed, fractured, film)
    image = windowed_image(made.stored, made.inverted)
    kind = Displacement.DISPLACED if fractured else None
    return TrialFilm(image, Source.SOLID, kind, made.box)


def windowed_image(stored: npt.NDArray[np.uint16], inverted: bool) -> Radiograph:
    """A stored film, bright where dense."""
    pixels = stored.astype(np.float32)
    return radiograph_of(-pixels if inverted else pixels, None)
