"""One DICOM file of an archive, parsed up to its pixels and no further.

The file meta information is read here and not by the library, because it decides how the rest is
read: a deflated file is inflated under a bound, and a transfer syntax that is not on the list is
never parsed. Sources: DICOM PS3.10 clause 7.1, PS3.5 clauses 7.1 and A.5.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from enum import Enum
from typing import Any, BinaryIO, Final

from pydicom import config
from pydicom.filereader import read_dataset

from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.limits import (
    HEADER_BYTES,
    HEADER_FIRST_BYTES,
    INFLATE_STEP_BYTES,
    INFLATED_BYTES,
    META_BYTES,
)
from medquorum.node.intake.ustar import Entry

PREAMBLE_BYTES: Final = 128
MAGIC: Final = b"DICM"
DATASET_AT: Final = PREAMBLE_BYTES + len(MAGIC)
PIXEL_TAG: Final = b"\xe0\x7f\x10\x00"
FIRST_PIXEL_ELEMENT: Final = 0x7FE00008
UNDEFINED_LENGTH: Final = 0xFFFFFFFF
TRANSFER_SYNTAX_ELEMENT: Final = 0x0010
_LONG_FORMS: Final = frozenset({b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UN", b"UT"})


class Coding(Enum):
    """How pixels are encoded."""

    PLAIN = "plain"
    RLE = "rle"
    JPEG = "jpeg"
    """JPEG lossless, process 14 selection value 1, and JPEG-LS: the same marker segments."""
    JPEG_2000 = "jpeg 2000"


IMPLICIT: Final = "1.2.840.10008.1.2"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
SYNTAXES: Final = {
    IMPLICIT: Coding.PLAIN,
    "1.2.840.10008.1.2.1": Coding.PLAIN,
    DEFLATED: Coding.PLAIN,
    "1.2.840.10008.1.2.5": Coding.RLE,
    "1.2.840.10008.1.2.4.70": Coding.JPEG,
    "1.2.840.10008.1.2.4.80": Coding.JPEG,
    "1.2.840.10008.1.2.4.90": Coding.JPEG_2000,
}
"""Transfer syntaxes that are taken: nothing that loses what a scanner measured."""


@dataclass(frozen=True, slots=True)
class PixelElement:
    """The element PixelData (7FE0,0010) of a file."""

    at: int
    """Where its value begins in the stream of elements."""
    length: int
    """As the element says; `UNDEFINED_LENGTH` where it is in fragments."""


@dataclass(frozen=True, slots=True, repr=False)
class DicomFile:
    """A parsed header, and where the pixels are."""

    ordinal: int
    dataset: Any
    """Everything before the pixels, as pydicom reads it."""
    syntax: str
    pixels: PixelElement | None
    stream_bytes: int
    """Length of the stream of elements, inflated where it is deflated."""
    stream_start: int
    """Where that stream begins in the archive."""


@dataclass(frozen=True, slots=True, repr=False)
class _Stream:
    """The beginning of a stream of elements."""

    beginning: bytes
    total: int


def open_dicom(archive: BinaryIO, entry: Entry, *, blank_preamble: bool = True) -> DicomFile:
    """Parse the header of one file. Raises IntakeRefused.

    Without `blank_preamble` the 128 bytes before DICM may hold anything: whoever packs the file
    zeroes them.
    """
    head = _read(archive, entry.start, min(entry.size, HEADER_FIRST_BYTES))
    if head[PREAMBLE_BYTES:DATASET_AT] != MAGIC:
        raise IntakeRefused(Fault.NOT_DICOM, entry.ordinal)
    if blank_preamble and any(head[:PREAMBLE_BYTES]):
        raise IntakeRefused(Fault.PREAMBLE, entry.ordinal)
    syntax, offset = _transfer_syntax(head, entry.ordinal)
    if syntax not in SYNTAXES:
        raise IntakeRefused(Fault.COMPRESSION, entry.ordinal)
    start = entry.start + offset
    if syntax == DEFLATED:
        stream = _inflated(archive, entry, start)
    else:
        stream = _Stream(head[offset:], entry.size - offset)
    found = _parsed(stream, syntax)
    if found is None and len(stream.beginning) < stream.total and syntax != DEFLATED:
        stream = _Stream(_read(archive, start, min(stream.total, HEADER_BYTES)), stream.total)
        found = _parsed(stream, syntax)
    if found is None:
        longer = len(stream.beginning) < stream.total
        raise IntakeRefused(Fault.HEADER_SIZE if longer else Fault.UNPARSABLE, entry.ordinal)
    return _located(found, stream, entry.ordinal, syntax, start)


def _read(archive: BinaryIO, place: int, count: int) -> bytes:
    archive.seek(place)
    return archive.read(count)


def _transfer_syntax(head: bytes, ordinal: int) -> tuple[str, int]:
    """TransferSyntaxUID, and where group 0002 ends."""
    place, syntax = DATASET_AT, ""
    while place <= META_BYTES and head[place : place + 2] == b"\x02\x00":
        element, form, length = struct.unpack_from("<2xH2sH", head.ljust(place + 8, b"\0"), place)
        place += 8
        if form in _LONG_FORMS:
            length = int.from_bytes(head[place : place + 4], "little")
            place += 4
        if place + length > len(head):
            raise IntakeRefused(Fault.NOT_DICOM, ordinal)
        if element == TRANSFER_SYNTAX_ELEMENT:
            syntax = head[place : place + length].decode("ascii", "replace").rstrip("\0 ")
        place += length
    if not syntax or place > META_BYTES:
        raise IntakeRefused(Fault.NOT_DICOM, ordinal)
    return syntax, place


def _inflated(archive: BinaryIO, entry: Entry, start: int) -> _Stream:
    """The beginning of a deflated stream and its whole length; never more than the header held."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    kept, total = bytearray(), 0
    archive.seek(start)
    left = entry.start + entry.size - start
    try:
        while left and not stream.eof:
            pending = archive.read(min(left, INFLATE_STEP_BYTES))
            left -= len(pending)
            while pending and not stream.eof:
                inflated = stream.decompress(pending, INFLATE_STEP_BYTES)
                pending = stream.unconsumed_tail
                total += len(inflated)
                kept += inflated[: HEADER_BYTES - len(kept)]
                if total > INFLATED_BYTES:
                    raise IntakeRefused(Fault.INFLATED_SIZE, entry.ordinal)
        while not stream.eof and (inflated := stream.decompress(b"", INFLATE_STEP_BYTES)):
            total += len(inflated)
            kept += inflated[: HEADER_BYTES - len(kept)]
    except zlib.error:
        raise IntakeRefused(Fault.UNPARSABLE, entry.ordinal) from None
    if not stream.eof:
        raise IntakeRefused(Fault.UNPARSABLE, entry.ordinal)
    return _Stream(bytes(kept), total)


def _parsed(stream: _Stream, syntax: str) -> tuple[Any, int] | None:
    """Dataset and place of the first pixel element; None where this much is no whole header."""
    source = io.BytesIO(stream.beginning)
    implicit = syntax == IMPLICIT
    config.settings.reading_validation_mode = config.IGNORE
    try:
        dataset = read_dataset(source, implicit, True, stop_when=_at_pixels)
        if dataset.original_encoding != (implicit, True):
            return None
    except MemoryError:
        raise
    except Exception:
        # Whatever a parser raises on hostile bytes says the same: these are no elements.
        return None
    place = source.tell()
    if place >= len(stream.beginning) and len(stream.beginning) < stream.total:
        return None
    return dataset, place


def _at_pixels(tag: int, _form: str | None, _length: int) -> bool:
    return tag >= FIRST_PIXEL_ELEMENT


def _located(
    found: tuple[Any, int], stream: _Stream, ordinal: int, syntax: str, start: int
) -> DicomFile:
    dataset, place = found
    width = 8 if syntax == IMPLICIT else 12
    element = stream.beginning[place : place + width]
    pixels = None
    if element[:4] == PIXEL_TAG and len(element) == width:
        if syntax != IMPLICIT and element[4:6] not in (b"OB", b"OW"):
            raise IntakeRefused(Fault.BAD, ordinal, "PixelData")
        pixels = PixelElement(place + width, int.from_bytes(element[-4:], "little"))
    return DicomFile(ordinal, dataset, syntax, pixels, stream.total, start)
