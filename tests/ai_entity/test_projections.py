"""The two views of the body: which way up, what along the line of sight, where the lesions are."""

from itertools import permutations, product

import cv2
import numpy as np
import pytest

from medquorum.ai_entity.drawing import RED
from medquorum.ai_entity.projections import projections, turned, upright
from medquorum.ai_entity.tumour.grid import GridImages
from tests.ai_entity.conftest import axial_affine

SHAPE = (30, 20, 40)
MARK = (5, 4, 30)
"""Near the feet, in front, on the patient's left: z up, y to the back, x to the left."""


def marked() -> GridImages:
    hu = np.full(SHAPE, -1000.0, np.float32)
    hu[:, 2:18, 2:38] = 40.0
    suv = np.where(hu > 0.0, 1.0, 0.0).astype(np.float32)
    suv[MARK] = 20.0
    return GridImages(hu, suv, axial_affine(4.0))


def test_the_mark_lies_where_a_reader_expects_it_however_the_grid_is_turned() -> None:
    images = marked()
    assert images.suv is not None
    expected = turned(images.suv, upright(images.affine))
    assert np.argwhere(expected == 20.0).tolist() == [[24, 4, 30]]
    for axes in permutations(range(3)):
        for turns in product((False, True), repeat=3):
            flipped = tuple(axis for axis in range(3) if turns[axis])
            suv = np.flip(images.suv.transpose(axes), flipped)
            affine = images.affine[:, [*axes, 3]].copy()
            for axis in flipped:
                affine[:3, 3] += affine[:3, axis] * (suv.shape[axis] - 1)
                affine[:3, axis] *= -1.0
            assert np.array_equal(turned(suv, upright(affine)), expected)


def test_the_highest_uptake_along_the_line_of_sight_is_shown_and_outlined() -> None:
    images = marked()
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:7, 3:6, 29:32] = 7
    plain, drawn = projections(images, np.zeros_like(labels)), projections(images, labels)
    scale = plain.shape[0] / SHAPE[0]
    row, column = round(24.5 * scale), round(30.5 * scale)
    assert plain[row, column].max() < 40
    outside = plain[round(10 * scale), round(30.5 * scale)]
    assert outside.min() > 150
    red = (drawn == RED).all(axis=-1)
    front, side = red[:, : round(40 * scale)], red[:, round(40 * scale) + 4 :]
    rows, columns = np.nonzero(front)
    assert abs(np.median(columns) / scale - 30.5) < 3
    assert abs(np.median(rows) / scale - 24.5) < 2
    assert abs(np.median(np.nonzero(side)[1]) / scale - 4.5) < 3
    assert not (plain == RED).all(axis=-1).any()


def test_without_a_pet_the_body_is_seen_by_its_density() -> None:
    images = GridImages(marked().hu, None, axial_affine(4.0))
    picture = projections(images, np.zeros(SHAPE, np.uint8))
    scale = picture.shape[0] / SHAPE[0]
    assert picture[round(15 * scale), round(12 * scale)].min() > 200
    assert picture[round(15 * scale), 2].max() < 60


def test_both_views_say_their_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(cv2, "putText", lambda _, words, *rest: said.append(words))
    projections(marked(), np.zeros(SHAPE, np.uint8))
    assert {"from the front", "from the side", "R", "L", "A", "P", "50 mm"} <= set(said)
