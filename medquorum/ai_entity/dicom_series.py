"""A DICOM series to a typed volume.

The spacing between slices comes from the difference of ImagePositionPatient along the slice
normal (DICOM PS3.3 C.7.6.2.1.1), never from SliceThickness or SpacingBetweenSlices, which describe
the acquisition and not the grid. A series that is not one evenly spaced stack is refused: a gap
would be a wrong tumour volume.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.dicom_slice import Slice, SliceGeometry, parse_header, read_slice
from medquorum.ai_entity.dicom_source import SeriesSource, iterate_files
from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.limits import MAX_VOLUME_VOXELS
from medquorum.ai_entity.suv import PetFacts, merge_pet_facts, read_pet_facts

SPACING_TOLERANCE: Final = 0.01
"""Relative; scanners print positions with two or three decimals."""

SPACING_JITTER_MM: Final = 0.1
"""Absolute; PET bed positions are joined with steps off by 0.08 mm on a real GE whole-body scan."""

DIRECTION_TOLERANCE: Final = 1e-3
"""Between slices, and for the sideways drift of a tilted gantry per millimetre of travel."""

Affine = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """Provenance that identifies no one."""

    content_digest: bytes
    """SHA-256 over the SHA-256 of every file in slice order."""
    frame_of_reference_digest: bytes
    """SHA-256 of FrameOfReferenceUID, empty when the series has none."""
    slice_count: int
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImageVolume:
    """Voxels [z,y,x] in rescaled units, and the way from indices to LPS millimetres."""

    voxels: npt.NDArray[np.float32]
    affine: Affine
    """4 x 4: (z, y, x, 1) -> (x_mm, y_mm, z_mm, 1), LPS."""
    spacing_zyx_mm: tuple[float, float, float]
    modality: str
    facts: SeriesFacts
    pet: PetFacts | None

    def __repr__(self) -> str:
        return f"ImageVolume({self.modality}, {self.voxels.shape}, {self.spacing_zyx_mm} mm)"

    @property
    def voxel_volume_ml(self) -> float:
        """Product of the spacings, in millilitres."""
        return float(np.prod(self.spacing_zyx_mm)) / 1000.0


@dataclass(frozen=True, slots=True)
class _Read:
    ordinal: int
    digest: bytes
    image: Slice
    along_mm: float


def read_series(source: SeriesSource, modality: str) -> ImageVolume:
    """The volume of ``source``, which must be of ``modality`` (``CT`` or ``PT``).

    Raises SeriesError; see ``errors.Reason`` for each reason.
    """
    pet_facts: list[PetFacts] = []
    slices: list[_Read] = []
    voxel_count = 0
    for ordinal, content in enumerate(iterate_files(source), start=1):
        dataset = parse_header(content, ordinal)
        image = read_slice(dataset, ordinal)
        if image.modality != modality:
            raise SeriesError(Reason.MIXED_SERIES, f"file {ordinal} is not of modality {modality}")
        if modality == "PT":
            pet_facts.append(read_pet_facts(dataset, ordinal))
        if slices:
            _same_series(slices[0].image, image, ordinal)
        voxel_count += image.values.size
        if voxel_count > MAX_VOLUME_VOXELS:
            raise SeriesError(Reason.OVERSIZE, f"a volume of more than {MAX_VOLUME_VOXELS} voxels")
        along = float(np.dot(_normal(image.geometry), image.geometry.position_mm))
        slices.append(_Read(ordinal, hashlib.sha256(content).digest(), image, along))
    slices.sort(key=lambda one: one.along_mm)
    return _stack(slices, merge_pet_facts(pet_facts) if pet_facts else None)


def _normal(geometry: SliceGeometry) -> npt.NDArray[np.float64]:
    return np.cross(geometry.row_direction, geometry.column_direction)


def _same_series(first: Slice, image: Slice, ordinal: int) -> None:
    same = (
        image.series_uid == first.series_uid
        and image.frame_of_reference_uid == first.frame_of_reference_uid
        and image.values.shape == first.values.shape
        and _close(image.geometry.row_direction, first.geometry.row_direction)
        and _close(image.geometry.column_direction, first.geometry.column_direction)
        and _close(_in_plane(image.geometry), _in_plane(first.geometry))
    )
    if not same:
        raise SeriesError(
            Reason.MIXED_SERIES,
            f"file {ordinal} is of another series, size, orientation or spacing than file 1",
        )


def _in_plane(geometry: SliceGeometry) -> tuple[float, float]:
    return geometry.row_spacing_mm, geometry.column_spacing_mm


def _close(left: tuple[float, ...], right: tuple[float, ...]) -> bool:
    return bool(np.allclose(left, right, rtol=0.0, atol=DIRECTION_TOLERANCE))


def _slice_step(slices: list[_Read]) -> npt.NDArray[np.float64]:
    """The mean vector from slice to slice, after checking that every step is that vector."""
    if len(slices) < 2:
        raise SeriesError(
            Reason.NON_UNIFORM_SPACING, "one slice has no spacing; send the whole series"
        )
    positions = np.asarray([one.image.geometry.position_mm for one in slices])
    steps = np.diff(positions, axis=0)
    normal = _normal(slices[0].image.geometry)
    travel = steps @ normal
    median = float(np.median(travel))
    if median <= 0.0:
        raise SeriesError(Reason.NON_UNIFORM_SPACING, "two or more slices lie in the same place")
    worst = int(np.argmax(np.abs(travel - median)))
    if abs(travel[worst] - median) > max(SPACING_TOLERANCE * median, SPACING_JITTER_MM):
        raise SeriesError(
            Reason.NON_UNIFORM_SPACING,
            f"the step between files {slices[worst].ordinal} and {slices[worst + 1].ordinal} is "
            f"{travel[worst]:.3f} mm, elsewhere {median:.3f} mm: slices are missing or doubled",
        )
    drift = steps - np.outer(travel, normal)
    if float(np.abs(drift).max()) > max(DIRECTION_TOLERANCE * median, 0.01):
        raise SeriesError(
            Reason.NON_UNIFORM_SPACING, "the slices drift sideways (tilted gantry); resample first"
        )
    total = float((positions[-1] - positions[0]) @ normal)
    if abs(total / (len(slices) - 1) - median) > SPACING_TOLERANCE * median:
        raise SeriesError(
            Reason.NON_UNIFORM_SPACING, "the mean and the median slice step differ by over 1 %"
        )
    return np.asarray(normal * (total / (len(slices) - 1)))


def _stack(slices: list[_Read], pet: PetFacts | None) -> ImageVolume:
    step = _slice_step(slices)
    first = slices[0].image
    geometry = first.geometry
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = np.asarray(geometry.column_direction) * geometry.row_spacing_mm
    affine[:3, 2] = np.asarray(geometry.row_direction) * geometry.column_spacing_mm
    affine[:3, 3] = geometry.position_mm
    frame = first.frame_of_reference_uid
    facts = SeriesFacts(
        content_digest=hashlib.sha256(b"".join(one.digest for one in slices)).digest(),
        frame_of_reference_digest=hashlib.sha256(frame.encode()).digest() if frame else b"",
        slice_count=len(slices),
        transfer_syntaxes=tuple(sorted({one.image.transfer_syntax for one in slices})),
    )
    spacing = (
        float(np.linalg.norm(step)),
        geometry.row_spacing_mm,
        geometry.column_spacing_mm,
    )
    voxels = np.empty((len(slices), *first.values.shape), dtype=np.float32)
    for index, one in enumerate(slices):
        voxels[index] = one.image.values
    return ImageVolume(voxels, affine, spacing, first.modality, facts, pet)
