"""A folder of DICOM files as one deterministic USTAR archive (R-BOD10).

The 128-byte preamble of each file is zeroed: it is free space in which other formats, even
programs, hide (CVE-2019-11687). Nothing of the files is interpreted here; names, owners and times
of the disk do not travel.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Final

PREAMBLE_BYTES: Final = 128
MAGIC: Final = b"DICM"
FILES: Final = 10_000
"""Slices of one series; whole-body series have about a thousand."""
FILE_BYTES: Final = 512 * 1024**2
"""One file is read at once."""
PICTURES: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
"""How PNG and JPEG files begin."""


class ImagesUnusable(ValueError):
    """There is nothing to pack, or something that is no image; the message says what to do."""


def dicom_files(folder: Path) -> tuple[Path, ...]:
    """The DICOM files below a folder in order of their path; a DICOMDIR is no image."""
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "DICOMDIR" and _is_dicom(path)
    ]
    if not found:
        raise ImagesUnusable(f"{folder} holds no DICOM file; name the folder of one series")
    if len(found) > FILES:
        raise ImagesUnusable(f"{folder} holds more than {FILES} DICOM files; name one series")
    return tuple(found)


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(PREAMBLE_BYTES + len(MAGIC))[PREAMBLE_BYTES:] == MAGIC


def pack_images(folder: Path, target: Path) -> int:
    """Write the archive of a folder's DICOM files to a new file; how many it holds."""
    files = dicom_files(folder)
    with (
        target.open("xb") as sink,
        tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for place, path in enumerate(files, start=1):
            content = _cleaned(path)
            entry = tarfile.TarInfo(f"{place:06d}.dcm")
            entry.size = len(content)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content))
    return len(files)


def _cleaned(path: Path) -> bytes:
    if path.stat().st_size > FILE_BYTES:
        raise ImagesUnusable(f"{path} is larger than {FILE_BYTES} bytes; split the series")
    return bytes(PREAMBLE_BYTES) + path.read_bytes()[PREAMBLE_BYTES:]


def is_picture(path: Path) -> bool:
    """Whether a file begins like a PNG or a JPEG."""
    with path.open("rb") as file:
        return file.read(8).startswith(PICTURES)
