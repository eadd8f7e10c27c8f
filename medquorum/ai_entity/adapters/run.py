"""Lesion probability of an adopted model on the analysis grid.

The PET's own grid is the reference where a channel is a PET (as in public PET/CT sets), else the
CT's. The model works at its own voxel size on the images as the scanner made them, where they are
at hand; its answer is averaged onto the entity's 4 mm grid, on which every model is measured.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from medquorum.ai_entity.adapters.geometry import Frame, frame_over, on_frame, turned
from medquorum.ai_entity.adapters.intensity import prepared
from medquorum.ai_entity.adapters.plan import AdaptedPlan, Channel, Source
from medquorum.ai_entity.adapters.sliding import lesion_odds
from medquorum.ai_entity.registry import Registry
from medquorum.ai_entity.tumour.grid import AIR_HU, GridImages, Placed, Volume, resample

TISSUE_HU: Final = -500.0
LINEAR: Final = 1

Progress = Callable[[float], None]


def wants_native_ct(registry: Registry, kind: str) -> bool:
    """Whether the model that runs for ``kind`` works at a voxel size of its own."""
    return registry.card_of(registry.digest_of(kind)).adapted is not None


def predict_adapted(
    run: Callable[[Volume], Volume],
    plan: AdaptedPlan,
    images: GridImages,
    progress: Progress | None = None,
) -> Volume:
    """Probability [z,y,x] on the grid of ``images``. Raises ModelError, SeriesError.

    Raises ValueError when the plan needs a PET and there is none.
    """
    sources = {channel.source for channel in plan.channels}
    if Source.PET in sources and images.suv is None:
        raise ValueError("a petct model needs a PET")
    reference = _reference(images, sources)
    frame = frame_over(turned(reference, plan.axes), plan.spacing_mm)
    channels = np.stack(
        [_channel(images, channel, plan, (reference, frame)) for channel in plan.channels]
    )
    body = Placed((images.hu > TISSUE_HU).astype(np.float32), images.affine)
    tissue = on_frame(body, frame, LINEAR) > 0.0
    odds = lesion_odds(run, channels, tissue, plan, progress)
    probability = (1.0 / (1.0 + np.exp(-odds.astype(np.float64)))).astype(np.float32)
    z, y, x = images.hu.shape
    return resample(Placed(probability, frame.affine), images.affine, (z, y, x), 0.0)


def _reference(images: GridImages, sources: set[Source]) -> Placed:
    if Source.PET in sources:
        return _image(images, Source.PET)
    return _image(images, Source.CT)


def _image(images: GridImages, source: Source) -> Placed:
    """The image as the scanner made it, else as it is on the analysis grid."""
    if source is Source.CT:
        return images.native_hu or Placed(images.hu, images.affine)
    if images.native_suv is not None:
        return images.native_suv
    assert images.suv is not None  # noqa: S101 - asked in predict_adapted
    return Placed(images.suv, images.affine)


def _channel(
    images: GridImages, channel: Channel, plan: AdaptedPlan, grids: tuple[Placed, Frame]
) -> Volume:
    reference, frame = grids
    image = _image(images, channel.source)
    if image.voxels.shape != reference.voxels.shape or not np.allclose(
        image.affine, reference.affine
    ):
        z, y, x = reference.voxels.shape
        outside = AIR_HU if channel.source is Source.CT else 0.0
        image = Placed(resample(image, reference.affine, (z, y, x), outside), reference.affine)
    straight = turned(image, plan.axes)
    if plan.intensity_first:
        ready = Placed(prepared(straight.voxels, channel.steps), straight.affine)
        return on_frame(ready, frame, plan.interpolation)
    return prepared(on_frame(straight, frame, plan.interpolation), channel.steps)
