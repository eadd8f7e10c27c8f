"""The steps of a plan on one image."""

from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.adapters.plan import Step, StepKind
from medquorum.ai_entity.tumour.grid import Volume

LEAST_SPREAD: Final = 1e-8
"""As nnU-Net has it: an image of one value stays zero instead of becoming infinite."""


def prepared(image: Volume, steps: tuple[Step, ...]) -> Volume:
    """A float32 copy of ``image`` after ``steps``."""
    values = image.astype(np.float32)
    for step in steps:
        values = _stepped(values, step)
    return values


def _stepped(values: Volume, step: Step) -> Volume:
    match step.kind:
        case StepKind.CLIP:
            return np.clip(values, np.float32(step.first), np.float32(step.second))
        case StepKind.LINEAR:
            return values * np.float32(step.first) + np.float32(step.second)
        case StepKind.STANDARDISE:
            return _standardised(values, np.ones(values.shape, dtype=np.bool_))
        case StepKind.STANDARDISE_NONZERO:
            return _standardised(values, values != 0.0)
        case StepKind.RESCALE:
            low, high = float(values.min()), float(values.max())
            share = (values - np.float32(low)) / np.float32(max(high - low, LEAST_SPREAD))
            return share * np.float32(step.second - step.first) + np.float32(step.first)


def _standardised(values: Volume, judged: npt.NDArray[np.bool_]) -> Volume:
    if not judged.any():
        return values
    mean = float(values[judged].mean(dtype=np.float64))
    spread = max(float(values[judged].std(dtype=np.float64)), LEAST_SPREAD)
    changed = (values - np.float32(mean)) / np.float32(spread)
    return np.asarray(np.where(judged, changed, values), dtype=np.float32)
