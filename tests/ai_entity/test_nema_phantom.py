"""The NEMA IEC phantom has the published volumes, and measuring gives them back within limits."""

from dataclasses import replace

import numpy as np
import pytest

from medquorum.ai_entity.phantom.geometry import volume_ml
from medquorum.ai_entity.phantom.nema import (
    DIAMETERS_MM,
    NemaPhantom,
    NemaPlan,
    make_nema,
    measured_volumes_ml,
    recovery_coefficients,
    sphere_volumes_ml,
)
from medquorum.ai_entity.phantom.scanner import STANDARD, Scanner

QUIET = replace(STANDARD, pet_noise=0.0, pet_fwhm_mm=5.0, pet_spacing_zyx_mm=(3.0, 3.0, 3.0))


def scanned(ratio: float = 8.0, scanner: Scanner = QUIET) -> NemaPhantom:
    return make_nema(1, NemaPlan(ratio=ratio, grid_mm=3.0, scanner=scanner))


@pytest.fixture(scope="module")
def phantom() -> NemaPhantom:
    return scanned()


def test_sphere_volumes_are_the_published_ones() -> None:
    assert sphere_volumes_ml() == pytest.approx((26.52, 11.49, 5.58, 2.57, 1.15, 0.52), abs=0.006)


def test_the_body_holds_about_ten_litres(phantom: NemaPhantom) -> None:
    assert 9_300.0 < volume_ml(phantom.suv > 0.5, phantom.spacing_zyx_mm) < 10_300.0


def test_masks_have_the_spheres_volumes_and_never_overlap(phantom: NemaPhantom) -> None:
    for mask, true_ml in zip(phantom.spheres[:4], sphere_volumes_ml(), strict=False):
        assert volume_ml(mask, phantom.spacing_zyx_mm) == pytest.approx(true_ml, rel=0.08)
    assert np.sum(phantom.spheres, axis=0).max() == 1


def test_centres_lie_on_the_circle_sixty_degrees_apart(phantom: NemaPhantom) -> None:
    centres = np.asarray(phantom.centres_zyx_mm)
    neighbours = np.linalg.norm(centres - np.roll(centres, 1, axis=0), axis=1)
    assert neighbours == pytest.approx(np.full(6, 57.27), abs=0.01)
    for mask, centre in zip(phantom.spheres, centres, strict=True):
        found = np.asarray([axis.mean() for axis in np.nonzero(mask)]) * 3.0
        assert found == pytest.approx(centre, abs=1.5)


@pytest.mark.parametrize("ratio", [4.0, 8.0])
def test_half_height_gives_volumes_back_with_the_curvature_s_known_loss(ratio: float) -> None:
    measured = measured_volumes_ml(scanned(ratio))
    for found, true_ml, diameter in zip(measured, sphere_volumes_ml(), DIAMETERS_MM, strict=True):
        if diameter >= 22.0:
            assert 0.75 * true_ml < found < 1.05 * true_ml, diameter
        else:
            assert 0.4 * true_ml < found < 1.3 * true_ml, diameter


def test_small_spheres_recover_less_activity_and_blur_makes_it_worse(phantom: NemaPhantom) -> None:
    sharp = recovery_coefficients(phantom)
    assert list(sharp) == sorted(sharp, reverse=True)
    assert sharp[0] > 0.8 > 0.65 > sharp[-1]
    soft = recovery_coefficients(scanned(scanner=replace(QUIET, pet_fwhm_mm=8.0)))
    assert all(after < before for after, before in zip(soft, sharp, strict=True))


def test_a_shift_by_half_a_voxel_changes_no_volume() -> None:
    plan = NemaPlan(grid_mm=3.0, scanner=QUIET, shift_mm=(1.5, 1.5, 1.5))
    measured = measured_volumes_ml(make_nema(1, plan))
    for found, before in zip(measured[:4], measured_volumes_ml(scanned()), strict=False):
        assert found == pytest.approx(before, rel=0.1)


def test_a_seed_gives_the_same_noise_and_another_seed_other_noise() -> None:
    plan = NemaPlan(grid_mm=6.0)
    first, again, other = make_nema(1, plan), make_nema(1, plan), make_nema(2, plan)
    assert np.array_equal(first.suv, again.suv) and np.array_equal(first.hu, again.hu)
    assert not np.array_equal(first.suv, other.suv)


@pytest.mark.parametrize("plan", [NemaPlan(ratio=0.5), NemaPlan(grid_mm=8.0)])
def test_a_plan_out_of_range_is_refused(plan: NemaPlan) -> None:
    with pytest.raises(ValueError, match="NEMA"):
        make_nema(1, plan)
