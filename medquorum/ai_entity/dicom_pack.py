"""The image body part: a series as one deterministic USTAR archive.

Same files in, same bytes out, whatever their names, order or times on disk: entries are named
``000001.dcm`` ... in the order of their position along the slice normal (then of their SHA-256),
with owner 0, mode 0644 and time 0. The 128-byte preamble is zeroed: it is free space in which other
file formats, even programs, can hide (CVE-2019-11687).
"""

import hashlib
import io
import tarfile
from pathlib import Path
from typing import BinaryIO, Final, cast

import numpy as np

from medquorum.ai_entity.dicom_slice import optional, parse_header, read_geometry
from medquorum.ai_entity.dicom_source import SeriesSource, iterate_files
from medquorum.ai_entity.errors import Reason, SeriesError

PREAMBLE_BYTES: Final = 128
DICOM_MAGIC: Final = b"DICM"


def zero_preamble(content: bytes, ordinal: int = 1) -> bytes:
    """The same DICOM file with an empty preamble. Raises SeriesError when it is not DICOM."""
    if content[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] != DICOM_MAGIC:
        raise SeriesError(Reason.NOT_DICOM, f"file {ordinal} is not a DICOM file")
    return bytes(PREAMBLE_BYTES) + content[PREAMBLE_BYTES:]


def pack_series(source: SeriesSource, target: BinaryIO) -> bytes:
    """Write the archive of ``source`` to ``target`` and return its SHA-256.

    Two passes over ``source`` (which must therefore not be a stream): one for the order, one to
    write. Raises SeriesError.
    """
    if not isinstance(source, (bytes, Path)) and hasattr(source, "read"):
        raise SeriesError(Reason.BAD_ARCHIVE, "give files or a directory, not an open stream")
    cleaned = [
        zero_preamble(content, ordinal)
        for ordinal, content in enumerate(iterate_files(source), start=1)
    ]
    order = sorted(range(len(cleaned)), key=lambda index: _sort_key(cleaned[index], index + 1))
    digest = hashlib.sha256()
    sink = cast(BinaryIO, _Tee(target, digest))  # tarfile only writes to it
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.USTAR_FORMAT) as archive:
        for place, index in enumerate(order, start=1):
            entry = tarfile.TarInfo(f"{place:06d}.dcm")
            entry.size = len(cleaned[index])
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(cleaned[index]))
    return digest.digest()


def pack_series_bytes(source: SeriesSource) -> bytes:
    """``pack_series`` into memory."""
    target = io.BytesIO()
    pack_series(source, target)
    return target.getvalue()


def _sort_key(content: bytes, ordinal: int) -> tuple[float, bytes]:
    dataset = parse_header(content, ordinal)
    along = 0.0
    if optional(dataset, "ImagePositionPatient", ordinal) is not None:
        geometry = read_geometry(dataset, ordinal)
        normal = np.cross(geometry.row_direction, geometry.column_direction)
        along = round(float(normal @ np.asarray(geometry.position_mm)), 3)
    return along, hashlib.sha256(content).digest()


class _Tee:
    """Writes to the target and into the digest."""

    def __init__(self, target: BinaryIO, digest: "hashlib._Hash") -> None:
        self._target = target
        self._digest = digest

    def write(self, content: bytes) -> int:
        """Pass ``content`` on."""
        self._digest.update(content)
        return self._target.write(content)
