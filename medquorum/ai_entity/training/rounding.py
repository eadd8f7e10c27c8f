"""Weights as they are shipped: kernels in 8 bits with a scale per channel, the rest in float16.

A scale is the channel's largest weight over 127, cut to 11 binary digits: its products with 8-bit
numbers are exact in float32, so that rounding what was rounded changes nothing. Whatever is
measured of a network is measured after rounding.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from medquorum.ai_entity.training.network import TumourNetwork

KERNEL_AXES: Final = 5
LARGEST: Final = 127
SCALE_STEPS: Final = 2_048
"""11 binary digits."""

Weights = npt.NDArray[np.float32]
Short = npt.NDArray[np.int8] | npt.NDArray[np.float16]


def shortened(weights: Weights) -> tuple[Short, Weights | None]:
    """A weight's short form and its scale [channels,1,1,1,1]; None where it needs none.

    Raises ValueError for a weight that is no number, or too large for float16.
    """
    if weights.ndim != KERNEL_AXES:
        with np.errstate(over="ignore"):
            half = weights.astype(np.float16)
        if not np.isfinite(half).all():
            raise ValueError("a weight is too large for float16; train again with weight decay")
        return half, None
    if not np.isfinite(weights).all():
        raise ValueError("a weight is no number; train again")
    largest = np.abs(weights).max(axis=(1, 2, 3, 4), keepdims=True)
    digits, power = np.frexp(np.where(largest > 0.0, largest, 1.0) / LARGEST)
    scale = np.ldexp(np.round(digits * SCALE_STEPS) / SCALE_STEPS, power).astype(np.float32)
    whole = np.clip(np.rint(weights / scale), -LARGEST, LARGEST)
    return whole.astype(np.int8), scale


def widened(short: npt.NDArray[np.generic], scale: Weights | None) -> Weights:
    """The float32 weight that a short form stands for."""
    wide = short.astype(np.float32)
    return wide if scale is None else np.asarray(wide * scale, dtype=np.float32)


def rounded(network: TumourNetwork) -> TumourNetwork:
    """The network with weights that its file can hold; in place."""
    for parameter in network.parameters():
        parameter.data = torch.from_numpy(widened(*shortened(parameter.data.numpy())))
    return network.eval()
