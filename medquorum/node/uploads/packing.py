"""Uploaded files as one image part: cleaned, converted, packed (R-BOD10); in the child only."""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pydicom
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from medquorum.node.intake.dicom_file import DEFLATED, PREAMBLE_BYTES
from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.jpeg import START
from medquorum.node.intake.png import SIGNATURE
from medquorum.node.uploads.deidentify import Pseudonym, without_identity
from medquorum.node.uploads.nifti import dicom_slices, read_nifti

_PNG_KEPT: Final = frozenset(
    {b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"sBIT", b"pHYs", b"IDAT", b"IEND"}
)
"""Chunks that make the picture; texts, times and Exif are left out."""
_JPEG_DROPPED: Final = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})
"""Application segments but JFIF's and Adobe's colour transform, and comments."""


def pack_series(files: list[tuple[int, Path]], target: Path, pseudonym: Pseudonym | None) -> int:
    """One series as a USTAR archive; how many files. Raises IntakeRefused."""
    return _packed((_dicom(ordinal, path, pseudonym) for ordinal, path in files), target)


def pack_nifti(ordinal: int, path: Path, target: Path, modality: str, patient: str) -> int:
    """A NIfTI volume as a DICOM series. Raises IntakeRefused."""
    return _packed(dicom_slices(read_nifti(path, ordinal), modality, patient), target)


def pack_picture(path: Path, target: Path, *, cleaned: bool) -> int:
    """A PNG or JPEG file; cleaned of everything but the picture where asked to."""
    content = path.read_bytes()
    if cleaned:
        content = _png(content) if content.startswith(SIGNATURE) else _jpeg(content)
    target.write_bytes(content)
    return 1


def _packed(contents: Iterator[bytes], target: Path) -> int:
    count = 0
    with (
        target.open("wb") as sink,
        tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for count, content in enumerate(contents, start=1):
            entry = tarfile.TarInfo(f"{count:06d}.dcm")
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return count


def _dicom(ordinal: int, path: Path, pseudonym: Pseudonym | None) -> bytes:
    content = path.read_bytes()
    if pseudonym is None:
        return bytes(PREAMBLE_BYTES) + content[PREAMBLE_BYTES:]
    try:
        return _stripped(pydicom.dcmread(io.BytesIO(content)), pseudonym)
    except MemoryError:
        raise
    except Exception:
        # Whatever a parser raises on hostile bytes says the same.
        raise IntakeRefused(Fault.UNPARSABLE, ordinal) from None


def _stripped(dataset: Any, pseudonym: Pseudonym) -> bytes:
    syntax = dataset.file_meta.TransferSyntaxUID
    cleaned = without_identity(dataset, pseudonym)
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = cleaned.SOPClassUID
    meta.MediaStorageSOPInstanceUID = cleaned.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == DEFLATED else syntax
    cleaned.file_meta, cleaned.preamble = meta, bytes(PREAMBLE_BYTES)
    target = io.BytesIO()
    dcmwrite(target, cleaned, enforce_file_format=True)
    return target.getvalue()


def _png(content: bytes) -> bytes:
    """Only chunks of `_PNG_KEPT`; intake has checked that the file is whole."""
    kept, place = bytearray(SIGNATURE), len(SIGNATURE)
    while place + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        end = place + 12 + length
        if kind in _PNG_KEPT:
            chunk = content[place + 4 : end - 4]
            kept += struct.pack(">I", length) + chunk + struct.pack(">I", zlib.crc32(chunk))
        place = end
    return bytes(kept)


def _jpeg(content: bytes) -> bytes:
    """Without the segments of `_JPEG_DROPPED`, up to the first scan."""
    kept, place = bytearray(START), len(START)
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        length = 2 + int.from_bytes(content[place + 2 : place + 4])
        if marker not in _JPEG_DROPPED:
            kept += content[place : place + length]
        place += length
        if marker == 0xDA:
            break
    return bytes(kept + content[place:])
