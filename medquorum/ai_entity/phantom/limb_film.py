"""Films of drawn limbs in families that share no seed: training, validation, calibration, hold-out.

A film is drawn in the plane (a tenth of a second), so that a network can see thousands; breaks in
three dimensions and breaks of a real CT's bones are made by ``radiograph``. Calibration films are
of several scanners in turn, the hold-out of one that no other film saw (``limb_scanner``). One
seed shows the same limb with or without its fracture.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.phantom.limb_bone import (
    Displacement,
    LimbBone,
    LimbCut,
    Plane,
    bone_axis,
    cut_bone,
    draw_cut,
    whole_bone,
)
from medquorum.ai_entity.phantom.limb_scanner import (
    CALIBRATION_SCANNERS,
    HOLD_OUT_SCANNER,
    TRAINING_SCANNER,
    Scanner,
)
from medquorum.ai_entity.phantom.limb_scene import (
    LimbScene,
    corners_of_cut,
    draw_scene,
    look_alikes,
    soft_tissue,
    visible_span,
)
from medquorum.ai_entity.phantom.radiograph import (
    BRIGHTEST,
    MEDIAN_PATH,
    draw_film,
    expose,
)

PURPOSE_LIMB: Final = 41
BOX_MARGIN_MM: Final = 3.0
TEXT_SHARE: Final = 0.3
"""Of films with words burnt in."""


class Family(StrEnum):
    """Which films may be used for what."""

    TRAINING = "training"
    VALIDATION = "validation"
    CALIBRATION = "calibration"
    HOLD_OUT = "hold_out"


FAMILY_SEEDS: Final = {
    Family.TRAINING: 100_000_000,
    Family.VALIDATION: 200_000_000,
    Family.HOLD_OUT: 300_000_000,
    Family.CALIBRATION: 400_000_000,
}
"""First seed; a family holds at most 10 million."""

FILMS_IN_TURN: Final = 10
"""Of one calibration scanner before the next has its turn."""


@dataclass(frozen=True, slots=True)
class LimbFilm:
    """One film and its truth."""

    stored: npt.NDArray[np.uint16]
    """[row, column], 12 bit; bright where dense unless ``inverted``."""
    pixel_mm: float
    inverted: bool
    box: tuple[int, int, int, int] | None
    """(x, y, width, height) of the fracture in pixels, None when whole."""
    displacement: Displacement | None


def make_limb_film(family: Family, number: int, fractured: bool) -> LimbFilm:
    """Film ``number`` of a family. Raises ValueError outside 0 to 9,999,999."""
    if not 0 <= number < 10_000_000:
        raise ValueError("a family has ten million films")
    seed = FAMILY_SEEDS[family] + number
    rng = np.random.default_rng((PURPOSE_LIMB, seed))
    scene = draw_scene(rng)
    cut = draw_cut(rng, scene.bones[0], visible_span(scene, scene.bones[0]))
    scanner = scanner_of(family, number)
    film = scanner.seen(draw_film(seed))
    pixel_mm = float(rng.uniform(*TRAINING_SCANNER.pixel_mm))
    if scanner is not TRAINING_SCANNER:
        pixel_mm = float(rng.uniform(*scanner.pixel_mm))
    path = _path(rng, scene, cut if fractured else None, pixel_mm) * np.float32(scanner.contrast)
    path -= max(float(np.median(path)) - MEDIAN_PATH, 0.0)
    stored = expose(np.asarray(path, dtype=np.float64), pixel_mm, film, rng)
    stored = _with_text(rng, stored, film.inverted)
    if not fractured:
        return LimbFilm(stored, pixel_mm, film.inverted, None, None)
    box = _box(scene, cut, pixel_mm, stored.shape)
    return LimbFilm(stored, pixel_mm, film.inverted, box, cut.displacement)


def scanner_of(family: Family, number: int) -> Scanner:
    """Which scanner film ``number`` of a family comes from."""
    if family is Family.HOLD_OUT:
        return HOLD_OUT_SCANNER
    if family is Family.CALIBRATION:
        return CALIBRATION_SCANNERS[number // FILMS_IN_TURN % len(CALIBRATION_SCANNERS)]
    return TRAINING_SCANNER


def _grid(scene: LimbScene, pixel_mm: float) -> tuple[Plane, Plane]:
    """Image points in mm, turned with the limb."""
    rows, columns = (int(length / pixel_mm) for length in scene.field_mm)
    y = ((np.arange(rows, dtype=np.float32) - (rows - 1) / 2.0) * pixel_mm)[:, None]
    x = ((np.arange(columns, dtype=np.float32) - (columns - 1) / 2.0) * pixel_mm)[None]
    cos, sin = np.float32(np.cos(scene.turn_rad)), np.float32(np.sin(scene.turn_rad))
    return np.asarray(x * cos + y * sin), np.asarray(y * cos - x * sin)


def _path(
    rng: np.random.Generator, scene: LimbScene, cut: LimbCut | None, pixel_mm: float
) -> Plane:
    x, y = _grid(scene, pixel_mm)
    path = soft_tissue(rng, scene, x, y) + look_alikes(rng, scene, x, y)
    for index, bone in enumerate(scene.bones):
        across, along = bone_axis(bone, x, y)
        broken = index == 0 and cut is not None
        path += (
            cut_bone(bone, across, along, cut)
            if broken and cut
            else whole_bone(bone, across, along)
        )
    return np.asarray(np.maximum(path, 0.0), dtype=np.float32)


def _with_text(
    rng: np.random.Generator, stored: npt.NDArray[np.uint16], inverted: bool
) -> npt.NDArray[np.uint16]:
    """Words that some systems burn into the pixels."""
    if rng.random() >= TEXT_SHARE:
        return stored
    words = str(rng.choice(("AP", "LAT", "SUPINE", "75kV 4mAs", "STANDING", "PORTABLE")))
    size = float(rng.uniform(0.3, 0.7))
    place = (int(rng.integers(4, 30)), int(rng.integers(12, max(stored.shape[0] - 6, 13))))
    letters = np.zeros(stored.shape, dtype=np.uint8)
    cv2.putText(letters, words, place, cv2.FONT_HERSHEY_SIMPLEX, size, 255)
    ink = np.uint16(0 if inverted else BRIGHTEST)
    return np.where(letters > 0, ink, stored)


def _box(
    scene: LimbScene, cut: LimbCut, pixel_mm: float, shape: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """Bounding box of the fracture in pixels, inside the picture."""
    bone: LimbBone = scene.bones[0]
    points = np.asarray(corners_of_cut(bone, cut.along_mm, cut.slope, cut.shift_mm))
    cos, sin = np.cos(scene.turn_rad), np.sin(scene.turn_rad)
    columns = (points[:, 0] * cos - points[:, 1] * sin) / pixel_mm + (shape[1] - 1) / 2.0
    rows = (points[:, 0] * sin + points[:, 1] * cos) / pixel_mm + (shape[0] - 1) / 2.0
    margin = (BOX_MARGIN_MM + max(abs(cut.gap_mm), 0.0)) / pixel_mm
    left = int(np.clip(columns.min() - margin, 0, shape[1] - 2))
    top = int(np.clip(rows.min() - margin, 0, shape[0] - 2))
    right = int(np.clip(columns.max() + margin, left + 1, shape[1]))
    bottom = int(np.clip(rows.max() + margin, top + 1, shape[0]))
    return left, top, right - left, bottom - top
