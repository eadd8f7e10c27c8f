"""The four levels of every organ, as a pure function of a lesion mask and organ labels.

The published system grades each organ *Negative / Tumor / Tumor+ / Metastasis* without numbers.
This is the one place that says how truth and predictions of phantoms are graded:

1. Lesion voxels that touch (26 neighbours) are one *group*; groups below ``MIN_GROUP_ML`` are
   ignored. A group lies in every organ that holds at least ``REACH_ML`` and ``REACH_SHARE`` of it,
   fat and air aside, for every organ lies in fat. Its *host* is the one that holds most; it
   *reaches* the others. A group too small for that, or in fat alone, has the label that holds
   most of it as host and reaches nothing.
2. The *primary* is the largest group (of equal ones, that of the lowest host label, then the
   lowest voxel).
3. An organ that no group has as host or reaches is **Negative**.
4. It is **Metastasis** when a group other than the primary has it as host or reaches it while the
   primary's host is another organ, or when ``SEVERAL`` groups or more have it as host.
5. Otherwise it is **Tumor+** when a group of it extends (has a host and reaches another organ,
   seen from either side), when its lesion voxels sum up to ``LARGE_ML``, or when two groups have
   it as host.
6. Otherwise it is **Tumor**: one lesion, confined and small.

Numbers are conventions of this project, no staging: 50 mL is a sphere of 4.6 cm, as in the rules
for lesion lists (``tumour.levels``), which judge uptake and distance because they know no organs.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.findings import Level
from medquorum.ai_entity.phantom.geometry import Field, Labels, Mask
from medquorum.ai_entity.phantom.organs import Organ

MIN_GROUP_ML: Final = 0.25
"""Four voxels of 4 mm: a sphere of 8 mm, about what a PET resolves."""
REACH_ML: Final = 1.0
REACH_SHARE: Final = 0.1
"""Both, so that partial volume at a border is no invasion."""
LARGE_ML: Final = 50.0
SEVERAL: Final = 3
NEVER_REACHED: Final = (Organ.AIR, Organ.FAT)


@dataclass(frozen=True, slots=True)
class Group:
    """One connected lesion."""

    volume_ml: float
    host: Organ
    reached: tuple[Organ, ...]
    """Other organs it extends into, in label order."""

    def touches(self, organ: Organ) -> bool:
        """Whether the organ is its host or reached by it."""
        return organ == self.host or organ in self.reached


def lesion_groups(
    lesions: Mask, organs: Labels, spacing_zyx_mm: tuple[float, float, float]
) -> tuple[Group, ...]:
    """Rules 1 and 2: the groups, the primary first. Raises ValueError when the shapes differ."""
    if lesions.shape != organs.shape:
        raise ValueError("lesion mask and organ labels must lie on one grid; resample one of them")
    voxel_ml = float(np.prod(spacing_zyx_mm)) / 1000.0
    numbered, count = ndimage.label(lesions, np.ones((3, 3, 3)))
    inside = numbered > 0
    pairs = numbered[inside].astype(np.int64) * len(Organ) + organs[inside]
    tally = np.bincount(pairs, minlength=(count + 1) * len(Organ)).reshape(count + 1, -1)[1:]
    groups = [_group(row * voxel_ml) for row in tally if row.sum() * voxel_ml >= MIN_GROUP_ML]
    return tuple(sorted(groups, key=lambda group: (-group.volume_ml, group.host)))


def _group(volumes_ml: Field) -> Group:
    total = float(volumes_ml.sum())
    least = max(REACH_ML, REACH_SHARE * total)
    held = [organ for organ in Organ if organ not in NEVER_REACHED and volumes_ml[organ] >= least]
    host = max(held, key=lambda organ: float(volumes_ml[organ])) if held else None
    if host is None:
        return Group(total, Organ(int(volumes_ml.argmax())), ())
    return Group(total, host, tuple(organ for organ in held if organ is not host))


def organ_levels(
    lesions: Mask, organs: Labels, spacing_zyx_mm: tuple[float, float, float]
) -> dict[Organ, Level]:
    """The level of every organ in view, by the rules above; label order, without air.

    ``lesions`` [z,y,x] is the truth or a thresholded prediction; ``organs`` [z,y,x] holds under a
    lesion the organ in which it grows. Raises ValueError when the shapes differ.
    """
    groups = lesion_groups(lesions, organs, spacing_zyx_mm)
    present = np.bincount(organs.ravel(), minlength=len(Organ)) > 0
    sums = np.bincount(organs[lesions], minlength=len(Organ)) * float(np.prod(spacing_zyx_mm)) / 1e3
    return {
        organ: _level(organ, groups, float(sums[organ]))
        for organ in Organ
        if organ is not Organ.AIR and present[organ]
    }


def _level(organ: Organ, groups: tuple[Group, ...], sum_ml: float) -> Level:
    own = [group for group in groups if group.touches(organ)]
    if not own:
        return Level.NEGATIVE
    hosted = sum(group.host == organ for group in own)
    primary = groups[0]
    secondary = any(group is not primary for group in own) and primary.host != organ
    if secondary or hosted >= SEVERAL:
        return Level.METASTASIS
    extends = any(group.reached for group in own)
    if extends or sum_ml >= LARGE_ML or hosted >= 2:
        return Level.TUMOR_PLUS
    return Level.TUMOR
