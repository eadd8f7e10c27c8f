"""Patches: the same for the same step, true to the case, blind to their place."""

import numpy as np
import pytest
import torch

from medquorum.ai_entity.training.loop import Recipe, draw_batch
from medquorum.ai_entity.training.patches import draw_patch
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
    assert int(ball((12, 11, 13), 6.0).sum()) == len(case.lesion_places)
    held = [
        float(draw_patch(case, 16, np.random.default_rng(seed))[1].sum()) > 5 for seed in range(30)
    ]
    assert sum(held) >= 20
