"""A PET some centimetres beside its CT abstains; of another tracer too, and silence is told."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from medquorum.ai_entity.case_archive import CaseArchive
from medquorum.ai_entity.phantom.nema import make_nema
from medquorum.ai_entity.tumour.grid import GridImages, Placed, common_grid
from medquorum.ai_entity.tumour.guard import assumed_tracer, reason_to_abstain, soft_tissue
from medquorum.ai_entity.tumour.guard_place import shifted_reason
from tests.ai_entity.test_guard import limb, placed

LEFT, BACK = 2, 1
"""Axes of [z,y,x]."""


def reason(images: GridImages) -> str | None:
    assert images.suv is not None
    return shifted_reason(images.hu, images.suv, soft_tissue(images.hu), images.voxel_volume_mm3)


def moved(images: GridImages, voxels: int, axis: int) -> GridImages:
    assert images.suv is not None
    return replace(images, suv=np.roll(images.suv, voxels, axis))


def beside(ct: Placed, pet: Placed, shift_mm: tuple[float, float]) -> GridImages:
    """The pair as read when the PET's header places it ``shift_mm`` (x, y) away."""
    affine = pet.affine.copy()
    affine[:2, 3] += shift_mm
    return common_grid(ct, Placed(pet.voxels, affine))


@pytest.mark.parametrize("axis", [LEFT, BACK])
@pytest.mark.parametrize("voxels", [-8, 6, 8])
def test_a_limb_seen_beside_itself_abstains(voxels: int, axis: int) -> None:
    images = moved(limb(), voxels, axis)
    said = str(reason(images))
    assert "shifted against each other" in said
    assert f"better {4 * abs(voxels)} mm away" in said
    assert reason_to_abstain(images) is not None


@pytest.mark.parametrize("voxels", [-2, 0, 2])
def test_what_breath_and_arms_move_does_not(voxels: int) -> None:
    assert reason_to_abstain(moved(limb(), voxels, LEFT)) is None


def test_the_bottle_of_the_standard_is_known_by_its_place() -> None:
    made = make_nema(3)
    images = placed(made.hu, made.suv, made.spacing_zyx_mm)
    assert reason(images) is None
    assert reason(moved(images, 8, LEFT)) is not None


def test_a_field_that_the_body_fills_tells_no_place() -> None:
    middle = slice(20, 36)
    images = limb()
    assert images.suv is not None
    full = replace(images, hu=images.hu[:, middle, middle], suv=images.suv[:, middle, middle])
    assert reason(full) is None


@pytest.mark.shared_data
def test_real_pairs_30_mm_apart_abstain_and_true_ones_never(
    shared_data_folder: Path | None,
) -> None:
    """Every fifth of forty; the other test of real cases asks all of them where they truly are."""
    if shared_data_folder is None:
        print("optional series absent: judged on a limb")
        assert reason(limb()) is None
        return
    archive = CaseArchive(shared_data_folder / "petct" / "soft_tissue_sarcoma_40.npz")
    seen = []
    for case in islice(archive, 0, None, 5):
        assert reason(beside(case.ct, case.pet, (0.0, 0.0))) is None, case.name
        for shift_mm in ((30.0, 0.0), (0.0, -30.0)):
            seen.append(reason(beside(case.ct, case.pet, shift_mm)) is not None)
    assert len(seen) == 16
    assert sum(seen) >= 14


def test_another_tracer_abstains_and_an_unnamed_one_is_said_to_be_assumed() -> None:
    images = limb()
    other = replace(images, names_fdg=False)
    assert "FDG only" in str(reason_to_abstain(other))
    assert reason_to_abstain(replace(other, suv=None)) is None
    assert "FDG was assumed" in assumed_tracer(images)[0]
    assert assumed_tracer(replace(images, names_fdg=True)) == ()
    assert assumed_tracer(replace(images, suv=None)) == ()
