"""Small pictures of what was uploaded: whether it is the right patient, and writing in it."""

from __future__ import annotations

import base64
from typing import BinaryIO

import numpy as np

from medquorum.node.intake.series import SeriesFile
from medquorum.node.uploads.limits import PREVIEW_CHARACTERS, PREVIEW_SIDE
from medquorum.node.viewing.decoding import FILM_PERCENT
from medquorum.node.viewing.forms import grey_png
from medquorum.node.viewing.pictures import decoded_picture
from medquorum.node.viewing.planes import Plane, check_decoder, stored_values


def preview_of_plane(source: BinaryIO, file: SeriesFile) -> str | None:
    """The first frame of a file, PNG in base64; None where that is long. Raises IntakeRefused."""
    check_decoder(file)
    stored = stored_values(source, file, 0)
    dark_bone = file.elements.word("PhotometricInterpretation") == "MONOCHROME1"
    return _preview(stored, inverted=dark_bone != (file.elements.word("Modality") == "PT"))


def preview_of_picture(source: BinaryIO) -> tuple[int, int, str | None]:
    """Columns and rows of a PNG or JPEG file, and its small picture. Raises IntakeRefused."""
    grey = decoded_picture(source)
    return grey.shape[1], grey.shape[0], _preview(grey, inverted=False)


def _preview(plane: Plane, *, inverted: bool) -> str | None:
    step = max(1, -(-max(plane.shape) // PREVIEW_SIDE))
    small = plane[::step, ::step].astype(np.float32)
    low, high = np.percentile(small, FILM_PERCENT)
    grey = np.clip((small - low) * (255.0 / max(float(high - low), 1.0)), 0, 255).astype(np.uint8)
    encoded = base64.b64encode(grey_png(255 - grey if inverted else grey)).decode()
    return encoded if len(encoded) <= PREVIEW_CHARACTERS else None
