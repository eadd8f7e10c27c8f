"""A USTAR archive of plain files, read strictly and without interpreting anything (R-BOD10).

Only what the packer writes is taken: regular files named `000001.dcm` and on, time, owner and group
0, no extension headers, zeros wherever the format has room. A reader that understood links, sparse
maps or GNU and PAX extensions would have something to be fooled with; this one does not.
Format: POSIX.1-1988 (IEEE Std 1003.1), ustar interchange format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.limits import FILE_BYTES, FILES, TRAILER_BYTES

BLOCK: Final = 512
MAGIC: Final = b"ustar\x0000"
MAGIC_AT: Final = 257
_NAME, _OWNER, _GROUP = slice(0, 100), slice(108, 116), slice(116, 124)
_SIZE, _TIME, _CHECKSUM, _KIND = slice(124, 136), slice(136, 148), slice(148, 156), slice(156, 157)
_LINK, _OWNER_NAME, _GROUP_NAME = slice(157, 257), slice(265, 297), slice(297, 329)
_PREFIX: Final = slice(345, 500)
_OCTAL: Final = re.compile(rb"[ ]*([0-7]+)[ \0]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive."""

    ordinal: int
    """From 1."""
    start: int
    """Where its first byte stands in the archive."""
    size: int


def entries(archive: BinaryIO, total: int) -> Iterator[Entry]:
    """The files of a seekable archive of `total` bytes, in order. Raises IntakeRefused."""
    place = 0
    for ordinal in range(1, FILES + 2):
        archive.seek(place)
        header = archive.read(BLOCK)
        if len(header) != BLOCK:
            raise IntakeRefused(Fault.ARCHIVE_CUT, ordinal)
        if header == bytes(BLOCK):
            _check_end(archive, place, total, ordinal - 1)
            return
        if ordinal > FILES:
            raise IntakeRefused(Fault.TOO_MANY_FILES)
        size = _checked_size(header, ordinal)
        start, place = place + BLOCK, place + BLOCK + -(-size // BLOCK) * BLOCK
        if place > total:
            raise IntakeRefused(Fault.ARCHIVE_CUT, ordinal)
        archive.seek(start + size)
        if archive.read(place - start - size).strip(b"\0"):
            raise IntakeRefused(Fault.ARCHIVE_TRAILER, ordinal)
        yield Entry(ordinal, start, size)


def _check_end(archive: BinaryIO, place: int, total: int, last: int) -> None:
    if last == 0:
        raise IntakeRefused(Fault.ARCHIVE_EMPTY)
    if not 2 * BLOCK <= total - place <= TRAILER_BYTES:
        raise IntakeRefused(Fault.ARCHIVE_TRAILER, last)
    archive.seek(place)
    if archive.read(TRAILER_BYTES).strip(b"\0"):
        raise IntakeRefused(Fault.ARCHIVE_TRAILER, last)


def _checked_size(header: bytes, ordinal: int) -> int:
    """Bytes of the file behind a header, once the header is as the packer writes it."""
    if header[MAGIC_AT : MAGIC_AT + len(MAGIC)] != MAGIC:
        raise IntakeRefused(Fault.ARCHIVE_HEADER, ordinal)
    blank = header[: _CHECKSUM.start] + b" " * 8 + header[_CHECKSUM.stop :]
    if _octal(header[_CHECKSUM], ordinal) != sum(blank):
        raise IntakeRefused(Fault.ARCHIVE_HEADER, ordinal)
    if header[_KIND] != b"0" or header[_LINK].strip(b"\0"):
        raise IntakeRefused(Fault.ARCHIVE_KIND, ordinal)
    numbers = [_octal(header[field], ordinal) for field in (_OWNER, _GROUP, _TIME)]
    texts = [header[field].strip(b"\0") for field in (_OWNER_NAME, _GROUP_NAME, _PREFIX)]
    name = b"%06d.dcm" % ordinal
    if any(numbers) or any(texts) or header[_NAME] != name.ljust(100, b"\0"):
        raise IntakeRefused(Fault.ARCHIVE_NAME, ordinal)
    size = _octal(header[_SIZE], ordinal)
    if size > FILE_BYTES:
        raise IntakeRefused(Fault.FILE_SIZE, ordinal)
    return size


def _octal(field: bytes, ordinal: int) -> int:
    """The number of a field; base-256 and signed forms of later tars are refused."""
    found = _OCTAL.fullmatch(field)
    if found is None:
        raise IntakeRefused(Fault.ARCHIVE_HEADER, ordinal)
    return int(found[1], 8)
