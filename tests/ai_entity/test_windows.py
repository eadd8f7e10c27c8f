"""Windows cover the body, blend without a seam, leave out air only, and stay in bounded memory."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.ai_entity.errors import ModelError
from medquorum.ai_entity.model_card import Multitask
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.phantom.whole_body import TorsoPlan, make_torso
from medquorum.ai_entity.registry import Registry
from medquorum.ai_entity.tumour.grid import GridImages
from medquorum.ai_entity.tumour.inference import predict
from medquorum.ai_entity.tumour.pipeline import analyse_with, blind_reason
from medquorum.ai_entity.tumour.windows import (
    NO_LESION,
    gaussian_weight,
    highest_label,
    is_air,
    run_windows,
    window_starts,
)
from tests.ai_entity.conftest import axial_affine
from tests.ai_entity.small_network import MEMBER_SHIFT, small_network, write_network

PLAN = Multitask((16, 16, 16), 0.25, 1.0, 2, None, None)


def voxelwise(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A network that sees one voxel: HU / 100, member 1 one higher; organ by the sign of HU."""
    logit = images[:, :1] / 100.0
    organs = np.full((len(images), 15, *images.shape[2:]), -9.0, np.float32)
    organs[:, Organ.MUSCLE] = images[:, 0]
    organs[:, Organ.FAT] = -images[:, 0]
    return np.concatenate([logit, logit + 1.0], axis=1).astype(np.float32), organs


def body(shape: tuple[int, int, int], seed: int = 1) -> np.ndarray:
    hu = np.random.default_rng(seed).uniform(-200.0, 200.0, shape).astype(np.float32)
    return hu[None]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 50), st.integers(1, 200), st.integers(8, 48), st.floats(0.0, 0.75))
def test_starts_cover_the_span_with_the_overlap(
    low: int, span: int, window: int, overlap: float
) -> None:
    starts = window_starts(low, low + span, window, overlap)
    assert starts[0] == low
    assert starts[-1] + window >= low + span
    if span > window:
        assert starts[-1] + window == low + span
        stride = max(int(window * (1.0 - overlap)), 1)
        assert all(0 < b - a <= stride + 1 for a, b in pairwise(starts))


@pytest.mark.parametrize("shape", [(40, 35, 21), (16, 16, 16), (5, 40, 12), (17, 9, 50)])
def test_a_network_of_one_voxel_is_given_back_whatever_the_windows(
    shape: tuple[int, int, int],
) -> None:
    images = body(shape)
    blended = run_windows(voxelwise, images, PLAN)
    assert blended.lesion == pytest.approx(images[0] / 100.0 + 0.5, abs=1e-4)
    assert np.array_equal(blended.organs == Organ.MUSCLE, images[0] > 0.0)
    assert run_windows(voxelwise, images, PLAN, members=(1,)).lesion == pytest.approx(
        images[0] / 100.0 + 1.0, abs=1e-4
    )


def test_air_is_left_out_and_a_single_voxel_of_tissue_never() -> None:
    images = np.full((1, 60, 60, 60), -1000.0, np.float32)
    images[0, 3, 3, 3] = images[0, 50, 50, 50] = 40.0
    read = np.zeros(images.shape[1:], bool)

    def remember(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert all((window > -500.0).any() for window in windows)
        return voxelwise(windows)

    blended = run_windows(remember, images, PLAN)
    read = blended.lesion > NO_LESION
    assert read[3, 3, 3] and read[50, 50, 50]
    assert read.sum() < 0.2 * read.size
    assert (blended.organs[~read] == Organ.AIR).all()


def test_thin_lung_is_no_air() -> None:
    noise = np.random.default_rng(3).normal(0.0, 25.0, (16, 16, 16))
    assert is_air((-1000.0 + noise).astype(np.float32))
    assert not is_air((-910.0 + noise).astype(np.float32))
    assert run_windows(voxelwise, np.full((1, 20, 20, 20), -900.0, np.float32), PLAN).lesion[
        10, 10, 10
    ] == pytest.approx(-8.5)


def test_nothing_but_air_is_still_answered() -> None:
    blended = run_windows(voxelwise, np.full((1, 40, 20, 20), -1000.0, np.float32), PLAN)
    assert blended.lesion.shape == (40, 20, 20)
    assert blended.lesion.max() < 0.0


def test_progress_ascends_to_one() -> None:
    told: list[float] = []
    run_windows(voxelwise, body((40, 30, 30)), PLAN, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 4


def test_a_network_that_changes_sizes_or_gives_no_numbers() -> None:
    def shorter(images: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(output[:, :, 1:] for output in voxelwise(images))

    with pytest.raises(ModelError, match="size of its input"):
        run_windows(shorter, body((16, 16, 16)), PLAN)

    def broken(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lesion, organs = voxelwise(images)
        lesion[..., 0] = np.nan
        return lesion, organs

    blended = run_windows(broken, body((16, 16, 16)), PLAN)
    assert (blended.lesion[..., 0] == NO_LESION).all()
    assert np.isfinite(blended.lesion).all()


def test_the_weight_falls_towards_the_border_and_is_nowhere_zero() -> None:
    weight = gaussian_weight((16, 24, 8))
    assert weight.shape == (16, 24, 8)
    assert weight.min() > 0.0
    assert weight[8, 12, 4] == weight.max()
    assert np.allclose(weight, weight[::-1, ::-1, ::-1])


def test_onnxruntime_threads_and_repetition_change_no_byte(tmp_path: Path) -> None:
    digest = write_network(tmp_path, small_network("petct", members=2), "petct", members=2)
    hu = body((40, 44, 30))[0]
    suv = np.abs(body((40, 44, 30), seed=2)[0]) / 30.0
    images = GridImages(hu, suv, axial_affine(4.0))
    found = [predict(Registry(tmp_path).load(digest, threads), images) for threads in (1, 2, 1)]
    for other in found[1:]:
        assert other.probability.tobytes() == found[0].probability.tobytes()
        assert other.organs.tobytes() == found[0].organs.tobytes()
    logit = suv - 3.0 + MEMBER_SHIFT / 2.0
    assert found[0].probability == pytest.approx(1.0 / (1.0 + np.exp(-logit)), abs=6e-4)
    only = predict(Registry(tmp_path).load(digest), images, member=0)
    assert only.probability == pytest.approx(1.0 / (1.0 + np.exp(3.0 - suv)), abs=6e-4)
    assert set(np.unique(found[0].organs)) <= {Organ.FAT, Organ.MUSCLE, Organ.LUNGS, Organ.BONE}


def test_where_lungs_are_in_view_the_member_for_whole_bodies_speaks(tmp_path: Path) -> None:
    network = small_network("petct", members=3)
    digest = write_network(tmp_path, network, "petct", members=3, whole_body_member=2)
    model = Registry(tmp_path).load(digest)
    torso = make_torso(1, TorsoPlan(grid_mm=8.0))
    affine = axial_affine(8.0)
    for hu, shift in ((torso.hu, 2.0 * MEMBER_SHIFT), (torso.hu[:20], 0.5 * MEMBER_SHIFT)):
        suv = np.full(hu.shape, 3.0, np.float32)
        found = predict(model, GridImages(hu, suv, affine)).probability[hu > 0.0]
        assert found == pytest.approx(1.0 / (1.0 + np.exp(-shift)), abs=6e-4)


def test_a_whole_body_on_ct_alone_gets_no_word_where_the_network_would_see_nothing(
    tmp_path: Path,
) -> None:
    network = small_network("ct", members=2)
    digest = write_network(tmp_path, network, "ct", members=2)
    plain = Registry(tmp_path).load(digest)
    digest = write_network(tmp_path, network, "ct", members=2, whole_body_member=1)
    model = Registry(tmp_path).load(digest)
    torso = GridImages(make_torso(1, TorsoPlan(grid_mm=8.0)).hu, None, axial_affine(8.0))
    assert blind_reason(plain, torso) is None
    assert "a PET is needed" in str(blind_reason(model, torso))
    assert blind_reason(model, replace(torso, hu=torso.hu[:20])) is None
    assert analyse_with(model, torso).abstained is not None


@pytest.mark.parametrize("steps", [3, 1_000_000])
def test_the_highest_label_is_that_of_argmax_and_of_equal_ones_the_first(steps: int) -> None:
    rng = np.random.default_rng(steps)
    logits = rng.integers(-steps, steps, (15, 4, 9, 7)).astype(np.float32)
    labels = highest_label(logits)
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, logits.argmax(axis=0))
