"""Hounsfield units for a labelled body: mean per organ, cortex, vessels, gas, partial volume."""

from typing import Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.phantom.geometry import Field, Labels, Mask, Point, Volume
from medquorum.ai_entity.phantom.organs import TISSUES, Organ

CORTEX_HU: Final = 520.0
"""At 4 mm; a thin cortex shares its voxel with marrow or muscle."""
GAS_HU: Final = -850.0
DISC_SMOOTHING_VOXELS: Final = 0.35
"""Standard deviation of the partial volume at borders."""


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], width_voxels: float) -> Field:
    """Noise of mean 0 and standard deviation 1 whose grains are ``width_voxels`` (sigma) wide."""
    step = max(int(width_voxels), 1)
    coarse = tuple(-(-size // step) + 2 for size in shape)
    grains = ndimage.gaussian_filter(rng.standard_normal(coarse), width_voxels / step)
    if step > 1:
        grains = ndimage.zoom(grains, step, order=1, mode="nearest")
    trimmed = grains[tuple(slice(0, size) for size in shape)]
    return np.asarray((trimmed - trimmed.mean()) / trimmed.std())


def paint_hu(organs: Labels, spacing_zyx_mm: Point, seed: tuple[int, ...]) -> Volume:
    """Hounsfield units [z,y,x] of the labels, with a couch below; no scanner noise yet."""
    rng = np.random.default_rng(seed)
    means = np.zeros(len(Organ))
    for organ in Organ:
        means[organ] = rng.uniform(*TISSUES[organ].hu)
    hu = means[organs]
    grain = smooth_noise(rng, organs.shape, 10.0 / spacing_zyx_mm[0])
    fine = smooth_noise(rng, organs.shape, 4.0 / spacing_zyx_mm[0])
    lungs = organs == Organ.LUNGS
    hu[lungs] += 35.0 * grain[lungs] + np.where(fine[lungs] > 1.9, 420.0, 0.0)
    middle = organs == Organ.MEDIASTINUM
    hu[middle] += np.where(grain[middle] > 0.7, -95.0, 0.0)
    bone = organs == Organ.BONE
    inner = ndimage.binary_erosion(bone)
    hu[bone & ~inner] = CORTEX_HU
    hu[inner] += 40.0 * grain[inner]
    hu[_gas(organs, fine + grain)] = GAS_HU
    hu[_trachea(organs, spacing_zyx_mm)] = -980.0
    solid = (organs == Organ.LIVER) | (organs == Organ.MUSCLE) | (organs == Organ.FAT)
    hu[solid] += 5.0 * grain[solid]
    hu[_couch(organs)] = -350.0
    return np.asarray(ndimage.gaussian_filter(hu, DISC_SMOOTHING_VOXELS), dtype=np.float32)


def _gas(organs: Labels, grain: Field) -> Mask:
    """Bubbles in the gut and a bubble at the front of the stomach, away from the walls."""
    hollow = ndimage.binary_erosion((organs == Organ.GUT) | (organs == Organ.STOMACH))
    gas = hollow & (organs == Organ.GUT) & (grain > 1.3)
    stomach = np.nonzero(hollow & (organs == Organ.STOMACH))
    if len(stomach[1]):
        bubble = stomach[1] < np.quantile(stomach[1], 0.3)
        gas[tuple(axis[bubble] for axis in stomach)] = True
    return np.asarray(gas)


def _trachea(organs: Labels, spacing_zyx_mm: Point) -> Mask:
    """A tube in the upper half of the mediastinum and on into the neck."""
    chest = np.nonzero((organs == Organ.MEDIASTINUM).any(axis=(1, 2)))[0]
    found = np.zeros(organs.shape, dtype=np.bool_)
    if not len(chest):
        return found
    z, y, x = np.ogrid[: organs.shape[0], : organs.shape[1], : organs.shape[2]]
    dz, dy, dx = spacing_zyx_mm
    low = chest[0] + 0.55 * (chest[-1] - chest[0])
    top = chest[-1] + 120.0 / dz
    middle_y, middle_x = organs.shape[1] / 2.0 + 8.0 / dy, (organs.shape[2] - 1) / 2.0
    tube = np.hypot((y - middle_y) * dy, (x - middle_x) * dx) < 9.0
    soft = (organs == Organ.MEDIASTINUM) | (organs == Organ.MUSCLE)
    return np.asarray(tube & (z > low) & (z < top) & soft)


def _couch(organs: Labels) -> Mask:
    """A thin curved plate under the back."""
    body_rows = np.nonzero((organs != Organ.AIR).any(axis=(0, 2)))[0]
    y, x = np.ogrid[: organs.shape[1], : organs.shape[2]]
    half = (organs.shape[2] - 1) / 2.0
    plate = body_rows[-1] + 2.0 - np.square((x - half) / half) * 6.0
    thin = (np.abs(y - plate) < 0.8) & (np.abs(x - half) < 0.9 * half)
    return np.asarray(thin[None] & (organs == Organ.AIR))
