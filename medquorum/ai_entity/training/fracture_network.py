"""ResNet-50 with one grey channel, one logit and a class-activation map (He et al. 2016).

Bottlenecks 3-4-6-3, stride on the 3 x 3 convolution (version 1.5), 23.5 million parameters. Global
average pooling and one linear layer follow the last features, so that the same layer applied before
pooling is the exact map of what the logit is the mean of (Zhou et al. 2016).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

STAGES: Final = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
"""(middle channels, blocks, stride of the first)."""
EXPANSION: Final = 4
TRUNK_STAGES: Final = 2
"""Stages that the training starts with, by an own head that is not kept."""


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3, 1 x 1 with a shortcut; the last normalisation starts at zero."""

    def __init__(self, channels: int, middle: int, stride: int) -> None:
        super().__init__()
        wide = EXPANSION * middle
        self.conv1, self.norm1 = convolution(channels, middle, 1, 1)
        self.conv2, self.norm2 = convolution(middle, middle, 3, stride)
        self.conv3, self.norm3 = convolution(middle, wide, 1, 1)
        nn.init.zeros_(self.norm3.weight)
        self.short: nn.Sequential | None = None
        if stride != 1 or channels != wide:
            self.short = nn.Sequential(*convolution(channels, wide, 1, stride))

    def forward(self, features: Tensor) -> Tensor:
        """One block."""
        inner = torch.relu(self.norm1(self.conv1(features)))
        inner = torch.relu(self.norm2(self.conv2(inner)))
        inner = self.norm3(self.conv3(inner))
        return torch.relu(inner + (features if self.short is None else self.short(features)))


def convolution(inputs: int, outputs: int, kernel: int, stride: int) -> list[nn.Module]:
    """A convolution without bias and its batch normalisation."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return [layer, nn.BatchNorm2d(outputs)]


class FractureNetwork(nn.Module):
    """Tiles [n, 1, h, w] of brightness 0..1 to logits [n]."""

    def __init__(self, stages: tuple[tuple[int, int, int], ...] = STAGES) -> None:
        super().__init__()
        stem = stages[0][0]
        self.stem = nn.Sequential(*convolution(1, stem, 7, 2))
        blocks: list[nn.Module] = []
        channels = stem
        self.trunk = 0
        for number, (middle, count, stride) in enumerate(stages):
            for index in range(count):
                blocks.append(Bottleneck(channels, middle, stride if index == 0 else 1))
                channels = EXPANSION * middle
            if number < TRUNK_STAGES:
                self.trunk = len(blocks)
                self.local = nn.Conv2d(channels, 1, 1)
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(channels, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, tiles: Tensor) -> Tensor:
        """Logits."""
        return self.upper(self.lower(tiles))

    def lower(self, tiles: Tensor) -> Tensor:
        """Features of the trunk [n, c, h/8, w/8]."""
        mean = tiles.mean(dim=(2, 3), keepdim=True)
        spread = torch.sqrt(torch.square(tiles - mean).mean(dim=(2, 3), keepdim=True) + 1e-4)
        features = torch.relu(self.stem((tiles - mean) / spread))
        trunk: Tensor = self.blocks[: self.trunk](torch.max_pool2d(features, 3, 2, 1))
        return trunk

    def local_logits(self, trunk: Tensor) -> Tensor:
        """Log-odds by place [n, h/8, w/8], from the trunk alone."""
        local: Tensor = self.local(trunk)
        return local[:, 0]

    def upper(self, trunk: Tensor) -> Tensor:
        """Logits of the trunk's features."""
        pooled = self.blocks[self.trunk :](trunk).mean(dim=(2, 3))
        logits: Tensor = self.head(pooled)
        return logits[:, 0]


def folded_weights(network: FractureNetwork) -> Mapping[str, npt.NDArray[np.float32]]:
    """Convolutions with their normalisation folded in, named as ``resnet_graph`` wants them."""
    layers: dict[str, npt.NDArray[np.float32]] = {}

    def fold(name: str, conv: nn.Module, norm: nn.Module) -> None:
        if not (isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)):
            raise TypeError("a convolution is folded with its normalisation")
        if norm.running_var is None or norm.running_mean is None:
            raise TypeError("a normalisation without statistics cannot be folded")
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weight = conv.weight * gain[:, None, None, None]
        layers[f"{name}.weight"] = weight.detach().float().contiguous().numpy()
        layers[f"{name}.bias"] = (norm.bias - norm.running_mean * gain).detach().float().numpy()

    fold("stem", network.stem[0], network.stem[1])
    for index, block in enumerate(network.blocks):
        if not isinstance(block, Bottleneck):
            raise TypeError("the network's blocks are bottlenecks")
        for part in (1, 2, 3):
            fold(f"{index}.{part}", getattr(block, f"conv{part}"), getattr(block, f"norm{part}"))
        if block.short is not None:
            fold(f"{index}.short", block.short[0], block.short[1])
    layers["head.weight"] = network.head.weight.detach().float().numpy()
    layers["head.bias"] = network.head.bias.detach().float().numpy()
    return layers
