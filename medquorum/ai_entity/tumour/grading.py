"""Every organ in view with its level by the rule and the four probabilities beside it."""

from typing import Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.calibration import Exact
from medquorum.ai_entity.findings import RegionFinding
from medquorum.ai_entity.registry import LoadedModel
from medquorum.ai_entity.tumour.grid import Volume
from medquorum.ai_entity.tumour.inference import Prediction
from medquorum.ai_entity.tumour.lesions import organ_name
from medquorum.ai_entity.tumour.level_head import (
    Drawn,
    conventional_ppm,
    highest_smoothed,
    organ_features,
    read_head,
    shares_ppm,
)
from medquorum.ai_entity.tumour.pet_metrics import Labels, Spacing

LESION_MARGIN_VOXELS: Final = 3
"""A lesion's blurred rim is not background."""


def grade_organs(
    model: LoadedModel, drawn: Drawn, prediction: Prediction, spacing: Spacing
) -> tuple[RegionFinding, ...]:
    """One finding per organ of ``drawn.levels``, in label order.

    Raises ModelError when the model's fitted head is not its own.
    """
    if model.levels is None:
        away = away_from_lesions(prediction.probability, drawn.labels)
        return _by_convention(drawn, highest_smoothed(away, prediction.organs))
    head = read_head(model.levels, model.card.digest)
    features = organ_features(drawn, prediction.probability, prediction.organs, spacing)
    return tuple(
        RegionFinding(
            organ_name(organ),
            level,
            shares_ppm(head.probabilities(features[organ][None])[0]),
        )
        for organ, level in drawn.levels.items()
    )


def away_from_lesions(probability: Volume, labels: Labels) -> Volume:
    """Probability without the drawn lesions and their blurred rims."""
    near = ndimage.binary_dilation(labels > 0, iterations=LESION_MARGIN_VOXELS)
    return np.where(near, np.float32(0.0), probability)


def _by_convention(drawn: Drawn, background: Exact) -> tuple[RegionFinding, ...]:
    findings = []
    for organ, level in drawn.levels.items():
        own = [
            mean
            for group, mean in zip(drawn.groups, drawn.means, strict=True)
            if group.touches(organ)
        ]
        share = max(own) if own else float(background[organ])
        findings.append(RegionFinding(organ_name(organ), level, conventional_ppm(level, share)))
    return tuple(findings)
