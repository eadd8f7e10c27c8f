"""Which lesion of this study is which of the earlier one.

With both label maps in one coordinate system, lesions that share at least a fifth of the smaller
one's voxels belong together; a chain of such pairs (two that joined, one that split) is one entry.
What is left is paired by the distance of centres, nearest first. A lesion that finds no partner is
new or vanished only where the other study looked: outside its field of view it is neither.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.explain.change_facts import Fate
from medquorum.ai_entity.findings import Lesion
from medquorum.ai_entity.overlay import Overlay
from medquorum.ai_entity.tumour.grid import Affine, Placed, carry_labels

LEAST_SHARE: Final = 0.2
"""Of the smaller lesion: a shift that is a voxel off must not join neighbours."""

NEAR_MM: Final = 25.0
"""Between centres: breathing moves a lung lesion by 10 to 20 mm, and the shift is rigid."""

UM_PER_MM: Final = 1000.0

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pairing:
    """Lesions of both studies that are one and the same, or one that has no partner."""

    fate: Fate
    now: tuple[Lesion, ...]
    before: tuple[Lesion, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """One side of a comparison."""

    lesions: tuple[Lesion, ...]
    overlay: Overlay


def unplaced(now: tuple[Lesion, ...], before: tuple[Lesion, ...]) -> tuple[Pairing, ...]:
    """Every lesion alone: no place of one study is known in the other."""
    return (
        *(Pairing(Fate.UNPLACED, (lesion,), ()) for lesion in now),
        *(Pairing(Fate.UNPLACED, (), (lesion,)) for lesion in before),
    )


def pair_lesions(now: Study, before: Study, shift_mm: Vector) -> tuple[Pairing, ...]:
    """Pairings, this study's lesions in their order first; ``shift_mm`` takes before to now."""
    moved = before.overlay.affine()
    moved[:3, 3] += shift_mm
    groups = _Groups(len(now.lesions), len(before.lesions))
    for left, right in _overlapping(now, before, moved):
        groups.join(left, right)
    centres = [_centre(lesion) + shift_mm for lesion in before.lesions]
    for left, right in _nearest(now.lesions, centres, groups):
        groups.join(left, right)
    pairings = [
        _pairing(now, before, group, (moved, centres)) for group in sorted(groups.members())
    ]
    return tuple(pairings)


class _Groups:
    """Connected lesions of both sides; side 0 is now, side 1 before."""

    def __init__(self, now: int, before: int) -> None:
        self._root = {(0, one): (0, one) for one in range(now)}
        self._root |= {(1, one): (1, one) for one in range(before)}

    def find(self, member: tuple[int, int]) -> tuple[int, int]:
        """The smallest member of its group."""
        while self._root[member] != member:
            member = self._root[member]
        return member

    def join(self, left: int, right: int) -> None:
        """Put lesion ``left`` of now and ``right`` of before into one group."""
        one, other = sorted((self.find((0, left)), self.find((1, right))))
        self._root[other] = one

    def alone(self, member: tuple[int, int]) -> bool:
        """Whether it has no partner yet."""
        return sum(self.find(one) == self.find(member) for one in self._root) == 1

    def members(self) -> list[list[tuple[int, int]]]:
        """The groups."""
        groups: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for member in sorted(self._root):
            groups.setdefault(self.find(member), []).append(member)
        return list(groups.values())


def _overlapping(now: Study, before: Study, moved: Affine) -> list[tuple[int, int]]:
    labels = now.overlay.labels()
    grid = Placed(labels.astype(np.float32), now.overlay.affine())
    carried = carry_labels(before.overlay.labels().astype(np.int32), moved, grid)
    both = (labels > 0) & (carried > 0)
    table = np.zeros((256, 256), dtype=np.int64)
    np.add.at(table, (labels[both], carried[both]), 1)
    sizes_now = np.bincount(labels.ravel(), minlength=256)
    sizes_before = np.bincount(carried.ravel(), minlength=256)
    found = []
    for left, lesion in enumerate(now.lesions):
        for right, earlier in enumerate(before.lesions):
            smaller = min(sizes_now[lesion.number], sizes_before[earlier.number])
            shared = table[lesion.number, earlier.number]
            if smaller > 0 and shared >= LEAST_SHARE * smaller:
                found.append((left, right))
    return found


def _nearest(
    now: tuple[Lesion, ...], centres: list[Vector], groups: _Groups
) -> list[tuple[int, int]]:
    """Pairs of lesions without partner, nearest first, each used once."""
    free_now = [one for one in range(len(now)) if groups.alone((0, one))]
    free_before = [one for one in range(len(centres)) if groups.alone((1, one))]
    distances = sorted(
        (float(np.linalg.norm(_centre(now[left]) - centres[right])), left, right)
        for left in free_now
        for right in free_before
    )
    pairs: list[tuple[int, int]] = []
    for distance, left, right in distances:
        used = any(left == one or right == other for one, other in pairs)
        if distance <= NEAR_MM and not used:
            pairs.append((left, right))
    return pairs


def _pairing(
    now: Study,
    before: Study,
    group: list[tuple[int, int]],
    moved: tuple[Affine, list[Vector]],
) -> Pairing:
    left = tuple(now.lesions[one] for side, one in group if side == 0)
    right = tuple(before.lesions[one] for side, one in group if side == 1)
    if left and right:
        return Pairing(Fate.PERSISTS, left, right)
    affine, centres = moved
    if left:
        seen = _covers(affine, before.overlay.shape, _centre(left[0]))
        return Pairing(Fate.NEW if seen else Fate.OUTSIDE_BEFORE, left, ())
    place = centres[group[0][1]]
    seen = _covers(now.overlay.affine(), now.overlay.shape, place)
    return Pairing(Fate.VANISHED if seen else Fate.OUTSIDE_NOW, (), right)


def _covers(affine: Affine, shape: tuple[int, int, int], place_mm: Vector) -> bool:
    index = (np.linalg.inv(affine) @ np.append(place_mm, 1.0))[:3]
    return bool(((index > -0.5) & (index < np.asarray(shape) - 0.5)).all())


def _centre(lesion: Lesion) -> Vector:
    return np.asarray(lesion.centroid_um, dtype=np.float64) / UM_PER_MM
