"""One common 4 mm grid for CT and PET.

The models see voxels of 4 mm, whatever the scanner made: their Gaussians have fixed widths in
millimetres. An image finer than the grid is averaged over whole blocks first (so that nothing is
lost between sample points, and the large array is left at once), then read by linear interpolation
in patient coordinates. Pure geometry: no DICOM here.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medquorum.ai_entity.errors import AnalysisError, Reason, SeriesError
from medquorum.ai_entity.limits import MAX_GRID_VOXELS

Volume = npt.NDArray[np.float32]
Affine = npt.NDArray[np.float64]

GRID_STEP_MM: Final = 4.0
"""About a PET voxel: CT detail below it is averaged, PET gains nothing from a finer grid."""

AIR_HU: Final = -1000.0
"""Outside the CT's field of view."""

MIN_OVERLAP: Final = 0.5
"""Share of the smaller box (CT or PET) that both must cover."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An image [z,y,x] and its affine (z,y,x,1) -> LPS millimetres."""

    voxels: Volume
    affine: Affine

    def __repr__(self) -> str:
        return f"Placed({self.voxels.shape})"


@dataclass(frozen=True, slots=True)
class GridImages:
    """CT [HU] and PET [SUVbw] (or none) on one grid."""

    hu: Volume
    suv: Volume | None
    affine: Affine
    native_suv: Placed | None = None
    """The PET as the scanner made it: SUVmax and SUVpeak are read there, not between its voxels."""
    native_spacings_mm: tuple[float, ...] = ()
    """Every spacing of CT and PET before they came to the grid."""
    native_hu: Placed | None = None
    """The CT as the scanner made it, kept only for a model that works at its own voxel size."""
    frame: bytes = b""
    """Digest of the CT's frame of reference; empty where it names none."""

    def __repr__(self) -> str:
        return f"GridImages({self.hu.shape}, pet={self.suv is not None})"

    @property
    def voxel_volume_mm3(self) -> float:
        """Product of the spacings."""
        return abs(float(np.linalg.det(self.affine[:3, :3])))


def spacing_of(affine: Affine) -> npt.NDArray[np.float64]:
    """Spacings (z, y, x) in mm of an affine."""
    return np.asarray(np.linalg.norm(affine[:3, :3], axis=0))


def block_average(image: Placed, step_mm: float = GRID_STEP_MM) -> Placed:
    """Mean over the largest whole blocks that are no wider than ``step_mm``."""
    factors = np.maximum(np.floor(step_mm / spacing_of(image.affine) + 1e-3), 1).astype(int)
    factors = np.minimum(factors, image.voxels.shape)
    if (factors == 1).all():
        return image
    shape = np.asarray(image.voxels.shape) // factors
    trimmed = image.voxels[tuple(slice(0, n * f) for n, f in zip(shape, factors, strict=True))]
    (z, y, x), (fz, fy, fx) = (int(n) for n in shape), (int(f) for f in factors)
    mean = trimmed.reshape(z, fz, y, fy, x, fx).mean(axis=(1, 3, 5), dtype=np.float32)
    affine = image.affine.copy()
    affine[:3, 3] = (image.affine @ np.append((factors - 1) / 2.0, 1.0))[:3]
    affine[:3, :3] = image.affine[:3, :3] * factors
    return Placed(mean, affine)


def grid_over(image: Placed, step_mm: float = GRID_STEP_MM) -> tuple[Affine, tuple[int, int, int]]:
    """An isotropic grid with the directions, first voxel and extent of ``image``."""
    spacing = spacing_of(image.affine)
    extent = (np.asarray(image.voxels.shape) - 1) * spacing
    z, y, x = (int(n) for n in np.floor(extent / step_mm + 1e-6) + 1)
    if z * y * x > MAX_GRID_VOXELS:
        raise SeriesError(
            Reason.OVERSIZE, f"an image of more than {MAX_GRID_VOXELS} voxels of {step_mm} mm"
        )
    affine = image.affine.copy()
    affine[:3, :3] = image.affine[:3, :3] / spacing * step_mm
    return affine, (z, y, x)


def resample(image: Placed, affine: Affine, shape: tuple[int, int, int], outside: float) -> Volume:
    """Linear interpolation of ``image`` at the grid's voxel centres, ``outside`` beyond its box."""
    small = block_average(image)
    padded = np.pad(small.voxels, 1, mode="edge")
    way = np.linalg.inv(small.affine) @ affine
    return np.asarray(
        ndimage.affine_transform(
            padded,
            way[:3, :3],
            offset=way[:3, 3] + 1.0,
            output_shape=shape,
            order=1,
            mode="constant",
            cval=outside,
        ),
        dtype=np.float32,
    )


def carry_labels(
    labels: npt.NDArray[np.int32], affine: Affine, target: Placed
) -> npt.NDArray[np.int32]:
    """Labels [z,y,x] of a grid at the voxel centres of ``target``: the nearest, 0 outside."""
    way = np.linalg.inv(affine) @ target.affine
    return np.asarray(
        ndimage.affine_transform(
            labels,
            way[:3, :3],
            offset=way[:3, 3],
            output_shape=target.voxels.shape,
            order=0,
            mode="constant",
            cval=0,
        ),
        dtype=np.int32,
    )


def common_grid(ct: Placed, pet: Placed | None) -> GridImages:
    """Both images on the 4 mm grid of the PET (of the CT when it is alone).

    Raises SeriesError (OVERSIZE, NOT_OVERLAPPING).
    """
    reference = ct if pet is None else pet
    affine, shape = grid_over(reference)
    hu = resample(ct, affine, shape, AIR_HU)
    spacings = tuple(
        float(mm) for image in (ct, pet) if image is not None for mm in spacing_of(image.affine)
    )
    if pet is None:
        return GridImages(hu, None, affine, None, spacings)
    covered = resample(
        Placed(np.ones_like(ct.voxels, dtype=np.float32), ct.affine), affine, shape, 0.0
    )
    overlap_mm3 = float((covered > 0.5).sum()) * GRID_STEP_MM**3
    smaller_mm3 = min(_box_mm3(ct), _box_mm3(pet))
    if overlap_mm3 < MIN_OVERLAP * smaller_mm3:
        raise _apart()
    suv = np.maximum(resample(pet, affine, shape, 0.0), 0.0)
    return GridImages(hu, suv, affine, pet, spacings)


def _box_mm3(image: Placed) -> float:
    return float(np.prod(image.voxels.shape)) * abs(float(np.linalg.det(image.affine[:3, :3])))


def _apart() -> AnalysisError:
    return SeriesError(
        Reason.NOT_OVERLAPPING, "CT and PET cover different parts of the body; send a matching pair"
    )
