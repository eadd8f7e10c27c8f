"""The common grid: geometry, block averages, overlap."""

import numpy as np
import pytest

from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.tumour.grid import (
    AIR_HU,
    Placed,
    block_average,
    common_grid,
    resample,
    spacing_of,
)
from tests.ai_entity.conftest import axial_affine


def ramp(shape: tuple[int, int, int], affine: np.ndarray) -> Placed:
    """A linear function of the place in mm: interpolation must reproduce it."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    places = index @ affine[:3, :3].T + affine[:3, 3]
    return Placed((places @ [1.0, 2.0, -3.0]).astype(np.float32), affine)


def test_a_linear_image_survives_averaging_and_resampling() -> None:
    image = ramp((24, 60, 60), axial_affine(1.0))
    target = axial_affine(4.0)
    target[:3, 3] = [8.0, 8.0, 6.0]
    got = resample(image, target, (3, 10, 10), AIR_HU)
    assert np.allclose(got, ramp((3, 10, 10), target).voxels, atol=1e-2)


def test_block_average_keeps_mean_and_place() -> None:
    image = ramp((8, 8, 8), axial_affine(1.0))
    small = block_average(image)
    assert small.voxels.shape == (2, 2, 2)
    assert small.voxels.mean() == pytest.approx(image.voxels.mean(), rel=1e-5)
    assert np.allclose(small.voxels, ramp((2, 2, 2), small.affine).voxels, atol=1e-4)


def test_oblique_directions_are_followed() -> None:
    turn = np.eye(4)
    angle = 0.4
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    image = ramp((20, 40, 40), turn @ axial_affine(2.0))
    assert np.allclose(spacing_of(image.affine), 2.0)
    images = common_grid(image, None)
    assert images.voxel_volume_mm3 == pytest.approx(64.0)
    inner = (slice(1, -1),) * 3
    expected = ramp(images.hu.shape, images.affine).voxels
    assert np.allclose(images.hu[inner], expected[inner], atol=1e-2)


def test_outside_the_ct_is_air_and_pet_sets_the_box() -> None:
    ct = Placed(np.zeros((20, 20, 20), np.float32), axial_affine(4.0))
    wide = axial_affine(5.0)
    wide[:3, 3] = -10.0
    images = common_grid(ct, Placed(np.ones((20, 20, 20), np.float32), wide))
    assert images.suv is not None
    assert images.suv.shape == images.hu.shape == (24, 24, 24)
    assert images.hu[0, 0, 0] == AIR_HU
    assert images.hu[12, 12, 12] == 0.0


def test_a_pair_that_does_not_overlap_is_refused() -> None:
    far = axial_affine(4.0)
    far[:3, 3] = 70.0
    voxels = np.zeros((20, 20, 20), np.float32)
    with pytest.raises(SeriesError) as caught:
        common_grid(Placed(voxels, axial_affine(4.0)), Placed(voxels, far))
    assert caught.value.reason is Reason.NOT_OVERLAPPING


def test_a_giant_box_is_refused() -> None:
    affine = axial_affine(1.0)
    affine[:3, :3] *= 400.0
    with pytest.raises(SeriesError) as caught:
        common_grid(Placed(np.zeros((9, 9, 9), np.float32), affine), None)
    assert caught.value.reason is Reason.OVERSIZE
