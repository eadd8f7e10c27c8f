"""Blocks of tissue with one bone to break: a parametric long bone, or a bone of the package's CT.

A block is an isotropic volume [z,y,x] in Hounsfield units with the bone's mask. Rows of a later
projection are z from the head down, columns x; the beam runs along y.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.package_ct import read_nifti_ct
from medquorum.ai_entity.phantom.density import smooth_noise
from medquorum.ai_entity.phantom.geometry import Field, Mask, Volume
from medquorum.ai_entity.tumour.grid import spacing_of

PURPOSE_BONE: Final = 7
FIELD_ZYX_MM: Final = (210.0, 96.0, 116.0)
CORTEX_HU: Final = 1_500.0
TRABECULAR_HU: Final = 280.0
MARROW_HU: Final = -30.0
MARGIN_MM: Final = 16.0
PACKAGE_BONES: Final = {
    "left clavicle": 73,
    "right clavicle": 74,
    "left fifth rib": 96,
    "right fifth rib": 108,
}
"""Structures that the package shows over at least 5 cm; of the humeri it has the heads only."""


@dataclass(frozen=True, slots=True)
class BoneBlock:
    """One block."""

    hu: Volume
    bone: Mask
    """The bone that may break."""
    voxel_mm: float
    source: str


def draw_bone(seed: int, voxel_mm: float = 0.6) -> BoneBlock:
    """A long bone with a thinner neighbour in a limb; the flared end lies up or down.

    Shaft radius 9-14 mm, cortex 2.5-4.5 mm, bowed by up to 4 mm: adult tibia and humerus ranges.
    Raises ValueError outside 0.3 to 2 mm.
    """
    if not 0.3 <= voxel_mm <= 2.0:
        raise ValueError("a bone is drawn in voxels of 0.3 to 2 mm")
    rng = np.random.default_rng((PURPOSE_BONE, seed))
    z, y, x = (
        (np.arange(int(length / voxel_mm), dtype=np.float64) + 0.5) * voxel_mm - length / 2.0
        for length in FIELD_ZYX_MM
    )
    z, y, x = z[:, None, None], y[None, :, None], x[None, None, :]
    tilt, bow, up = rng.uniform(-0.12, 0.12), rng.uniform(-4.0, 4.0), float(rng.choice((-1.0, 1.0)))
    line_x = rng.uniform(-16.0, -4.0) + tilt * z + bow * (z / 80.0) ** 2
    limb = np.hypot((x + 2.0 - tilt * z) / rng.uniform(47.0, 54.0), y / rng.uniform(39.0, 44.0))
    hu = np.where(limb < 1.0, np.where(limb < 0.86, 55.0, -100.0), -1000.0) + 0.0 * z
    radius, cortex = rng.uniform(9.0, 14.0), rng.uniform(2.5, 4.5)
    grain = smooth_noise(rng, hu.shape, 1.0 / voxel_mm)
    flare = rng.uniform(35.0, 60.0)
    main = _hollow(hu, (x - line_x, y, up * z - flare), (radius, cortex), grain)
    gap = radius + rng.uniform(9.0, 15.0)
    thin = (rng.uniform(4.0, 6.5), rng.uniform(1.4, 2.2))
    _hollow(hu, (x - line_x - gap, y - rng.uniform(4.0, 9.0), up * z - flare - 8.0), thin, grain)
    return BoneBlock(hu.astype(np.float32), main, voxel_mm, f"parametric long bone {seed}")


def _hollow(
    hu: Field, planes: tuple[Field, Field, Field], size: tuple[float, float], grain: Field
) -> Mask:
    """Write one hollow bone; beyond the third plane's 0 it widens and its cortex thins."""
    x, y, along = planes
    beyond = np.maximum(along, 0.0)
    outer = size[0] * (1.0 + 0.00027 * beyond**2)
    inner = outer - size[1] / (1.0 + 0.05 * beyond)
    across = np.hypot(x, 1.12 * y)
    bone = across < outer
    spongy = np.clip(beyond / 25.0, 0.0, 1.0)
    filling = MARROW_HU + spongy * (TRABECULAR_HU + 130.0 * grain)
    hu[bone] = np.where(across < inner, filling, CORTEX_HU - 300.0 * spongy)[bone]
    return np.asarray(bone)


def read_package_bone(files: tuple[Path, Path], name: str, voxel_mm: float = 0.6) -> BoneBlock:
    """The surroundings of one of PACKAGE_BONES from the package's CT and label map.

    Raises SeriesError like ``read_nifti_ct``, KeyError for another name, ValueError when the labels
    do not show the bone.
    """
    structures = read_nifti_ct(files[1])
    bone = structures.voxels == PACKAGE_BONES[name]
    if not bone.any():
        raise ValueError(f"the label map shows no {name}")
    spacing = spacing_of(structures.affine)
    margins = np.ceil(MARGIN_MM / spacing).astype(int)
    box = tuple(
        slice(max(int(axis.min()) - margin, 0), int(axis.max()) + margin + 1)
        for axis, margin in zip(np.nonzero(bone), margins, strict=True)
    )
    zoom = spacing / voxel_mm
    ct = read_nifti_ct(files[0]).voxels[box]
    hu = ndimage.zoom(ct, zoom, order=1, grid_mode=True, mode="nearest")
    mask = ndimage.zoom(bone[box].astype(np.float32), zoom, order=1, grid_mode=True, mode="nearest")
    return BoneBlock(hu, mask > 0.5, voxel_mm, f"real {name} of a packaged CT")
