"""The four levels per region, by stated rules on the lesion list.

The published system grades each organ *Negative / Tumor / Tumor+ / Metastasis* without saying by
what numbers. Here, for the lesions of one region:

- **Negative**: no lesion.
- **Metastasis**: a lesion lies more than 100 mm from the largest lesion of the patient, or the
region
  is another one than that lesion's and is lung or bone, or the region holds four lesions or more;
  for this only lesions with a mean probability of at least one half count.
- **Tumor+**: none of these, and the lesions of the region sum up to 50 mL or more, or any SUVpeak
is
  8 or more, or there are two or three lesions.
- **Tumor**: the rest (one small lesion of moderate uptake).

The bounds are conventions of this project: 50 mL is a sphere of 4.6 cm (soft-tissue sarcomas above
5 cm are T2), SUVpeak 8 the upper half of the fitted cases. They are not staging and replace no TNM.

Probabilities: with p the highest mean voxel probability of the region's lesions (or, without a
lesion, the highest smoothed probability below the threshold), Negative gets 1 - p; of p, the level
of the rule gets 70 % and the other two positive levels 15 % each. The 70 % is a stated convention
for the uncertainty of the rules themselves, not a measurement.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from medquorum.ai_entity.findings import PPM, Lesion, Level, RegionFinding
from medquorum.ai_entity.tumour.regions import SOFT_TISSUE

CERTAIN_PPM: Final = 500_000
DISTANT_MM: Final = 100.0
MANY_LESIONS: Final = 4
SEVERAL_LESIONS: Final = 2
LARGE_UL: Final = 50_000
HOT_PEAK_MILLI: Final = 8_000
RULE_SHARE: Final = 0.7
UM_PER_MM: Final = 1000.0

POSITIVE: Final = (Level.TUMOR, Level.TUMOR_PLUS, Level.METASTASIS)


def level_of(lesions: tuple[Lesion, ...], primary: Lesion | None) -> Level:
    """Level of one region from its lesions and the patient's largest lesion."""
    if not lesions or primary is None:
        return Level.NEGATIVE
    certain = [lesion for lesion in lesions if lesion.probability_ppm >= CERTAIN_PPM]
    elsewhere = bool(certain) and certain[0].region not in (SOFT_TISSUE, primary.region)
    distant = any(_distance_mm(lesion, primary) > DISTANT_MM for lesion in certain)
    if elsewhere or distant or len(certain) >= MANY_LESIONS:
        return Level.METASTASIS
    hot = any((lesion.suv_peak_milli or 0) >= HOT_PEAK_MILLI for lesion in lesions)
    large = sum(lesion.volume_ul for lesion in lesions) >= LARGE_UL
    if hot or large or len(lesions) >= SEVERAL_LESIONS:
        return Level.TUMOR_PLUS
    return Level.TUMOR


def probabilities_ppm(level: Level, tumour_ppm: int) -> tuple[int, int, int, int]:
    """Distribution over the four levels; sums to PPM exactly."""
    favoured = level if level in POSITIVE else Level.TUMOR
    rest = (1.0 - RULE_SHARE) / 2.0
    shares = [round(tumour_ppm * (RULE_SHARE if one is favoured else rest)) for one in POSITIVE]
    return PPM - sum(shares), shares[0], shares[1], shares[2]


def grade_regions(
    background_ppm: Mapping[str, int], lesions: tuple[Lesion, ...]
) -> tuple[RegionFinding, ...]:
    """One finding per region in view or holding a lesion; lesions come largest first.

    ``background_ppm`` gives for each region in view the highest smoothed probability away from
    lesions.
    """
    primary = lesions[0] if lesions else None
    named = (*background_ppm, *sorted({lesion.region for lesion in lesions} - set(background_ppm)))
    findings = []
    for region in named:
        own = tuple(lesion for lesion in lesions if lesion.region == region)
        level = level_of(own, primary)
        found_ppm = max((lesion.probability_ppm for lesion in own), default=0)
        tumour_ppm = found_ppm if own else background_ppm[region]
        findings.append(RegionFinding(region, level, probabilities_ppm(level, tumour_ppm)))
    return tuple(findings)


def _distance_mm(left: Lesion, right: Lesion) -> float:
    gap = np.asarray(left.centroid_um, dtype=np.float64) - np.asarray(right.centroid_um)
    return float(np.linalg.norm(gap)) / UM_PER_MM
