"""Measurements of each lesion: volume and glycolysis on the grid, SUVmax and SUVpeak on the PET.

Volume and total lesion glycolysis belong to the mask that the model drew on the 4 mm grid. SUVmax
is one voxel and SUVpeak one cubic centimetre of the PET as the scanner made it: interpolation
lowers both, so they are read there wherever the original is at hand (definitions and sources in
``pet_metrics``).
"""

from dataclasses import replace
from typing import Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.findings import Lesion, milli, ppm
from medquorum.ai_entity.limits import MAX_LESIONS
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.tumour.adaptive_volume import adaptive_volume_ml
from medquorum.ai_entity.tumour.boxes import box_of, grown
from medquorum.ai_entity.tumour.grid import (
    GridImages,
    Placed,
    Volume,
    carry_labels,
    spacing_of,
)
from medquorum.ai_entity.tumour.methods import FIXED_THRESHOLDS, SUV_41_PERCENT, SUV_ADAPTIVE
from medquorum.ai_entity.tumour.organ_levels import Group
from medquorum.ai_entity.tumour.pet_metrics import (
    PEAK_RADIUS_MM,
    Labels,
    Spacing,
    fixed_threshold,
    glycolysis,
    relative_threshold,
    suv_peak,
    volume_ml,
)

UM_PER_MM: Final = 1000.0


def measure_lesions(
    images: GridImages, labels: Labels, groups: tuple[Group, ...], probability: Volume
) -> tuple[Lesion, ...]:
    """The largest lesions with their numbers; label n, which is group n, becomes lesion n."""
    kept = min(len(groups), MAX_LESIONS)
    boxes = ndimage.find_objects(labels, max_label=kept)
    uptake = None if images.suv is None else _uptake(images, images.suv, labels)
    return tuple(
        replace(
            _measure(images, labels, probability, uptake, (number, box)),
            region=organ_name(group.host),
            reaches=tuple(organ_name(organ) for organ in group.reached),
        )
        for number, (box, group) in enumerate(zip(boxes, groups[:kept], strict=True), start=1)
    )


def organ_name(organ: Organ) -> str:
    """How reports name an organ."""
    return organ.name.lower()


def _uptake(images: GridImages, suv: Volume, labels: Labels) -> tuple[Placed, Labels]:
    """The PET that uptake is read from, and the lesions on it: the scanner's, else the grid's."""
    if images.native_suv is not None:
        native = images.native_suv
        return native, carry_labels(labels, images.affine, native)
    return Placed(suv, images.affine), labels


def spacing_of_grid(images: GridImages) -> Spacing:
    """Spacings (z,y,x) in mm of the common grid."""
    return spacing_tuple(Placed(images.hu, images.affine))


def spacing_tuple(image: Placed) -> Spacing:
    """Spacings (z,y,x) in mm as plain numbers."""
    z, y, x = (float(mm) for mm in spacing_of(image.affine))
    return z, y, x


def _peaks_milli(uptake: tuple[Placed, Labels], number: int) -> tuple[int | None, int | None]:
    """SUVmax and SUVpeak of one lesion; None where no voxel centre of the PET lies in it."""
    pet, lesions = uptake
    mask = lesions == number
    box = box_of(mask)
    if box is None:
        return None, None
    spacing = spacing_tuple(pet)
    wide = grown(box, int(PEAK_RADIUS_MM // min(spacing)) + 1, mask.shape)
    suv, mask = pet.voxels[wide], mask[wide]
    return milli(float(suv[mask].max())), milli(suv_peak(suv, mask, spacing))


def _measure(
    images: GridImages,
    labels: Labels,
    probability: Volume,
    uptake: tuple[Placed, Labels] | None,
    numbered_box: tuple[int, tuple[slice, ...]],
) -> Lesion:
    number, box = numbered_box
    spacing = spacing_of_grid(images)
    mask = labels[box] == number
    corner = np.asarray([edge.start for edge in box])
    centre = np.append(np.argwhere(mask).mean(axis=0) + corner, 1.0)
    x, y, z = (round(float(mm) * UM_PER_MM) for mm in (images.affine @ centre)[:3])
    suv_max, suv_sphere = (None, None) if uptake is None else _peaks_milli(uptake, number)
    return Lesion(
        number=number,
        region="",
        centroid_um=(x, y, z),
        volume_ul=round(volume_ml(mask, spacing) * 1000.0),
        suv_max_milli=suv_max,
        suv_peak_milli=suv_sphere,
        glycolysis_milli=(
            None if images.suv is None else milli(glycolysis(images.suv[box], mask, spacing))
        ),
        probability_ppm=ppm(float(probability[box][mask].mean(dtype=np.float64))),
    )


def comparison_volumes(images: GridImages, labels: Labels) -> tuple[tuple[str, int], ...]:
    """Volumes in microlitres by the published thresholds on the PET as the scanner made it.

    The fixed ones over the whole image, the others around each lesion of ``labels``.
    """
    if images.suv is None:
        return ()
    pet, lesions = _uptake(images, images.suv, labels)
    spacing = spacing_tuple(pet)
    masks = {
        method: fixed_threshold(pet.voxels, spacing, suv)
        for method, suv in FIXED_THRESHOLDS.items()
    }
    masks[SUV_41_PERCENT] = relative_threshold(pet.voxels, lesions, spacing)
    volumes = {method: volume_ml(mask, spacing) for method, mask in masks.items()}
    measured = min(int(lesions.max()), MAX_LESIONS)
    adaptive = [
        adaptive_volume_ml(pet.voxels, lesions, one, spacing) for one in range(1, measured + 1)
    ]
    volumes[SUV_ADAPTIVE] = sum(volume or 0.0 for volume in adaptive)
    return tuple((method, round(volume * 1000.0)) for method, volume in volumes.items())
