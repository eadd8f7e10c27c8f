"""Phantoms that judge or calibrate a tumour model: which body, disease and scanner has which index.

Two sets with different seeds and scanners. *Validation* phantoms are scanned by the standard
scanner or one drawn around it, from number 48 on by scanners that vary more, still less than the
shifted ones; post-processing is fitted on them. *Hold-out* phantoms come from another family of
seeds and from the shifted scanners only; nothing is ever chosen on them. Disease goes through all
stories; every third body has its head, the hottest organ that is no tumour. Nothing is kept on
disk.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from medquorum.ai_entity.findings import Level
from medquorum.ai_entity.phantom.growths import Story
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.phantom.scanner import (
    SHIFTED,
    STANDARD,
    Family,
    family_seed,
    usual_scanner,
    varied_scanner,
)
from medquorum.ai_entity.phantom.whole_body import TorsoPhantom, TorsoPlan, make_torso
from medquorum.ai_entity.tumour.grid import GridImages

STORIES: Final = tuple(Story)
PURPOSE_SCANNER: Final = 12
VARIED_FROM: Final = 48
"""Index of the first validation phantom whose scanner varies more."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One phantom as images on the common grid, with its truth."""

    index: int
    story: Story
    torso: TorsoPhantom
    scanner: str

    def images(self, *, with_pet: bool) -> GridImages:
        """CT, and PET where wanted."""
        z, y, x = self.torso.spacing_zyx_mm
        affine = np.zeros((4, 4))
        affine[[2, 1, 0], [0, 1, 2]] = (z, y, x)
        affine[3, 3] = 1.0
        affine[:3, 3] = self.torso.origin_mm
        return GridImages(self.torso.hu, self.torso.suv if with_pet else None, affine)

    def truth(self) -> dict[Organ, Level]:
        """The level of every organ in view."""
        return dict(self.torso.levels)


def trial_plan(family: Family, index: int) -> TorsoPlan:
    """Story, head and scanner of a family's member."""
    if family is Family.HOLD_OUT:
        scanner = SHIFTED[(index // len(STORIES)) % len(SHIFTED)]
    elif index >= VARIED_FROM:
        scanner = varied_scanner(np.random.default_rng((PURPOSE_SCANNER, index)))
    elif index % 2:
        scanner = usual_scanner(np.random.default_rng((PURPOSE_SCANNER, index)))
    else:
        scanner = STANDARD
    return TorsoPlan(STORIES[index % len(STORIES)], scanner=scanner, with_head=index % 5 < 2)


def trials(family: Family, count: int) -> Iterator[Trial]:
    """The first ``count`` phantoms of a family, each made when it is asked for."""
    for index in range(count):
        plan = trial_plan(family, index)
        torso = make_torso(family_seed(family, index), plan)
        yield Trial(index, plan.story, torso, plan.scanner.name)
