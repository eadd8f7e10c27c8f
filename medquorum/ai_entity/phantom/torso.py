"""A made-up thigh with a tumour: CT, and a PET for it or for any given CT.

For when no real pair is at hand. The body is an elliptic limb with skin, fat, muscle and a hollow
bone; the lesion is an ellipsoid of slightly lower density. The PET gives every tissue an uptake,
adds hot lesions, blurs to 6 mm full width at half maximum, and adds noise. Nothing here is
anatomy: it exercises the way from DICOM to findings and is named a phantom in every file.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medquorum.ai_entity.dicom_series import read_series
from medquorum.ai_entity.dicom_slice import parse_header
from medquorum.ai_entity.dicom_source import iterate_files
from medquorum.ai_entity.dicom_writer import AxialSeries
from medquorum.ai_entity.phantom.dicom_writer import write_ct, write_pet

Volume = npt.NDArray[np.float32]

CT_SPACING_MM: Final = (3.0, 1.5, 1.5)
CT_SHAPE: Final = (64, 150, 150)
PET_STEP_MM: Final = 4.0
PET_FWHM_MM: Final = 6.0
FWHM_PER_SIGMA: Final = 2.3548
MIN_BODY_DEPTH_MM: Final = 20.0
"""A lesion's centre lies at least this deep."""


@dataclass(frozen=True, slots=True)
class HotLesion:
    """An ellipsoid in LPS millimetres with its uptake."""

    centre_mm: tuple[float, float, float]
    radii_mm: tuple[float, float, float]
    suv: float

    @property
    def volume_ml(self) -> float:
        """Volume of the ellipsoid."""
        return float(4.0 / 3.0 * np.pi * np.prod(self.radii_mm) / 1000.0)


@dataclass(frozen=True, slots=True)
class PhantomPair:
    """DICOM files and the truth behind them."""

    ct: list[bytes]
    pet: list[bytes]
    lesions: tuple[HotLesion, ...]


def _lesion(rng: np.random.Generator, centre: npt.NDArray[np.float64]) -> HotLesion:
    x, y, z = (float(place) for place in centre)
    a, b, c = (float(radius) for radius in rng.uniform((18, 18, 24), (26, 26, 38)))
    return HotLesion((x, y, z), (a, b, c), float(rng.uniform(7.0, 12.0)))


def _axis(count: int, step_mm: float) -> npt.NDArray[np.float64]:
    """Voxel centres in mm around zero."""
    return np.asarray((np.arange(count) - (count - 1) / 2.0) * step_mm, dtype=np.float64)


def _inside(points: list[npt.NDArray[np.float64]], lesion: HotLesion) -> npt.NDArray[np.float64]:
    """Squared normalised radius: below 1 inside. ``points`` are x, y, z planes."""
    total = np.zeros(np.broadcast_shapes(*(axis.shape for axis in points)))
    for axis, centre, radius in zip(points, lesion.centre_mm, lesion.radii_mm, strict=True):
        total = total + ((axis - centre) / radius) ** 2
    return total


def make_limb_ct(seed: int, with_tumour: bool = True) -> tuple[AxialSeries, tuple[HotLesion, ...]]:
    """A limb of 19 cm x 22 cm x 22 cm in Hounsfield units, and its lesion if it has one."""
    rng = np.random.default_rng(seed)
    (dz, dy, dx), (nz, ny, nx) = CT_SPACING_MM, CT_SHAPE
    x = _axis(nx, dx)[None, None, :]
    y = _axis(ny, dy)[None, :, None]
    z = _axis(nz, dz)[:, None, None]
    wide, deep = rng.uniform(84, 94), rng.uniform(76, 86)
    limb = (x / wide) ** 2 + (y / deep) ** 2 + 0.0 * z
    hu = np.full(limb.shape, -1000.0)
    hu[limb < 1.0] = -100.0
    hu[limb < 0.72] = 55.0
    bone = np.hypot(x - 5.0, y + 8.0) + 0.0 * z
    hu[bone < 14.0] = 900.0
    hu[bone < 8.0] = -20.0
    centre = np.asarray([rng.uniform(-42, -36), rng.uniform(-5, 15), rng.uniform(-15, 15)])
    lesions = (_lesion(rng, centre),) if with_tumour else ()
    for lesion in lesions:
        hu[(_inside([x, y, z], lesion) < 1.0) & (limb < 0.9)] = 32.0
    hu = ndimage.gaussian_filter(hu, (0.4, 0.7, 0.7)) + rng.normal(0.0, 12.0, hu.shape)
    origin = (float(x.min()), float(y.min()), float(z.min()))
    series = AxialSeries(
        hu.astype(np.float32), CT_SPACING_MM, origin, f"CT limb {seed}", f"limb {seed}"
    )
    return series, lesions


def make_pet(
    hu: Volume, affine: npt.NDArray[np.float64], lesions: tuple[HotLesion, ...], seed: int
) -> Volume:
    """SUVbw [z,y,x] on the grid of ``hu`` (axial), blurred and noisy."""
    rng = np.random.default_rng(seed)
    suv = np.full(hu.shape, 0.02)
    suv[hu > -400.0] = 0.35
    suv[hu > -30.0] = 0.75
    suv[hu > 200.0] = 0.45
    points = _coordinates(hu.shape, affine)
    for lesion in lesions:
        radius = _inside(points, lesion)
        rim = 1.0 - 0.4 * np.exp(-4.0 * radius)
        suv = np.where(radius < 1.0, lesion.suv * rim, suv)
    sigma = PET_FWHM_MM / FWHM_PER_SIGMA / np.linalg.norm(affine[:3, :3], axis=0)
    blurred = ndimage.gaussian_filter(suv, sigma)
    noise = ndimage.gaussian_filter(rng.normal(size=hu.shape), 0.6)
    grainy = np.maximum(blurred * (1.0 + 0.12 * noise / noise.std()), 0.0)
    return np.asarray(grainy, dtype=np.float32)


def _coordinates(
    shape: tuple[int, ...], affine: npt.NDArray[np.float64]
) -> list[npt.NDArray[np.float64]]:
    grids = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij", sparse=True)
    planes = [np.asarray(grid, dtype=np.float64) for grid in grids]
    return [
        affine[row, 0] * planes[0]
        + affine[row, 1] * planes[1]
        + affine[row, 2] * planes[2]
        + affine[row, 3]
        for row in range(3)
    ]


def make_pair(seed: int, with_tumour: bool = True) -> PhantomPair:
    """A phantom CT and its PET on a 4 mm grid, with different slopes per PET slice."""
    ct, lesions = make_limb_ct(seed, with_tumour)
    (dz, dy, dx), origin = ct.spacing_zyx_mm, ct.origin_mm
    affine = _axial_affine(ct.spacing_zyx_mm, origin)
    fine = make_pet(ct.voxels, affine, lesions, seed + 1)
    zoom = (dz / PET_STEP_MM, dy / PET_STEP_MM, dx / PET_STEP_MM)
    shape = tuple(int(size * factor) for size, factor in zip(fine.shape, zoom, strict=True))
    matrix = np.asarray([1.0 / factor for factor in zoom])
    pet = ndimage.affine_transform(fine, matrix, output_shape=shape, order=1, mode="nearest")
    spacing = (PET_STEP_MM, PET_STEP_MM, PET_STEP_MM)
    series = AxialSeries(pet, spacing, origin, f"PET limb {seed}", ct.study)
    return PhantomPair(write_ct(ct), write_pet(series), lesions)


def _axial_affine(
    spacing_zyx: tuple[float, float, float], origin: tuple[float, float, float]
) -> npt.NDArray[np.float64]:
    affine = np.zeros((4, 4))
    affine[[2, 1, 0], [0, 1, 2]] = spacing_zyx
    affine[:3, 3] = origin
    affine[3, 3] = 1.0
    return affine


def make_pet_for(ct: Path, seed: int) -> tuple[list[bytes], tuple[HotLesion, ...]]:
    """A phantom PET (files, lesions) for a given axial CT: one hot lesion deep inside the body.

    Raises SeriesError when the CT cannot be read, ValueError when it is not axial or shows no body.
    """
    volume = read_series(ct, "CT")
    steps = volume.affine[:3, :3]
    straight = np.zeros((3, 3))
    straight[[2, 1, 0], [0, 1, 2]] = volume.spacing_zyx_mm
    if not np.allclose(steps, straight, atol=0.02):
        raise ValueError("a phantom PET is made for axial series only")
    rng = np.random.default_rng(seed)
    body = volume.voxels[:, ::2, ::2] > -200.0
    spacing = np.asarray(volume.spacing_zyx_mm) * (1.0, 2.0, 2.0)
    depth = ndimage.distance_transform_edt(ndimage.binary_opening(body, iterations=2), spacing)
    deep = np.argwhere(depth >= min(MIN_BODY_DEPTH_MM, float(depth.max()) * 0.8))
    if depth.max() <= 0.0:
        raise ValueError("the CT shows no body to put a lesion in")
    index = deep[rng.integers(len(deep))] * (1, 2, 2)
    lesion = _lesion(rng, (volume.affine @ np.append(index, 1.0))[:3])
    suv = make_pet(volume.voxels, volume.affine, (lesion,), seed + 1)[:, ::2, ::2]
    z, y, x = volume.spacing_zyx_mm
    corner = tuple(float(place) for place in volume.affine[:3, 3])
    series = AxialSeries(
        suv,
        (z, 2.0 * y, 2.0 * x),
        (corner[0], corner[1], corner[2]),
        f"PET {seed}",
        volume.facts.content_digest.hex()[:16],
        _frame_of_reference(ct),
    )
    return write_pet(series), (lesion,)


def _frame_of_reference(ct: Path) -> str:
    first = next(iterate_files(ct))
    return str(parse_header(first, 1).get("FrameOfReferenceUID", ""))
