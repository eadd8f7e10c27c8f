"""A model over a whole grid: lesion probability and organ labels, whatever form the model has.

A windowed network is run by ``windows`` and its logit divided by the card's temperature. A
voxel model runs in slabs with as much margin as its widest kernel sees, hence the slabs join
without a seam; it names no organs, so density does. Probabilities are rounded to thousandths before
anything is decided on them: the last bits of a float differ between processors, and a report should
not.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.adapters.run import predict_adapted
from medquorum.ai_entity.baseline.feature_bank import CT_BANK, PET_CT_BANK
from medquorum.ai_entity.calibration import sigmoid
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.model_card import Multitask
from medquorum.ai_entity.registry import LoadedModel
from medquorum.ai_entity.tumour.density_organs import density_organs
from medquorum.ai_entity.tumour.grid import GridImages, Volume
from medquorum.ai_entity.tumour.mirrors import mirrored
from medquorum.ai_entity.tumour.organ_atlas import lung_box
from medquorum.ai_entity.tumour.windows import Organs, Progress, run_windows

SLAB_VOXELS: Final = 1_500_000
"""Per slab with its margin: some 60 float32 planes of it stay below 0.4 GB."""

HALO_VOXELS: Final = max(PET_CT_BANK.halo_voxels, CT_BANK.halo_voxels)

ROUNDING: Final = 1_000
"""Probabilities are multiples of 1/1000."""

NEGLIGIBLE: Final = -8.0
"""Logit of a probability that is rounded to 0: 0.0003."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of every voxel."""

    probability: Volume
    """Of lesion [z,y,x], multiples of 1/1000."""
    organs: Organs
    """Label of ``Organ`` [z,y,x]."""
    whole_body: bool = False
    """Whether organs were placed by the lungs, so that uptake can be judged by organ."""

    def __repr__(self) -> str:
        return f"Prediction({self.probability.shape})"


def predict(
    model: LoadedModel,
    images: GridImages,
    progress: Progress | None = None,
    member: int | None = None,
) -> Prediction:
    """Run a model of kind ``petct`` or ``ct``.

    Where the lungs are in view, the member for whole bodies speaks; else the mean of the others.
    ``member`` asks this one whatever is in view.

    Raises ValueError when a PET is needed and absent, or the model changes the size of its input.
    """
    if model.card.adapted is not None:
        found = predict_adapted(model.run, model.card.adapted, images, progress)
        return Prediction(_rounded(found), density_organs(images.hu, images.voxel_volume_mm3))
    plan = model.card.multitask
    if plan is None:
        return Prediction(
            _rounded(_voxel_model(model, _suv_first(images, model.card.kind), progress)),
            density_organs(images.hu, images.voxel_volume_mm3),
        )
    asked = members_asked(plan, images) if member is None else (member,)
    channels, temperature = _hu_first(images, model.card.kind), plan.temperature
    if asked == (plan.whole_body,):
        temperature = plan.whole_body_temperature or plan.temperature
    if model.whole_body is not None and asked == (plan.whole_body,):
        run = mirrored(model.run_whole_body, plan.whole_body_mirrors)
        blended = run_windows(run, channels, plan, None, progress)
    else:
        run = mirrored(model.run_all, plan.mirrors)
        blended = run_windows(run, channels, plan, asked, progress)
    logits = blended.lesion / np.float32(temperature)
    probability, likely = np.zeros_like(logits), logits > NEGLIGIBLE
    probability[likely] = _rounded(sigmoid(logits[likely]).astype(np.float32))
    return Prediction(probability, blended.organs)


def members_asked(plan: Multitask, images: GridImages) -> tuple[int, ...]:
    """The members whose mean is the network's word on these images."""
    if plan.whole_body is None:
        return tuple(range(plan.members))
    if lung_box(images.hu, images.affine) is not None:
        return (plan.whole_body,)
    return tuple(member for member in range(plan.members) if member != plan.whole_body)


def _hu_first(images: GridImages, kind: str) -> Volume:
    """Channels [c,z,y,x] of a windowed network: HU, then SUV."""
    if kind == "ct":
        return images.hu[None]
    return np.stack([images.hu, _pet(images)])


def _suv_first(images: GridImages, kind: str) -> Volume:
    """Channels [c,z,y,x] of a voxel model: SUV, then HU."""
    if kind == "ct":
        return images.hu[None]
    return np.stack([_pet(images), images.hu])


def _pet(images: GridImages) -> Volume:
    if images.suv is None:
        raise ValueError("a petct model needs a PET")
    return images.suv


def _voxel_model(model: LoadedModel, channels: Volume, progress: Progress | None) -> Volume:
    halo = HALO_VOXELS
    padded = np.pad(channels, ((0, 0), *(((halo, halo),) * 3)), mode="edge")
    depth = channels.shape[1]
    plane = padded.shape[2] * padded.shape[3]
    step = max(SLAB_VOXELS // plane - 2 * halo, 4)
    inner = slice(halo, -halo)
    slabs: list[npt.NDArray[np.float32]] = []
    for start in range(0, depth, step):
        stop = min(start + step, depth)
        slab = np.ascontiguousarray(padded[None, :, start : stop + 2 * halo])
        slabs.append(model.run(slab)[0, 0, inner, inner, inner])
        if progress is not None:
            progress(stop / depth)
    probability = np.concatenate(slabs)
    if probability.shape != channels.shape[1:]:
        raise ModelError(Reason.WRONG_OUTPUT, "the model changed the size of its input")
    return probability


def _rounded(probability: Volume) -> Volume:
    finite = np.nan_to_num(probability, nan=0.0, posinf=1.0, neginf=0.0)
    return np.asarray(np.round(np.clip(finite, 0.0, 1.0) * ROUNDING) / ROUNDING, dtype=np.float32)
