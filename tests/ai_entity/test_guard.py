"""What is no body in the right units abstains with its reason; what is one never does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import ndimage

from medquorum.ai_entity.case_archive import CaseArchive, ReferenceCase, axial
from medquorum.ai_entity.dicom_series import read_series
from medquorum.ai_entity.package_ct import make_package_ct, package_ct_file
from medquorum.ai_entity.phantom.growths import Story
from medquorum.ai_entity.phantom.nema import make_nema
from medquorum.ai_entity.phantom.package_torso import real_or_parametric_anatomy
from medquorum.ai_entity.phantom.scanner import Family, family_seed
from medquorum.ai_entity.phantom.torso import PhantomPair
from medquorum.ai_entity.phantom.whole_body import TorsoPlan, make_torso, scan_body
from medquorum.ai_entity.suv import suv_factor
from medquorum.ai_entity.tumour.grid import GridImages, Placed, Volume, common_grid
from medquorum.ai_entity.tumour.guard import reason_to_abstain, soft_tissue
from tests.ai_entity.conftest import axial_affine

STEP_MM = 4.0
Spoil = Callable[[GridImages], GridImages]


def grain(shape: tuple[int, ...], size: float = 12.0, seed: int = 1) -> Volume:
    return np.random.default_rng(seed).normal(0.0, size, shape).astype(np.float32)


def points(shape: tuple[int, int, int]) -> list[np.ndarray]:
    """Millimetres from the middle."""
    axes = [(np.arange(side) - (side - 1) / 2.0) * STEP_MM for side in shape]
    return list(np.meshgrid(*axes, indexing="ij"))


def on_grid(hu: Volume, suv: Volume | None = None) -> GridImages:
    return GridImages(hu.astype(np.float32), suv, axial_affine(STEP_MM))


def limb() -> GridImages:
    """A thigh with fat, bone and uptake, through both ends of the field."""
    shape = (48, 56, 56)
    _, y, x = points(shape)
    around = y**2 / 1.2 + x**2
    hu = np.full(shape, -1000.0)
    hu[around < 80.0**2] = -95.0
    hu[around < 68.0**2] = 50.0
    hu[around < 16.0**2] = 900.0
    suv = np.where(around < 80.0**2, 0.3, 0.002) + np.where(around < 68.0**2, 0.4, 0.0)
    noisy = suv * (1.0 + 0.05 * grain(shape, 1.0, 2))
    return on_grid(hu + grain(shape), noisy.astype(np.float32))


def chest(width_mm: float, length_mm: float = 1000.0) -> Volume:
    """A trunk with two lungs, spine and fat, ``width_mm`` wide."""
    shape = (60, 70, 70)
    z, y, x = points(shape)
    scale = width_mm / 100.0
    inside = (y / 0.8) ** 2 + x**2 + (z * width_mm / length_mm) ** 2 < (width_mm / 2.0) ** 2
    hu = np.where(inside, 40.0, -1000.0)
    hu[inside & ((y / 0.8) ** 2 + x**2 > (0.46 * width_mm) ** 2)] = -90.0
    for side in (-1.0, 1.0):
        lung = ((x - side * 22.0 * scale) / 15.0) ** 2 + (y / 24.0) ** 2 < scale**2
        hu[lung & inside & (np.abs(z) < 60.0 * scale)] = -820.0
    hu[((y - 30.0 * scale) ** 2 + x**2 < (6.0 * scale) ** 2) & inside] = 500.0
    return (hu + grain(shape)).astype(np.float32)


def writing(pages: int) -> Volume:
    """Lines of text as a CT: one page in every slice, or another in each."""
    planes = []
    for page in range(48):
        sheet = np.zeros((80, 80), np.uint8)
        for line in range(8):
            words = f"{(page % pages) * 7919 + line * 104729:d}"
            place = (2 + 3 * ((page % pages) % 3), 9 + 10 * line)
            cv2.putText(sheet, words, place, cv2.FONT_HERSHEY_PLAIN, 0.8, 255, 1)
        planes.append(np.where(sheet > 0, 60.0, -1000.0).astype(np.float32))
    return np.stack(planes)


def foam() -> Volume:
    """Blobs of tissue of a finger's width, everywhere."""
    field = ndimage.gaussian_filter(grain((48, 48, 48), 1.0), 2.2)
    hu = np.where(field > np.quantile(field, 0.8), 40.0, -1000.0)
    return (hu + grain(hu.shape)).astype(np.float32)


def metal() -> Volume:
    z, y, x = points((40, 40, 40))
    hu = np.where(z**2 + y**2 + x**2 < 40.0**2, 3071.0, -1000.0)
    return (hu + grain(hu.shape)).astype(np.float32)


def magnetic_resonance() -> Volume:
    """Signal of a thigh: nothing is below zero, and fat is the brightest."""
    hu = limb().hu
    signal = np.select([hu < -400, hu < -30, hu < 300], [10.0, 620.0, 240.0], 90.0)
    return np.abs(signal + grain(hu.shape, 15.0)).astype(np.float32)


def with_pet(change: Callable[[Volume, Volume], Volume]) -> Spoil:
    def spoil(images: GridImages) -> GridImages:
        assert images.suv is not None
        return replace(images, suv=change(images.suv, images.hu).astype(np.float32))

    return spoil


def ct_as_pet(images: GridImages) -> GridImages:
    native = Placed(images.hu, images.affine)
    return replace(images, suv=np.maximum(images.hu, 0.0), native_suv=native)


SHAPE = (40, 40, 40)
NO_BODY: list[tuple[str, Volume, str]] = [
    ("noise", grain(SHAPE, 300.0), "noise"),
    ("constant", np.full(SHAPE, 40.0, np.float32), "one value everywhere"),
    ("air", -1000.0 + grain(SHAPE, 5.0), "empty: nothing but air"),
    ("not numbers", np.where(grain(SHAPE) > 30, np.nan, 40.0), "no numbers"),
    ("infinite", np.where(grain(SHAPE) > 30, np.inf, 40.0), "no numbers"),
    ("MR", magnetic_resonance(), "another modality"),
    ("PET as CT", np.maximum(limb().suv * 3.0, 0.0), "another modality"),  # type: ignore[operator]
    ("intercept missing", limb().hu + 1024.0, "too high: its rescale intercept"),
    ("intercept twice", limb().hu - 1024.0, "too low: its rescale intercept"),
    ("a few slices", limb().hu[:8], "a few slices"),
    ("metal", metal(), "as dense as metal"),
    ("one page", writing(1), "the same picture"),
    ("many pages", writing(48) + grain((48, 80, 80)), "noise or writing"),
    ("foam", foam(), "nowhere thick"),
    ("cat's chest", chest(110.0), "lungs in a body"),
    ("whole cat", chest(110.0, 220.0), "an animal or a small phantom"),
    ("mouse", np.where(chest(40.0) > -400, 40.0, -1000.0) + grain((60, 70, 70)), "lungs in a body"),
]


@pytest.mark.parametrize(("hu", "words"), [one[1:] for one in NO_BODY], ids=[n[0] for n in NO_BODY])
def test_no_body_abstains_with_its_reason(hu: Volume, words: str) -> None:
    reason = reason_to_abstain(on_grid(np.asarray(hu)))
    assert reason is not None
    assert words in reason


PET: list[tuple[str, Spoil, str]] = [
    ("noise", with_pet(lambda suv, hu: np.abs(grain(suv.shape, 1.0))), "noise"),
    ("constant", with_pet(lambda suv, hu: np.full_like(suv, 1.0)), "one value everywhere"),
    ("not numbers", with_pet(lambda suv, hu: np.where(hu > 800, np.nan, suv)), "no numbers"),
    ("CT as PET", ct_as_pet, "perhaps the CT itself"),
    ("Bq/mL", with_pet(lambda suv, hu: suv * 4_000.0), "a thousand times too high"),
    ("grams", with_pet(lambda suv, hu: suv * 1_000.0), "is the weight in grams"),
    ("tonnes", with_pet(lambda suv, hu: suv / 1_000.0), "a thousand times too low"),
    ("counts", with_pet(lambda suv, hu: suv * 60.0), "no FDG PET in SUV units"),
    ("empty", with_pet(lambda suv, hu: grain(suv.shape, 1e-9)), "no FDG PET in SUV units"),
    ("beside", with_pet(lambda suv, hu: np.roll(suv, 9, axis=2)), "shifted or flipped"),
    ("outside", with_pet(lambda suv, hu: suv + np.where(hu < -500, 2.0, 0.0)), "activity lies in"),
]


@pytest.mark.parametrize(("spoil", "words"), [one[1:] for one in PET], ids=[one[0] for one in PET])
def test_no_pet_of_this_body_abstains_with_its_reason(spoil: Spoil, words: str) -> None:
    reason = reason_to_abstain(spoil(limb()))
    assert reason is not None
    assert words in reason


def test_voxels_of_a_microscope_or_a_brick() -> None:
    fine = replace(limb(), native_spacings_mm=(0.05, 0.05, 0.05))
    coarse = replace(limb(), native_spacings_mm=(15.0, 4.0, 4.0))
    assert "finer than any scanner" in str(reason_to_abstain(fine))
    assert "too coarse" in str(reason_to_abstain(coarse))


# --- what must never abstain -----------------------------------------------------------------


def both(images: GridImages) -> tuple[str | None, str | None]:
    """The reasons with the PET and without it."""
    return reason_to_abstain(images), reason_to_abstain(replace(images, suv=None, native_suv=None))


def test_a_limb_and_a_grown_persons_chest() -> None:
    assert both(limb()) == (None, None)
    assert reason_to_abstain(on_grid(chest(250.0))) is None


def test_the_limb_phantoms(pair: PhantomPair, healthy_pair: PhantomPair) -> None:
    for made in (pair, healthy_pair):
        ct, pet = read_series(made.ct, "CT"), read_series(made.pet, "PT")
        assert pet.pet is not None
        suv = pet.voxels * np.float32(suv_factor(pet.pet))
        images = common_grid(Placed(ct.voxels, ct.affine), Placed(suv, pet.affine))
        assert both(images) == (None, None)


@pytest.mark.parametrize(
    ("family", "with_head"), [(Family.TRAINING, False), (Family.HOLD_OUT, True)]
)
def test_the_torso_phantoms(family: Family, with_head: bool) -> None:
    plan = TorsoPlan(list(Story)[-1], with_head=with_head)
    phantom = make_torso(family_seed(family, 5), plan)
    assert both(placed(phantom.hu, phantom.suv, phantom.spacing_zyx_mm)) == (None, None)


def test_the_package_torso_and_the_bottle_of_the_standard() -> None:
    torso = scan_body(real_or_parametric_anatomy(2), 2, TorsoPlan())
    bottle = make_nema(3)
    for made in (torso, bottle):
        assert both(placed(made.hu, made.suv, made.spacing_zyx_mm)) == (None, None)


def placed(hu: Volume, suv: Volume, spacing_mm: tuple[float, float, float]) -> GridImages:
    affine = axial(spacing_mm)
    return common_grid(
        Placed(hu.astype(np.float32), affine), Placed(suv.astype(np.float32), affine)
    )


def test_the_package_ct() -> None:
    source = package_ct_file()
    if source is None:
        images = on_grid(chest(250.0))
    else:
        volume = read_series(make_package_ct(source).files, "CT")
        images = common_grid(Placed(volume.voxels, volume.affine), None)
    assert reason_to_abstain(images) is None


@pytest.mark.shared_data
def test_the_real_cases_never_abstain_and_most_flips_do(shared_data_folder: Path | None) -> None:
    """All forty with and without PET. Without the optional series the limb is judged alone."""
    if shared_data_folder is None:
        print("optional series absent: judged on a limb")
        assert both(limb()) == (None, None)
        return
    archive = CaseArchive(shared_data_folder / "petct" / "soft_tissue_sarcoma_40.npz")
    flipped, cases = 0, 0
    for case in archive:
        images = on_common_grid(case)
        assert both(images) == (None, None), case.name
        cases += 1
        flipped += reason_to_abstain(replace(images, hu=np.flip(images.hu, 1))) is not None
    assert cases == 40
    assert flipped >= 24, "a CT upside down is seen by the uptake that it lacks"


def on_common_grid(case: ReferenceCase) -> GridImages:
    return common_grid(case.ct, case.pet)


def test_soft_tissue_is_what_the_bounds_say() -> None:
    assert soft_tissue(np.asarray([-201.0, -199.0, 299.0, 301.0])).tolist() == [
        False,
        True,
        True,
        False,
    ]
