"""The body from the front and from the side: upright, in mm, in the numbers of the slices."""

from collections.abc import Sequence
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest

from medquorum.node.viewing.label_projection import labels_seen
from medquorum.node.viewing.limits import PROJECTION_SIDE
from medquorum.node.viewing.overlay import Overlay
from medquorum.node.viewing.projection import projected, views_of
from medquorum.node.viewing.sights import SightView
from medquorum.node.viewing.told import Description

AXES = np.eye(3)
TURNS = [
    (order, signs)
    for order in permutations(range(3))
    for signs in product((1.0, -1.0), repeat=3)
    # Slices are ordered along the normal: the third direction follows from the other two.
    if np.linalg.det(AXES[list(order)] * np.array(signs)[:, None]) > 0
]
"""Columns, rows and slices along which axes of the patient, and which way."""
SIZES_MM = (2.0, 3.0, 5.0)
"""Steps to the left, the back, the head."""


def pet(
    voxels: np.ndarray[Any, Any], steps: np.ndarray[Any, Any], **more: Any
) -> tuple[Description, Any]:
    """A description of a volume [z, y, x] with the LPS steps of (x, y, z), and its planes."""
    slices, rows, columns = voxels.shape
    lengths = np.linalg.norm(steps, axis=1)
    told = {
        "kind": "pet",
        "columns": columns,
        "rows": rows,
        "slices": slices,
        "spacing_mm": [float(one) for one in lengths],
        "origin": [10.0, 20.0, 30.0],
        "orientation": [float(one) for one in (steps[:2] / lengths[:2, None]).ravel()],
        "positions": [
            [float(one) for one in np.array([10.0, 20.0, 30.0]) + steps[2] * z]
            for z in range(slices)
        ],
        "unit": "SUV",
        "stored": "int16",
        "rescale": {"slope": 0.001, "intercept": 0.0},
        "windows": [{"name": "suv_5", "centre": 2.5, "width": 5.0}],
        "photometric": "MONOCHROME2",
        "series": {},
        "warnings": [],
    }
    image = Description.model_validate({**told, **more})
    return image, lambda index: voxels[index].astype("<i2").tobytes()


def axial(voxels: np.ndarray[Any, Any], **more: Any) -> tuple[Description, Any]:
    return pet(voxels, np.diag(SIZES_MM), **more)


def seen(image: Description, read: Any, number: int) -> tuple[SightView, np.ndarray[Any, Any]]:
    view = views_of(image)[number]
    pixels = np.frombuffer(projected(image, read)[view.name], "<i2")
    return view, pixels.reshape(view.rows, view.columns)


def point_of(view: SightView, row: float, column: float) -> np.ndarray[Any, Any]:
    origin, across, down = map(np.array, (view.origin, view.across, view.down))
    return np.asarray(origin + column * across + row * down)


@pytest.mark.parametrize(("order", "signs"), TURNS)
def test_a_body_stands_however_it_was_stored(
    order: Sequence[int], signs: tuple[float, ...]
) -> None:
    """A spot of each voxel's own number is found where it lies, in both views."""
    steps = AXES[list(order)] * np.array(signs)[:, None] * np.array(SIZES_MM)
    voxels = np.zeros((4, 5, 6))
    voxels[1, 3, 4] = 900
    image, read = pet(voxels, steps)
    place = np.array([10.0, 20.0, 30.0]) + np.array([4, 3, 1]) @ steps
    for number, kept in ((0, [0, 2]), (1, [1, 2])):
        view, pixels = seen(image, read, number)
        assert pixels.max() == 900 and np.count_nonzero(pixels) == 1
        row, column = np.argwhere(pixels)[0]
        assert np.allclose(point_of(view, row, column)[kept], place[kept])
        assert view.down[2] == -SIZES_MM[2], "the head is up"
        # The patient's right, and the front, are on the left.
        assert view.across[number] == SIZES_MM[number]
        assert view.depth[1 - number] == pytest.approx(1.0)


def test_the_highest_number_along_each_line_is_kept_below_zero_too() -> None:
    voxels = np.random.default_rng(7).integers(-400, 30_000, (6, 7, 8))
    voxels[:, :, 2] = -300
    image, read = axial(voxels)
    _, front = seen(image, read, 0)
    _, side = seen(image, read, 1)
    assert (front == voxels.max(axis=1)[::-1]).all()
    assert (side == voxels.max(axis=2)[::-1]).all()


def test_a_tilted_volume_keeps_its_own_directions() -> None:
    tilt = np.deg2rad(20)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)], [0, -np.sin(tilt), np.cos(tilt)]])
    voxels = np.zeros((9, 8, 7))
    voxels[6, 5, 2] = 500
    image, read = pet(voxels, np.diag(SIZES_MM) @ turn)
    view, pixels = seen(image, read, 1)
    row, column = np.argwhere(pixels)[0]
    place = np.array([10.0, 20.0, 30.0]) + np.array([2, 5, 6]) @ (np.diag(SIZES_MM) @ turn)
    assert np.allclose(point_of(view, row, column)[1:], place[1:])


def test_missing_and_jittered_slices_stand_where_they_lie() -> None:
    """Positions 0, 5, 10.2, then a gap of two, then 24.9: six rows of 5 mm, none of them empty."""
    heights = [0.0, 5.0, 10.2, 24.9]
    voxels = np.stack([np.full((2, 2), 100 * (z + 1)) for z in range(4)])
    image, read = axial(voxels, positions=[[0.0, 0.0, height] for height in heights])
    view, pixels = seen(image, read, 0)
    assert pixels[::-1, 0].tolist() == [100, 200, 300, 300, 400, 400]
    assert point_of(view, 0, 0)[2] == pytest.approx(25.0, abs=0.2)


def test_no_side_is_longer_than_the_limit_and_no_spot_is_lost() -> None:
    slices, columns = PROJECTION_SIDE + 101, 2 * PROJECTION_SIDE + 1
    voxels = np.zeros((slices, 1, columns))
    voxels[333, 0, 777] = 5
    image, read = axial(voxels)
    view, pixels = seen(image, read, 0)
    assert max(pixels.shape) <= PROJECTION_SIDE
    row, column = np.argwhere(pixels == 5)[0]
    place = point_of(view, row, column)
    assert place[0] == pytest.approx(10 + 778 * 2), "777 to 779 are one pixel, 778 its middle"
    assert abs(place[2] - (30 + 333 * 5)) <= 5


@pytest.mark.parametrize(
    "positions",
    [
        [[0.0, 0.0, 1e9], [0.0, 0.0, 0.0], [0.0, 0.0, -1e9]],
        [[0.0, 0.0, 0.0]] * 3,
        [[0.0, 0.0, 0.0], [1e9, -1e9, 0.1], [1e9, 1e9, 1e9]],
    ],
)
def test_hostile_places_stay_within_the_limits(positions: list[list[float]]) -> None:
    image, read = axial(np.ones((3, 2, 2)), positions=positions)
    for view in views_of(image):
        assert max(view.rows, view.columns) <= PROJECTION_SIDE
        assert len(projected(image, read)[view.name]) == view.rows * view.columns * 2


def test_what_is_no_body_is_refused() -> None:
    image, _ = axial(np.ones((3, 2, 2)))
    flat = {"orientation": [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]}
    for more in ({"kind": "ct"}, flat, {"orientation": [0.0] * 6}):
        with pytest.raises(ValueError):
            views_of(image.model_copy(update=more))


def affine_of(steps_zyx: Sequence[Sequence[float]], origin: Sequence[float]) -> Any:
    affine = np.eye(4)
    affine[:3, :3] = np.array(steps_zyx, dtype=np.float64).T
    affine[:3, 3] = origin
    return affine


def test_labels_stand_on_the_uptake_they_are_of() -> None:
    """On another grid: slices from the head, twice as fine across."""
    voxels = np.zeros((8, 6, 10))
    voxels[2:4, 1:3, 4:6] = 700
    image, read = axial(voxels)
    labels = np.zeros((8, 6, 20), dtype=np.uint8)
    labels[4:6, 1:3, 8:12] = 3
    steps = [[0, 0, -SIZES_MM[2]], [0, SIZES_MM[1], 0], [SIZES_MM[0] / 2, 0, 0]]
    origin = (10.0 - SIZES_MM[0] / 4, 20.0, 30.0 + 7 * SIZES_MM[2])
    overlay = Overlay(labels, affine_of(steps, origin))
    for number in (0, 1):
        view, pixels = seen(image, read, number)
        found = np.frombuffer(labels_seen(overlay, image, view.name), np.uint8)
        assert (found.reshape(pixels.shape) == np.where(pixels > 0, 3, 0)).all()


def test_a_small_lesion_before_or_behind_a_large_one_is_drawn() -> None:
    image, _ = axial(np.zeros((6, 6, 6)))
    steps = [[0, 0, SIZES_MM[2]], [0, SIZES_MM[1], 0], [SIZES_MM[0], 0, 0]]
    for behind in (0, 5):
        labels = np.zeros((6, 6, 6), dtype=np.uint8)
        labels[1:5, 2:4, 1:5], labels[2, behind, 2] = 1, 2
        overlay = Overlay(labels, affine_of(steps, (10.0, 20.0, 30.0)))
        front = np.frombuffer(labels_seen(overlay, image, "front"), np.uint8).reshape(6, 6)
        assert front[5 - 2, 2] == 2 and (front == 1).sum() == 15


def test_a_lesion_finer_than_the_pixels_is_drawn_and_one_beside_them_is_not() -> None:
    image, _ = axial(np.zeros((4, 4, 4)))
    labels = np.zeros((40, 40, 80), dtype=np.uint8)
    labels[12, 12, 17], labels[39, 0, 79] = 1, 2
    steps = [[0, 0, 0.5], [0, 0.3, 0], [0.2, 0, 0]]
    overlay = Overlay(labels, affine_of(steps, (10.0, 20.0, 30.0)))
    front = np.frombuffer(labels_seen(overlay, image, "front"), np.uint8).reshape(4, 4)
    assert np.argwhere(front).tolist() == [[2, 2]] and front.max() == 1
