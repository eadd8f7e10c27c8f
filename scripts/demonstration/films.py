"""The X-rays of the learning story: drawn limbs with a known truth, some hard to read.

What is drawn follows the model in use, so that it is right on most and wrong or silent on some: a
rule is asked about long bones, a network about the limbs of a family it was not trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.model_card import FUSION
from medquorum.ai_entity.phantom.limb_film import Family, make_limb_film
from medquorum.ai_entity.phantom.long_bone import make_long_bone
from medquorum.ai_entity.registry import Registry

FIRST_SEED: Final = 640_000
HARD_EVERY: Final = 5
"""Every fifth film is underexposed."""

TWELVE_TO_SIXTEEN_BITS: Final = 16
NOISE: Final = 0.35
"""Standard deviation of an underexposed film, of the range."""


@dataclass(frozen=True, slots=True)
class DrawnFilm:
    """One X-ray as a file, and the truth."""

    path: Path
    fractured: bool
    hard: bool


def form_in_use(models: Path) -> str:
    """Whether rule or network decides on X-rays in this folder."""
    registry = Registry(models)
    return registry.load(registry.digest_of("fracture")).card.form


def draw_films(folder: Path, count: int, form: str) -> list[DrawnFilm]:
    """The same films every time, as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    films = []
    for number in range(count):
        fractured, hard = bool(number % 2), number % HARD_EVERY == HARD_EVERY - 1
        pixels = _pixels(number, fractured, form)
        if hard:
            pixels = _underexposed(pixels, number)
        path = folder / f"film-{number:03d}.png"
        cv2.imwrite(str(path), pixels * np.uint16(TWELVE_TO_SIXTEEN_BITS))
        films.append(DrawnFilm(path, fractured, hard))
    return films


def _pixels(number: int, fractured: bool, form: str) -> npt.NDArray[np.uint16]:
    """12 bits, bright where dense."""
    if form != FUSION:
        drawn = make_long_bone(FIRST_SEED + number, fractured).pixels.astype(np.float32)
        small = cv2.resize(drawn, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        return np.asarray(np.round(small), dtype=np.uint16)
    film = make_limb_film(Family.VALIDATION, FIRST_SEED + number, fractured)
    return np.asarray(film.stored.max() - film.stored if film.inverted else film.stored)


def _underexposed(pixels: npt.NDArray[np.uint16], number: int) -> npt.NDArray[np.uint16]:
    noise = np.random.default_rng(number).normal(0.0, NOISE * 4_095, pixels.shape)
    return np.asarray(np.clip(pixels + noise, 0, 4_095), dtype=np.uint16)
