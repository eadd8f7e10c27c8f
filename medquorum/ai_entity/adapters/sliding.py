"""An adopted model over a whole grid: windows, blended by weight, in bounded memory.

For every window the outputs become the log-odds of lesion against everything else, and those are
averaged: with two exclusive classes that is the average of logits that nnU-Net takes, and one
number per voxel suffices however many classes a model has. Mirrored passes are not made.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from medquorum.ai_entity.adapters.plan import Activation, AdaptedPlan, Blend
from medquorum.ai_entity.model_output import expect_shape
from medquorum.ai_entity.tumour.grid import Volume
from medquorum.ai_entity.tumour.windows import gaussian_weight, window_starts

Run = Callable[[Volume], Volume]
"""Images [1,c,...] to outputs [1,k,...]."""
Progress = Callable[[float], None]
MOST_ODDS: Final = 30.0


def lesion_odds(
    run: Run,
    images: Volume,
    tissue: npt.NDArray[np.bool_],
    plan: AdaptedPlan,
    progress: Progress | None = None,
) -> Volume:
    """Log-odds of lesion for ``images`` [c,a,b,c]; windows without ``tissue`` are left out.

    Raises ModelError when the model changes the size of its input.
    """
    padded, inner = _padded(images, plan.window)
    held = np.zeros(padded.shape[1:], dtype=np.bool_)
    held[inner] = tissue
    total = np.zeros(padded.shape[1:], dtype=np.float32)
    weights = np.zeros(padded.shape[1:], dtype=np.float32)
    weight = np.ones(plan.window, dtype=np.float32)
    if plan.blend is Blend.GAUSSIAN:
        weight = gaussian_weight(plan.window)
    boxes = [box for box in _boxes(padded.shape[1:], plan) if held[box].any()]
    for count, box in enumerate(boxes, start=1):
        answer = run(np.ascontiguousarray(padded[(None, slice(None), *box)]))
        total[box] += weight * _odds(answer, plan)
        weights[box] += weight
        if progress is not None:
            progress(count / len(boxes))
    read = weights > 0.0
    odds = np.where(read, total / np.where(read, weights, 1.0), -MOST_ODDS)
    return np.asarray(odds[inner], dtype=np.float32)


def _odds(answer: Volume, plan: AdaptedPlan) -> Volume:
    """[1,k,...] outputs to log-odds, bounded so that one wild window cannot decide alone."""
    outputs = expect_shape(answer, (1, len(plan.classes), *plan.window))[0]
    lesion = list(plan.lesion)
    if plan.activation is Activation.SIGMOID:
        odds = outputs[lesion].max(axis=0)
    else:
        rest = [one for one in range(len(plan.classes)) if one not in lesion]
        odds = logsumexp(outputs[lesion], axis=0) - logsumexp(outputs[rest], axis=0)
    return np.asarray(np.clip(odds, -MOST_ODDS, MOST_ODDS), dtype=np.float32)


def _boxes(shape: tuple[int, ...], plan: AdaptedPlan) -> list[tuple[slice, slice, slice]]:
    first, second, third = (
        window_starts(0, size, side, plan.overlap)
        for size, side in zip(shape, plan.window, strict=True)
    )
    a, b, c = plan.window
    return [
        (slice(i, i + a), slice(j, j + b), slice(k, k + c))
        for i in first
        for j in second
        for k in third
    ]


def _padded(
    images: Volume, window: tuple[int, int, int]
) -> tuple[Volume, tuple[slice, slice, slice]]:
    """Zeros around images smaller than a window, as both kinds of model are trained."""
    sizes = images.shape[1:]
    missing = [max(side - size, 0) for side, size in zip(window, sizes, strict=True)]
    pads = [(one // 2, one - one // 2) for one in missing]
    padded = np.pad(images, ((0, 0), *pads))
    a, b, c = (slice(low, low + size) for (low, _), size in zip(pads, sizes, strict=True))
    return padded, (a, b, c)
