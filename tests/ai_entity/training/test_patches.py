"""Patches: the same for the same step, true to the case, blind to their place."""

from pathlib import Path

import numpy as np
import pytest
import torch

from medquorum.ai_entity.training.loop import Recipe, draw_batch
from medquorum.ai_entity.training.patches import Drawing, draw_patch
from medquorum.ai_entity.training.patches import blurred as blurred_patch
from medquorum.ai_entity.training.phantom_cases import SUV_STEPS
from medquorum.ai_entity.training.training_case import grid_case, phantom_case
from tests.ai_entity.training.small_cases import SIDE, ball, ball_case

pytestmark = pytest.mark.train


def test_a_step_draws_the_same_patch_again() -> None:
    cases = [ball_case("one", 1), ball_case("two", 2)]
    recipe = Recipe(9, 3, 16, patches=2)
    first, again, other = (draw_batch(recipe, step, cases, [], 2) for step in (4, 4, 5))
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)


def test_the_lesion_turns_with_the_images() -> None:
    case = ball_case("one", 1)
    for seed in range(12):
        images, lesion, known, organs = draw_patch(case, SIDE, np.random.default_rng(seed))
        hot = images[1] > 4.0
        agreement = float((hot == (lesion[0] > 0.5)).float().mean())
        assert agreement > 0.985, seed
        assert organs.max() == -1
        assert known.shape == lesion.shape


def test_outside_the_case_is_unknown_air() -> None:
    case = ball_case("one", 1)
    images, lesion, known, _ = draw_patch(case, 40, np.random.default_rng(3))
    outside = known[0] == 0
    assert 0.5 < float(outside.float().mean()) < 0.95
    assert float(lesion[0][outside].sum()) < 1.0
    deep = torch.zeros_like(outside)
    deep[0], deep[-1] = True, True
    assert float(images[0][deep & outside].max()) < -700.0


def test_most_patches_hold_lesion() -> None:
    case = ball_case("one", 1)
    assert int(ball((12, 11, 13), 6.0).sum()) == sum(len(one) for one in case.lesion_places)
    held = [
        float(draw_patch(case, 16, np.random.default_rng(seed))[1].sum()) > 5 for seed in range(30)
    ]
    assert sum(held) >= 20


def test_small_lesions_are_met_as_often_as_large_ones_where_that_is_asked() -> None:
    hu = np.full((24, 24, 80), 50.0, dtype=np.float32)
    lesion = np.zeros(hu.shape, dtype=np.bool_)
    lesion[8:16, 8:16, 8:16] = True
    lesion[12, 12, 70] = True
    case = grid_case("two", hu, None, lesion)
    for alike, low, high in ((True, 0.5, 1.5), (False, 0.0, 0.1)):
        drawing = Drawing(each_lesion_alike=alike, lesion_share=1.0)
        met = [
            float(draw_patch(case, 16, np.random.default_rng(seed), drawing)[1].sum())
            for seed in range(200)
        ]
        small = sum(0.0 < share < 8.0 for share in met)
        large = sum(share > 100.0 for share in met)
        assert low <= small / large < high


def test_phantoms_show_their_usual_uptake_often(tmp_path: Path) -> None:
    hu = np.where(ball((12, 12, 12), 11.0), 50.0, -1000.0)
    brain = ball((6, 12, 12), 3.0)
    stacked = np.stack([hu, brain * 8.0 * SUV_STEPS, 0.0 * hu, 2.0 * (hu > 0.0)]).astype(np.int16)
    np.save(tmp_path / "body.npy", stacked)
    case = phantom_case(tmp_path / "body.npy")
    assert len(case.hot_places) == brain.sum() and not case.lesion_places
    drawing = Drawing(hot_share=0.5)
    hot = [
        float(draw_patch(case, 8, np.random.default_rng(seed), drawing)[0][1].max()) > 4.0
        for seed in range(60)
    ]
    assert 20 < sum(hot) < 55


def test_blur_keeps_the_sum_and_lowers_the_peak() -> None:
    image = torch.zeros(2, 15, 15, 15)
    image[1, 7, 7, 7] = 1.0
    blurred = blurred_patch(image, 0.6)
    assert float(blurred[1].sum()) == pytest.approx(1.0, abs=1e-5)
    assert 0.1 < float(blurred[1, 7, 7, 7]) < 0.5
    assert float(blurred[0].abs().max()) == 0.0
