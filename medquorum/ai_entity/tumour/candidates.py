"""Voxel probabilities to lesions: threshold, smallest volume, numbered groups with their organs.

A windowed network was trained on lesions down to half a millilitre and knows air from tissue: its
groups count from the level rule's floor (``organ_levels.MIN_GROUP_ML``). A voxel model knows
neither; its lesions lie in what is dense and have 3 mL or more, as the benchmark for total
metabolic tumour volume preselects (Boellaard et al., J Nucl Med 2024,
doi 10.2967/jnumed.124.267789).
"""

from typing import Final

import numpy as np

from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.registry import LoadedModel
from medquorum.ai_entity.tumour.grid import GridImages
from medquorum.ai_entity.tumour.inference import Prediction
from medquorum.ai_entity.tumour.lesions import spacing_of_grid
from medquorum.ai_entity.tumour.level_head import Drawn
from medquorum.ai_entity.tumour.organ_levels import (
    Group,
    levels_of_groups,
    number_groups,
    volumes_by_organ,
)
from medquorum.ai_entity.tumour.pet_metrics import Labels, Mask, keep_large
from medquorum.ai_entity.tumour.windows import Organs

BODY_HU: Final = -400.0
"""Tissue above, air and lung below: a tumour in the lung is tissue."""
MIN_VIEW_ML: Final = 10.0
"""Of an organ's label; fewer voxels are a slip of the labels, not an organ in view."""
PPM: Final = 1_000_000


def draw_lesions(model: LoadedModel, images: GridImages, prediction: Prediction) -> Drawn:
    """The lesions at the card's threshold, with the level of every organ in view."""
    mask = prediction.probability >= model.card.threshold_ppm / PPM
    if model.card.multitask is None:
        mask = keep_large(mask & (images.hu > BODY_HU), images.voxel_volume_mm3)
    spacing = spacing_of_grid(images)
    labels, groups = number_groups(mask, prediction.organs, spacing)
    return Drawn(
        labels=labels,
        groups=groups,
        means=_means(prediction, labels, len(groups)),
        levels=levels_of_groups(
            groups,
            volumes_by_organ(labels > 0, prediction.organs, spacing),
            organs_in_view(prediction.organs, images.voxel_volume_mm3, groups),
        ),
    )


def organs_in_view(
    organs: Organs, voxel_mm3: float, groups: tuple[Group, ...]
) -> tuple[Organ, ...]:
    """The organs that the labels show enough of, or that a group touches; never air."""
    volumes_ml = np.bincount(organs.ravel(), minlength=len(Organ)) * voxel_mm3 / 1000.0
    return tuple(
        organ
        for organ in Organ
        if organ is not Organ.AIR
        and (volumes_ml[organ] >= MIN_VIEW_ML or any(group.touches(organ) for group in groups))
    )


def _means(prediction: Prediction, labels: Labels, count: int) -> tuple[float, ...]:
    """Mean probability of each group."""
    inside: Mask = labels > 0
    sums = np.bincount(labels[inside], weights=prediction.probability[inside], minlength=count + 1)
    sizes = np.maximum(np.bincount(labels[inside], minlength=count + 1), 1)
    return tuple(float(mean) for mean in (sums / sizes)[1:])
