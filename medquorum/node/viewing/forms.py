"""Decoded images in forms that other programs read: NIfTI-1 for a whole volume, PNG for a plane.

Sources: NIfTI-1.1 (nifti1.h, sform), ISO/IEC 15948 (PNG), DICOM PS3.3 C.11.2.1.2 (window).
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.node.viewing.told import Description

NIFTI_HEADER_BYTES: Final = 352
_INT16: Final = 4
_MM: Final = 2
_SCANNER_SPACE: Final = 1


def nifti_header(description: Description) -> bytes:
    """The header before the decoded planes of a CT or PET: int16, sform in mm RAS."""
    if description.orientation is None or description.spacing_mm is None:
        raise ValueError("a radiograph is no volume")
    column_mm, row_mm, step = description.spacing_mm
    step_mm = step or 1.0
    across, down = np.split(np.array(description.orientation), 2)
    positions = np.array(description.positions)
    count = len(positions)
    along = (positions[-1] - positions[0]) / (count - 1) if count > 1 else np.cross(across, down)
    to_ras = np.array([-1.0, -1.0, 1.0])
    columns = [each * to_ras for each in (across * column_mm, down * row_mm, along, positions[0])]
    affine = np.stack(columns, axis=1)
    header = bytearray(NIFTI_HEADER_BYTES)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, description.columns, description.rows, count, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, _INT16, 16)
    struct.pack_into("<8f", header, 76, 1.0, column_mm, row_mm, step_mm, 0, 0, 0, 0)
    rescale = description.rescale
    struct.pack_into("<3f", header, 108, NIFTI_HEADER_BYTES, rescale.slope, rescale.intercept)
    header[123] = _MM
    struct.pack_into("<2h", header, 252, 0, _SCANNER_SPACE)
    struct.pack_into("<12f", header, 280, *affine.ravel())
    header[344:348] = b"n+1\0"
    return bytes(header)


def rendered_png(plane: bytes, description: Description, index: int, name: str | None) -> bytes:
    """A decoded plane as an 8-bit grey PNG, in a named window or the first."""
    windows = description.windows
    window = next((one for one in windows if one.name == name), windows[0])
    rescale = description.rescale
    kind = "<i2" if description.stored == "int16" else "<u2"
    stored = np.frombuffer(plane, kind).reshape(description.shape_of(index))
    values = stored.astype(np.float32) * rescale.slope + rescale.intercept
    low = window.centre - window.width / 2
    grey = np.clip((values - low) * (255.0 / window.width), 0, 255).astype(np.uint8)
    if description.kind == "pet":
        grey = 255 - grey
    return grey_png(grey)


def grey_png(grey: npt.NDArray[np.uint8]) -> bytes:
    """An 8-bit grey PNG of a plane [rows, columns]."""
    rows, columns = grey.shape
    lines = np.zeros((rows, columns + 1), dtype=np.uint8)
    lines[:, 1:] = grey
    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 3)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, *zip(*chunks, strict=True)))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )
