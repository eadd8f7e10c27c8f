"""Lesions drawn into training patches on the fly: as many as steps, where phantoms hold few.

A few hundred drawn lesions are soon known by heart; these are new in every patch. Organs in view
are equally often chosen, so that small ones are met too. Shapes, densities and uptakes are those of
``growths``; blur and noise are added as ``scanner`` adds them, on the patch's own grid.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor

from medquorum.ai_entity.phantom.growths import (
    CORE,
    CORE_MM,
    HOSTS,
    LESION_HU,
    LESION_SUV,
    Growth,
    irregular_ellipsoid,
)
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.phantom.scanner import FWHM_PER_SIGMA, REFERENCE_SUV

GRID_MM: Final = 4.0
MOST: Final = 3
"""Lesions per patch."""
RADII_MM: Final = (5.0, 26.0)
"""As far as nothing else is asked for."""
EXTENDING_SHARE: Final = 0.25
"""Of the lesions, that grow into whatever lies beside."""
LEAST_VOXELS: Final = 4
HARD_HOSTS: Final = (Organ.MEDIASTINUM, Organ.SPLEEN, Organ.KIDNEYS, Organ.STOMACH, Organ.GUT)
"""Where small lesions are missed most: usual uptake or air and contents hide them."""
FWHM_MM: Final = (5.0, 7.0)
PET_NOISE: Final = (0.07, 0.15)
CT_NOISE_HU: Final = 10.0

Array = npt.NDArray[np.float32]
Patch = tuple[Tensor, Tensor, Tensor, Tensor]


def with_lesions(
    patch: Patch,
    rng: np.random.Generator,
    radii_mm: tuple[float, float] = RADII_MM,
    hard_lots: int = 1,
) -> Patch:
    """(images, lesion, known, organs) of a patch with one to three lesions more.

    Their radii are spread evenly by the logarithm; each of the hard hosts in view has ``hard_lots``
    lots where others have one. Unchanged where no organ in view can host one.
    """
    images, lesion, known, organs = patch
    labels = organs.numpy()
    hosts = [one for one in HOSTS if np.count_nonzero(labels == one) >= LEAST_VOXELS]
    if not hosts:
        return patch
    hosts += [one for one in hosts if one in HARD_HOSTS] * (hard_lots - 1)
    drawn, marked = images.numpy().copy(), lesion.numpy().copy()
    allowed = (known[0].numpy() > 0.5) & (labels > Organ.AIR)
    for _ in range(int(rng.integers(1, MOST + 1))):
        host = hosts[int(rng.integers(len(hosts)))]
        _paste(drawn, marked[0], (labels, allowed, host), radii_mm, rng)
    return torch.from_numpy(drawn), torch.from_numpy(marked), known, organs


def _paste(
    images: Array,
    lesion: Array,
    body: tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], Organ],
    radii_mm: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    labels, allowed, host = body
    own = labels == host
    places = np.argwhere(own)
    centre = places[int(rng.integers(len(places)))]
    radius = float(np.exp(rng.uniform(*np.log(radii_mm))))
    field, box = _field(radius, centre, labels.shape, rng)
    mask = (field < 1.0) & allowed[box]
    if rng.random() >= EXTENDING_SHARE:
        mask &= own[box]
    if np.count_nonzero(mask) < LEAST_VOXELS:
        return
    low, high = LESION_SUV
    suv = low + (high - low) * float(rng.beta(1.6, 2.0))
    reach, share = CORE
    uptake = np.where((field < reach) & (radius > CORE_MM), suv * share, suv) * mask
    hu = float(rng.uniform(*LESION_HU.get(host, (30.0, 55.0))))
    images[0][box][mask] = hu + CT_NOISE_HU * rng.standard_normal(np.count_nonzero(mask))
    images[1][box] = _scanned(images[1][box], mask, uptake, rng)
    lesion[box][mask] = 1.0


def _field(
    radius: float,
    centre: npt.NDArray[np.intp],
    shape: tuple[int, ...],
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.float64], tuple[slice, ...]]:
    """Normalised radius in the box about the centre that holds the lesion and its blur."""
    reach = int(np.ceil(2.0 * radius / GRID_MM)) + 2
    low = np.maximum(centre - reach, 0)
    high = np.minimum(centre + reach + 1, shape)
    z, y, x = (int(place) for place in centre - low)
    a, b, c = (float(radius * factor) for factor in rng.uniform(0.8, 1.25, 3))
    growth = Growth(
        Organ.MUSCLE, (z, y, x), (a, b, c), 1.0, 0.0, shape_seed=int(rng.integers(2**31))
    )
    field = irregular_ellipsoid(tuple(high - low), (GRID_MM,) * 3, growth)
    return field, tuple(slice(int(first), int(last)) for first, last in zip(low, high, strict=True))


def _scanned(
    suv: Array, mask: npt.NDArray[np.bool_], uptake: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:  # fmt: skip
    """What the scanner shows of the uptake instead of what was there."""
    sigma = float(rng.uniform(*FWHM_MM)) / FWHM_PER_SIGMA / GRID_MM
    covered = ndimage.gaussian_filter(mask.astype(np.float64), sigma, mode="constant")
    added = ndimage.gaussian_filter(uptake, sigma, mode="constant")
    grain = rng.standard_normal(suv.shape) * float(rng.uniform(*PET_NOISE))
    noisy = added + grain * np.sqrt(REFERENCE_SUV * added)
    return np.asarray(np.maximum(suv * (1.0 - covered) + noisy, 0.0))
