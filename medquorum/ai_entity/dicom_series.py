"""A DICOM series to a typed volume.

The spacing between slices comes from the difference of ImagePositionPatient along the slice
normal (DICOM PS3.3 C.7.6.2.1.1), never from SliceThickness or SpacingBetweenSlices, which describe
the acquisition and not the grid. A series that is not one evenly spaced stack is refused: a gap
would be a wrong tumour volume.
"""

import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.dicom_fields import QUIET
from medquorum.ai_entity.dicom_layers import ImageVolume as ImageVolume
from medquorum.ai_entity.dicom_layers import SeriesFacts, SeriesLayers
from medquorum.ai_entity.dicom_slice import Slice, SliceGeometry, read_slice
from medquorum.ai_entity.dicom_source import SeriesSource, iterate_files
from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.limits import MAX_VOLUME_VOXELS
from medquorum.ai_entity.patient_identity import NOBODY, Identity, read_identity
from medquorum.ai_entity.suv import PetFacts, merge_pet_facts, read_pet_facts

SPACING_TOLERANCE: Final = 0.01
"""Relative; scanners print positions with two or three decimals."""

SPACING_JITTER_MM: Final = 0.1
"""Absolute; PET bed positions are joined with steps off by 0.08 mm on a real GE whole-body scan."""

DIRECTION_TOLERANCE: Final = 1e-3
"""Between slices, and for the sideways drift of a tilted gantry per millimetre of travel."""

READERS: Final = 2
"""Threads: one file is digested while another is parsed, which Python does one at a time."""
READ_AHEAD: Final = 4
"""Files held at once before their slice is in the series."""


@dataclass(frozen=True, slots=True)
class _Read:
    ordinal: int
    digest: bytes
    image: Slice
    along_mm: float
    pet: PetFacts | None
    patient: Identity


def read_series(source: SeriesSource, modality: str) -> ImageVolume:
    """The volume of ``source``, which must be of ``modality`` (``CT`` or ``PT``).

    Raises SeriesError; see ``errors.Reason`` for each reason.
    """
    return read_layers(source, modality).volume()


def read_layers(source: SeriesSource, modality: str) -> SeriesLayers:
    """The same volume as stored, before its voxels are made into numbers. Raises SeriesError."""
    slices: list[_Read] = []
    voxel_count = 0
    patient = NOBODY
    for one in _read_files(source, modality):
        patient = _same_patient(patient, one)
        if slices:
            _same_series(slices[0].image, one.image, one.ordinal)
        voxel_count += one.image.stored.size
        if voxel_count > MAX_VOLUME_VOXELS:
            raise SeriesError(Reason.OVERSIZE, f"a volume of more than {MAX_VOLUME_VOXELS} voxels")
        slices.append(one)
    slices.sort(key=lambda one: one.along_mm)
    facts = [one.pet for one in slices if one.pet is not None]
    layers = _stack(slices, merge_pet_facts(facts) if facts else None)
    return replace(layers, patient=patient)


def _read_files(source: SeriesSource, modality: str) -> Iterator[_Read]:
    """The files of ``source`` in order; the first that is refused raises, whoever read it."""
    waiting: deque[Future[_Read]] = deque()
    with QUIET, ThreadPoolExecutor(READERS) as readers:
        files = enumerate(iterate_files(source), start=1)
        while True:
            try:
                ordinal, content = next(files)
            except StopIteration:
                break
            except SeriesError:
                yield from _results(waiting)  # an earlier file's error comes first
                raise
            waiting.append(readers.submit(_read_file, content, ordinal, modality))
            if len(waiting) == READ_AHEAD:
                yield waiting.popleft().result()
        yield from _results(waiting)


def _results(waiting: deque[Future[_Read]]) -> Iterator[_Read]:
    while waiting:
        yield waiting.popleft().result()


def _read_file(content: bytes, ordinal: int, modality: str) -> _Read:
    image, dataset = read_slice(content, ordinal)
    if image.modality != modality:
        raise SeriesError(Reason.MIXED_SERIES, f"file {ordinal} is not of modality {modality}")
    pet = read_pet_facts(dataset, ordinal) if modality == "PT" else None
    normal = _normal(image.geometry.row_direction, image.geometry.column_direction)
    along = float(np.dot(normal, image.geometry.position_mm))
    patient = read_identity(dataset, ordinal)
    return _Read(ordinal, hashlib.sha256(content).digest(), image, along, pet, patient)


@lru_cache(maxsize=8)
def _normal(row: tuple[float, ...], column: tuple[float, ...]) -> npt.NDArray[np.float64]:
    return np.cross(row, column)


def _same_patient(patient: Identity, one: _Read) -> Identity:
    if not patient.may_be(one.patient):
        raise SeriesError(
            Reason.DIFFERENT_PATIENTS,
            f"file {one.ordinal} and a file before it belong to different patients, by their "
            "headers; send the files of one patient",
        )
    return patient.known_with(one.patient)


def _same_series(first: Slice, image: Slice, ordinal: int) -> None:
    same = (
        image.series_uid == first.series_uid
        and image.frame_of_reference_uid == first.frame_of_reference_uid
        and image.stored.shape == first.stored.shape
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
    return all(
        abs(one - other) <= DIRECTION_TOLERANCE for one, other in zip(left, right, strict=True)
    )


def _slice_step(slices: list[_Read]) -> npt.NDArray[np.float64]:
    """The mean vector from slice to slice, after checking that every step is that vector."""
    if len(slices) < 2:
        raise SeriesError(
            Reason.NON_UNIFORM_SPACING, "one slice has no spacing; send the whole series"
        )
    positions = np.asarray([one.image.geometry.position_mm for one in slices])
    steps = np.diff(positions, axis=0)
    first = slices[0].image.geometry
    normal = _normal(first.row_direction, first.column_direction)
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


def _stack(slices: list[_Read], pet: PetFacts | None) -> SeriesLayers:
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
    return SeriesLayers(tuple(one.image for one in slices), affine, spacing, facts, pet)
