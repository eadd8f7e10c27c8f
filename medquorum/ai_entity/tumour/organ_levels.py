"""The four levels of every organ, as a pure function of a lesion mask and organ labels.

The published system grades each organ *Negative / Tumor / Tumor+ / Metastasis* without numbers.
This is the one place that says how: patients, and the truth and predictions of phantoms, are graded
alike.

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

Numbers are conventions of this project, no staging and no TNM: 50 mL is a sphere of 4.6 cm
(soft-tissue sarcomas above 5 cm are T2).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.findings import Level
from medquorum.ai_entity.phantom.geometry import Field, Labels, Mask
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.tumour.boxes import box_of
from medquorum.ai_entity.tumour.pet_metrics import Labels as Numbers

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


def number_groups(
    lesions: Mask, organs: Labels, spacing_zyx_mm: tuple[float, float, float]
) -> tuple[Numbers, tuple[Group, ...]]:
    """Rules 1 and 2: voxels of group n hold n, 0 elsewhere; the primary is group 1.

    Raises ValueError when the shapes differ.
    """
    if lesions.shape != organs.shape:
        raise ValueError("lesion mask and organ labels must lie on one grid; resample one of them")
    voxel_ml = float(np.prod(spacing_zyx_mm)) / 1000.0
    found, box = np.zeros(lesions.shape, dtype=np.int32), box_of(lesions)
    if box is None:
        return found, ()
    numbered, count = ndimage.label(lesions[box], np.ones((3, 3, 3)))
    inside = numbered > 0
    pairs = numbered[inside].astype(np.int64) * len(Organ) + organs[box][inside]
    tally = np.bincount(pairs, minlength=(count + 1) * len(Organ)).reshape(count + 1, -1)[1:]
    kept = [
        (number, _group(row * voxel_ml))
        for number, row in enumerate(tally, start=1)
        if row.sum() * voxel_ml >= MIN_GROUP_ML
    ]
    kept.sort(key=lambda one: (-one[1].volume_ml, one[1].host))
    rank = np.zeros(count + 1, dtype=np.int32)
    rank[[number for number, _ in kept]] = np.arange(1, len(kept) + 1)
    found[box] = rank[numbered]
    return found, tuple(group for _, group in kept)


def lesion_groups(
    lesions: Mask, organs: Labels, spacing_zyx_mm: tuple[float, float, float]
) -> tuple[Group, ...]:
    """The groups of ``number_groups``, the primary first."""
    return number_groups(lesions, organs, spacing_zyx_mm)[1]


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
    held = np.bincount(organs.ravel(), minlength=len(Organ))
    present = tuple(organ for organ in Organ if organ is not Organ.AIR and held[organ])
    return levels_of_groups(groups, volumes_by_organ(lesions, organs, spacing_zyx_mm), present)


def volumes_by_organ(
    mask: Mask, organs: Labels, spacing_zyx_mm: tuple[float, float, float]
) -> Field:
    """Volume in mL [15] of ``mask`` in each organ."""
    counts = np.bincount(organs[mask], minlength=len(Organ))
    return np.asarray(counts * (float(np.prod(spacing_zyx_mm)) / 1000.0))


def levels_of_groups(
    groups: tuple[Group, ...], sums_ml: Field, present: tuple[Organ, ...]
) -> dict[Organ, Level]:
    """Rules 3 to 6 for these organs; ``sums_ml`` [15] is the volume of lesion voxels in each."""
    return {organ: _level(organ, groups, float(sums_ml[organ])) for organ in present}


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
