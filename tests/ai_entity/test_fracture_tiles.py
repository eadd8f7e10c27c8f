"""Tiles cover the bones, follow the film rather than millimetres, and survive a re-save."""

import numpy as np
import pytest

from medquorum.ai_entity.fracture.radiograph import Radiograph, radiograph_of
from medquorum.ai_entity.fracture.tiles import (
    MAX_TILES,
    TILE_PIXELS,
    cut_tile,
    cut_tiles,
    lay_tiles,
    place_tiles,
)
from medquorum.ai_entity.fracture.trial_films import trial_films, windowed_image
from medquorum.ai_entity.phantom.limb_film import Family, make_limb_film
from medquorum.ai_entity.phantom.long_bone import make_long_bone


def limb(number: int) -> Radiograph:
    film = make_limb_film(Family.VALIDATION, number, True)
    return windowed_image(film.stored, film.inverted)


def test_every_break_lies_in_the_middle_of_some_tile() -> None:
    missed = []
    for number in range(24):
        film = make_limb_film(Family.VALIDATION, number, True)
        image = windowed_image(film.stored, film.inverted)
        grid = place_tiles(image.grey, image.exposed)
        assert film.box is not None
        middle = np.asarray(film.box[:2]) + np.asarray(film.box[2:]) / 2.0
        away = np.abs(np.asarray(grid.centres) - middle).max(axis=1)
        if away.min() > 0.3 * grid.side:
            missed.append(number)
    assert len(missed) <= 5, missed


def test_tiles_are_bounded_and_lie_in_the_exposed_field() -> None:
    exposed = np.zeros((400, 400), dtype=np.bool_)
    exposed[50:350, 80:320] = True
    grid = lay_tiles(exposed, exposed)
    assert len(grid.centres) == MAX_TILES
    assert grid.side == pytest.approx(50.0)
    for x, y in grid.centres:
        assert 80 + 24 < x < 320 - 24 and 50 + 24 < y < 350 - 24


def test_nothing_exposed_and_no_bone_give_no_tile() -> None:
    nothing = np.zeros((100, 80), dtype=np.bool_)
    assert lay_tiles(nothing, nothing).centres == ()
    assert lay_tiles(~nothing, nothing).centres == ()


def test_metal_does_not_take_the_tiles() -> None:
    """A plate is denser than bone; tiles then lie along the whole limb."""
    image = limb(2)
    grey = image.grey * np.float32(0.3)
    rows, columns = grey.shape
    grey[rows // 2 : rows // 2 + 6, columns // 2 : columns // 2 + 6] = 1.0
    assert len(place_tiles(grey, image.exposed).centres) >= 8


def test_a_film_of_twice_the_pixels_gives_the_same_tiles() -> None:
    bone = make_long_bone(3, False).pixels.astype(np.float32)
    small, large = radiograph_of(bone, None), radiograph_of(np.kron(bone, np.ones((2, 2))), None)
    left = place_tiles(small.grey, small.exposed)
    right = place_tiles(large.grey, large.exposed)
    assert right.side == pytest.approx(2.0 * left.side, rel=0.01)
    shared = {(round(x), round(y)) for x, y in left.centres} & {
        (round(x / 2), round(y / 2)) for x, y in right.centres
    }
    assert len(shared) >= 0.9 * len(left.centres)
    tiles = cut_tiles(small.grey, left), cut_tiles(large.grey, right)
    if left.centres == tuple((x / 2, y / 2) for x, y in right.centres):
        assert tiles[0] == pytest.approx(tiles[1], abs=0.08)


def test_a_tile_over_the_border_repeats_the_border() -> None:
    grey = np.tile(np.arange(40, dtype=np.float32), (40, 1))
    tile = cut_tile(grey, (2.0, 20.0), 20.0, TILE_PIXELS)
    assert tile.shape == (TILE_PIXELS, TILE_PIXELS)
    assert np.all(tile[:, :10] == 0.0)
    assert tile[:, -1].max() <= 12.0


def test_trial_films_alternate_in_every_source() -> None:
    films = list(trial_films(Family.VALIDATION, 10))
    assert [film.fractured for film in films[:4]] == [False, True, False, True]
    solids = [film for film in films if film.source.value.startswith("broken")]
    assert [film.fractured for film in solids] == [False, True]
    assert all((film.box is not None) == film.fractured for film in films)
