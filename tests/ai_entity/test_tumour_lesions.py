"""Measurements on spheres of the NEMA IEC body phantom, what is drawn, and the guard."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from medquorum.ai_entity.findings import Level
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.registry import MODELS_FOLDER, LoadedModel, Registry
from medquorum.ai_entity.tumour.candidates import draw_lesions
from medquorum.ai_entity.tumour.density_organs import density_organs
from medquorum.ai_entity.tumour.grid import GridImages, Placed
from medquorum.ai_entity.tumour.guard import reason_to_abstain
from medquorum.ai_entity.tumour.inference import Prediction
from medquorum.ai_entity.tumour.lesions import comparison_volumes, measure_lesions
from medquorum.ai_entity.tumour.methods import SUV_2_5, SUV_4, SUV_41_PERCENT, SUV_ADAPTIVE
from medquorum.ai_entity.tumour.organ_levels import Group
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


@pytest.fixture(scope="module")
def baseline() -> LoadedModel:
    """The oldest model for PET/CT, with its threshold at one half."""
    content = (MODELS_FOLDER / "petct_baseline.onnx").read_bytes()
    digest = hashlib.sha256(content).digest()
    model = Registry().load(digest)
    return replace(model, card=replace(model.card, threshold_ppm=500_000))


def said(images: GridImages, probability: np.ndarray) -> Prediction:
    return Prediction(
        np.clip(probability, 0.0, 1.0).astype(np.float32), density_organs(images.hu, 64.0)
    )


def test_volumes_of_nema_spheres_at_half_contrast(baseline: LoadedModel) -> None:
    images, truth = spheres(8.0)
    assert images.suv is not None
    prediction = said(images, (images.suv - 1.0) / 7.0)
    drawn = draw_lesions(baseline, images, prediction)
    lesions = measure_lesions(images, drawn.labels, drawn.groups, prediction.probability)
    measured = [lesion.volume_ul / 1000 for lesion in lesions]
    assert measured == pytest.approx(truth, rel=0.15)
    assert [lesion.number for lesion in lesions] == [1, 2, 3]
    assert [lesion.region for lesion in lesions] == ["muscle"] * 3
    assert drawn.levels == {Organ.MUSCLE: Level.METASTASIS}
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
    groups = (Group(40.0, Organ.MUSCLE, (Organ.BONE,)),)
    original = replace(images, native_suv=Placed(native, affine))
    lesion = measure_lesions(original, labels, groups, likely)
    assert lesion[0].suv_max_milli == 50_000
    assert (lesion[0].region, lesion[0].reaches) == ("muscle", ("bone",))
    on_grid = measure_lesions(images, labels, groups, likely)[0]
    assert on_grid.suv_max_milli is not None
    assert on_grid.suv_max_milli < 9_000
    assert lesion[0].volume_ul == on_grid.volume_ul


def test_threshold_volumes_are_named() -> None:
    images, truth = spheres(8.0)
    assert images.suv is not None
    labels = ndimage.label(images.suv > 4.5)[0].astype(np.int32)
    volumes = dict(comparison_volumes(images, labels))
    assert list(volumes) == [SUV_2_5, SUV_4, SUV_41_PERCENT, SUV_ADAPTIVE]
    assert volumes[SUV_4] / 1000 == pytest.approx(sum(truth), rel=0.1)
    assert volumes[SUV_4] < volumes[SUV_41_PERCENT] < volumes[SUV_2_5]
    assert volumes[SUV_ADAPTIVE] / 1000 == pytest.approx(sum(truth), rel=0.1)


@pytest.mark.parametrize(("side", "drawn"), [(3, 0), (4, 1)])
def test_specks_below_three_millilitres_are_no_lesion_of_a_voxel_model(
    baseline: LoadedModel, side: int, drawn: int
) -> None:
    likely = np.zeros((20, 20, 20), np.float32)
    likely[5 : 5 + side, 5 : 5 + side, 5 : 5 + side] = 0.9
    images = GridImages(np.full_like(likely, 40.0), None, axial_affine(4.0))
    found = draw_lesions(baseline, images, said(images, likely))
    assert (len(found.groups), int(found.labels.max())) == (drawn, drawn)
    assert found.means == pytest.approx([0.9] * drawn)
    assert found.levels[Organ.MUSCLE] is (Level.TUMOR if drawn else Level.NEGATIVE)


def test_a_few_voxels_of_an_organ_s_label_are_no_organ_in_view(baseline: LoadedModel) -> None:
    hu = np.full((20, 20, 20), 40.0, np.float32)
    images = GridImages(hu, None, axial_affine(4.0))
    organs = np.full(hu.shape, Organ.MUSCLE, np.uint8)
    organs[0, 0, :10] = Organ.LIVER
    found = draw_lesions(baseline, images, Prediction(np.zeros_like(hu), organs))
    assert set(found.levels) == {Organ.MUSCLE}
    organs[0, :8] = Organ.LIVER
    found = draw_lesions(baseline, images, Prediction(np.zeros_like(hu), organs))
    assert set(found.levels) == {Organ.MUSCLE, Organ.LIVER}


def test_organs_by_density_alone() -> None:
    z, y, x = np.mgrid[0:40, 0:40, 0:40]
    hu = np.full(z.shape, -1000.0, np.float32)
    around = np.hypot(y - 20, x - 20)
    hu[around < 18] = -100.0
    hu[around < 17] = 50.0
    hu[around < 12] = -820.0
    hu[np.hypot(y - 20, x - 4) < 2] = 900.0
    organs = density_organs(hu, 64.0)
    assert organs[5, 20, 20] == Organ.LUNGS
    assert organs[5, 20, 6] == Organ.MUSCLE
    assert (organs[5, 20, 4], organs[5, 37, 20], organs[5, 0, 0]) == (
        Organ.BONE,
        Organ.FAT,
        Organ.AIR,
    )
    assert Organ.LUNGS not in density_organs(hu, 20.0)


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
        "empty": GridImages(np.where(body > 20, -1000.0, -999.0), None, affine),
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
