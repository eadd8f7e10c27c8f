"""An X-ray file to a grey picture, bright where the body is dense.

Input is a DICOM CR or DX file (alone, or the one file of the ledger's archive) or a PNG or JPEG.
MONOCHROME1 is inverted; a PNG or JPEG that certainly shows bone dark is turned, what contradicts
its own tags is called doubtful (``polarity``). Unexposed borders (collimation) are found and
masked: after inversion they are the brightest thing on the film, and their rims the strongest
edges. Colour is reduced by the published weights 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from pydicom.dataset import FileDataset

from medquorum.ai_entity.dicom_slice import number, optional, parse_header, stored_pixels, vector
from medquorum.ai_entity.dicom_source import iterate_files
from medquorum.ai_entity.errors import RadiographError, Reason
from medquorum.ai_entity.fracture.polarity import (
    SURE,
    Polarity,
    bright_bone_score,
    shrink_to_look,
)
from medquorum.ai_entity.limits import MAX_FILE_BYTES, MAX_SIDE_PIXELS
from medquorum.ai_entity.regular_file import TooLargeError, read_regular

Grey = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

BT601_BGR: Final = (0.114, 0.587, 0.299)
XRAY_MODALITIES: Final = ("CR", "DX")
PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
JPEG_MAGIC: Final = b"\xff\xd8\xff"
TAR_MAGIC: Final = b"ustar"
MIN_SIDE_PIXELS: Final = 64

WINDOW_PERCENT: Final = (0.5, 99.5)
"""Grey values outside are clipped; markers and dead pixels lie there."""

SAMPLED_PIXELS: Final = 300
"""The window's ends are taken from a grid of about so many rows; a film has millions of pixels."""

UNEXPOSED_LEVEL: Final = 0.65
"""Median brightness of a border line that got no X-rays but scattered ones."""

COLLIMATOR_DROP: Final = 0.3
COLLIMATOR_STEPS: Final = 6
"""The median falls by so much over so many steps of the profile where the exposed field begins."""

MAX_BORDER_SHARE: Final = 0.45
PROFILE_PIXELS: Final = 256


@dataclass(frozen=True, slots=True)
class Radiograph:
    """Brightness 0..1 [rows, columns] and which pixels were exposed."""

    grey: Grey
    exposed: Mask
    body_part: str | None
    """BodyPartExamined in capitals, None for PNG and JPEG."""
    pixel_mm: float | None = None
    """ImagerPixelSpacing or PixelSpacing, None for PNG and JPEG and where the file has neither."""
    colourfulness: float = 0.0
    """Mean gap between the strongest and the weakest colour of a pixel, 0..1 of the range."""
    polarity: Polarity = Polarity.BONE_BRIGHT

    def __repr__(self) -> str:
        return f"Radiograph({self.grey.shape})"


def read_radiograph(content: bytes) -> Radiograph:
    """The picture in ``content``. Raises RadiographError, or SeriesError from the DICOM reader."""
    if len(content) > MAX_FILE_BYTES:
        raise RadiographError(Reason.OVERSIZE, f"an X-ray larger than {MAX_FILE_BYTES} bytes")
    if content[257:262] == TAR_MAGIC:
        files = list(iterate_files(content))
        if len(files) != 1:
            raise RadiographError(Reason.BAD_ARCHIVE, "an X-ray archive must hold one file")
        content = files[0]
    if content.startswith((PNG_MAGIC, JPEG_MAGIC)):
        picture, colourfulness = _decode_picture(content)
        return replace(_unstated(picture), colourfulness=colourfulness)
    return _read_dicom(content)


def _unstated(picture: Grey) -> Radiograph:
    """A picture whose file does not say what is bright: turned where bone is certainly dark."""
    score = bone_score(picture)
    if score < -SURE:
        return replace(radiograph_of(-picture, None), polarity=Polarity.TURNED)
    polarity = Polarity.DOUBTFUL if score < 0.0 else Polarity.BONE_BRIGHT
    return replace(radiograph_of(picture, None), polarity=polarity)


def bone_score(pixels: Grey) -> float:
    """``bright_bone_score`` of a picture, without its blades; turns with the picture."""
    small = shrink_to_look(pixels)
    blades = exposed_field(small, small.shape), exposed_field(1.0 - small, small.shape)
    return bright_bone_score(small, blades[0] & blades[1])


def _decode_picture(content: bytes) -> tuple[Grey, float]:
    _check_sides(*_picture_size(content))
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise RadiographError(Reason.TRUNCATED_PIXELS, "the picture does not decode; save it again")
    colourfulness = 0.0
    if picture.ndim == 3:
        colours = picture[..., :3].astype(np.float32)
        full = 255.0 if picture.dtype == np.uint8 else 65_535.0
        colourfulness = float((colours.max(axis=-1) - colours.min(axis=-1)).mean()) / full
        picture = colours @ np.asarray(BT601_BGR, dtype=np.float32)
    _check_sides(*picture.shape)
    return np.asarray(picture, dtype=np.float32), colourfulness


def _picture_size(content: bytes) -> tuple[int, int]:
    """Rows and columns from the header, before a decoder allocates them."""
    if content.startswith(PNG_MAGIC):
        return int.from_bytes(content[20:24]), int.from_bytes(content[16:20])
    place = 2
    while place + 9 < len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            rows, columns = content[place + 5 : place + 7], content[place + 7 : place + 9]
            return int.from_bytes(rows), int.from_bytes(columns)
        place += 2 + int.from_bytes(content[place + 2 : place + 4])
    raise RadiographError(Reason.TRUNCATED_PIXELS, "the JPEG has no frame header; save it again")


def _check_sides(rows: int, columns: int) -> None:
    if max(rows, columns) > MAX_SIDE_PIXELS:
        raise RadiographError(Reason.OVERSIZE, f"a side is longer than {MAX_SIDE_PIXELS} pixels")
    if min(rows, columns) < MIN_SIDE_PIXELS:
        raise RadiographError(
            Reason.UNSUPPORTED_IMAGE, f"a side is shorter than {MIN_SIDE_PIXELS} pixels"
        )


def _read_dicom(content: bytes) -> Radiograph:
    dataset = parse_header(content, 1)
    if optional(dataset, "Modality", 1) not in XRAY_MODALITIES:
        raise RadiographError(Reason.UNSUPPORTED_IMAGE, "the DICOM file is not a CR or DX X-ray")
    pixels = stored_pixels(dataset, 1).astype(np.float32)
    _check_sides(*pixels.shape)
    slope = number(dataset, "RescaleSlope", 1, 1.0)
    intercept = number(dataset, "RescaleIntercept", 1, 0.0)
    if (slope, intercept) != (1.0, 0.0):
        pixels = pixels * np.float32(slope) + np.float32(intercept)
    photometric = optional(dataset, "PhotometricInterpretation", 1)
    if photometric == "MONOCHROME1":
        pixels = -pixels
    elif photometric != "MONOCHROME2":
        raise RadiographError(
            Reason.BAD_TAG, "PhotometricInterpretation (0028,0004) is neither MONOCHROME1 nor 2"
        )
    part = optional(dataset, "BodyPartExamined", 1)
    named = None if part is None else str(part).strip().upper()
    polarity = Polarity.DOUBTFUL if bone_score(pixels) < -SURE else Polarity.BONE_BRIGHT
    return replace(radiograph_of(pixels, named), pixel_mm=_pixel_mm(dataset), polarity=polarity)


def _pixel_mm(dataset: FileDataset) -> float | None:
    for keyword in ("ImagerPixelSpacing", "PixelSpacing"):
        if optional(dataset, keyword, 1) is not None:
            return max(vector(dataset, keyword, 1, 2))
    return None


def radiograph_of(pixels: Grey, body_part: str | None) -> Radiograph:
    """Grey values, bright where dense, to a windowed picture with its exposed field."""
    step = max(1, max(pixels.shape) // SAMPLED_PIXELS)
    coarse = pixels[::step, ::step]
    exposed = exposed_field(_rescale(coarse, np.ones(coarse.shape, dtype=np.bool_)), pixels.shape)
    return Radiograph(_rescale(pixels, exposed), exposed, body_part)


def _rescale(pixels: Grey, within: Mask) -> Grey:
    step = max(1, max(pixels.shape) // SAMPLED_PIXELS)
    low, high = np.percentile(pixels[::step, ::step][within[::step, ::step]], WINDOW_PERCENT)
    if not high > low:
        raise RadiographError(Reason.UNSUPPORTED_IMAGE, "the picture is of one grey value")
    gain = 1.0 / (float(high) - float(low))
    line = np.asarray([[gain, -float(low) * gain]])
    grey = np.asarray(cv2.transform(np.asarray(pixels, dtype=np.float32), line))
    return np.asarray(np.clip(grey, 0.0, 1.0, out=grey))


def exposed_field(grey: Grey, shape: tuple[int, ...]) -> Mask:
    """The rectangle between the blades, in a picture of ``shape`` that looks like ``grey``.

    Everything when there are no blades.
    """
    rows, columns = shape
    small = _shrink(grey)
    left, right = _blades(np.median(small, axis=0))
    top, bottom = _blades(np.median(small, axis=1))
    mask = np.zeros(shape, dtype=np.bool_)
    mask[
        int(top * rows) : rows - int(bottom * rows),
        int(left * columns) : columns - int(right * columns),
    ] = True
    return mask


def _shrink(grey: Grey) -> Grey:
    side = (PROFILE_PIXELS, PROFILE_PIXELS)
    return np.asarray(cv2.resize(grey, side, interpolation=cv2.INTER_AREA))


def _blades(profile: npt.NDArray[np.floating]) -> tuple[float, float]:
    """Share of the profile covered by a blade at its start and at its end."""
    return _blade(profile), _blade(profile[::-1])


def _blade(profile: npt.NDArray[np.floating]) -> float:
    if profile[0] < UNEXPOSED_LEVEL:
        return 0.0
    reach = int(len(profile) * MAX_BORDER_SHARE)
    drops = profile[: reach - COLLIMATOR_STEPS] - profile[COLLIMATOR_STEPS:reach]
    sharp = np.flatnonzero(drops >= COLLIMATOR_DROP)
    return 0.0 if len(sharp) == 0 else float(sharp[-1] + COLLIMATOR_STEPS + 1) / len(profile)


def read_bounded(path: Path) -> bytes:
    """The file's bytes, or RadiographError when it is too large or absent."""
    try:
        return read_regular(path, MAX_FILE_BYTES)
    except TooLargeError as error:
        raise RadiographError(
            Reason.OVERSIZE, f"an X-ray larger than {MAX_FILE_BYTES} bytes"
        ) from error
    except OSError as error:
        raise RadiographError(Reason.EMPTY_SERIES, "the X-ray file cannot be read") from error
