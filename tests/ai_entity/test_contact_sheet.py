"""The sheet of slices: sides from the affine, a length, a scale of uptake."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from medquorum.ai_entity.contact_sheet import _tile
from medquorum.ai_entity.drawing import BAR_MM, SCALE_PIXELS, side_of
from medquorum.ai_entity.tumour.grid import GridImages
from tests.ai_entity.conftest import axial_affine

ZOOM = 4
SIDE = 64


def written(monkeypatch: pytest.MonkeyPatch, images: GridImages) -> dict[str, tuple[int, int]]:
    """The words of one tile by their place; the last of equal words counts."""
    said: dict[str, tuple[int, int]] = {}

    def note(_: object, words: str, place: tuple[int, int], *rest: object) -> None:
        said[words] = place

    monkeypatch.setattr(cv2, "putText", note)
    _tile(images, np.zeros(images.hu.shape, np.uint8), 1, ZOOM)
    return said


def black(suv: float | None = None) -> GridImages:
    hu = np.full((3, SIDE, SIDE), -1000.0, np.float32)
    pet = None if suv is None else np.full(hu.shape, suv, np.float32)
    return GridImages(hu, pet, axial_affine(4.0))


def test_sides_follow_the_affine_not_the_array(monkeypatch: pytest.MonkeyPatch) -> None:
    images = black()
    middle = SIDE * ZOOM // 2
    said = written(monkeypatch, images)
    assert said["R"][0] < middle < said["L"][0]
    assert said["A"][1] < middle < said["P"][1]
    turned = images.affine.copy()
    turned[:3, 1:3] *= -1.0
    said = written(monkeypatch, replace(images, affine=turned))
    assert said["L"][0] < middle < said["R"][0]
    assert said["P"][1] < middle < said["A"][1]
    upright = images.affine[:, [1, 0, 2, 3]]
    said = written(monkeypatch, replace(images, affine=upright))
    assert {"H", "F"} <= set(said)
    assert not {"A", "P"} & set(said)


def test_an_oblique_direction_has_the_side_it_points_to_most() -> None:
    assert side_of(np.asarray([0.8, -0.6, 0.0])) == "L"
    assert side_of(np.asarray([0.5, -0.8, 0.1])) == "A"


@pytest.mark.parametrize("voxel_mm", [4.0, 5.0])
def test_the_bar_is_fifty_millimetres_long(voxel_mm: float) -> None:
    images = replace(black(), affine=axial_affine(voxel_mm))
    tile = _tile(images, np.zeros(images.hu.shape, np.uint8), 1, ZOOM)
    row = (tile[-6] == 255).all(axis=-1)
    assert row.sum() == round(BAR_MM / voxel_mm * ZOOM)
    small = replace(images, hu=images.hu[:, :8, :8])
    tile = _tile(small, np.zeros(small.hu.shape, np.uint8), 1, ZOOM)
    assert not (tile[-6] == 255).all(axis=-1).any()


def test_the_greys_of_the_pet_have_their_suv(monkeypatch: pytest.MonkeyPatch) -> None:
    tile = _tile(black(8.0), np.zeros((3, SIDE, SIDE), np.uint8), 1, ZOOM)
    width, height = SCALE_PIXELS
    greys = tile[-height - 6 : -6, -6 - width // 2, 0]
    assert (greys[0], greys[-1]) == (0, 255)
    assert (np.diff(greys.astype(int)) >= 0).all()
    assert "SUV 8.0" in written(monkeypatch, black(8.0))
    assert not [words for words in written(monkeypatch, black()) if words.startswith("SUV")]
