"""What a scanner does to a body: blur, counting noise, its grid, its calibration.

``STANDARD`` is what models train on; the ``SHIFTED`` ones differ in one or several of blur, noise,
spacing and CT calibration and are for judging only, as are the seeds of ``HOLD_OUT``. A family's
seeds never meet another family's, whatever the index.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.phantom.density import smooth_noise
from medquorum.ai_entity.phantom.geometry import Point, Volume

FWHM_PER_SIGMA: Final = 2.3548
"""2 sqrt(2 ln 2)."""
REFERENCE_SUV: Final = 2.0
"""Noise is stated here, about the liver; elsewhere its variance grows with the uptake."""
FLOOR_SUV: Final = 0.15
"""Variance that stays in air: reconstruction spreads the counts of the whole body."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """One scanner with its protocol."""

    name: str
    pet_fwhm_mm: float = 6.0
    """Full width at half maximum of the whole chain, 5-7 mm on usual scanners."""
    pet_noise: float = 0.1
    """Standard deviation over mean in tissue of ``REFERENCE_SUV``."""
    pet_spacing_zyx_mm: Point = (3.27, 4.07, 4.07)
    pet_gain: float = 1.0
    """Calibration error of SUV."""
    ct_noise_hu: float = 10.0
    """Standard deviation at the phantom's grid."""
    ct_offset_hu: float = 0.0
    contrast: float = 0.0
    """Strength of intravenous contrast, 0 none, 1 a full portal venous phase."""


STANDARD: Final = Scanner("standard")
SHIFTED: Final = (
    Scanner("blurred", pet_fwhm_mm=8.0, pet_spacing_zyx_mm=(4.25, 5.3, 5.3), pet_noise=0.07),
    Scanner("noisy", pet_fwhm_mm=5.0, pet_noise=0.2, ct_noise_hu=25.0),
    Scanner("miscalibrated", pet_gain=1.12, ct_offset_hu=18.0),
    Scanner("contrast", contrast=1.0, pet_spacing_zyx_mm=(2.0, 3.2, 3.2)),
)


def usual_scanner(rng: np.random.Generator) -> Scanner:
    """A scanner for training and fitting, drawn around ``STANDARD``."""
    return Scanner(
        "drawn around the standard",
        pet_fwhm_mm=float(rng.uniform(5.0, 7.0)),
        pet_noise=float(rng.uniform(0.07, 0.15)),
        ct_noise_hu=float(rng.uniform(6.0, 18.0)),
        contrast=float(rng.uniform(0.0, 0.7)),
    )


def varied_scanner(rng: np.random.Generator) -> Scanner:
    """A scanner for training and fitting, drawn wider than usual, each of its parameters within
    those of ``SHIFTED``."""
    along, across = (float(rng.uniform(*bounds)) for bounds in ((2.2, 4.1), (3.3, 5.0)))
    return Scanner(
        "varied",
        pet_fwhm_mm=float(rng.uniform(5.1, 7.6)),
        pet_noise=float(rng.uniform(0.07, 0.18)),
        pet_spacing_zyx_mm=(along, across, across),
        pet_gain=float(rng.uniform(0.9, 1.1)),
        ct_noise_hu=float(rng.uniform(6.0, 22.0)),
        ct_offset_hu=float(rng.uniform(-14.0, 14.0)),
        contrast=float(rng.uniform(0.0, 0.9)),
    )


class Family(StrEnum):
    """Sets of seeds that share none."""

    TRAINING = "training"
    VALIDATION = "validation"
    HOLD_OUT = "hold-out"


FAMILY_SIZE: Final = 1_000_000
_FIRST_SEED: Final = {
    Family.TRAINING: 10_000_000,
    Family.VALIDATION: 20_000_000,
    Family.HOLD_OUT: 30_000_000,
}


def family_seed(family: Family, index: int) -> int:
    """The seed of a family's member. Raises ValueError outside 0 .. FAMILY_SIZE - 1."""
    if not 0 <= index < FAMILY_SIZE:
        raise ValueError(f"a family has members 0 to {FAMILY_SIZE - 1}")
    return _FIRST_SEED[family] + index


def family_of(seed: int) -> Family | None:
    """The family a seed belongs to, if any."""
    found = (one for one, first in _FIRST_SEED.items() if 0 <= seed - first < FAMILY_SIZE)
    return next(found, None)


def scan_pet(
    activity: Volume, spacing_zyx_mm: Point, scanner: Scanner, rng: np.random.Generator
) -> Volume:
    """SUVbw as the scanner shows it, read back onto the grid of ``activity`` [z,y,x].

    Blur to the full width, average onto the scanner's voxels, add noise there whose variance is
    proportional to the uptake and whose grains are as wide as a reconstruction filter of 4 mm.
    """
    spacing = np.asarray(spacing_zyx_mm)
    blurred = ndimage.gaussian_filter(activity, scanner.pet_fwhm_mm / FWHM_PER_SIGMA / spacing)
    pet = np.asarray(scanner.pet_spacing_zyx_mm)
    shape = tuple(int(size) for size in np.ceil(np.asarray(activity.shape) * spacing / pet))
    native = ndimage.affine_transform(
        blurred, pet / spacing, (pet - spacing) / 2.0 / spacing, shape, order=1, mode="nearest"
    )
    grain = smooth_noise(rng, shape, 4.0 / FWHM_PER_SIGMA / float(pet.mean()))
    spread = scanner.pet_noise * np.sqrt(REFERENCE_SUV * np.maximum(native, 0.0) + FLOOR_SUV**2)
    noisy = np.maximum(native + spread * grain, 0.0) * scanner.pet_gain
    back = ndimage.affine_transform(
        noisy, spacing / pet, (spacing - pet) / 2.0 / pet, activity.shape, order=1, mode="nearest"
    )
    return np.asarray(back, dtype=np.float32)


def scan_ct(hu: Volume, scanner: Scanner, rng: np.random.Generator) -> Volume:
    """Hounsfield units with the scanner's noise and offset, clipped to -1024 .. 3071."""
    noise = scanner.ct_noise_hu * rng.standard_normal(hu.shape, dtype=np.float32)
    return np.asarray(np.clip(hu + noise + scanner.ct_offset_hu, -1024, 3071), dtype=np.float32)
