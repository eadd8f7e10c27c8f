"""CT, with PET where there is one, to findings: grid, guard, model, lesions, levels, words."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from medquorum.ai_entity.dicom_layers import ImageVolume, SeriesLayers
from medquorum.ai_entity.dicom_series import read_layers, read_series
from medquorum.ai_entity.errors import AnalysisError, Reason, SeriesError
from medquorum.ai_entity.findings import PPM, Findings, Kind, ModelFacts, TumourFindings
from medquorum.ai_entity.overlay import make_overlay
from medquorum.ai_entity.registry import LoadedModel, Registry
from medquorum.ai_entity.suv import suv_factor
from medquorum.ai_entity.tumour.candidates import draw_lesions, head_of
from medquorum.ai_entity.tumour.grading import grade_organs
from medquorum.ai_entity.tumour.grid import GridImages, Placed, common_grid
from medquorum.ai_entity.tumour.guard import assumed_tracer, reason_to_abstain
from medquorum.ai_entity.tumour.inference import Prediction, predict
from medquorum.ai_entity.tumour.lesions import (
    comparison_volumes,
    measure_lesions,
    spacing_of_grid,
)
from medquorum.ai_entity.tumour.level_head import Drawn
from medquorum.ai_entity.tumour.organ_atlas import lung_box, place_organs
from medquorum.ai_entity.tumour.organ_levels import MIN_GROUP_ML
from medquorum.ai_entity.tumour.pet_metrics import Labels
from medquorum.ai_entity.tumour.voxel_judge import judged
from medquorum.ai_entity.tumour.windows import Progress
from medquorum.ai_entity.tumour.words import tumour_lines
from medquorum.ledger.contents import Conclusion, NextStep

PREPROCESSING: Final = "medquorum-tumour-4mm/2"
"""Changes when the grid, the SUV reading, the windows or the way from probability to lesions do."""

CERTAIN_PPM: Final = 500_000
"""Lesions in organs below this probability of any tumour are shown, but conclude nothing."""


def read_images(ct: Path, pet: Path | None, *, keep_ct: bool = False) -> GridImages:
    """Both series on the common grid. Raises SeriesError or SuvError, naming CT or PET.

    ``keep_ct`` keeps the CT as the scanner made it, for a model of its own voxel size.
    """
    with _named("CT"):
        layers = read_layers(ct, "CT")
    kept = Placed(layers.volume().voxels, layers.affine) if keep_ct else None
    frame = layers.facts.frame_of_reference_digest
    if pet is None:
        return replace(common_grid(kept or layers, None), frame=frame, native_hu=kept)
    with _named("PET"):
        pet_volume = read_series(pet, "PT")
        if pet_volume.pet is None:
            raise SeriesError(Reason.MISSING_TAG, "no units")
        factor = np.float32(suv_factor(pet_volume.pet))
    _must_belong_together(layers, pet_volume)
    placed_pet = Placed(pet_volume.voxels * factor, pet_volume.affine)
    told = pet_volume.pet.names_fdg
    images = common_grid(kept or layers, placed_pet)
    return replace(images, frame=frame, native_hu=kept, names_fdg=told)


def _must_belong_together(ct: SeriesLayers, pet: ImageVolume) -> None:
    """Raise SeriesError for images of two patients, or of two positions of one."""
    if not ct.patient.may_be(pet.patient):
        raise SeriesError(
            Reason.DIFFERENT_PATIENTS,
            "CT and PET belong to different patients, by their headers; send a pair of one patient",
        )
    frames = {image.facts.frame_of_reference_digest for image in (ct, pet)} - {b""}
    if len(frames) > 1:
        raise SeriesError(
            Reason.NOT_OVERLAPPING,
            "CT and PET have different frames of reference; check first that both are of one "
            "patient, then register them",
        )


@contextmanager
def _named(series: str) -> Iterator[None]:
    """Tell which of the two series an error is about."""
    try:
        yield
    except AnalysisError as error:
        raise type(error)(error.reason, f"{series}: {error.message}") from error


def analyse_images(
    images: GridImages,
    registry: Registry,
    *,
    progress: Progress | None = None,
    threads: int | None = None,
) -> Findings:
    """Findings of images on the common grid by the current model. Raises ModelError.

    ``progress`` is told the share that is done; ``threads`` bounds the network's cores (None:
    what this process was told) and does not change its answer.
    """
    kind = "ct" if images.suv is None else "petct"
    return analyse_with(registry.load(registry.digest_of(kind), threads), images, progress=progress)


def analyse_with(
    model: LoadedModel,
    images: GridImages,
    *,
    progress: Progress | None = None,
    member: int | None = None,
) -> Findings:
    """Findings of images on the common grid by this model, of kind ``petct`` or ``ct``.

    ``member`` asks one fold's network only, for a patient that the others were trained on.
    """
    reason = reason_to_abstain(images) or (blind_reason(model, images) if member is None else None)
    if reason is not None:
        return abstention(model, reason)
    return findings_of(
        model, images, placed(model, images, predict(model, images, progress, member))
    )


def blind_reason(model: LoadedModel, images: GridImages) -> str | None:
    """Why a network for CT alone has no word on a whole body.

    On phantoms it finds none of the tumours there; drawing nothing would read as a negative.
    """
    plan = model.card.multitask
    if images.suv is not None or plan is None or plan.whole_body is None:
        return None
    if lung_box(images.hu, images.affine) is None:
        return None
    return "a whole body on CT alone, where the network finds no tumour; a PET is needed"


def placed(model: LoadedModel, images: GridImages, prediction: Prediction) -> Prediction:
    """A windowed network's prediction with organs placed and uptake judged by what was fitted.

    Uptake is judged only where the lungs are in view; a limb keeps the network's probability.
    """
    if model.card.multitask is None:
        return prediction
    head = head_of(model)
    atlas = None if head is None else head.atlas
    organs, whole = place_organs(images, prediction.organs, prediction.probability, atlas)
    probability = prediction.probability
    if whole and head is not None and head.voxels is not None:
        probability = judged(images, organs, probability, head.voxels)
    return Prediction(probability, organs, whole)


def findings_of(model: LoadedModel, images: GridImages, prediction: Prediction) -> Findings:
    """Findings of what a model has said of every voxel."""
    with ThreadPoolExecutor(1) as beside:  # the slowest of it, and nothing waits for it
        organs = beside.submit(make_overlay, prediction.organs, images.affine)
        findings = _findings_without_organs(model, images, prediction)
        assert findings.overlay is not None  # noqa: S101 - a conclusion draws, if only nothing
        packed = organs.result().compressed
    overlay = replace(findings.overlay, organs=packed)
    return replace(findings, overlay=overlay, lines=(*findings.lines, *assumed_tracer(images)))


def _findings_without_organs(
    model: LoadedModel, images: GridImages, prediction: Prediction
) -> Findings:
    drawn = draw_lesions(model, images, prediction)
    lesions = measure_lesions(images, drawn.labels, drawn.groups, prediction.probability)
    tumour = TumourFindings(
        **_measured(images, drawn, model),
        lesions=lesions,
        regions=grade_organs(model, drawn, prediction, spacing_of_grid(images)),
    )
    return _conclude(model, tumour, drawn.labels, images)


def _facts(model: LoadedModel) -> ModelFacts:
    card = model.card
    return ModelFacts(card.name, card.version, card.digest, card.training_digest, PREPROCESSING)


def abstention(model: LoadedModel, reason: str) -> Findings:
    """Findings that draw no conclusion, and why."""
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


def _measured(images: GridImages, drawn: Drawn, model: LoadedModel) -> dict[str, Any]:
    inside = drawn.labels > 0
    glycolysis = None
    if images.suv is not None:
        uptake = float(images.suv[inside].sum(dtype=np.float64))
        glycolysis = round(uptake * images.voxel_volume_mm3)
    share = model.card.threshold_ppm / PPM
    smallest = 3.0 if model.card.multitask is None else MIN_GROUP_ML
    return {
        "total_tumour_volume_ul": round(float(inside.sum()) * images.voxel_volume_mm3),
        "volume_method": f"{model.card.name} {model.card.version}: voxels of 4 mm with probability "
        f">= {share:.2f}, groups of {smallest:g} mL and more, times spacing product",
        "total_lesion_glycolysis_milli": glycolysis,
        "lesion_count": len(drawn.groups),
        "comparison_volumes_ul": comparison_volumes(images, drawn.labels),
    }


def _conclude(
    model: LoadedModel, tumour: TumourFindings, labels: Labels, images: GridImages
) -> Findings:
    best = max((lesion.probability_ppm for lesion in tumour.lesions), default=0)
    suspicion = max((PPM - one.probabilities_ppm[0] for one in tumour.regions), default=0)
    if not tumour.lesions:
        conclusion, confidence = Conclusion.NEGATIVE, PPM - suspicion
    elif suspicion >= CERTAIN_PPM:
        conclusion, confidence = Conclusion.TUMOUR, suspicion
    else:
        conclusion, confidence = Conclusion.INCONCLUSIVE, suspicion
    knows_organs = model.card.multitask is not None
    return Findings(
        kind=Kind.TUMOUR,
        model=_facts(model),
        conclusion=conclusion,
        next_step=_next_step(conclusion, images.suv is not None),
        confidence_ppm=confidence,
        abstained=None,
        scores_ppm=(("any_tumour", suspicion), ("best_lesion", best)),
        lines=tumour_lines(_facts(model), tumour, conclusion, knows_organs),
        tumour=tumour,
        overlay=make_overlay(labels, images.affine),
    )


def _next_step(conclusion: Conclusion, with_pet: bool) -> NextStep:
    if conclusion is Conclusion.NEGATIVE:
        return NextStep.NONE
    if not with_pet:
        return NextStep.PET
    return NextStep.TREATMENT if conclusion is Conclusion.TUMOUR else NextStep.NONE
