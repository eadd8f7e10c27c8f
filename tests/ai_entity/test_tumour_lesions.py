"""Measurements on spheres of the NEMA IEC body phantom, and the rules for the four levels."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from medquorum.ai_entity.findings import PPM, Lesion, Level
from medquorum.ai_entity.tumour.candidates import label_lesions
from medquorum.ai_entity.tumour.grid import GridImages, Placed
from medquorum.ai_entity.tumour.guard import reason_to_abstain
from medquorum.ai_entity.tumour.lesions import comparison_volumes, measure_lesions
from medquorum.ai_entity.tumour.levels import grade_regions, level_of, probabilities_ppm
from medquorum.ai_entity.tumour.methods import SUV_2_5, SUV_4, SUV_41_PERCENT
from medquorum.ai_entity.tumour.regions import BONE, LUNG, SOFT_TISSUE, region_of
from tests.ai_entity.conftest import axial_affine

NEMA_DIAMETERS_MM = (37.0, 28.0, 22.0)
"""Spheres above the 3 mL floor; 26.5, 11.5 and 5.6 mL."""


def spheres(contrast: float) -> tuple[GridImages, list[float]]:
    """Hot spheres in a warm background, blurred to 5 mm, on the 4 mm grid, made at 2 mm."""
    fine = np.ones((50, 60, 110))
    z, y, x = np.mgrid[0:50, 0:60, 0:110] * 2.0
    for index, diameter in enumerate(NEMA_DIAMETERS_MM):
        distance = np.sqrt((z - 50.3) ** 2 + (y - 60.7) ** 2 + (x - 40.4 - 70.0 * index) ** 2)
        fine[distance < diameter / 2] = contrast
    blurred = ndimage.gaussian_filter(fine, 5.0 / 2.3548 / 2.0)
    suv = blurred.reshape(25, 2, 30, 2, 55, 2).mean(axis=(1, 3, 5)).astype(np.float32)
    hu = np.full(suv.shape, 40.0, np.float32)
    volumes = [np.pi / 6 * d**3 / 1000 for d in NEMA_DIAMETERS_MM]
    return GridImages(hu, suv, axial_affine(4.0)), volumes


def test_volumes_of_nema_spheres_at_half_contrast() -> None:
    images, truth = spheres(8.0)
    assert images.suv is not None
    likely = ((images.suv - 1.0) / 7.0).astype(np.float32)
    labels, count = label_lesions(likely, images.hu, 0.5, images.voxel_volume_mm3)
    lesions = measure_lesions(images, labels, count, np.clip(likely, 0, 1))
    assert count == 3
    measured = [lesion.volume_ul / 1000 for lesion in lesions]
    assert measured == pytest.approx(truth, rel=0.15)
    assert [lesion.number for lesion in lesions] == [1, 2, 3]
    assert lesions[0].centroid_um == pytest.approx((39_400, 59_700, 49_300), abs=1_500)
    assert lesions[0].suv_peak_milli == pytest.approx(8_000, rel=0.03)
    assert lesions[0].suv_max_milli is not None
    assert lesions[0].glycolysis_milli == pytest.approx(measured[0] * 7_000, rel=0.15)


def test_uptake_is_read_from_the_pet_as_the_scanner_made_it() -> None:
    images, _ = spheres(8.0)
    assert images.suv is not None
    native = np.repeat(images.suv, 2, axis=0).astype(np.float32)
    affine = axial_affine(4.0)
    affine[:3, 0] /= 2.0
    affine[:3, 3] -= affine[:3, 0] / 2.0
    native[24:26, 15, 10] = 50.0
    labels = (images.suv > 4.5).astype(np.int32)
    likely = labels.astype(np.float32)
    lesion = measure_lesions(replace(images, native_suv=Placed(native, affine)), labels, 1, likely)
    assert lesion[0].suv_max_milli == 50_000
    on_grid = measure_lesions(images, labels, 1, likely)[0]
    assert on_grid.suv_max_milli is not None
    assert on_grid.suv_max_milli < 9_000
    assert lesion[0].volume_ul == on_grid.volume_ul


def test_threshold_volumes_are_named() -> None:
    images, truth = spheres(8.0)
    assert images.suv is not None
    labels = ndimage.label(images.suv > 4.5)[0].astype(np.int32)
    volumes = dict(comparison_volumes(images, labels))
    assert list(volumes) == [SUV_2_5, SUV_4, SUV_41_PERCENT]
    assert volumes[SUV_4] / 1000 == pytest.approx(sum(truth), rel=0.1)
    assert volumes[SUV_4] < volumes[SUV_41_PERCENT] < volumes[SUV_2_5]


def test_specks_below_three_millilitres_are_no_lesion() -> None:
    likely = np.zeros((20, 20, 20), np.float32)
    likely[5:8, 5:8, 5:8] = 0.9
    labels, count = label_lesions(likely, np.zeros_like(likely), 0.5, 64.0)
    assert (count, labels.max()) == (0, 0)
    likely[5:9, 5:9, 5:9] = 0.9
    assert label_lesions(likely, np.zeros_like(likely), 0.5, 64.0)[1] == 1


@pytest.mark.parametrize(
    ("around_hu", "inside_hu", "region"),
    [(-800.0, 30.0, LUNG), (50.0, 600.0, BONE), (50.0, 30.0, SOFT_TISSUE)],
)
def test_region_by_density(around_hu: float, inside_hu: float, region: str) -> None:
    hu = np.full((20, 20, 20), around_hu, np.float32)
    lesion = np.zeros(hu.shape, np.bool_)
    box = (slice(6, 13),) * 3
    lesion[box] = True
    hu[lesion] = inside_hu
    assert region_of(hu, lesion, box) == region


SMALL = Lesion(1, SOFT_TISSUE, (0, 0, 0), 20_000, 5_000, 4_000, 60_000, 700_000)


@pytest.mark.parametrize(
    ("lesions", "level"),
    [
        ((), Level.NEGATIVE),
        ((SMALL,), Level.TUMOR),
        ((replace(SMALL, volume_ul=50_000),), Level.TUMOR_PLUS),
        ((replace(SMALL, suv_peak_milli=8_000),), Level.TUMOR_PLUS),
        ((SMALL, replace(SMALL, centroid_um=(50_000, 0, 0))), Level.TUMOR_PLUS),
        ((SMALL, replace(SMALL, centroid_um=(100_001, 0, 0))), Level.METASTASIS),
        ((SMALL,) * 4, Level.METASTASIS),
        ((SMALL, *(replace(SMALL, probability_ppm=499_999),) * 3), Level.TUMOR_PLUS),
        (
            (SMALL, replace(SMALL, centroid_um=(200_000, 0, 0), probability_ppm=499_999)),
            Level.TUMOR_PLUS,
        ),
    ],
)
def test_levels_by_the_stated_rules(lesions: tuple[Lesion, ...], level: Level) -> None:
    assert level_of(lesions, lesions[0] if lesions else None) is level


def test_a_lesion_of_lung_beside_a_larger_one_elsewhere_is_a_metastasis() -> None:
    lung = replace(SMALL, number=2, region=LUNG, volume_ul=4_000)
    graded = grade_regions({LUNG: 1_000, BONE: 20_000, SOFT_TISSUE: 0}, (SMALL, lung))
    assert [(one.region, one.level) for one in graded] == [
        (LUNG, Level.METASTASIS),
        (BONE, Level.NEGATIVE),
        (SOFT_TISSUE, Level.TUMOR),
    ]
    assert graded[1].probabilities_ppm[0] == PPM - 20_000


@pytest.mark.parametrize("tumour_ppm", [0, 1, 333_333, 999_999, PPM])
def test_probabilities_sum_to_one(tumour_ppm: int) -> None:
    for level in Level:
        shares = probabilities_ppm(level, tumour_ppm)
        assert sum(shares) == PPM
        assert min(shares) >= 0


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 300.0, (40, 40, 40)).astype(np.float32)


def phantom_body() -> tuple[np.ndarray, np.ndarray]:
    """Smooth tissue in air, HU and SUV, 16 cm wide."""
    smooth = ndimage.gaussian_filter(noise(1), 4.0)
    hu = smooth + np.float32(20.0)
    hu[:, :4] = -1000.0
    return hu, np.full(hu.shape, 1.0, np.float32) + np.abs(smooth) / 100


def test_the_guard_names_what_is_wrong() -> None:
    affine = axial_affine(4.0)
    body, good = phantom_body()
    assert reason_to_abstain(GridImages(body, good, affine)) is None
    fine = GridImages(body, good, affine, None, (4.0, 0.05, 0.05))
    hole = np.where(body > 20, np.inf, body).astype(np.float32)
    cases = {
        "noise": GridImages(noise(2), None, affine),
        "soft tissue": GridImages(np.where(body > 20, -1000.0, -999.0), None, affine),
        "CT is of one value": GridImages(np.full_like(body, 40.0), None, affine),
        "60 mm": GridImages(body[:5], None, affine),
        "median SUV": GridImages(body, good * 5_000, affine),
        "of the PET": GridImages(body, np.abs(noise(3)) / 300, affine),
        "PET is of one value": GridImages(body, np.zeros_like(body), affine),
        "finer than": fine,
        "too coarse": replace(fine, native_spacings_mm=(4.0, 4.0, 12.1)),
        "no fat or air": GridImages(np.abs(body) % 290, None, affine),
        "CT has values that are no numbers": GridImages(hole, None, affine),
        "PET has values that are no numbers": GridImages(body, hole, affine),
    }
    for words, images in cases.items():
        assert words in (reason_to_abstain(images) or "")
    assert reason_to_abstain(replace(fine, native_spacings_mm=(12.0, 0.2, 0.2))) is None
