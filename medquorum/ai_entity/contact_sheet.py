"""A picture of the findings that people can look at: slices or film with contours, and the words.

Slices are shown as the grid holds them, for an axial one the patient's right on the left of the
picture; the letters at the edges (L, R, A, P, H, F) come from the affine. CT stands above in a
soft-tissue window with a bar of 50 mm, PET below in inverse grey with its SUV scale where there is
one, each lesion outlined in red with its number. Every sheet says which model drew it and that it
is not for clinical use.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.findings import Findings
from medquorum.ai_entity.fracture.evidence import HEAT_LABEL, HEAT_LEVELS
from medquorum.ai_entity.fracture.radiograph import Radiograph
from medquorum.ai_entity.tumour.grid import GridImages

Picture = npt.NDArray[np.uint8]
"""[rows, columns, 3], blue first as OpenCV has it."""
Colour = tuple[int, int, int]

MAX_TILES: Final = 8
TILES_PER_ROW: Final = 4
TILE_PIXELS: Final = 260
"""Longer side of a tile, about."""

CT_WINDOW_HU: Final = (-160.0, 240.0)
MIN_SUV_WINDOW: Final = 5.0
BAR_MM: Final = 50.0
SCALE_PIXELS: Final = (10, 60)
"""Width and height of the SUV scale."""
TOWARDS: Final = (("L", "R"), ("P", "A"), ("H", "F"))
"""The patient's sides at the end and at the start of each LPS axis."""
HEAT_SHARE: Final = 0.6
ORANGE: Final = (0, 140, 255)
RED: Final = (40, 40, 255)
WHITE: Final = (255, 255, 255)
DARK: Final = (24, 24, 24)
LINE_PIXELS: Final = 20
CHARACTER_PIXELS: Final = 8.2
FONT_SCALE: Final = 0.45
MAX_WORDS: Final = 8
SUSPICION: Final = 2
"""Label of suspicious contours in a fracture's overlay."""


def tumour_sheet(images: GridImages, findings: Findings) -> bytes:
    """PNG bytes: at most MAX_TILES axial slices, through the lesions where there are any."""
    labels = np.zeros(images.hu.shape, np.uint8)
    if findings.overlay is not None:
        labels = findings.overlay.labels()
    zoom = max(1, round(TILE_PIXELS / max(images.hu.shape[1:])))
    tiles = [_tile(images, labels, z, zoom) for z in chosen_slices(labels)]
    rows = [
        _padded_row(tiles[start : start + TILES_PER_ROW])
        for start in range(0, len(tiles), TILES_PER_ROW)
    ]
    width = max(row.shape[1] for row in rows)
    return _png([_words(findings, max(width, 640)), *rows])


def chosen_slices(labels: npt.NDArray[np.uint8]) -> tuple[int, ...]:
    """Evenly spaced slices over the lesions' extent, or over the image when there are none."""
    held = np.flatnonzero((labels > 0).any(axis=(1, 2)))
    if len(held) == 0:
        held = np.arange(len(labels))
        count = min(MAX_TILES, len(held))
        places = (np.arange(count) + 0.5) / count * len(held)
        return tuple(int(held[int(place)]) for place in places)
    places = np.linspace(0, len(held) - 1, min(MAX_TILES, len(held)))
    return tuple(int(held[round(float(place))]) for place in places)


def _tile(images: GridImages, labels: npt.NDArray[np.uint8], z: int, zoom: int) -> Picture:
    low, high = CT_WINDOW_HU
    ct = _outlined((images.hu[z] - low) / (high - low), labels[z], zoom)
    z_mm = float((images.affine @ np.asarray([z, 0.0, 0.0, 1.0]))[2])
    _write(ct, f"z {z_mm:.0f} mm", (4, 14))
    _draw_length(ct, zoom / float(np.linalg.norm(images.affine[:3, 2])))
    shown = [ct]
    if images.suv is not None:
        hottest = max(MIN_SUV_WINDOW, float(np.percentile(images.suv, 99.5)))
        pet = _outlined(1.0 - images.suv[z] / hottest, labels[z], zoom)
        _draw_scale(pet, hottest)
        shown.append(pet)
    for picture, ink in zip(shown, (WHITE, DARK), strict=False):
        _write_sides(picture, images.affine, ink)
    return np.concatenate(shown)


def side_of(direction: npt.NDArray[np.float64]) -> str:
    """The side of the patient towards which an LPS direction points most: L, R, P, A, H or F."""
    axis = int(np.abs(direction).argmax())
    return TOWARDS[axis][0 if direction[axis] > 0.0 else 1]


def _write_sides(picture: Picture, affine: npt.NDArray[np.float64], ink: Colour) -> None:
    """The patient's sides at the four edges."""
    height, width = picture.shape[:2]
    right, below = affine[:3, 2], affine[:3, 1]
    _write(picture, side_of(-right), (4, height // 2 + 5), ink)
    _write(picture, side_of(right), (width - 14, height // 2 + 5), ink)
    _write(picture, side_of(-below), (width // 2 - 4, 14), ink)
    _write(picture, side_of(below), (width // 2 - 4, height - 5), ink)


def _draw_length(picture: Picture, pixels_per_mm: float) -> None:
    """A bar of BAR_MM at the lower left, where it fits."""
    height, width = picture.shape[:2]
    length = round(BAR_MM * pixels_per_mm)
    if length > width - 12:
        return
    picture[height - 9 : height - 4, 5 : 7 + length] = DARK
    picture[height - 8 : height - 5, 6 : 6 + length] = WHITE
    _write(picture, f"{BAR_MM:.0f} mm", (6, height - 12))


def _draw_scale(picture: Picture, hottest: float) -> None:
    """The greys of the PET at the lower right, with the SUV of both ends."""
    (wide, high), (height, width) = SCALE_PIXELS, picture.shape[:2]
    if height < 2 * high or width < 8 * wide:
        return
    top, left = height - high - 6, width - wide - 6
    picture[top : top + high, left : left + wide] = np.linspace(0, 255, high)[:, None, None]
    cv2.rectangle(picture, (left - 1, top - 1), (left + wide, top + high), DARK, 1)
    _write(picture, f"SUV {hottest:.1f}", (left - 66, top + 10), DARK)
    _write(picture, "0", (left - 14, top + high), DARK)


def _outlined(plane: npt.NDArray[np.floating], labels: Picture, zoom: int) -> Picture:
    grey = np.round(np.nan_to_num(np.clip(plane, 0.0, 1.0)) * 255.0).astype(np.uint8)
    side = (grey.shape[1] * zoom, grey.shape[0] * zoom)
    large = cv2.resize(grey, side, interpolation=cv2.INTER_LINEAR)
    picture = np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    for number in np.unique(labels[labels > 0]):
        mask = (labels == number).astype(np.uint8)
        mask = np.asarray(cv2.resize(mask, side, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, contours, -1, RED, 1)
        x, y, width, _ = cv2.boundingRect(max(contours, key=cv2.contourArea))
        _write(picture, str(number), (x + width + 2, y + 10), RED)
    return picture


def fracture_sheet(film: Radiograph, findings: Findings) -> bytes:
    """PNG bytes: the film at working size with suspicious contours and their boxes."""
    rows, columns = film.grey.shape
    labels = np.zeros((1, rows, columns), np.uint8)
    if findings.overlay is not None:
        labels = findings.overlay.labels()
    height, width = labels.shape[1:]
    small = cv2.resize(film.grey, (width, height), interpolation=cv2.INTER_AREA)
    grey = np.round(small * 255.0).astype(np.uint8)
    picture = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    _warm(picture, labels[0])
    picture[labels[0] == SUSPICION] = RED
    if findings.fracture is not None and findings.abstained is None:
        scale = height / rows
        for x, y, box_width, box_height in findings.fracture.boxes:
            start = (round(x * scale) - 4, round(y * scale) - 4)
            end = (round((x + box_width) * scale) + 4, round((y + box_height) * scale) + 4)
            cv2.rectangle(picture, start, end, RED, 1)
    return _png([_words(findings, max(width, 640)), picture])


def _warm(picture: Picture, labels: npt.NDArray[np.uint8]) -> None:
    """Tint where the network's log-odds of a fracture are above 0: the higher, the stronger."""
    level = np.where(labels >= HEAT_LABEL, labels.astype(np.float32) - HEAT_LABEL + 1.0, 0.0)
    share = (HEAT_SHARE * level / HEAT_LEVELS)[..., None]
    mixed = (1.0 - share) * picture + share * np.asarray(ORANGE, dtype=np.float32)
    picture[:] = np.round(mixed).astype(np.uint8)


def _words(findings: Findings, width: int) -> Picture:
    """The findings' lines on a dark strip, wrapped."""
    fit = int((width - 12) / CHARACTER_PIXELS)
    wrapped: list[str] = []
    for line in findings.lines[:MAX_WORDS]:
        plain = line.encode("ascii", "replace").decode()
        while len(plain) > fit:
            cut = plain.rfind(" ", 1, fit)
            cut = fit if cut < 1 else cut
            wrapped.append(plain[:cut])
            plain = "  " + plain[cut:].lstrip()
        wrapped.append(plain)
    if "not for clinical use" not in " ".join(wrapped).lower():
        wrapped.append("Not for clinical use.")
    strip = np.full((LINE_PIXELS * len(wrapped) + 8, width, 3), DARK, np.uint8)
    for index, line in enumerate(wrapped, start=1):
        _write(strip, line, (6, LINE_PIXELS * index - 4))
    return strip


def _write(picture: Picture, words: str, place: tuple[int, int], colour: Colour = WHITE) -> None:
    """Bright letters on a dark rim, or dark ones on a white rim: readable on black and on white."""
    for ink, thickness in ((WHITE if colour == DARK else DARK, 3), (colour, 1)):
        cv2.putText(
            picture, words, place, cv2.FONT_HERSHEY_SIMPLEX, FONT_SCALE, ink, thickness, cv2.LINE_AA
        )


def _padded_row(tiles: list[Picture]) -> Picture:
    return np.concatenate([np.pad(tile, ((2, 2), (2, 2), (0, 0))) for tile in tiles], axis=1)


def _png(parts: list[Picture]) -> bytes:
    width = max(part.shape[1] for part in parts)
    padded = [np.pad(part, ((0, 0), (0, width - part.shape[1]), (0, 0))) for part in parts]
    return cv2.imencode(".png", np.concatenate(padded))[1].tobytes()
