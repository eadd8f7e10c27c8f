"""A picture of the findings that people can look at: slices or film with contours, and the words.

Above, the body from the front and from the side (``projections``). Slices are shown as the grid
holds them, for an axial one the patient's right on the left of the picture; the letters at the
edges (L, R, A, P, H, F) come from the affine. CT stands above in a soft-tissue window with a bar of
50 mm, PET below in inverse grey with its SUV scale where there is one, each lesion outlined in red
with its number. Every sheet says which model drew it and that it is not for clinical use.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.drawing import (
    DARK,
    RED,
    WHITE,
    Picture,
    draw_length,
    draw_outline,
    draw_scale,
    grey_picture,
    write,
    write_sides,
)
from medquorum.ai_entity.findings import Findings
from medquorum.ai_entity.fracture.evidence import HEAT_LABEL, HEAT_LEVELS
from medquorum.ai_entity.fracture.radiograph import Radiograph
from medquorum.ai_entity.projections import hottest_shown, projections
from medquorum.ai_entity.tumour.grid import GridImages

MAX_TILES: Final = 8
TILES_PER_ROW: Final = 4
TILE_PIXELS: Final = 260
"""Longer side of a tile, about."""

Labels = npt.NDArray[np.uint8]

CT_WINDOW_HU: Final = (-160.0, 240.0)
HEAT_SHARE: Final = 0.6
ORANGE: Final = (0, 140, 255)
LINE_PIXELS: Final = 20
CHARACTER_PIXELS: Final = 8.2
MAX_WORDS: Final = 8
SUSPICION: Final = 2
"""Label of suspicious contours in a fracture's overlay."""


def tumour_sheet(images: GridImages, findings: Findings) -> bytes:
    """PNG bytes: two views, and at most MAX_TILES axial slices, through the lesions if any."""
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
    overview = np.pad(projections(images, labels), ((2, 2), (2, 2), (0, 0)))
    return _png([_words(findings, max(width, 640)), overview, *rows])


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
    write(ct, f"z {z_mm:.0f} mm", (4, 14))
    draw_length(ct, zoom / float(np.linalg.norm(images.affine[:3, 2])))
    shown = [ct]
    if images.suv is not None:
        hottest = hottest_shown(images.suv)
        pet = _outlined(1.0 - images.suv[z] / hottest, labels[z], zoom)
        draw_scale(pet, hottest)
        shown.append(pet)
    for picture, ink in zip(shown, (WHITE, DARK), strict=False):
        write_sides(picture, images.affine, ink)
    return np.concatenate(shown)


def _outlined(plane: npt.NDArray[np.floating], labels: Labels, zoom: int) -> Picture:
    picture = grey_picture(plane, (plane.shape[1] * zoom, plane.shape[0] * zoom))
    for number in np.unique(labels[labels > 0]):
        draw_outline(picture, labels == number, int(number))
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
        write(strip, line, (6, LINE_PIXELS * index - 4))
    return strip


def _padded_row(tiles: list[Picture]) -> Picture:
    return np.concatenate([np.pad(tile, ((2, 2), (2, 2), (0, 0))) for tile in tiles], axis=1)


def _png(parts: list[Picture]) -> bytes:
    width = max(part.shape[1] for part in parts)
    padded = [np.pad(part, ((0, 0), (0, width - part.shape[1]), (0, 0))) for part in parts]
    return cv2.imencode(".png", np.concatenate(padded))[1].tobytes()
