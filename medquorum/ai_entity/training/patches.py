"""Training patches: a window of a case, turned, scaled, mirrored and disturbed.

One affine map per patch reads the window from the case, so that crop, rotation, scaling and flips
are one interpolation; half of the patches are only mirrored and keep every value. Every patch has
its own random generator seeded by (seed, step, place in the batch): a training that is stopped and
resumed draws the same patches. Outside the case is air without uptake, marked as unknown. The
place of the window in its case is never told to the network.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from medquorum.ai_entity.phantom.scanner import REFERENCE_SUV
from medquorum.ai_entity.training.pasted import RADII_MM, with_lesions
from medquorum.ai_entity.training.training_case import Places, TrainingCase
from medquorum.ai_entity.tumour.grid import AIR_HU

GRAIN_VOXELS: Final = 0.45
"""Standard deviation: a reconstruction filter of 4 mm on the grid of 4 mm."""

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spread:
    """How far a patch may be from its case."""

    turned_share: float = 0.5
    """Turned and scaled; the others are only mirrored."""
    turn_degrees: float = 20.0
    scale: float = 0.15
    gain: float = 0.15
    """Of densities and of uptake, each: up to 15 % more or less."""
    blur_voxels: tuple[float, float] = (0.3, 0.6)
    """Standard deviation of the blur that some patches get."""
    counting_noise: float = 0.0
    """Of half of the PET patches, at most: standard deviation over mean about the liver, its
    variance growing with the uptake."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What patches are drawn of a case."""

    lesion_share: float = 2.0 / 3.0
    """About a voxel of a lesion; the others anywhere in the body."""
    each_lesion_alike: bool = False
    """Small lesions as often as large ones, else by volume."""
    hot_share: float = 0.0
    """About a voxel of usual high uptake, where the case knows such."""
    pasted_share: float = 0.0
    """Of the phantoms' patches, that get further lesions (``pasted``)."""
    pasted_radii_mm: tuple[float, float] = RADII_MM
    pasted_hard_lots: int = 1
    """Of each host where small lesions are missed most (``pasted``)."""
    blur_share: float = 0.0
    spread: Spread = Spread()


PLAIN: Final = Drawing()


@dataclass(frozen=True, slots=True)
class Batch:
    """n patches of side s; unknown voxels and tasks carry weight 0."""

    images: Tensor
    """float32 [n, 1 or 2, s, s, s]: HU, SUVbw."""
    lesion: Tensor
    """float32 [n, 1, s, s, s], share of lesion 0..1."""
    known: Tensor
    """float32 [n, 1, s, s, s], 1 inside the case."""
    organs: Tensor
    """int64 [n, s, s, s], -1 where no organ is known."""


def draw_patch(
    case: TrainingCase, side: int, rng: np.random.Generator, drawing: Drawing = PLAIN
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(images [2,...], lesion [1,...], known [1,...], organs [...]) of one random window."""
    matrix = _random_map(rng, drawing.spread)
    centre = _random_centre(case, side, rng, drawing)
    axis = np.arange(side, dtype=np.float64) - side // 2
    reach = np.abs(matrix).sum(axis=1) * (side // 2) + 2.0
    low = np.maximum(np.floor(centre - reach), 0).astype(int)
    high = np.minimum(np.ceil(centre + reach).astype(int) + 1, case.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    places = _places(matrix, centre - low, high - low, axis)
    smooth = np.stack([*case.read(box), np.ones(tuple(high - low), dtype=np.float32)])
    smooth[0] -= AIR_HU
    read = functional.grid_sample(
        torch.from_numpy(smooth)[None], places, padding_mode="zeros", align_corners=True
    )[0]
    organs = _organs(case, box, places, side)
    read[0] += AIR_HU
    patch = (read[:-2], read[-2:-1], (read[-1:] > 0.99).float(), organs)
    if case.is_phantom and drawing.pasted_share > 0.0 and rng.random() < drawing.pasted_share:
        patch = with_lesions(patch, rng, drawing.pasted_radii_mm, drawing.pasted_hard_lots)
    images = _disturbed(patch[0], rng, drawing.spread)
    if drawing.blur_share > 0.0 and rng.random() < drawing.blur_share:
        images = blurred(images, float(rng.uniform(*drawing.spread.blur_voxels)))
    return images, *patch[1:]


def _organs(case: TrainingCase, box: tuple[slice, ...], places: Tensor, side: int) -> Tensor:
    labels = case.read_organs(box)
    if labels is None:
        return torch.full((side, side, side), -1, dtype=torch.int64)
    shifted = torch.from_numpy(labels.astype(np.float32) + 1.0)[None, None]
    nearest = functional.grid_sample(
        shifted, places, mode="nearest", padding_mode="zeros", align_corners=True
    )
    return nearest[0, 0].round().long() - 1


def _places(matrix: Matrix, centre: Matrix, shape: Matrix, axis: Matrix) -> Tensor:
    """Sampling places for grid_sample (x, y, z in -1..1 of the box)."""
    parts = [
        matrix[row, 0] * axis[:, None, None]
        + matrix[row, 1] * axis[None, :, None]
        + matrix[row, 2] * axis[None, None, :]
        + centre[row]
        for row in range(3)
    ]
    scaled = [2.0 * part / max(int(n) - 1, 1) - 1.0 for part, n in zip(parts, shape, strict=True)]
    return torch.from_numpy(np.stack(scaled[::-1], axis=-1).astype(np.float32))[None]


def _random_map(rng: np.random.Generator, spread: Spread) -> Matrix:
    flips = np.diag(rng.choice((-1.0, 1.0), 3))
    if rng.random() >= spread.turned_share:
        return flips
    turn = np.eye(3)
    for first, second in ((1, 2), (0, 1), (0, 2)):
        limit = spread.turn_degrees / (1.0 if (first, second) == (1, 2) else 2.0)
        angle = np.deg2rad(rng.uniform(-limit, limit))
        plane = np.eye(3)
        plane[[first, second], [first, second]] = np.cos(angle)
        plane[first, second], plane[second, first] = -np.sin(angle), np.sin(angle)
        turn = turn @ plane
    scales = rng.uniform(1.0 - spread.scale, 1.0 + spread.scale) * rng.uniform(0.95, 1.05, 3)
    return np.asarray(turn @ np.diag(scales) @ flips)


def _random_centre(
    case: TrainingCase, side: int, rng: np.random.Generator, drawing: Drawing
) -> Matrix:
    drawn = rng.random()
    if case.lesion_places and drawn < drawing.lesion_share:
        lesion = _a_lesion(case.lesion_places, rng, alike=drawing.each_lesion_alike)
        middle = _one_of(lesion, rng) + rng.integers(-side // 5, side // 5 + 1, 3)
    elif len(case.hot_places) and drawn > 1.0 - drawing.hot_share:
        middle = _one_of(case.hot_places, rng) + rng.integers(-side // 5, side // 5 + 1, 3)
    else:
        middle = _one_of(case.body_places, rng)
    half = side // 2
    shape = np.asarray(case.shape)
    inner = np.clip(middle, np.minimum(half, shape // 2), np.maximum(shape - half, shape // 2))
    return np.asarray(inner, dtype=np.float64)


def _a_lesion(lesions: tuple[Places, ...], rng: np.random.Generator, *, alike: bool) -> Places:
    sizes = np.asarray([len(lesion) for lesion in lesions], dtype=np.float64)
    return lesions[int(rng.choice(len(lesions), p=None if alike else sizes / sizes.sum()))]


def _one_of(places: Places, rng: np.random.Generator) -> Places:
    return places[int(rng.integers(len(places)))]


def _disturbed(images: Tensor, rng: np.random.Generator, spread: Spread) -> Tensor:
    """Calibration and noise errors of other scanners: gain, offset, grain."""
    hu, gain = images[0], spread.gain
    stretch = rng.uniform(1.0 - gain, 1.0 + gain)
    hu = torch.where(hu > -300.0, hu * stretch + rng.normal(0.0, 10.0), hu)
    noise = torch.Generator().manual_seed(int(rng.integers(2**62)))
    if rng.random() < 0.5:
        hu = hu + float(rng.uniform(0.0, 20.0)) * torch.randn(hu.shape, generator=noise)
    parts = [hu]
    if len(images) > 1:
        suv = images[1] * float(rng.uniform(1.0 - gain, 1.0 + gain))
        if rng.random() < 0.5:
            grain = float(rng.uniform(0.0, 0.12)) * torch.randn(suv.shape, generator=noise)
            suv = (suv * (1.0 + grain)).clamp(min=0.0)
        if spread.counting_noise > 0.0 and rng.random() < 0.5:
            suv = _counted(suv, float(rng.uniform(0.0, spread.counting_noise)), noise)
        parts.append(suv)
    return torch.stack(parts)


def _counted(suv: Tensor, level: float, noise: torch.Generator) -> Tensor:
    """Noise of fewer counts; its grains are about as wide as a voxel."""
    grain = blurred(torch.randn((1, *suv.shape), generator=noise), GRAIN_VOXELS)[0]
    spread = level * (REFERENCE_SUV * suv).clamp(min=0.0).sqrt()
    return (suv + spread * grain / grain.std()).clamp(min=0.0)


def blurred(images: Tensor, sigma_voxels: float) -> Tensor:
    """Channels [c,z,y,x] under a Gaussian of 5 voxels a side; borders repeat."""
    away = torch.arange(-2.0, 3.0)
    kernel = torch.exp(-0.5 * (away / sigma_voxels) ** 2)
    kernel = kernel / kernel.sum()
    smooth = functional.pad(images[:, None], (2,) * 6, mode="replicate")
    for axis in range(3):
        shape = [1, 1, 1, 1, 1]
        shape[2 + axis] = 5
        smooth = functional.conv3d(smooth, kernel.view(shape))
    return smooth[:, 0]


def stack_patches(patches: list[tuple[Tensor, Tensor, Tensor, Tensor]], channels: int) -> Batch:
    """One batch of drawn patches with the first ``channels`` image channels."""
    images, lesion, known, organs = (torch.stack(part) for part in zip(*patches, strict=True))
    return Batch(images[:, :channels], lesion, known, organs)
