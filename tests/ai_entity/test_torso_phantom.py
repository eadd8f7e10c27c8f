"""The parametric torso: adult volumes, one truth, hot organs without tumour, the same each time."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from medquorum.ai_entity.findings import Level
from medquorum.ai_entity.phantom.anatomy import Anatomy, draw_anatomy
from medquorum.ai_entity.phantom.geometry import volume_ml
from medquorum.ai_entity.phantom.growths import Growth, Story, draw_growth, plan_growths
from medquorum.ai_entity.phantom.organs import PHYSIOLOGIC_HOT, Organ
from medquorum.ai_entity.phantom.scanner import (
    FAMILY_SIZE,
    SHIFTED,
    STANDARD,
    Family,
    family_of,
    family_seed,
    scan_pet,
)
from medquorum.ai_entity.phantom.whole_body import (
    TorsoPhantom,
    TorsoPlan,
    make_torso,
    scan_body,
    scan_with,
)
from medquorum.ai_entity.tumour.organ_levels import organ_levels

GRID_MM = 7.0
SEED = family_seed(Family.VALIDATION, 3)

ADULT_ML = {
    Organ.LUNGS: (2_300, 6_700),
    Organ.LIVER: (900, 2_300),
    Organ.SPLEEN: (90, 360),
    Organ.KIDNEYS: (190, 460),
    Organ.HEART: (400, 1_050),
    Organ.BLADDER: (60, 520),
    Organ.STOMACH: (80, 450),
    Organ.BRAIN: (1_100, 2_100),
}


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    """One person with a head."""
    return draw_anatomy(SEED, GRID_MM, with_head=True)


@pytest.fixture(scope="module")
def healthy(anatomy: Anatomy) -> TorsoPhantom:
    """That person without disease."""
    return scan_body(anatomy, SEED, TorsoPlan(grid_mm=GRID_MM))


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
def test_organs_have_adult_volumes_at_any_grid(seed: int, anatomy: Anatomy) -> None:
    drawn = anatomy if seed == SEED else draw_anatomy(seed, 5.0, with_head=True)
    for organ, (low, high) in ADULT_ML.items():
        measured = volume_ml(drawn.organs == organ, drawn.spacing_zyx_mm)
        assert low < measured < high, organ.name


def test_the_grid_hardly_changes_a_volume(anatomy: Anatomy) -> None:
    coarse = draw_anatomy(SEED, 8.0, with_head=True)
    for organ in (Organ.LUNGS, Organ.LIVER, Organ.HEART):
        fine_ml = volume_ml(anatomy.organs == organ, anatomy.spacing_zyx_mm)
        coarse_ml = volume_ml(coarse.organs == organ, coarse.spacing_zyx_mm)
        assert coarse_ml == pytest.approx(fine_ml, rel=0.06), organ.name


def test_organs_lie_where_they_belong(anatomy: Anatomy) -> None:
    def place(organ: Organ) -> np.ndarray:
        z, y, x = (axis.mean() * GRID_MM for axis in np.nonzero(anatomy.organs == organ))
        return np.asarray((x, y, z)) + anatomy.origin_mm

    assert place(Organ.LIVER)[0] < 0.0 < place(Organ.SPLEEN)[0]
    assert place(Organ.HEART)[0] > 0.0 > place(Organ.HEART)[1]
    heights = [place(organ)[2] for organ in (Organ.BLADDER, Organ.LIVER, Organ.HEART, Organ.BRAIN)]
    assert heights == sorted(heights)


def test_densities_belong_to_their_labels(anatomy: Anatomy) -> None:
    means = {organ: float(anatomy.hu[anatomy.organs == organ].mean()) for organ in Organ}
    assert means[Organ.AIR] < -970.0
    assert -900.0 < means[Organ.LUNGS] < -650.0
    assert -130.0 < means[Organ.FAT] < -60.0
    assert 35.0 < means[Organ.LIVER] < 70.0
    assert means[Organ.BONE] > 200.0


def test_healthy_organs_pass_the_usual_thresholds_without_a_lesion(healthy: TorsoPhantom) -> None:
    assert not healthy.lesions.any()
    assert set(healthy.levels.values()) == {Level.NEGATIVE}
    for organ in PHYSIOLOGIC_HOT:
        hottest = float(healthy.suv[healthy.organs == organ].max())
        assert hottest > (2.0 if organ is Organ.HEART else 2.5), organ.name
    hot_ml = volume_ml(healthy.suv >= 4.0, healthy.spacing_zyx_mm)
    assert hot_ml > 100.0
    liver = float(healthy.suv[healthy.organs == Organ.LIVER].mean())
    assert 1.4 < liver < 2.6


def test_myocardium_ranges_from_blood_to_hottest_of_the_chest() -> None:
    hottest = [
        float(phantom.suv[phantom.organs == Organ.HEART].max())
        for phantom in (make_torso(SEED + n, TorsoPlan(grid_mm=8.0)) for n in range(6))
    ]
    assert min(hottest) < 4.0 < max(hottest)


@pytest.mark.parametrize("story", list(Story)[1:])
def test_truth_of_a_story_is_one_truth(anatomy: Anatomy, story: Story) -> None:
    phantom = scan_body(anatomy, SEED, TorsoPlan(story=story, grid_mm=GRID_MM))
    assert phantom.lesions.any()
    again = organ_levels(phantom.lesions, phantom.organs, phantom.spacing_zyx_mm)
    assert phantom.levels == again
    assert np.array_equal(phantom.organs, anatomy.organs)
    assert not phantom.lesions[phantom.organs == Organ.AIR].any()
    expected = {
        Story.CONFINED: {Level.TUMOR},
        Story.LARGE: {Level.TUMOR_PLUS},
        Story.EXTENDING: {Level.TUMOR_PLUS},
    }
    positive = set(phantom.levels.values()) - {Level.NEGATIVE}
    assert positive == expected.get(story, positive)
    if story in (Story.SPREAD, Story.MULTIPLE):
        assert Level.METASTASIS in positive


def test_a_confined_lesion_stays_in_its_organ(anatomy: Anatomy) -> None:
    rng = np.random.default_rng(5)
    for _ in range(5):
        (growth,) = plan_growths(anatomy.organs, anatomy.spacing_zyx_mm, Story.CONFINED, rng)
        mask, _ = draw_growth(anatomy.organs, anatomy.spacing_zyx_mm, growth)
        assert set(np.unique(anatomy.organs[mask])) == {growth.organ}
        assert 0.0 < volume_ml(mask, anatomy.spacing_zyx_mm) < 50.0


def liver_growth(anatomy: Anatomy, radius_mm: float) -> Growth:
    """A lesion in the middle of the liver."""
    z, y, x = (int(np.median(axis)) for axis in np.nonzero(anatomy.organs == Organ.LIVER))
    radii = (radius_mm, radius_mm, radius_mm)
    return Growth(Organ.LIVER, (z, y, x), radii, suv=9.0, hu=35.0, shape_seed=4)


def test_a_lesion_s_volume_and_uptake_are_what_was_asked(anatomy: Anatomy) -> None:
    growth = liver_growth(anatomy, 17.0)
    phantom = scan_with(anatomy, (growth,), SEED, STANDARD)
    ball_ml = 4.0 / 3.0 * np.pi * 1.7**3
    assert volume_ml(phantom.lesions, phantom.spacing_zyx_mm) == pytest.approx(ball_ml, rel=0.3)
    assert phantom.suv[phantom.lesions].max() == pytest.approx(9.0, rel=0.25)
    healthy = scan_with(anatomy, (), SEED, STANDARD)
    far = ~phantom.lesions & (np.abs(phantom.suv - healthy.suv) > 1.0)
    z, y, x = np.nonzero(far)
    gaps = np.stack((z, y, x), axis=1) - np.asarray(growth.centre_index)
    assert len(gaps) == 0 or np.linalg.norm(gaps, axis=1).max() * GRID_MM < 45.0


def test_shifted_scanners_show_the_same_body_differently(anatomy: Anatomy) -> None:
    growth = (liver_growth(anatomy, 12.0),)
    blurred, noisy, miscalibrated, contrast = SHIFTED
    first = scan_with(anatomy, growth, SEED, STANDARD)
    liver = (anatomy.organs == Organ.LIVER) & ~first.lesions
    soft = scan_with(anatomy, growth, SEED, blurred)
    assert np.array_equal(soft.lesions, first.lesions)
    quiet = replace(STANDARD, pet_noise=0.0)
    sharp_peak = scan_with(anatomy, growth, SEED, quiet).suv[first.lesions].max()
    soft_peak = scan_with(anatomy, growth, SEED, replace(blurred, pet_noise=0.0)).suv
    assert soft_peak[first.lesions].max() < 0.95 * sharp_peak
    loud = scan_with(anatomy, growth, SEED, noisy)
    assert loud.hu[liver].std() > 1.8 * first.hu[liver].std()
    wrong = scan_with(anatomy, growth, SEED, miscalibrated)
    assert wrong.hu[liver].mean() - first.hu[liver].mean() == pytest.approx(18.0, abs=1.0)
    assert wrong.suv[liver].mean() == pytest.approx(1.12 * first.suv[liver].mean(), rel=0.01)
    bright = scan_with(anatomy, growth, SEED, contrast)
    assert bright.hu[liver].mean() > first.hu[liver].mean() + 40.0


def test_noise_is_as_stated_and_grows_with_the_uptake() -> None:
    shape = (40, 40, 40)
    spread = {}
    for level in (2.0, 8.0):
        flat = np.full(shape, level, dtype=np.float32)
        same_grid = replace(STANDARD, pet_spacing_zyx_mm=(4.0, 4.0, 4.0))
        seen = scan_pet(flat, (4.0, 4.0, 4.0), same_grid, np.random.default_rng(1))
        assert seen.mean() == pytest.approx(level, rel=0.01)
        spread[level] = float(seen.std()) / level
    assert spread[2.0] == pytest.approx(0.1, rel=0.1)
    assert spread[8.0] == pytest.approx(0.05, rel=0.1)


def test_blur_of_a_point_has_the_stated_width() -> None:
    point = np.zeros((41, 41, 41), dtype=np.float32)
    point[20, 20, 20] = 1_000.0
    grid = (2.0, 2.0, 2.0)
    sharp = replace(STANDARD, pet_noise=0.0, pet_spacing_zyx_mm=grid, pet_fwhm_mm=7.0)
    seen = scan_pet(point, grid, sharp, np.random.default_rng(0))
    offsets = (np.arange(41) - 20.0) * 2.0
    profile = seen.sum(axis=(0, 1))
    sigma = float(np.sqrt((profile * offsets**2).sum() / profile.sum()))
    assert sigma * 2.3548 == pytest.approx(7.0, rel=0.05)
    assert seen.sum() == pytest.approx(1_000.0, rel=0.01)


def test_families_of_seeds_never_meet() -> None:
    ends = {one: (family_seed(one, 0), family_seed(one, FAMILY_SIZE - 1)) for one in Family}
    for (low, high), (other_low, other_high) in combinations(ends.values(), 2):
        assert high < other_low or other_high < low
    assert all(family_of(family_seed(one, 17)) is one for one in Family)
    assert family_of(17) is None
    with pytest.raises(ValueError, match="members"):
        family_seed(Family.TRAINING, FAMILY_SIZE)


def test_scanners_for_judging_are_not_the_one_for_training() -> None:
    assert all(replace(one, name=STANDARD.name) != STANDARD for one in SHIFTED)
    assert len({one.name for one in (STANDARD, *SHIFTED)}) == len(SHIFTED) + 1


def test_a_grid_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="2 to 8 mm"):
        draw_anatomy(1, 1.0)


DIGEST_PROGRAM = """
import hashlib
from medquorum.ai_entity.phantom.growths import Story
from medquorum.ai_entity.phantom.whole_body import TorsoPlan, make_torso
phantom = make_torso(7, TorsoPlan(story=Story.SPREAD, grid_mm=8.0))
parts = (phantom.hu, phantom.suv, phantom.organs, phantom.lesions)
print(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
"""


def test_a_seed_is_the_same_person_under_two_hash_seeds() -> None:
    found = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        run = subprocess.run(
            [sys.executable, "-c", DIGEST_PROGRAM],
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        )
        found.add(run.stdout.strip())
    phantom = make_torso(7, TorsoPlan(story=Story.SPREAD, grid_mm=8.0))
    parts = (phantom.hu, phantom.suv, phantom.organs, phantom.lesions)
    found.add(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
    assert len(found) == 1
