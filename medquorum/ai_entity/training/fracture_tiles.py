"""Tiles for training: where they are taken, what they are called, how they are changed.

Six of ten come from broken films: four around the break (called broken), two of the same film away
from it; the rest from whole films. Tiles that show part of a break are not used. Every tile is
turned, mirrored, stretched in size and contrast, blurred and grained at random.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.fracture.tiles import TILES_PER_FIELD, cut_tile
from medquorum.ai_entity.training.fracture_films import PLACES_PER_FIELD, TrainingFilm

PURPOSE_TILES: Final = 43
BROKEN_SHARE: Final = 0.42
SAME_FILM_SHARE: Final = 0.2
REACH: Final = 0.27
"""Of the tile's side: how far from the middle a break may lie; tiles overlap by half."""

CLEAR: Final = 0.75
"""Of the places' distance: nearer than this to a break, a tile is neither whole nor broken."""

Tile = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TileBatch:
    """Tiles [n, 1, pixels, pixels], where the break is in them (0..1), and 1 for broken."""

    tiles: Tile
    breaks: Tile
    labels: npt.NDArray[np.float32]


class TileSource:
    """Draws batches; the same seed and step draw the same, so that a resumed training agrees."""

    def __init__(self, films: list[TrainingFilm], seed: int) -> None:
        usable = [film for film in films if len(film.centres)]
        self._broken = [film for film in usable if film.box is not None]
        self._whole = [film for film in usable if film.box is None]
        self._seed = seed
        self._rng = np.random.default_rng((PURPOSE_TILES, seed))

    def batch(self, step: int, count: int, pixels: int) -> TileBatch:
        """``count`` tiles of a step."""
        self._rng = np.random.default_rng((PURPOSE_TILES, self._seed, step))
        drawn = [self._tile(pixels) for _ in range(count)]
        planes = np.stack([tile for tile, _ in drawn])
        labels = np.asarray([label for _, label in drawn], dtype=np.float32)
        return TileBatch(planes[:, :1], planes[:, 1:], labels)

    def _tile(self, pixels: int) -> tuple[Tile, float]:
        """Tile and break [2, pixels, pixels], and 1 for broken."""
        rng = self._rng
        lot = rng.random()
        if lot < BROKEN_SHARE:
            film = self._broken[int(rng.integers(len(self._broken)))]
            move = rng.uniform(-REACH, REACH, 2) * _tile_side(film)
            x, y, _, _ = _middle(film)
            return self._changed(film, (x + float(move[0]), y + float(move[1])), pixels), 1.0
        if lot < BROKEN_SHARE + SAME_FILM_SHARE:
            film = self._broken[int(rng.integers(len(self._broken)))]
            clear = film.centres[_clear(film)]
            if len(clear):
                return self._changed(film, self._near(film, clear), pixels), 0.0
        film = self._whole[int(rng.integers(len(self._whole)))]
        return self._changed(film, self._near(film, film.centres), pixels), 0.0

    def _near(self, film: TrainingFilm, centres: npt.NDArray[np.float32]) -> tuple[float, float]:
        chosen = centres[int(self._rng.integers(len(centres)))]
        move = self._rng.uniform(-0.25, 0.25, 2) * film.side
        return float(chosen[0] + move[0]), float(chosen[1] + move[1])

    def _changed(self, film: TrainingFilm, centre: tuple[float, float], pixels: int) -> Tile:
        rng = self._rng
        side = _tile_side(film) * float(np.exp(rng.uniform(-0.25, 0.25)))
        seen = np.asarray(cut_tile(film.grey, centre, side, pixels), dtype=np.float32) / 255.0
        both = np.stack([seen, _break(film, centre, side, pixels)], axis=-1)
        if rng.random() < 0.4:
            turn = cv2.getRotationMatrix2D((pixels / 2, pixels / 2), rng.uniform(-30, 30), 1.0)
            both = np.asarray(
                cv2.warpAffine(both, turn, (pixels, pixels), borderMode=cv2.BORDER_REFLECT)
            )
        both = np.rot90(both, int(rng.integers(4)))
        if rng.random() < 0.5:
            both = both[:, ::-1]
        tile = both[..., 0]
        tile = np.clip(tile, 0.0, 1.0) ** np.float32(np.exp(rng.uniform(-0.35, 0.35)))
        if rng.random() < 0.35:
            sigma = float(rng.uniform(0.4, 1.1))
            tile = np.asarray(cv2.GaussianBlur(np.ascontiguousarray(tile), (0, 0), sigma))
        grain = np.float32(rng.choice((0.0, 0.01, 0.03)) * rng.random())
        noise = rng.standard_normal(tile.shape, dtype=np.float32)
        return np.stack([tile + grain * noise, both[..., 1]])


def _break(film: TrainingFilm, centre: tuple[float, float], side: float, pixels: int) -> Tile:
    """Which part of a tile the break's box covers."""
    if film.box is None:
        return np.zeros((pixels, pixels), dtype=np.float32)
    x, y, width, height = film.box
    covered = np.zeros(film.grey.shape, dtype=np.float32)
    covered[y : y + height, x : x + width] = 1.0
    return np.asarray(cut_tile(covered, centre, side, pixels), dtype=np.float32)


def _clear(film: TrainingFilm) -> npt.NDArray[np.bool_]:
    """Tile centres far enough from the break."""
    x, y, half_width, half_height = _middle(film)
    away = np.maximum(
        np.abs(film.centres[:, 0] - x) - half_width,
        np.abs(film.centres[:, 1] - y) - half_height,
    )
    return np.asarray(away > CLEAR * film.side)


def _tile_side(film: TrainingFilm) -> float:
    return film.side * PLACES_PER_FIELD / TILES_PER_FIELD


def _middle(film: TrainingFilm) -> tuple[float, float, float, float]:
    """Middle x, y and half sides of the break's box."""
    if film.box is None:
        raise ValueError("a whole film has no break")
    x, y, width, height = film.box
    return x + width / 2.0, y + height / 2.0, width / 2.0, height / 2.0
