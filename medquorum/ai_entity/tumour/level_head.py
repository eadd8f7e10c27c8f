"""How sure each organ's level is: four calibrated probabilities from what the network drew.

The reported *level* is always the written rule (``organ_levels``) on the lesions that are drawn, so
that a doctor who looks at the picture can follow it and, after deleting a lesion, redo it. The
*probabilities* say how often that holds: a multinomial logistic on a few numbers per organ, fitted
on phantoms that trained nothing, with a temperature from the folds it had not seen
(``phantom_fit``). The same file holds what places organs (``organ_atlas``) and what tells groups
from physiologic uptake (``voxel_judge``, ``candidates``). The probabilities may disagree with the
rule; the report then says so. They can be high for an organ without any drawn lesion: then the
network suspects something below its threshold, or something was judged physiologic.

Without a fitted head (an older or a hospital's own model) a stated convention takes its place: with
p the highest mean probability of the organ's lesions, or the highest smoothed one where none is
drawn, Negative gets 1 - p, the rule's level 70 % of p and the other two levels 15 % each.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.baseline.head import Head
from medquorum.ai_entity.calibration import Exact, logit
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.findings import PPM, Level
from medquorum.ai_entity.phantom.organs import PHYSIOLOGIC_HOT, Organ
from medquorum.ai_entity.tumour.boxes import blurred, box_of, grown
from medquorum.ai_entity.tumour.grid import Volume
from medquorum.ai_entity.tumour.organ_atlas import OrganAtlas, atlas_from_plain
from medquorum.ai_entity.tumour.organ_levels import Group, volumes_by_organ
from medquorum.ai_entity.tumour.pet_metrics import Labels, Spacing
from medquorum.ai_entity.tumour.softmax import Softmax, softmax_from_plain
from medquorum.ai_entity.tumour.voxel_judge import judge_from_plain
from medquorum.ai_entity.tumour.windows import Organs

FORMAT: Final = "medquorum-levels/5"
LEVELS: Final = tuple(Level)
SMOOTHING_VOXELS: Final = 1.0
"""A single voxel's probability is noise."""
REACH: Final = 4
"""Voxels that this smoothing reaches: beyond them nothing becomes more than 0."""
SUSPECT: Final = 0.05
"""Voxels below add nothing to the expected volume."""
FEATURES: Final = (
    "log(1 + mL drawn in the organ)",
    "log(1 + mL of its largest group)",
    "groups it hosts, at most 4",
    "groups that touch it, at most 4",
    "hosts the primary",
    "the primary lies elsewhere",
    "a group of it extends",
    "log(1 + expected mL)",
    "logit of the highest smoothed probability / 5",
    "logit of the best group's mean probability / 5",
    "rule: Tumor",
    "rule: Tumor+",
    "rule: Metastasis",
    "physiologic uptake is usual",
)
JUDGED: Final = (
    *(f"host: {organ.name.lower()}" for organ in Organ),
    "log mL",
    "logit of the mean probability / 5",
    "logit of the highest probability / 5",
    "log of the mean SUV",
    "log of the mean SUV over the host's median",
    "HU above the host's median / 50",
    "share in organs of usual physiologic uptake",
)
"""What a group is judged by: tumour or physiologic uptake."""
STEP_PPM: Final = 1_000
"""Probabilities are multiples of a thousandth: the last bits of a float differ by processor."""
RULE_SHARE: Final = 0.7


@dataclass(frozen=True, slots=True)
class Drawn:
    """The lesions of one patient with what the network said."""

    labels: Labels
    """Group n holds n."""
    groups: tuple[Group, ...]
    means: tuple[float, ...]
    """Mean probability of each group."""
    levels: Mapping[Organ, Level]
    """By the rule, for the organs in view."""

    def __repr__(self) -> str:
        return f"Drawn({len(self.groups)} groups)"


@dataclass(frozen=True, slots=True)
class LevelHead:
    """What was fitted on phantoms for one network."""

    levels: Softmax
    """FEATURES of an organ to probabilities in the order of ``Level``."""
    judge: Softmax | None = None
    """Features of a group (``candidates.JUDGED``) to the probability that it is physiologic, and
    that it is tumour; None keeps every group."""
    atlas: OrganAtlas | None = None
    voxels: Head | None = None
    """Judges voxels (``voxel_judge``); None keeps the network's word."""

    def probabilities(self, features: Exact) -> Exact:
        """Probabilities [n,4] of the levels."""
        return self.levels.probabilities(features)


@lru_cache(maxsize=4)
def read_head(content: bytes, model_digest: bytes) -> LevelHead:
    """The head of the model with this digest. Raises ModelError."""
    try:
        stated = json.loads(content)
        if stated["format"] != FORMAT or tuple(stated["features"]) != FEATURES:
            raise ValueError("another format or other features")
        if bytes.fromhex(stated["model_sha256"]) != model_digest:
            raise ModelError(Reason.DIGEST_MISMATCH, "the level head belongs to another model")
        judge, atlas, voxels = stated["judge"], stated["atlas"], stated["voxels"]
        return LevelHead(
            levels=softmax_from_plain(stated["levels"], len(FEATURES), len(LEVELS)),
            judge=None if judge is None else softmax_from_plain(judge, len(JUDGED), 2),
            atlas=None if atlas is None else atlas_from_plain(atlas),
            voxels=None if voxels is None else judge_from_plain(voxels),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            Reason.MALFORMED_MODEL, "the level head is malformed; fit it again"
        ) from error


def organ_features(
    drawn: Drawn, probability: Volume, organs: Organs, spacing_mm: Spacing
) -> dict[Organ, Exact]:
    """FEATURES of every organ that has a level, in their order."""
    sums = volumes_by_organ(drawn.labels > 0, organs, spacing_mm)
    highest = highest_smoothed(probability, organs)
    suspected = probability >= SUSPECT
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    expected = voxel_ml * np.bincount(
        organs[suspected], weights=probability[suspected], minlength=len(Organ)
    )
    found = {}
    for organ, level in drawn.levels.items():
        own = [
            (group, mean)
            for group, mean in zip(drawn.groups, drawn.means, strict=True)
            if group.touches(organ)
        ]
        primary = drawn.groups[0].host if drawn.groups else None
        found[organ] = np.asarray(
            [
                np.log1p(sums[organ]),
                np.log1p(max((group.volume_ml for group, _ in own), default=0.0)),
                min(sum(group.host == organ for group, _ in own), 4),
                min(len(own), 4),
                primary == organ,
                primary not in (None, organ),
                any(group.reached for group, _ in own),
                np.log1p(expected[organ]),
                bounded_logit(highest[organ]),
                bounded_logit(max((mean for _, mean in own), default=0.0)),
                *(level is one for one in LEVELS[1:]),
                organ in PHYSIOLOGIC_HOT,
            ],
            dtype=np.float64,
        )
    return found


def highest_smoothed(probability: Volume, organs: Organs) -> Exact:
    """Highest smoothed probability [15] in each organ, 0 where it is not in view."""
    highest = np.zeros(len(Organ), dtype=np.float32)
    box = box_of(probability > 0.0)
    if box is not None:
        wide = grown(box, REACH, probability.shape)
        smooth = blurred(probability, SMOOTHING_VOXELS, wide)
        np.maximum.at(highest, organs[wide].ravel(), smooth.ravel())
    return highest.astype(np.float64)


def bounded_logit(share: float) -> float:
    """A fifth of the logit of a share kept within 0.001 and 0.999."""
    return float(logit(np.asarray(np.clip(share, 1e-3, 1.0 - 1e-3)))) / 5.0


def shares_ppm(probabilities: npt.NDArray[np.float64]) -> tuple[int, int, int, int]:
    """Four probabilities as multiples of STEP_PPM that sum to PPM exactly (largest remainders)."""
    steps = PPM // STEP_PPM
    exact = np.asarray(probabilities, dtype=np.float64) * steps
    whole = np.floor(exact + 1e-6).astype(int)
    order = np.argsort(-np.round(exact - whole, 3), kind="stable")
    whole[order[: max(steps - int(whole.sum()), 0)]] += 1
    negative, tumor, plus, metastasis = (int(count) * STEP_PPM for count in whole)
    return negative, tumor, plus, metastasis


def conventional_ppm(level: Level, tumour_share: float) -> tuple[int, int, int, int]:
    """The stated convention for models without a fitted head."""
    favoured = level if level is not Level.NEGATIVE else Level.TUMOR
    rest = (1.0 - RULE_SHARE) / 2.0
    shares = [tumour_share * (RULE_SHARE if one is favoured else rest) for one in LEVELS[1:]]
    return shares_ppm(np.asarray([1.0 - tumour_share, *shares]))
