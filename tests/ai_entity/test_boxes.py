"""What is computed on boxes has the bits of what is computed on the whole image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from medquorum.ai_entity.tumour.boxes import (
    MAX_BOXES,
    blurred,
    box_of,
    boxes_apart,
    filled_planes,
    grown,
    within,
)
from medquorum.ai_entity.tumour.grid import Placed, carry_labels

SEEDS = st.integers(0, 10_000)


def blobs(seed: int, share: float = 0.02) -> np.ndarray:
    """Scattered groups, some at the image's sides."""
    rng = np.random.default_rng(seed)
    places = rng.random(tuple(rng.integers(3, 20, 3))) < share
    return np.asarray(ndimage.binary_dilation(places, iterations=int(rng.integers(1, 3))))


def test_the_box_of_nothing_is_none() -> None:
    assert box_of(np.zeros((3, 4, 5), dtype=np.bool_)) is None
    assert boxes_apart(np.zeros((3, 4, 5), dtype=np.bool_)) == []


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_the_box_is_that_of_scipy_and_grows_to_the_sides(seed: int) -> None:
    mask = blobs(seed)
    found = ndimage.find_objects(mask.astype(np.int8))
    box = box_of(mask)
    assert box == (found[0] if found else None)
    if box is not None:
        wide = grown(box, 3, mask.shape)
        assert np.array_equal(mask[wide][within(box, wide)], mask[box])
        assert grown(box, 99, mask.shape) == tuple(slice(0, side) for side in mask.shape)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, sigma=st.sampled_from([1.0, 1.5, 2.0, 5.0]))
def test_a_blurred_box_is_that_box_of_the_blurred_image(seed: int, sigma: float) -> None:
    rng = np.random.default_rng(seed)
    volume = rng.normal(0.0, 100.0, tuple(rng.integers(5, 40, 3))).astype(np.float32)
    box = box_of(rng.random(volume.shape) < 0.001)
    if box is not None:
        whole = ndimage.gaussian_filter(volume, sigma)[box]
        assert blurred(volume, sigma, box).tobytes() == whole.tobytes()


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, step_mm=st.sampled_from([4.0, 3.999_999_9, 2.734_375, 4.07]))
def test_the_nearest_outside_is_the_same_one_found_box_by_box(seed: int, step_mm: float) -> None:
    mask = blobs(seed)
    if mask.all():
        return
    distance, nearest = ndimage.distance_transform_edt(
        mask, (step_mm, 4.0, step_mm), return_indices=True
    )
    covered = np.zeros_like(mask)
    for box in boxes_apart(mask):
        assert not covered[box].any()
        covered[box] = True
        part, inner = ndimage.distance_transform_edt(
            mask[box], (step_mm, 4.0, step_mm), return_indices=True
        )
        corner = np.asarray([edge.start for edge in box])[:, None, None, None]
        assert part.tobytes() == distance[box].tobytes()
        assert np.array_equal(inner + corner, nearest[(slice(None), *box)])
    assert covered[mask].all()


def test_very_many_groups_are_taken_as_one() -> None:
    mask = np.zeros((40, 40, 40), dtype=np.bool_)
    mask[1:39:4, 1:39:4, 1:39:4] = True
    assert ndimage.label(mask)[1] > MAX_BOXES
    assert boxes_apart(mask) == [(slice(0, 39),) * 3]


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_planes_are_filled_as_scipy_fills_each(seed: int) -> None:
    mask = ~blobs(seed, 0.1)
    expected = np.stack([ndimage.binary_fill_holes(plane) for plane in mask])
    assert np.array_equal(filled_planes(mask), expected)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_labels_are_carried_axis_by_axis_as_by_the_general_way(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, tuple(rng.integers(2, 12, 3))).astype(np.int32)
    grids = []
    for _ in range(2):
        affine = np.eye(4)
        affine[:3, :3] = np.eye(3)[::-1] * rng.choice([4.0, 2.0, 1.0, 3.3, 4.07], 3)
        affine[:3, 3] = rng.choice([-2.0, 0.0, 1.0, 3.7, -6.0], 3)
        grids.append(affine)
    shape = tuple(int(side) for side in rng.integers(2, 15, 3))
    way = np.linalg.inv(grids[0]) @ grids[1]
    expected = ndimage.affine_transform(
        labels, way[:3, :3], offset=way[:3, 3], output_shape=shape, order=0, cval=0
    )
    target = Placed(np.zeros(shape, dtype=np.float32), grids[1])
    assert np.array_equal(carry_labels(labels, grids[0], target), expected)


@pytest.mark.parametrize("turned", [False, True])
def test_labels_of_turned_grids_are_carried_too(turned: bool) -> None:
    labels = np.arange(27, dtype=np.int32).reshape(3, 3, 3)
    affine = np.eye(4)
    if turned:
        affine[:2, :2] = [[0.0, -1.0], [1.0, 0.0]]
    target = Placed(np.zeros((3, 3, 3), dtype=np.float32), affine)
    carried = carry_labels(labels, np.eye(4), target)
    assert carried[0, 0].tolist() == [0, 1, 2]
    assert carried[0, 1].tolist() == ([0, 0, 0] if turned else [3, 4, 5])
