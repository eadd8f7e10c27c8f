"""Logits of a torch network over a whole case, by overlapping windows of the trained size.

The same scheme as inference: windows step by ``1 - overlap`` of their side, the last one ends at
the border, and where windows overlap their logits are averaged with a bell weight. A case smaller
than the window is padded with air.
"""

from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from medquorum.ai_entity.training.network import SIDE_MULTIPLE, TumourNetwork
from medquorum.ai_entity.tumour.grid import AIR_HU, Volume

OVERLAP: Final = 0.5
BELL_WIDTH: Final = 0.25
"""Standard deviation of the weight as a share of the window's side."""


def bell(side: int) -> npt.NDArray[np.float32]:
    """Weight [side, side, side] of a window's voxels: 1 in the middle, small at its faces."""
    axis = (np.arange(side) - (side - 1) / 2.0) / (BELL_WIDTH * side)
    line = np.exp(-0.5 * axis**2)
    return (line[:, None, None] * line[None, :, None] * line).astype(np.float32)


def starts(length: int, side: int, overlap: float = OVERLAP) -> tuple[int, ...]:
    """First voxels of the windows along one axis of at least ``side`` voxels."""
    step = max(1, int(side * (1.0 - overlap)))
    return tuple(sorted({*range(0, length - side, step), length - side}))


def lesion_logits(
    network: TumourNetwork, hu: Volume, suv: Volume | None, side: int, flips: bool = False
) -> Volume:
    """Lesion logits [z,y,x] on the grid of ``hu``; ``flips`` averages over the eight mirrorings."""
    if side % SIDE_MULTIPLE:
        raise ValueError(f"the window's side must be a multiple of {SIDE_MULTIPLE}")
    channels = [hu] if suv is None else [hu, suv]
    short = [max(side - length, 0) for length in hu.shape]
    room = [(s // 2, s - s // 2) for s in short]
    padded = np.stack(
        [
            np.pad(part, room, constant_values=fill)
            for part, fill in zip(channels, (AIR_HU, 0.0), strict=False)
        ]
    ).astype(np.float32)
    weight = bell(side)
    total = np.zeros(padded.shape[1:], dtype=np.float32)
    weights = np.zeros_like(total)
    for corner in product(*(starts(length, side) for length in padded.shape[1:])):
        box = tuple(slice(start, start + side) for start in corner)
        total[box] += weight * _asked(network, torch.from_numpy(padded[(slice(None), *box)]), flips)
        weights[box] += weight
    inner = tuple(
        slice(before, before + length) for (before, _), length in zip(room, hu.shape, strict=True)
    )
    return np.asarray((total / weights)[inner])


@torch.no_grad()
def _asked(network: TumourNetwork, window: Tensor, flips: bool) -> npt.NDArray[np.float32]:
    turns = [(), (1,), (2,), (3,), (1, 2), (1, 3), (2, 3), (1, 2, 3)] if flips else [()]
    answers = []
    for axes in turns:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            lesion, _ = network(window.flip(axes)[None])
        answers.append(lesion[0, 0].float().flip([axis - 1 for axis in axes]))
    return torch.stack(answers).mean(0).numpy()
