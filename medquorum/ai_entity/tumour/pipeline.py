"""CT, with PET where there is one, to findings: grid, guard, model, lesions, levels, words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.dicom_series import read_series
from medquorum.ai_entity.errors import AnalysisError, Reason, SeriesError
from medquorum.ai_entity.findings import (
    Findings,
    Kind,
    Lesion,
    ModelFacts,
    RegionFinding,
    TumourFindings,
    ppm,
)
from medquorum.ai_entity.overlay import make_overlay
from medquorum.ai_entity.registry import LoadedModel, Registry
from medquorum.ai_entity.suv import suv_factor
from medquorum.ai_entity.tumour.candidates import label_lesions
from medquorum.ai_entity.tumour.grid import GridImages, Placed, Volume, common_grid
from medquorum.ai_entity.tumour.guard import reason_to_abstain
from medquorum.ai_entity.tumour.inference import model_channels, predict
from medquorum.ai_entity.tumour.lesions import comparison_volumes, measure_lesions
from medquorum.ai_entity.tumour.levels import grade_regions
from medquorum.ai_entity.tumour.pet_metrics import Labels
from medquorum.ai_entity.tumour.regions import regions_in_view
from medquorum.ledger.contents import Conclusion, NextStep

PREPROCESSING: Final = "medquorum-tumour-4mm/1"
"""Changes when the grid, the SUV reading or the feature bank changes."""

CERTAIN_PPM: Final = 500_000
"""A lesion below this mean probability is shown, but concludes nothing."""

LESION_MARGIN_VOXELS: Final = 3
"""A lesion's blurred rim is not background."""

BACKGROUND_SIGMA: Final = 1.5
"""Voxels; a single voxel's probability is noise."""


def read_images(ct: Path, pet: Path | None, *, keep_ct: bool = False) -> GridImages:
    """Both series on the common grid. Raises SeriesError or SuvError, naming CT or PET.

    ``keep_ct`` keeps the CT as the scanner made it, for a model of its own voxel size.
    """
    with _named("CT"):
        ct_volume = read_series(ct, "CT")
    placed_ct = Placed(ct_volume.voxels, ct_volume.affine)
    frame = ct_volume.facts.frame_of_reference_digest
    kept = placed_ct if keep_ct else None
    if pet is None:
        return replace(common_grid(placed_ct, None), frame=frame, native_hu=kept)
    with _named("PET"):
        pet_volume = read_series(pet, "PT")
        if pet_volume.pet is None:
            raise SeriesError(Reason.MISSING_TAG, "no units")
        factor = np.float32(suv_factor(pet_volume.pet))
    frames = {volume.facts.frame_of_reference_digest for volume in (ct_volume, pet_volume)} - {b""}
    if len(frames) > 1:
        raise SeriesError(
            Reason.NOT_OVERLAPPING, "CT and PET have different frames of reference; register them"
        )
    placed_pet = Placed(pet_volume.voxels * factor, pet_volume.affine)
    return replace(common_grid(placed_ct, placed_pet), frame=frame, native_hu=kept)


@contextmanager
def _named(series: str) -> Iterator[None]:
    """Tell which of the two series an error is about."""
    try:
        yield
    except AnalysisError as error:
        raise type(error)(error.reason, f"{series}: {error.message}") from error


def analyse_images(images: GridImages, registry: Registry) -> Findings:
    """Findings of images on the common grid by the current model. Raises ModelError."""
    kind = "ct" if images.suv is None else "petct"
    return analyse_with(registry.load(registry.digest_of(kind)), images)


def analyse_with(model: LoadedModel, images: GridImages) -> Findings:
    """Findings of images on the common grid by this model, of kind ``petct`` or ``ct``."""
    reason = reason_to_abstain(images)
    if reason is not None:
        return _abstention(model, reason)
    probability = predict(model, model_channels(images, model.card.kind))
    threshold = model.card.threshold_ppm / 1_000_000
    labels, count = label_lesions(probability, images.hu, threshold, images.voxel_volume_mm3)
    lesions = measure_lesions(images, labels, count, probability)
    background = _background(probability, labels, images)
    measured = _measured(images, labels, count, model)
    tumour = TumourFindings(**measured, lesions=lesions, regions=grade_regions(background, lesions))
    return _conclude(model, tumour, max(background.values()), labels, images)


def _facts(model: LoadedModel) -> ModelFacts:
    card = model.card
    return ModelFacts(card.name, card.version, card.digest, card.training_digest, PREPROCESSING)


def _abstention(model: LoadedModel, reason: str) -> Findings:
    return Findings(
        kind=Kind.TUMOUR,
        model=_facts(model),
        conclusion=Conclusion.INCONCLUSIVE,
        next_step=NextStep.NONE,
        confidence_ppm=0,
        abstained=reason,
        scores_ppm=(),
        lines=(
            "Machine-generated. No conclusion: the images do not look like what the model was "
            f"made for ({reason}).",
        ),
    )


def _background(probability: Volume, labels: Labels, images: GridImages) -> dict[str, int]:
    """For each region in view the highest smoothed probability away from lesions, in ppm."""
    away = ~ndimage.binary_dilation(labels > 0, iterations=LESION_MARGIN_VOXELS)
    smooth = ndimage.gaussian_filter(probability.astype(np.float64) * away, BACKGROUND_SIGMA)
    return {
        region: ppm(float(smooth[mask & away].max(initial=0.0)))
        for region, mask in regions_in_view(images.hu, images.voxel_volume_mm3).items()
    }


def _measured(images: GridImages, labels: Labels, count: int, model: LoadedModel) -> dict[str, Any]:
    volume = round(float((labels > 0).sum()) * images.voxel_volume_mm3)
    glycolysis = None
    if images.suv is not None:
        uptake = float(images.suv[labels > 0].sum(dtype=np.float64))
        glycolysis = round(uptake * images.voxel_volume_mm3)
    share = model.card.threshold_ppm / 1_000_000
    return {
        "total_tumour_volume_ul": volume,
        "volume_method": f"{model.card.name} {model.card.version}: voxels of 4 mm with probability "
        f">= {share:.2f}, components of 3 mL and more, times spacing product",
        "total_lesion_glycolysis_milli": glycolysis,
        "lesion_count": count,
        "comparison_volumes_ul": comparison_volumes(images, labels),
    }


def _conclude(
    model: LoadedModel,
    tumour: TumourFindings,
    background_ppm: int,
    labels: Labels,
    images: GridImages,
) -> Findings:
    best = max((lesion.probability_ppm for lesion in tumour.lesions), default=0)
    if not tumour.lesions:
        conclusion, confidence = Conclusion.NEGATIVE, 1_000_000 - background_ppm
    elif best >= CERTAIN_PPM:
        conclusion, confidence = Conclusion.TUMOUR, best
    else:
        conclusion, confidence = Conclusion.INCONCLUSIVE, best
    return Findings(
        kind=Kind.TUMOUR,
        model=_facts(model),
        conclusion=conclusion,
        next_step=_next_step(conclusion, images.suv is not None),
        confidence_ppm=confidence,
        abstained=None,
        scores_ppm=(("background", background_ppm), ("best_lesion", best)),
        lines=_lines(model, tumour, conclusion),
        tumour=tumour,
        overlay=make_overlay(labels, images.affine),
    )


def _next_step(conclusion: Conclusion, with_pet: bool) -> NextStep:
    if conclusion is Conclusion.NEGATIVE:
        return NextStep.NONE
    if not with_pet:
        return NextStep.PET
    return NextStep.TREATMENT if conclusion is Conclusion.TUMOUR else NextStep.NONE


def _lines(model: LoadedModel, tumour: TumourFindings, conclusion: Conclusion) -> tuple[str, ...]:
    head = f"Machine-generated by {model.card.name} {model.card.version}; not for clinical use."
    if conclusion is Conclusion.NEGATIVE:
        return (
            head,
            "No tumour candidate of 3 mL or more. The model's specificity has not been measured.",
            *(_region_line(region) for region in tumour.regions),
        )
    return (
        head,
        f"Total tumour volume {tumour.total_tumour_volume_ul / 1000:.1f} mL "
        f"({tumour.volume_method}) in {tumour.lesion_count} candidate(s).",
        *(_region_line(region) for region in tumour.regions),
        *(_lesion_line(lesion) for lesion in tumour.lesions[:8]),
        "Physiologic uptake is not removed: delete what is not tumour.",
    )


def _region_line(region: RegionFinding) -> str:
    percent = 100.0 * (1.0 - region.probabilities_ppm[0] / 1_000_000)
    return f"{region.region}: {region.level.value} (any tumour {percent:.0f} %)."


def _lesion_line(lesion: Lesion) -> str:
    uptake = ""
    if lesion.suv_max_milli is not None and lesion.suv_peak_milli is not None:
        uptake = (
            f", SUVmax {lesion.suv_max_milli / 1000:.1f}, "
            f"SUVpeak {lesion.suv_peak_milli / 1000:.1f}"
        )
    return (
        f"Lesion {lesion.number}: {lesion.region}, {lesion.volume_ul / 1000:.1f} mL{uptake}, "
        f"mean probability {lesion.probability_ppm / 10_000:.0f} %."
    )
