"""The fixed features under the baseline tumour models, written once and used twice.

A voxel is described by what is around it at a few scales. *Base maps* are pointwise functions of
the image (``log(1+SUV)``, Hounsfield windows). Every base map enters raw, smoothed by Gaussians of
fixed widths in millimetres, and, where marked, with its local standard deviation at the same
widths. They are voxels of the 4 mm analysis grid (``tumour.grid``), so that they can be constant
convolution kernels of an ONNX graph. ``feature_planes`` is the numpy reading that fitting uses;
``onnx_graph`` writes the same thing as a graph, and a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Volume = npt.NDArray[np.float32]

KERNEL_REACH_SIGMAS: Final = 2.5
"""Kernels stop here; they are normalised to sum 1, so nothing is lost but the far tail."""

STD_FLOOR: Final = 1e-4
"""Added under the square root: rounding makes tiny negative variances in flat regions."""


@dataclass(frozen=True, slots=True)
class BaseMap:
    """``clip(scale * x + offset, low, high)`` of one input channel, optionally ``log(1 + x)``."""

    name: str
    channel: int
    scale: float
    offset: float
    low: float
    high: float
    logarithm: bool
    with_spread: bool


SUV_MAP: Final = BaseMap("log_suv", 0, 1.0, 0.0, 0.0, 40.0, logarithm=True, with_spread=True)
"""FDG uptake on a log scale: tumours span 1.5 to 50 SUV."""


def _window(name: str, *, channel: int, low_hu: float, high_hu: float, spread: bool) -> BaseMap:
    width = high_hu - low_hu
    return BaseMap(name, channel, 1.0 / width, -low_hu / width, 0.0, 1.0, False, spread)


def _ct_maps(channel: int) -> tuple[BaseMap, ...]:
    return (
        _window("soft_tissue", channel=channel, low_hu=-160.0, high_hu=240.0, spread=True),
        _window("muscle", channel=channel, low_hu=-20.0, high_hu=100.0, spread=True),
        _window("bone", channel=channel, low_hu=150.0, high_hu=1000.0, spread=False),
    )


@dataclass(frozen=True, slots=True)
class FeatureBank:
    """One model's inputs: which channels it takes, which maps it makes, at which widths."""

    name: str
    channels: tuple[str, ...]
    base_maps: tuple[BaseMap, ...]
    sigmas_voxels: tuple[float, ...]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names in the order of the planes."""
        raw = [base.name for base in self.base_maps]
        smooth = [f"{b.name}@{s}" for s in self.sigmas_voxels for b in self.base_maps]
        spread = [
            f"std {b.name}@{s}" for s in self.sigmas_voxels for b in self.base_maps if b.with_spread
        ]
        return tuple(raw + smooth + spread)

    @property
    def halo_voxels(self) -> int:
        """How far a feature sees: a tile needs this many voxels around it."""
        return max(kernel_radius(sigma) for sigma in self.sigmas_voxels)


PET_CT_BANK: Final = FeatureBank(
    "petct", ("suv", "hu"), (SUV_MAP, *_ct_maps(1)), sigmas_voxels=(1.0, 2.25, 5.0)
)
CT_BANK: Final = FeatureBank("ct", ("hu",), _ct_maps(0), sigmas_voxels=(1.0, 2.25, 5.0))


def kernel_radius(sigma_voxels: float) -> int:
    """Half length of the Gaussian kernel in voxels."""
    return int(np.ceil(KERNEL_REACH_SIGMAS * sigma_voxels))


def gaussian_kernel(sigma_voxels: float) -> Volume:
    """Normalised 1-D Gaussian, float32, odd length."""
    reach = kernel_radius(sigma_voxels)
    offsets = np.arange(-reach, reach + 1, dtype=np.float64)
    weights = np.exp(-0.5 * (offsets / sigma_voxels) ** 2)
    return np.asarray(weights / weights.sum(), dtype=np.float32)


def base_plane(base: BaseMap, channels: Volume) -> Volume:
    """One base map of ``channels`` [c,z,y,x]."""
    plane = np.clip(channels[base.channel] * base.scale + base.offset, base.low, base.high)
    return np.asarray(np.log1p(plane) if base.logarithm else plane, dtype=np.float32)


def smooth(plane: Volume, sigma_voxels: float) -> Volume:
    """Separable Gaussian of [z,y,x], zero beyond the border as in the graph."""
    kernel = gaussian_kernel(sigma_voxels)
    for axis in range(3):
        plane = ndimage.correlate1d(plane, kernel, axis=axis, mode="constant", cval=0.0)
    return plane


def feature_planes(bank: FeatureBank, channels: Volume) -> Volume:
    """Features [f,z,y,x] of ``channels`` [c,z,y,x]; exact ``halo_voxels`` inside the border."""
    bases = [base_plane(base, channels) for base in bank.base_maps]
    means: list[Volume] = []
    spreads: list[Volume] = []
    for sigma in bank.sigmas_voxels:
        for base, plane in zip(bank.base_maps, bases, strict=True):
            mean = smooth(plane, sigma)
            means.append(mean)
            if base.with_spread:
                variance = smooth(plane * plane, sigma) - mean * mean
                spreads.append(np.sqrt(np.maximum(variance, 0.0) + STD_FLOOR))
    return np.stack(bases + means + spreads).astype(np.float32)
