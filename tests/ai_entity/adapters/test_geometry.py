"""Turning and resampling: every voxel stays where it is in the patient."""

import itertools

import numpy as np
import pytest

from medquorum.ai_entity.adapters.geometry import frame_over, on_frame, turned
from medquorum.ai_entity.errors import SeriesError
from medquorum.ai_entity.tumour.grid import Placed

ALL_AXES = sorted(
    "".join(order)
    for letters in itertools.product("LR", "PA", "SI")
    for order in itertools.permutations(letters)
)


def tilted() -> Placed:
    """An oblique image whose values are places: 1 x + 1000 y + 7 z."""
    rng = np.random.default_rng(5)
    directions = np.linalg.qr(np.eye(3)[:, ::-1] + 0.05 * rng.normal(size=(3, 3)))[0]
    directions *= np.sign(directions[[2, 1, 0], [0, 1, 2]])
    affine = np.eye(4)
    affine[:3, :3] = directions * np.asarray([3.0, 2.0, 1.5])
    affine[:3, 3] = (-40.0, 25.0, 300.0)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in (9, 12, 16)), indexing="ij"), axis=-1)
    places = index @ affine[:3, :3].T + affine[:3, 3]
    return Placed((places @ np.asarray([1.0, 10.0, 7.0])).astype(np.float32), affine)


@pytest.mark.parametrize("axes", ALL_AXES)
def test_turning_moves_no_voxel(axes: str) -> None:
    image = tilted()
    made = turned(image, axes)
    for axis, letter in enumerate(axes):
        direction = "LPS".index({"R": "L", "A": "P", "I": "S"}.get(letter, letter))
        forward = made.affine[direction, axis] > 0
        assert forward == (letter in "LPS")
    index = np.asarray([2, 3, 4])
    place = made.affine @ np.append(index, 1.0)
    assert made.voxels[tuple(index)] == pytest.approx(place[:3] @ [1.0, 10.0, 7.0], rel=1e-4)
    assert sorted(made.voxels.ravel()) == sorted(image.voxels.ravel())


@pytest.mark.parametrize("order", [1, 3])
def test_resampling_keeps_the_extent_and_the_places(order: int) -> None:
    image = turned(tilted(), "SPL")
    frame = frame_over(image, (2.0, 2.0, 2.0))
    assert frame.shape == (14, 12, 12), "extents of 27, 24 and 24 mm"
    made = on_frame(image, frame, order)
    inner = np.asarray([6, 5, 4])
    place = (frame.affine @ np.append(inner, 1.0))[:3]
    assert made[tuple(inner)] == pytest.approx(place @ [1.0, 10.0, 7.0], rel=1e-3)
    first = (frame.affine @ [-0.5, -0.5, -0.5, 1.0])[:3]
    assert first == pytest.approx((image.affine @ [-0.5, -0.5, -0.5, 1.0])[:3], abs=1e-6)


def test_a_voxel_size_that_would_fill_the_memory_is_refused() -> None:
    image = Placed(np.zeros((100, 100, 100), np.float32), np.diag([10.0, 10.0, 10.0, 1.0]))
    with pytest.raises(SeriesError, match="voxel size"):
        frame_over(image, (1.0, 1.0, 1.0))
