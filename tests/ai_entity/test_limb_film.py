"""Drawn limbs: families apart, same seed same limb, breaks where the box says and nowhere else."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from medquorum.ai_entity.phantom.limb_bone import (
    Displacement,
    LimbBone,
    bone_axis,
    cut_bone,
    draw_cut,
    whole_bone,
)
from medquorum.ai_entity.phantom.limb_film import (
    FAMILY_SEEDS,
    Family,
    make_limb_film,
    scanner_of,
)
from medquorum.ai_entity.phantom.limb_scanner import (
    CALIBRATION_SCANNERS,
    HOLD_OUT_SCANNER,
    TRAINING_SCANNER,
)
from medquorum.ai_entity.phantom.radiograph import draw_film

NUMBERS = range(40)


def test_same_number_same_film_and_families_differ() -> None:
    first, again = (make_limb_film(Family.VALIDATION, 3, True) for _ in range(2))
    assert np.array_equal(first.stored, again.stored) and first.box == again.box
    other = make_limb_film(Family.TRAINING, 3, True)
    assert first.stored.shape != other.stored.shape or not np.array_equal(
        first.stored, other.stored
    )


def test_families_cannot_reach_each_others_seeds() -> None:
    starts = sorted(FAMILY_SEEDS.values())
    assert all(right - left > 9_999_999 for left, right in pairwise(starts))
    with pytest.raises(ValueError, match="ten million"):
        make_limb_film(Family.TRAINING, 10_000_000, False)
    with pytest.raises(ValueError, match="ten million"):
        make_limb_film(Family.TRAINING, -1, False)


def test_whole_and_broken_have_one_anatomy_and_one_box() -> None:
    for number in (1, 4, 7):
        broken = make_limb_film(Family.TRAINING, number, True)
        whole = make_limb_film(Family.TRAINING, number, False)
        assert whole.box is None and whole.displacement is None
        assert broken.box is not None and broken.displacement is not None
        assert (broken.pixel_mm, broken.inverted) == (whole.pixel_mm, whole.inverted)
        x, y, width, height = broken.box
        rows, columns = broken.stored.shape
        assert 0 <= x < x + width <= columns and 0 <= y < y + height <= rows


def test_every_kind_of_break_occurs() -> None:
    kinds = [make_limb_film(Family.TRAINING, number, True).displacement for number in NUMBERS]
    assert set(kinds) == set(Displacement)
    assert {make_limb_film(Family.TRAINING, n, False).inverted for n in range(12)} == {True, False}


def test_the_hold_out_comes_from_another_scanner() -> None:
    trained = [make_limb_film(Family.TRAINING, number, False).pixel_mm for number in range(12)]
    held = [make_limb_film(Family.HOLD_OUT, number, False).pixel_mm for number in range(12)]
    assert max(trained) <= 0.7 <= min(held)
    film = draw_film(5)
    shifted = HOLD_OUT_SCANNER.seen(film)
    assert shifted.photons < 0.4 * film.photons
    assert shifted.blur_pixels > 1.3 * film.blur_pixels
    assert shifted.scatter > film.scatter


def test_calibration_films_come_from_several_scanners_in_turn_but_never_the_hold_outs() -> None:
    turns = [scanner_of(Family.CALIBRATION, number) for number in range(0, 120, 10)]
    assert tuple(turns) == CALIBRATION_SCANNERS * 2
    assert HOLD_OUT_SCANNER not in CALIBRATION_SCANNERS
    assert {scanner_of(Family.HOLD_OUT, number) for number in range(60)} == {HOLD_OUT_SCANNER}
    plain = draw_film(5)
    assert TRAINING_SCANNER.seen(plain) == plain
    coarse = make_limb_film(Family.CALIBRATION, 10, False).pixel_mm
    assert coarse >= 0.75


BONE = LimbBone(0.0, 0.0, 0.0, 12.0, 3.0, (-200.0, 200.0), 0.4, 30.0, ())


def planes() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[-60:60:0.5, -30:30:0.5].astype(np.float32)
    return bone_axis(BONE, x, y)


def test_a_shaft_is_a_dense_tube() -> None:
    across, along = planes()
    shadow = whole_bone(BONE, across, along)
    row = shadow[120]
    rim, middle = row[np.abs(across[120]) < 12].max(), row[60]
    assert rim > 1.5 * middle > 0.0
    assert row[np.abs(across[120]) > 12.5].max() == 0.0


@pytest.mark.parametrize("kind", Displacement)
def test_a_cut_changes_the_bone_around_itself(kind: Displacement) -> None:
    rng = np.random.default_rng(1)
    cuts = [draw_cut(rng, BONE, (-5.0, 5.0)) for _ in range(60)]
    cut = next(one for one in cuts if one.displacement is kind and one.reach == 1.0)
    cut = replace(cut, slope=0.2, third_piece=0.0)
    across, along = planes()
    change = np.abs(cut_bone(BONE, across, along, cut) - whole_bone(BONE, across, along))
    near = np.abs(along - cut.along_mm) < 6.0
    assert change[near].max() > 0.02
    assert change[along < cut.along_mm - 25.0].max() < 1e-6
    if kind is Displacement.DISPLACED:
        assert change[along > cut.along_mm + 25.0].max() > 0.1
    if kind is Displacement.HAIRLINE:
        assert abs(cut.shift_mm) <= 0.6 and cut.gap_mm <= 0.9


def test_a_crack_through_one_cortex_leaves_the_other() -> None:
    rng = np.random.default_rng(2)
    crack = next(
        one for one in (draw_cut(rng, BONE, (-5.0, 5.0)) for _ in range(200)) if one.reach < 1.0
    )
    crack = replace(crack, slope=0.0, reach=0.5, shift_mm=0.1)
    across, along = planes()
    change = np.abs(cut_bone(BONE, across, along, crack) - whole_bone(BONE, across, along))
    assert change[across > 4.0].max() > 0.02
    assert change[across < -4.0].max() < 1e-3
