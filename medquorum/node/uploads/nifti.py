"""A NIfTI-1 volume as a series of DICOM files, since bodies hold DICOM; runs in the child only.

The header is nibabel's to read; how much is inflated is counted here. Axes must be at right angles
in a slice: a DICOM slice has no shear. CT becomes int16 HU; PET an SUV of one slope, marked GML
so that nobody computes an uptake again. Sources: NIfTI-1.1 (nifti1.h), DICOM PS3.3 A.3, A.21.
"""

from __future__ import annotations

import gzip
import io
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.limits import FILES, SIDE
from medquorum.node.uploads.limits import NIFTI_VOXELS

GZIP: Final = b"\x1f\x8b"
HEADER_BYTES: Final = 352
MAGIC_AT: Final = slice(344, 348)
SQUARE: Final = 1e-3
"""Of the cosine between a row and a column."""
SUV_MOST: Final = 10_000.0
STORAGE: Final = {"CT": "1.2.840.10008.5.1.4.1.1.2", "PT": "1.2.840.10008.5.1.4.1.1.128"}
_TO_LPS: Final = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True, repr=False)
class NiftiVolume:
    """Values [k, j, i] and the map of (i, j, k, 1) to mm LPS."""

    values: npt.NDArray[np.float32]
    affine: npt.NDArray[np.float64]


def is_nifti(beginning: bytes) -> bool:
    """Whether a file begins like an uncompressed NIfTI-1 of either byte order."""
    return beginning[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c")


def nifti_shape(source: BinaryIO, ordinal: int) -> tuple[int, int, int]:
    """Columns, rows and slices. Raises IntakeRefused."""
    with _plain(source) as stream:
        header = _header(stream, ordinal)
    columns, rows, planes = _shape(header, ordinal)
    return columns, rows, planes


def read_nifti(path: Path, ordinal: int) -> NiftiVolume:
    """The volume in a file. Raises IntakeRefused."""
    with path.open("rb") as source, _plain(source) as stream:
        header = _header(stream, ordinal)
        columns, rows, planes = _shape(header, ordinal)
        kind = header.get_data_dtype()
        try:
            ahead = int(header["vox_offset"]) - HEADER_BYTES
            skipped = len(stream.read(ahead)) if 0 <= ahead <= SIDE * 64 else -1
            content = stream.read(columns * rows * planes * kind.itemsize)
        except (OSError, EOFError, zlib.error, ValueError, OverflowError):
            raise IntakeRefused(Fault.NIFTI, ordinal) from None
    if skipped != ahead or len(content) != columns * rows * planes * kind.itemsize:
        raise IntakeRefused(Fault.NIFTI, ordinal)
    values = np.frombuffer(content, kind).reshape(planes, rows, columns).astype(np.float32)
    slope, intercept = header.get_slope_inter()
    if slope is not None:
        values = values * np.float32(slope) + np.float32(intercept or 0.0)
    return _as_read(NiftiVolume(values, _affine(header, ordinal)))


def _as_read(volume: NiftiVolume) -> NiftiVolume:
    """Rows and columns turned as radiologists read: left and posterior, or feet, at their ends."""
    values, affine = volume.values, volume.affine.copy()
    for axis in (0, 1):
        column = affine[:3, axis]
        main = int(np.abs(column).argmax())
        if (column[main] > 0) == (main == 2):
            affine[:3, 3] += column * (values.shape[2 - axis] - 1)
            affine[:3, axis] = -column
            values = np.flip(values, 2 - axis)
    return NiftiVolume(values, affine)


def _plain(source: BinaryIO) -> Any:
    """The file's own bytes, inflated as they are read where it is compressed."""
    source.seek(0)
    compressed = source.read(2) == GZIP
    source.seek(0)
    return gzip.GzipFile(fileobj=source) if compressed else io.BufferedReader(_Kept(source))


class _Kept(io.RawIOBase):
    """A file that whoever reads it does not close."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As `io.RawIOBase`."""
        piece = self._source.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def _header(stream: Any, ordinal: int) -> Any:
    import nibabel

    try:
        beginning = stream.read(HEADER_BYTES)
        if len(beginning) != HEADER_BYTES or beginning[MAGIC_AT] != b"n+1\0":
            raise IntakeRefused(Fault.NIFTI, ordinal)
        return nibabel.Nifti1Header(beginning[:348], check=False)
    except (MemoryError, IntakeRefused):
        raise
    except Exception:
        # Whatever a parser raises on hostile bytes says the same.
        raise IntakeRefused(Fault.NIFTI, ordinal) from None


def _shape(header: Any, ordinal: int) -> tuple[int, int, int]:
    try:
        sizes = [int(size) for size in header.get_data_shape()]
        kind = header.get_data_dtype()
    except Exception:
        raise IntakeRefused(Fault.NIFTI, ordinal) from None
    while len(sizes) > 3 and sizes[-1] == 1:
        sizes.pop()
    if len(sizes) != 3 or min(sizes) < 1 or kind.kind not in "iuf" or kind.names is not None:
        raise IntakeRefused(Fault.NIFTI, ordinal)
    columns, rows, planes = sizes
    if max(columns, rows) > SIDE or planes > FILES or columns * rows * planes > NIFTI_VOXELS:
        raise IntakeRefused(Fault.SIDE, ordinal, "Rows")
    return columns, rows, planes


def _affine(header: Any, ordinal: int) -> npt.NDArray[np.float64]:
    """LPS; refused where neither sform nor qform is set."""
    placed = int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
    affine = _TO_LPS @ np.asarray(header.get_best_affine(), dtype=np.float64)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    sane = np.isfinite(affine).all() and (sizes > 1e-3).all() and (sizes <= 50.0).all()
    if not placed or not sane:
        raise IntakeRefused(Fault.NIFTI_GRID, ordinal)
    across, down = (affine[:3, axis] / sizes[axis] for axis in (0, 1))
    upright = abs(float(np.linalg.det(affine[:3, :3] / sizes))) > 0.5
    if abs(float(across @ down)) > SQUARE or not upright:
        raise IntakeRefused(Fault.NIFTI_GRID, ordinal)
    return np.asarray(affine)


def dicom_slices(volume: NiftiVolume, modality: str, patient: str) -> Iterator[bytes]:
    """The DICOM files of a volume, modality CT (HU) or PT (SUV). Raises IntakeRefused."""
    stored, slope = _stored(volume.values, modality)
    names = [f"2.25.{uuid.uuid4().int}" for _ in range(3)]
    for index, plane in enumerate(stored):
        yield _encoded(_slice(volume.affine, plane, index, modality), names, slope, patient)


def _stored(values: npt.NDArray[np.float32], modality: str) -> tuple[npt.NDArray[np.int16], float]:
    least, most = float(values.min()), float(values.max())
    if not (np.isfinite(least) and np.isfinite(most)):
        raise IntakeRefused(Fault.NIFTI_VALUES, 1)
    if modality == "CT":
        if least < -32_768 or most > 32_767 or most == least:
            raise IntakeRefused(Fault.NIFTI_VALUES, 1)
        return np.rint(values).astype(np.int16), 1.0
    if least < -1e-3 or not 0.0 < most <= SUV_MOST:
        raise IntakeRefused(Fault.NIFTI_VALUES, 1)
    slope = most / 32_767.0
    return np.rint(np.maximum(values, 0.0) / slope).astype(np.int16), slope


def _slice(
    affine: npt.NDArray[np.float64], plane: npt.NDArray[np.int16], index: int, modality: str
) -> Dataset:
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    across, down = affine[:3, 0] / sizes[0], affine[:3, 1] / sizes[1]
    dataset = Dataset()
    dataset.SOPClassUID = STORAGE[modality]
    dataset.Modality = modality
    dataset.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    dataset.ImageOrientationPatient = [f"{one:.8g}" for one in (*across, *down)]
    corner = affine[:3, 3] + index * affine[:3, 2]
    dataset.ImagePositionPatient = [f"{one:.8g}" for one in corner]
    dataset.PixelSpacing = [f"{sizes[1]:.8g}", f"{sizes[0]:.8g}"]
    dataset.Rows, dataset.Columns = plane.shape
    dataset.InstanceNumber = index + 1
    dataset.PixelData = plane.astype("<i2").tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset


def _encoded(dataset: Dataset, names: list[str], slope: float, patient: str) -> bytes:
    study, series, frame = names
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.FrameOfReferenceUID = frame
    dataset.SOPInstanceUID = f"2.25.{uuid.uuid4().int}"
    dataset.PatientID, dataset.PatientName = patient, ""
    dataset.PatientBirthDate = dataset.PatientSex = dataset.StudyDate = dataset.StudyTime = ""
    dataset.AccessionNumber = dataset.StudyID = dataset.ReferringPhysicianName = ""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "Medquorum: made from a NIfTI volume"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 1
    dataset.RescaleIntercept, dataset.RescaleSlope = "0", f"{slope:.10g}"
    dataset.RescaleType = "HU" if dataset.Modality == "CT" else "GML"
    if dataset.Modality == "PT":
        dataset.Units, dataset.DecayCorrection = "GML", "START"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta, dataset.preamble = meta, bytes(128)
    target = io.BytesIO()
    dcmwrite(target, dataset, enforce_file_format=True)
    return target.getvalue()
