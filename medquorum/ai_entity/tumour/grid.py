"""One common 4 mm grid for CT and PET.

The models see voxels of 4 mm, whatever the scanner made: their Gaussians have fixed widths in
millimetres. An image finer than the grid is averaged over whole blocks first (so that nothing is
lost between sample points, and the large array is left at once), then read by linear interpolation
in patient coordinates. Pure geometry: no DICOM here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medquorum.ai_entity.block_means import Blocks, block_means
from medquorum.ai_entity.errors import AnalysisError, Reason, SeriesError
from medquorum.ai_entity.limits import MAX_GRID_VOXELS
from medquorum.ai_entity.tumour.side_by_side import side_by_side

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

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels z, y, x."""
        return self.voxels.shape

    def means(self, blocks: Blocks) -> Volume:
        """Means [z',y',x'] of whole blocks."""
        return self.voxels if blocks == (1, 1, 1) else block_means(self.voxels, blocks)


class Averaged(Protocol):
    """An image of which the means of whole blocks can be had, wherever its voxels are."""

    @property
    def affine(self) -> Affine:
        """As of ``Placed``."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels z, y, x."""

    def means(self, blocks: Blocks) -> Volume:
        """Means [z',y',x'] of whole blocks."""


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
    names_fdg: bool | None = None
    """Whether the PET's header says that its tracer is FDG; None where it does not tell."""

    def __repr__(self) -> str:
        return f"GridImages({self.hu.shape}, pet={self.suv is not None})"

    @property
    def voxel_volume_mm3(self) -> float:
        """Product of the spacings."""
        return abs(float(np.linalg.det(self.affine[:3, :3])))


def spacing_of(affine: Affine) -> npt.NDArray[np.float64]:
    """Spacings (z, y, x) in mm of an affine."""
    return np.asarray(np.linalg.norm(affine[:3, :3], axis=0))


def block_average(image: Averaged, step_mm: float = GRID_STEP_MM) -> Placed:
    """Mean over the largest whole blocks that are no wider than ``step_mm``."""
    factors = np.maximum(np.floor(step_mm / spacing_of(image.affine) + 1e-3), 1).astype(int)
    factors = np.minimum(factors, image.shape)
    z, y, x = (int(factor) for factor in factors)
    affine = image.affine.copy()
    affine[:3, 3] = (image.affine @ np.append((factors - 1) / 2.0, 1.0))[:3]
    affine[:3, :3] = image.affine[:3, :3] * factors
    return Placed(image.means((z, y, x)), affine)


def grid_over(
    image: Averaged, step_mm: float = GRID_STEP_MM
) -> tuple[Affine, tuple[int, int, int]]:
    """An isotropic grid with the directions, first voxel and extent of ``image``."""
    spacing = spacing_of(image.affine)
    extent = (np.asarray(image.shape) - 1) * spacing
    z, y, x = (int(n) for n in np.floor(extent / step_mm + 1e-6) + 1)
    if z * y * x > MAX_GRID_VOXELS:
        raise SeriesError(
            Reason.OVERSIZE, f"an image of more than {MAX_GRID_VOXELS} voxels of {step_mm} mm"
        )
    affine = image.affine.copy()
    affine[:3, :3] = image.affine[:3, :3] / spacing * step_mm
    return affine, (z, y, x)


def resample(
    image: Averaged, affine: Affine, shape: tuple[int, int, int], outside: float
) -> Volume:
    """Linear interpolation of ``image`` at the grid's voxel centres, ``outside`` beyond its box."""
    return _read_between(block_average(image), affine, shape, outside)


def _read_between(
    small: Placed, affine: Affine, shape: tuple[int, int, int], outside: float
) -> Volume:
    padded = np.pad(small.voxels, 1, mode="edge")
    way = np.linalg.inv(small.affine) @ affine
    turned = way[:3, :3]
    return np.asarray(
        ndimage.affine_transform(
            padded,
            np.diag(turned) if _is_straight(way) else turned,  # axis by axis is much faster
            offset=way[:3, 3] + 1.0,
            output_shape=shape,
            order=1,
            mode="constant",
            cval=outside,
        ),
        dtype=np.float32,
    )


def _covered(
    image: Averaged, affine: Affine, shape: tuple[int, int, int]
) -> tuple[Volume, npt.NDArray[np.bool_]]:
    """``image`` at the grid's voxel centres, air beyond its box, and where its box is.

    One reading for both: between numbers there is never NaN, so NaN marks what lies beyond.
    """
    small = block_average(image)
    if not np.isfinite(small.voxels).all():
        ones = Placed(np.ones_like(small.voxels), small.affine)
        held = _read_between(ones, affine, shape, 0.0) > 0.5
        return _read_between(small, affine, shape, AIR_HU), held
    read = _read_between(small, affine, shape, np.nan)
    held = ~np.isnan(read)
    read[~held] = AIR_HU
    return read, held


def carry_labels(
    labels: npt.NDArray[np.int32], affine: Affine, target: Placed
) -> npt.NDArray[np.int32]:
    """Labels [z,y,x] of a grid at the voxel centres of ``target``: the nearest, 0 outside."""
    way = np.linalg.inv(affine) @ target.affine
    if _is_straight(way):
        return _carry_straight(labels, way, target.voxels.shape)
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


def _is_straight(way: Affine) -> bool:
    """Whether both grids have the same directions."""
    return bool((way[:3, :3] == np.diag(np.diag(way)[:3])).all())


def _carry_straight(
    labels: npt.NDArray[np.int32], way: Affine, shape: tuple[int, ...]
) -> npt.NDArray[np.int32]:
    """``carry_labels`` between grids of the same directions: axis by axis."""
    found = np.zeros(shape, dtype=np.int32)
    held, nearest = [], []
    for axis, (side, count) in enumerate(zip(labels.shape, shape, strict=True)):
        places = way[axis, axis] * np.arange(count) + way[axis, 3]
        reached = np.flatnonzero((places >= 0.0) & (places <= side - 1.0))
        held.append(reached)
        nearest.append(np.floor(places[reached] + 0.5).astype(np.intp))
    found[np.ix_(*held)] = labels[np.ix_(*nearest)]
    return found


def common_grid(ct: Averaged, pet: Placed | None) -> GridImages:
    """Both images on the 4 mm grid of the PET (of the CT when it is alone).

    Raises SeriesError (OVERSIZE, NOT_OVERLAPPING).
    """
    reference = ct if pet is None else pet
    affine, shape = grid_over(reference)
    spacings = tuple(
        float(mm) for image in (ct, pet) if image is not None for mm in spacing_of(image.affine)
    )
    if pet is None:
        hu, _ = _covered(ct, affine, shape)
        return GridImages(hu, None, affine, None, spacings)
    readings: list[Callable[[], Any]] = [
        partial(_covered, ct, affine, shape),
        partial(resample, pet, affine, shape, 0.0),
    ]
    (hu, covered), suv = side_by_side(readings)
    overlap_mm3 = float(covered.sum()) * GRID_STEP_MM**3
    smaller_mm3 = min(_box_mm3(ct), _box_mm3(pet))
    if overlap_mm3 < MIN_OVERLAP * smaller_mm3:
        raise _apart()
    return GridImages(hu, np.maximum(suv, 0.0), affine, pet, spacings)


def _box_mm3(image: Averaged) -> float:
    return float(np.prod(image.shape)) * abs(float(np.linalg.det(image.affine[:3, :3])))


def _apart() -> AnalysisError:
    return SeriesError(
        Reason.NOT_OVERLAPPING, "CT and PET cover different parts of the body; send a matching pair"
    )
