"""The pixels of one plane as numbers; runs in the child only.

Plain pixels are read where `intake.pixels` has measured them; compressed ones go through pydicom's
decoders. Sources: DICOM PS3.3 C.7.6.3.1 (pixel cells), C.7.6.3.1.2 (photometric interpretation).
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from medquorum.node.intake.dicom_file import DEFLATED, SYNTAXES, Coding
from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.limits import INFLATED_BYTES
from medquorum.node.intake.series import SeriesFile

Plane = npt.NDArray[Any]

_UNSIGNED: Final[dict[int, str]] = {8: "u1", 16: "<u2", 32: "<u4"}
_SIGNED: Final[dict[int, str]] = {8: "i1", 16: "<i2", 32: "<i4"}


@dataclass(frozen=True, slots=True)
class Cells:
    """How values stand in the pixels of a file."""

    allocated: int
    stored: int
    signed: bool

    @property
    def most(self) -> int:
        """The largest value that can be stored."""
        return (1 << (self.stored - 1)) - 1 if self.signed else (1 << self.stored) - 1


def cells_of(file: SeriesFile) -> Cells:
    """Raises IntakeRefused."""
    stored = file.elements.whole("BitsStored", file.shape.bits)
    if not 1 <= stored <= file.shape.bits:
        raise file.elements.bad("BitsStored")
    sign = file.elements.whole("PixelRepresentation", 0)
    if sign not in (0, 1):
        raise file.elements.bad("PixelRepresentation")
    return Cells(file.shape.bits, stored, sign == 1)


def check_decoder(file: SeriesFile) -> None:
    """Raise IntakeRefused where this installation has no decoder for a file's pixels."""
    if SYNTAXES[file.file.syntax] is Coding.PLAIN:
        return
    from pydicom.pixels.decoders.base import get_decoder

    if not get_decoder(file.file.syntax).is_available:
        raise IntakeRefused(Fault.NO_DECODER, file.entry.ordinal)


def stored_values(archive: BinaryIO, file: SeriesFile, frame: int) -> Plane:
    """Stored values of one frame [rows, columns]. Raises IntakeRefused."""
    if SYNTAXES[file.file.syntax] is Coding.PLAIN:
        return _plain(archive, file, frame)
    try:
        return _decompressed(archive, file, frame)
    except (MemoryError, IntakeRefused):
        raise
    except Exception:
        # Whatever a decoder raises on hostile bytes says the same.
        raise IntakeRefused(Fault.FRAGMENTS, file.entry.ordinal, "PixelData") from None


def _plain(archive: BinaryIO, file: SeriesFile, frame: int) -> Plane:
    shape, pixels, cells = file.shape, file.file.pixels, cells_of(file)
    if pixels is None:
        raise file.elements.missing("PixelData")
    length = shape.rows * shape.columns * shape.bits // 8
    start = pixels.at + frame * length
    if file.file.syntax == DEFLATED:
        content = _inflated(archive, file)[start : start + length]
    else:
        archive.seek(file.file.stream_start + start)
        content = archive.read(length)
    kinds = _SIGNED if cells.signed else _UNSIGNED
    if len(content) != length:
        raise IntakeRefused(Fault.PIXELS, file.entry.ordinal, "PixelData")
    values = np.frombuffer(content, kinds[shape.bits]).reshape(shape.rows, shape.columns)
    return _without_other_bits(values, cells)


def _without_other_bits(values: Plane, cells: Cells) -> Plane:
    """Bits above those stored may hold an overlay of old (retired, PS3.5 8.1.2)."""
    spare = cells.allocated - cells.stored
    if not spare:
        return values
    if cells.signed:
        return np.asarray((values << spare) >> spare)
    return np.asarray(values & values.dtype.type((1 << cells.stored) - 1))


def _inflated(archive: BinaryIO, file: SeriesFile) -> bytes:
    """A deflated stream whole; intake has counted it, here the bound holds once more."""
    archive.seek(file.file.stream_start)
    left = file.entry.start + file.entry.size - file.file.stream_start
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = stream.decompress(archive.read(left), INFLATED_BYTES)
    except zlib.error:
        raise IntakeRefused(Fault.UNPARSABLE, file.entry.ordinal) from None
    return content


def _decompressed(archive: BinaryIO, file: SeriesFile, frame: int) -> Plane:
    import pydicom

    archive.seek(file.entry.start)
    dataset = pydicom.dcmread(io.BytesIO(archive.read(file.entry.size)))
    pixels = np.asarray(dataset.pixel_array)
    if pixels.ndim == 3:
        pixels = pixels[frame]
    if pixels.shape != (file.shape.rows, file.shape.columns):
        raise IntakeRefused(Fault.CODESTREAM, file.entry.ordinal, "PixelData")
    return pixels
