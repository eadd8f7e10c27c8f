"""The 3-D multi-task network: lesion logits and organ logits from CT and PET, or from CT alone.

A U-Net of four levels (Çiçek 2016) with instance normalisation, in which one trunk serves both
tasks. For the CPU the skips are added, not concatenated, strides replace pooling, and the finest
level has one convolution on either way: a third of the usual work. It takes *raw* values, HU and
SUVbw on the 4 mm grid: clipping, logarithm and scaling are its first operations and so part of the
exported graph. A soft-tissue window (-160 to 240 HU) shows the lesion, a wide one air, fat and
bone; SUV enters linearly (/5) and as a logarithm. Instance normalisation makes the answer depend on
the window, so that inference must use windows of the size that training used.
"""

from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

from medquorum.ai_entity.phantom.organs import Organ

ORGANS: Final = len(Organ)
WIDTHS: Final = (16, 32, 64, 96)
"""Channels per level; multiples of 16 are what the CPU's matrix kernels take whole."""
SIDE_MULTIPLE: Final = 8
"""Sides of the input are halved three times."""
SLOPE: Final = 0.01
SUV_LIMIT: Final = 50.0


class Inputs(StrEnum):
    """What the network is given; also the kind of the model in the registry."""

    PETCT = "petct"
    CT = "ct"

    @property
    def channels(self) -> int:
        """Raw channels: CT first, then PET."""
        return 2 if self is Inputs.PETCT else 1


class _Convolutions(nn.Sequential):
    """For each width after the first: 3x3x3 convolution, instance norm, leaky ReLU."""

    def __init__(self, *channels: int, stride: int = 1) -> None:
        layers: list[nn.Module] = []
        for place, (before, after) in enumerate(pairwise(channels)):
            step = 1 if place else stride
            layers += [
                nn.Conv3d(before, after, 3, stride=step, padding=1, bias=False),
                nn.InstanceNorm3d(after, affine=True),
                nn.LeakyReLU(SLOPE, inplace=True),
            ]
        super().__init__(*layers)


class TumourNetwork(nn.Module):
    """Images [n, 1 or 2, z, y, x] (HU, SUVbw; sides multiples of 8) to lesion and organ logits."""

    def __init__(self, inputs: Inputs, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.inputs = inputs
        self.widths = tuple(widths)
        first = 4 if inputs is Inputs.PETCT else 2
        deeper = [_Convolutions(b, w, w, stride=2) for b, w in pairwise(widths)]
        self.down = nn.ModuleList([_Convolutions(first, widths[0]), *deeper])
        self.enlarge = nn.ModuleList(
            [nn.ConvTranspose3d(widths[i + 1], widths[i], 2, 2) for i in range(len(widths) - 1)]
        )
        self.up = nn.ModuleList([_Convolutions(width, width) for width in widths[:-1]])
        self.lesion = nn.Conv3d(widths[0], 1, 1)
        self.organs = nn.Conv3d(widths[0], ORGANS, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(lesion logits [n,1,...], organ logits [n,15,...])."""
        features = self.trunk(images)
        return self.lesion(features), self.organs(features)

    def trunk(self, images: Tensor) -> Tensor:
        """The features that both tasks read, [n, widths[0], z, y, x]."""
        level = scaled(images)
        passed: list[Tensor] = []
        for down in self.down:
            level = down(level)
            passed.append(level)
        for depth in reversed(range(len(self.up))):
            level = self.up[depth](self.enlarge[depth](level) + passed[depth])
        return level


def scaled(images: Tensor) -> Tensor:
    """Raw channels to what the first convolution reads: two windows of HU, then SUV / 5 and log."""
    hu = images[:, 0:1]
    channels = [(hu.clamp(-160.0, 240.0) - 40.0) / 200.0, hu.clamp(-1000.0, 1000.0) / 1000.0]
    if images.shape[1] > 1:
        suv = images[:, 1:2].clamp(0.0, SUV_LIMIT)
        channels += [suv / 5.0, torch.log(1.0 + suv)]
    return torch.cat(channels, dim=1)
