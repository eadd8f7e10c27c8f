"""One DICOM file to one checked slice: header fields, then pixels.

Everything a file says is bounded before its pixels are decoded. What leaves this module is typed
and holds no patient name, number or date.
"""

import io
import logging
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from medquorum.ai_entity.dicom_fields import QUIET, field_value
from medquorum.ai_entity.dicom_plain import plain_pixels
from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.limits import MAX_SIDE_PIXELS

READABLE_SYNTAXES: Final = frozenset(
    {
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEG2000,
        JPEG2000Lossless,
    }
)
"""JPEG baseline and JPEG-LS are left out: their free decoders are GPL or unmaintained."""

DEFERRED_BYTES: Final = 4_096
"""Longer fields, which is the pixels, are not copied out of the file where they can stay in it."""

COSINE_TOLERANCE: Final = 1e-3
"""Row and column directions must be unit vectors at right angles to this."""


@dataclass(frozen=True, slots=True)
class SliceGeometry:
    """Where a slice lies, LPS millimetres."""

    position_mm: tuple[float, float, float]
    row_direction: tuple[float, float, float]
    column_direction: tuple[float, float, float]
    row_spacing_mm: float
    column_spacing_mm: float


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice as stored, with what makes it rescaled units (HU, Bq/mL, SUV), and its place."""

    stored: npt.NDArray[np.generic]
    """[rows, columns], four bytes a pixel at most."""
    slope: float
    intercept: float
    geometry: SliceGeometry
    modality: str
    series_uid: str
    frame_of_reference_uid: str
    transfer_syntax: str

    def __repr__(self) -> str:
        return f"Slice({self.modality}, {self.stored.shape})"

    @property
    def values(self) -> npt.NDArray[np.float32]:
        """Rescaled units [rows, columns]."""
        return rescaled(self.stored, self.slope, self.intercept)


def rescaled(
    stored: npt.NDArray[np.generic], slope: float, intercept: float
) -> npt.NDArray[np.float32]:
    """``slope * stored + intercept``, computed in float64."""
    values = np.multiply(stored, slope, dtype=np.float64)
    values += intercept
    return np.asarray(values, dtype=np.float32)


def parse_header(content: bytes, ordinal: int, defer_bytes: int | None = None) -> FileDataset:
    """The dataset of one file; nothing is decoded yet. Raises SeriesError.

    Fields of more than ``defer_bytes`` are left in ``content`` until they are asked for.
    """
    logging.getLogger("pydicom").disabled = True
    try:
        with QUIET:
            dataset = pydicom.dcmread(io.BytesIO(content), defer_size=defer_bytes, force=False)
            syntax = dataset.file_meta.TransferSyntaxUID
    except InvalidDicomError as error:
        raise SeriesError(Reason.NOT_DICOM, f"file {ordinal} is not a DICOM file") from error
    except MemoryError:
        raise
    except Exception as error:
        raise SeriesError(
            Reason.NOT_DICOM, f"file {ordinal} cannot be parsed as DICOM; export it again"
        ) from error
    if syntax not in READABLE_SYNTAXES:
        raise SeriesError(
            Reason.UNSUPPORTED_TRANSFER_SYNTAX,
            f"file {ordinal} uses a compression that is not read here; export it uncompressed, "
            "as RLE or as JPEG 2000",
        )
    return dataset


def required(dataset: Any, keyword: str, ordinal: int) -> Any:
    """The value of ``keyword``, or SeriesError naming the tag."""
    value = optional(dataset, keyword, ordinal)
    if value is None:
        raise SeriesError(Reason.MISSING_TAG, f"file {ordinal} lacks {_tag_name(keyword)}")
    return value


def optional(dataset: Any, keyword: str, ordinal: int) -> Any | None:
    """The value of ``keyword`` or None when absent or empty; SeriesError when unreadable."""
    try:
        with QUIET:
            value = field_value(dataset, keyword)
    except MemoryError:
        raise
    except Exception as error:
        raise bad_tag(keyword, ordinal) from error
    return None if value is None or value == "" else value


def bad_tag(keyword: str, ordinal: int) -> SeriesError:
    """The error for a field that is present but unusable."""
    return SeriesError(Reason.BAD_TAG, f"file {ordinal} has an unusable {_tag_name(keyword)}")


def _tag_name(keyword: str) -> str:
    tag = pydicom.datadict.tag_for_keyword(keyword)
    return keyword if tag is None else f"{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X})"


def number(dataset: Any, keyword: str, ordinal: int, default: float | None = None) -> float:
    """A finite decimal field."""
    value = optional(dataset, keyword, ordinal)
    if value is None:
        if default is None:
            return float(required(dataset, keyword, ordinal))
        return default
    return _numbers([value], keyword, ordinal)[0]


def vector(dataset: Any, keyword: str, ordinal: int, length: int) -> tuple[float, ...]:
    """A field of ``length`` finite decimals."""
    value = required(dataset, keyword, ordinal)
    if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != length:
        raise bad_tag(keyword, ordinal)
    return _numbers(list(value), keyword, ordinal)


def _numbers(values: list[Any], keyword: str, ordinal: int) -> tuple[float, ...]:
    try:
        found = tuple(float(value) for value in values)
    except (TypeError, ValueError, OverflowError) as error:
        raise bad_tag(keyword, ordinal) from error
    if not np.isfinite(found).all():
        raise bad_tag(keyword, ordinal)
    return found


def check_frame(dataset: Any, ordinal: int) -> tuple[int, int]:
    """Rows and columns of a single grey frame inside the limits."""
    rows, columns = (int(number(dataset, k, ordinal)) for k in ("Rows", "Columns"))
    if not (1 <= rows <= MAX_SIDE_PIXELS and 1 <= columns <= MAX_SIDE_PIXELS):
        raise SeriesError(
            Reason.OVERSIZE, f"file {ordinal} has a side outside 1..{MAX_SIDE_PIXELS} pixels"
        )
    if int(number(dataset, "NumberOfFrames", ordinal, 1.0)) != 1:
        raise SeriesError(
            Reason.UNSUPPORTED_IMAGE, f"file {ordinal} is multi-frame; export single slices"
        )
    if int(number(dataset, "SamplesPerPixel", ordinal, 1.0)) != 1:
        raise SeriesError(Reason.UNSUPPORTED_IMAGE, f"file {ordinal} is a colour image")
    return rows, columns


def stored_pixels(dataset: Any, ordinal: int) -> npt.NDArray[np.generic]:
    """Decoded stored values [rows, columns]. Raises SeriesError when they do not decode."""
    shape = check_frame(dataset, ordinal)
    if "PixelData" not in dataset:
        raise SeriesError(Reason.TRUNCATED_PIXELS, f"file {ordinal} has no PixelData (7FE0,0010)")
    try:
        with QUIET:
            pixels = dataset.pixel_array
    except MemoryError:
        raise
    except Exception as error:
        raise SeriesError(
            Reason.TRUNCATED_PIXELS,
            f"file {ordinal} has PixelData (7FE0,0010) that is cut short or damaged",
        ) from error
    if pixels.shape != shape:
        raise SeriesError(
            Reason.TRUNCATED_PIXELS,
            f"file {ordinal} has PixelData (7FE0,0010) of another size than its header says",
        )
    return np.asarray(pixels)


def read_geometry(dataset: Any, ordinal: int) -> SliceGeometry:
    """Position, directions and spacing; directions must be orthonormal."""
    position = vector(dataset, "ImagePositionPatient", ordinal, 3)
    cosines = vector(dataset, "ImageOrientationPatient", ordinal, 6)
    spacing = vector(dataset, "PixelSpacing", ordinal, 2)
    row, column = np.asarray(cosines[:3]), np.asarray(cosines[3:])
    lengths = (abs(float(row @ row) - 1), abs(float(column @ column) - 1), abs(float(row @ column)))
    if max(lengths) > COSINE_TOLERANCE:
        raise bad_tag("ImageOrientationPatient", ordinal)
    if min(spacing) <= 0.0 or max(spacing) > 50.0:
        raise bad_tag("PixelSpacing", ordinal)
    return SliceGeometry(
        position_mm=(position[0], position[1], position[2]),
        row_direction=(cosines[0], cosines[1], cosines[2]),
        column_direction=(cosines[3], cosines[4], cosines[5]),
        row_spacing_mm=spacing[0],
        column_spacing_mm=spacing[1],
    )


def read_slice(content: bytes, ordinal: int) -> tuple[Slice, FileDataset]:
    """A slice with its own RescaleSlope and RescaleIntercept, and the dataset. Raises SeriesError.

    The slice may refer to ``content``.
    """
    dataset = parse_header(content, ordinal, DEFERRED_BYTES)
    shape = check_frame(dataset, ordinal)
    geometry = read_geometry(dataset, ordinal)
    slope = number(dataset, "RescaleSlope", ordinal)
    intercept = number(dataset, "RescaleIntercept", ordinal)
    stored = plain_pixels(content, dataset, shape)
    if stored is None:
        stored = stored_pixels(parse_header(content, ordinal), ordinal)
    if stored.itemsize > 4:  # an image of such numbers would take twice its place
        stored, slope, intercept = rescaled(stored, slope, intercept), 1.0, 0.0
    image = Slice(
        stored=stored,
        slope=slope,
        intercept=intercept,
        geometry=geometry,
        modality=str(required(dataset, "Modality", ordinal)),
        series_uid=str(required(dataset, "SeriesInstanceUID", ordinal)),
        frame_of_reference_uid=str(optional(dataset, "FrameOfReferenceUID", ordinal) or ""),
        transfer_syntax=str(dataset.file_meta.TransferSyntaxUID.name),
    )
    return image, dataset
