"""Whether PixelData is as long as its header says; nothing is decoded.

Plain pixels are counted. Fragments are walked, and the first one's own header is held against the
image's: what a decoder would be asked to make is known before any recipient starts one.
Sources: DICOM PS3.3 C.7.6.3, PS3.5 clause 8, A.4 and annex G (RLE).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO, Final

from medquorum.node.intake.dicom_file import SYNTAXES, UNDEFINED_LENGTH, Coding, DicomFile
from medquorum.node.intake.elements import Elements
from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.jpeg import j2k_frame, jpeg_frame
from medquorum.node.intake.limits import FRAGMENTS, FRAMES, PIXELS, SIDE

_FRAGMENT: Final = b"\xfe\xff\x00\xe0"
_END: Final = b"\xfe\xff\xdd\xe0"
_RLE_HEADER: Final = 64
_FRAME_HEADER_BYTES: Final = 65_536
"""A frame header stands in the first few hundred bytes, before it at most some comments."""
_GREY: Final = ("MONOCHROME1", "MONOCHROME2")


@dataclass(frozen=True, slots=True)
class ImageShape:
    """What the header says of the pixels."""

    rows: int
    columns: int
    bits: int
    """Allocated for each pixel."""
    frames: int

    @property
    def plain_bytes(self) -> int:
        """Length of the pixels without compression."""
        return self.rows * self.columns * self.bits // 8 * self.frames


def read_shape(elements: Elements, most_frames: int = FRAMES) -> ImageShape:
    """The shape of a grey image within the limits. Raises IntakeRefused."""
    for keyword in ("Rows", "Columns"):
        if not 1 <= elements.whole(keyword) <= SIDE:
            raise IntakeRefused(Fault.SIDE, elements.ordinal, keyword)
    shape = ImageShape(
        rows=elements.whole("Rows"),
        columns=elements.whole("Columns"),
        bits=elements.whole("BitsAllocated"),
        frames=elements.whole("NumberOfFrames", 1),
    )
    if shape.rows * shape.columns > PIXELS:
        raise IntakeRefused(Fault.SIDE, elements.ordinal, "Rows")
    if not 1 <= shape.frames <= most_frames:
        raise IntakeRefused(Fault.FRAMES, elements.ordinal, "NumberOfFrames")
    if elements.whole("SamplesPerPixel") != 1:
        raise IntakeRefused(Fault.COLOUR, elements.ordinal, "SamplesPerPixel")
    if shape.bits not in (8, 16, 32):
        raise IntakeRefused(Fault.COLOUR, elements.ordinal, "BitsAllocated")
    interpretation = elements.word("PhotometricInterpretation")
    if interpretation is None:
        raise elements.missing("PhotometricInterpretation")
    if interpretation not in _GREY:
        raise IntakeRefused(Fault.COLOUR, elements.ordinal, "PhotometricInterpretation")
    return shape


def check_pixels(archive: BinaryIO, file: DicomFile, shape: ImageShape) -> None:
    """Raise IntakeRefused unless PixelData is what `shape` needs."""
    coding, pixels = SYNTAXES[file.syntax], file.pixels
    if pixels is None:
        raise IntakeRefused(Fault.MISSING, file.ordinal, "PixelData")
    if coding is Coding.PLAIN:
        wanted = shape.plain_bytes
        ends = pixels.at + pixels.length
        if pixels.length not in (wanted, wanted + wanted % 2) or ends > file.stream_bytes:
            raise IntakeRefused(Fault.PIXELS, file.ordinal, "PixelData")
        return
    if pixels.length != UNDEFINED_LENGTH:
        raise _broken(file)
    first, count = _walk(archive, file, pixels.at)
    if count < shape.frames or (coding is Coding.RLE and count != shape.frames):
        raise _broken(file)
    _check_code_stream(first, coding, file.ordinal, shape)


def _broken(file: DicomFile) -> IntakeRefused:
    return IntakeRefused(Fault.FRAGMENTS, file.ordinal, "PixelData")


def _walk(archive: BinaryIO, file: DicomFile, at: int) -> tuple[bytes, int]:
    """The beginning of the first fragment, and how many there are after the offset table."""
    place = file.stream_start + at
    end = file.stream_start + file.stream_bytes
    first = b""
    for count in range(-1, FRAGMENTS + 1):
        archive.seek(place)
        tag, length = struct.unpack("<4sI", archive.read(8).ljust(8, b"\0"))
        place += 8
        if tag == _END and length == 0 and place <= end and count >= 1:
            return first, count
        if tag != _FRAGMENT or place + length > end:
            raise _broken(file)
        if count == 0:
            first = archive.read(min(length, _FRAME_HEADER_BYTES))
        place += length
    raise _broken(file)


def _check_code_stream(first: bytes, coding: Coding, ordinal: int, shape: ImageShape) -> None:
    if coding is Coding.RLE:
        segments, offset = struct.unpack_from("<II", first.ljust(8, b"\0"))
        fits = segments == shape.bits // 8 and offset == _RLE_HEADER < len(first)
    else:
        header = jpeg_frame(first) if coding is Coding.JPEG else j2k_frame(first)
        fits = header is not None and (header.rows, header.columns, header.components) == (
            shape.rows,
            shape.columns,
            1,
        )
    if not fits:
        raise IntakeRefused(Fault.CODESTREAM, ordinal, "PixelData")
