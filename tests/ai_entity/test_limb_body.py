"""Limbs and uniform bodies: what they are made of, their tumours, and that a seed is a body."""

import numpy as np
import pytest

from medquorum.ai_entity.phantom.growths import Growth, draw_growth, grow
from medquorum.ai_entity.phantom.limb_body import draw_limb, draw_uniform_body, limb_growths
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.phantom.scanner import Family, family_seed
from medquorum.ai_entity.training.phantom_cases import Body, body_of, training_phantom

SEED = family_seed(Family.VALIDATION, 70)


@pytest.mark.parametrize("seed", range(SEED, SEED + 6))
def test_a_limb_has_skin_deep_fat_muscle_vessels_and_a_hollow_bone(seed: int) -> None:
    limb = draw_limb(seed)
    shares = np.bincount(limb.organs.ravel(), minlength=len(Organ)) / np.count_nonzero(limb.organs)
    assert set(np.unique(limb.organs)) == {0, 1, 2, 3, int(Organ.VESSELS)}
    assert shares[Organ.MUSCLE] > 0.3 and 0.005 < shares[Organ.BONE] < 0.25
    bone = limb.hu[limb.organs == Organ.BONE]
    assert bone.max() > 300.0 and bone.min() < 100.0
    assert np.array_equal(limb.hu, draw_limb(seed).hu)


def test_a_third_of_limbs_is_healthy_and_tumours_grow_in_muscle() -> None:
    limb = draw_limb(SEED)
    drawn = [limb_growths(limb, seed) for seed in range(SEED, SEED + 120)]
    assert 20 < sum(not growths for growths in drawn) < 60
    for growth in (one for growths in drawn for one in growths):
        assert growth.organ is Organ.MUSCLE
        assert limb.organs[growth.centre_index] == Organ.MUSCLE


def test_a_cold_core_lies_inside_a_hot_rim() -> None:
    organs = np.full((30, 30, 30), Organ.MUSCLE, dtype=np.uint8)
    spacing = (4.0, 4.0, 4.0)
    growth = Growth(Organ.MUSCLE, (15, 15, 15), (40.0,) * 3, 8.0, 30.0, core=(0.7, 0.1))
    hu, suv = np.full(organs.shape, 50.0), np.full(organs.shape, 0.7)
    drawn = draw_growth(organs, spacing, growth)
    grow(hu, suv, drawn, growth)
    mask, field = drawn
    assert suv[15, 15, 15] == pytest.approx(0.8)
    assert np.allclose(suv[mask & (field > 0.75)], 8.0)


def test_balls_of_a_uniform_body_are_hotter_than_the_rest() -> None:
    found = [draw_uniform_body(seed) for seed in range(SEED, SEED + 8)]
    assert any(balls.any() for _, _, balls in found)
    for body, uptake, balls in found:
        rest = uptake[(body.organs == Organ.MUSCLE) & ~balls]
        if balls.any():
            assert uptake[balls].min() > 2.0 * np.median(rest)


def test_training_bodies_are_of_every_kind_and_a_uniform_one_names_no_organ() -> None:
    kinds = [body_of(index) for index in range(20)]
    assert {kinds.count(one) > 0 for one in Body} == {True}
    uniform = training_phantom(kinds.index(Body.UNIFORM))
    assert set(np.unique(uniform.organs)) == {-1, 0}
    limb = training_phantom(kinds.index(Body.LIMB))
    assert limb.organs.max() == Organ.VESSELS and limb.hu.shape == limb.suv.shape
