"""A PNG or JPEG X-ray as one plane of grey; runs in the child only.

Colour is reduced by ITU-R BT.601 (0.299 R + 0.587 G + 0.114 B), as the fracture models do it.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np
from PIL import Image as Pillow

from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.jpeg import check_jpeg
from medquorum.node.intake.png import SIGNATURE, check_png
from medquorum.node.viewing.decoding import Described, film_windows
from medquorum.node.viewing.limits import FILM_PIXELS
from medquorum.node.viewing.planes import Plane

_DEEP: Final = frozenset({"I;16", "I;16B", "I;16L", "I"})


@dataclass(frozen=True, slots=True, repr=False)
class Picture:
    """One picture, decoded."""

    described: Described
    pixels: Plane

    def offset_of(self, index: int) -> int:
        """There is only plane 0."""
        return 0

    def plane(self, index: int) -> bytes:
        """uint16, row by row; there is only plane 0."""
        return self.pixels.tobytes()


def describe_picture(source: BinaryIO) -> Picture:
    """Raises IntakeRefused."""
    with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as content:
        (check_png if content[:8] == SIGNATURE else check_jpeg)(content)
    pixels = decoded_picture(source)
    rows, columns = pixels.shape
    described: Described = {
        "kind": "xray",
        "columns": columns,
        "rows": rows,
        "slices": 1,
        "frames": [{"columns": columns, "rows": rows}],
        "spacing_mm": None,
        "origin": None,
        "positions": [],
        "unit": "none",
        "stored": "uint16",
        "rescale": {"slope": 1.0, "intercept": 0.0},
        "windows": film_windows(pixels),
        "photometric": "PICTURE",
        "series": {},
        "warnings": [],
    }
    return Picture(described, pixels)


def decoded_picture(source: BinaryIO) -> Plane:
    """Grey values of a PNG or JPEG file that was checked. Raises IntakeRefused."""
    Pillow.MAX_IMAGE_PIXELS = FILM_PIXELS
    source.seek(0)
    try:
        with Pillow.open(source, formats=("PNG", "JPEG")) as picture:
            if picture.width * picture.height > FILM_PIXELS:
                raise IntakeRefused(Fault.PICTURE_SIZE)
            grey = picture if picture.mode in _DEEP else picture.convert("L")
            values = np.asarray(grey)
    except (MemoryError, IntakeRefused):
        raise
    except Exception:
        # Whatever a decoder raises on hostile bytes says the same.
        raise IntakeRefused(Fault.PICTURE) from None
    return np.asarray(np.clip(values, 0, 65_535), dtype="<u2")
