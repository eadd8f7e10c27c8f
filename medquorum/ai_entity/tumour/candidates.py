"""Voxel probabilities to lesions: threshold, smallest volume, numbered groups with their organs.

A windowed network was trained on lesions down to half a millilitre and knows air from tissue: its
groups count from the level rule's floor (``organ_levels.MIN_GROUP_ML``). A voxel model knows
neither; its lesions lie in what is dense and have 3 mL or more, as the benchmark for total
metabolic tumour volume preselects (Boellaard et al., J Nucl Med 2024,
doi 10.2967/jnumed.124.267789).

A network also draws some of what healthy organs take up. Where phantoms have shown how often
(``phantom_fit``), a logistic on organ, size, uptake and probability judges every group. It has
learnt the phantoms' world, in which nothing grows in heart, bladder or brain: there it lets hardly
anything pass, and a report says that such uptake was not drawn only by the organ's probability.
"""

from typing import Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.calibration import Exact
from medquorum.ai_entity.phantom.organs import PHYSIOLOGIC_HOT, Organ
from medquorum.ai_entity.registry import LoadedModel
from medquorum.ai_entity.tumour.grid import GridImages
from medquorum.ai_entity.tumour.inference import Prediction
from medquorum.ai_entity.tumour.lesions import spacing_of_grid
from medquorum.ai_entity.tumour.level_head import Drawn, LevelHead, bounded_logit, read_head
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
KEEP: Final = 0.2
"""Groups of at least this probability of tumour are drawn: to miss one is worse than to look."""
SUSPECT: Final = 0.2
LEAST_SUV: Final = 0.05
PPM: Final = 1_000_000


def draw_lesions(model: LoadedModel, images: GridImages, prediction: Prediction) -> Drawn:
    """The lesions at the card's threshold, with the level of every organ in view.

    Groups that the model's judge calls physiologic are not drawn.
    """
    mask = prediction.probability >= model.card.threshold_ppm / PPM
    if model.card.multitask is None:
        mask = keep_large(mask & (images.hu > BODY_HU), images.voxel_volume_mm3)
    spacing = spacing_of_grid(images)
    labels, groups = number_groups(mask, prediction.organs, spacing)
    head = head_of(model)
    if head is not None and head.judge is not None and groups and prediction.whole_body:
        tumour = head.judge.probabilities(judged_features(images, prediction, labels, groups))
        kept = np.concatenate([[False], tumour[:, 1] >= KEEP])
        labels, groups = number_groups(kept[labels], prediction.organs, spacing)
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


def head_of(model: LoadedModel) -> LevelHead | None:
    """What was fitted for the model, where something was. Raises ModelError."""
    return None if model.levels is None else read_head(model.levels, model.card.digest)


def judged_features(
    images: GridImages, prediction: Prediction, labels: Labels, groups: tuple[Group, ...]
) -> Exact:
    """JUDGED of every group [n, features]."""
    outside = prediction.probability < SUSPECT
    medians = {
        organ: _medians(images, (prediction.organs == organ) & outside)
        for organ in {group.host for group in groups}
    }
    rows = []
    for number, (group, box) in enumerate(
        zip(groups, ndimage.find_objects(labels), strict=True), start=1
    ):
        mask = labels[box] == number
        shares = prediction.probability[box][mask]
        hu, suv = _means_in(images, box, mask)
        usual_hu, usual_suv = medians[group.host]
        rows.append(
            [
                *(group.host is organ for organ in Organ),
                np.log(group.volume_ml),
                bounded_logit(float(shares.mean())),
                bounded_logit(float(shares.max())),
                np.log(suv),
                np.log(suv / usual_suv),
                (hu - usual_hu) / 50.0,
                np.isin(prediction.organs[box][mask], PHYSIOLOGIC_HOT).mean(),
            ]
        )
    return np.asarray(rows, dtype=np.float64)


def _medians(images: GridImages, where: Mask) -> tuple[float, float]:
    """Median HU and SUV (1 without a PET); of nothing 0 and 1."""
    if not where.any():
        return 0.0, 1.0
    suv = 1.0 if images.suv is None else max(float(np.median(images.suv[where])), LEAST_SUV)
    return float(np.median(images.hu[where])), suv


def _means_in(images: GridImages, box: tuple[slice, ...], mask: Mask) -> tuple[float, float]:
    suv = 1.0 if images.suv is None else max(float(images.suv[box][mask].mean()), LEAST_SUV)
    return float(images.hu[box][mask].mean()), suv


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
