"""The level rule on constructed masks: each clause has a case that only it decides."""

import numpy as np
import pytest

from medquorum.ai_entity.findings import Level
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.tumour.organ_levels import LARGE_ML, lesion_groups, organ_levels

SPACING = (5.0, 5.0, 5.0)
"""One voxel is 0.125 mL."""


def body() -> np.ndarray:
    """Lungs, liver and spleen side by side along x, in fat, in air; 40 voxels each way."""
    organs = np.full((40, 40, 60), Organ.AIR, dtype=np.uint8)
    organs[1:39, 1:39, 1:59] = Organ.FAT
    organs[4:36, 4:36, 4:20] = Organ.LUNGS
    organs[4:36, 4:36, 20:38] = Organ.LIVER
    organs[4:36, 4:36, 42:56] = Organ.SPLEEN
    return organs


def mask(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Boxes given as (z, y, x, side)."""
    lesions = np.zeros((40, 40, 60), dtype=bool)
    for z, y, x, side in boxes:
        lesions[z : z + side, y : y + side, x : x + side] = True
    return lesions


def levels(*boxes: tuple[int, int, int, int]) -> dict[str, str]:
    """The organs that are not negative."""
    found = organ_levels(mask(*boxes), body(), SPACING)
    return {organ.name: level.value for organ, level in found.items() if level != Level.NEGATIVE}


def test_no_lesion_is_negative_in_every_organ_in_view() -> None:
    found = organ_levels(mask(), body(), SPACING)
    assert set(found) == {Organ.FAT, Organ.LUNGS, Organ.LIVER, Organ.SPLEEN}
    assert set(found.values()) == {Level.NEGATIVE}


def test_one_small_confined_lesion_is_tumor() -> None:
    assert levels((10, 10, 24, 4)) == {"LIVER": "Tumor"}


def test_a_speck_below_the_least_group_is_ignored() -> None:
    assert levels((10, 10, 24, 1)) == {}


def test_fifty_millilitres_make_tumor_plus() -> None:
    assert 7**3 * 0.125 < LARGE_ML <= 8**3 * 0.125
    assert levels((10, 10, 24, 7)) == {"LIVER": "Tumor"}
    assert levels((10, 10, 24, 8)) == {"LIVER": "Tumor+"}


def test_two_lesions_of_one_organ_are_tumor_plus_and_three_metastasis() -> None:
    assert levels((6, 6, 24, 3), (20, 20, 24, 3)) == {"LIVER": "Tumor+"}
    three = ((6, 6, 24, 3), (20, 20, 24, 3), (30, 6, 24, 3))
    assert levels(*three) == {"LIVER": "Metastasis"}


def test_growing_into_a_neighbour_is_tumor_plus_on_both_sides() -> None:
    assert levels((10, 10, 17, 5)) == {"LUNGS": "Tumor+", "LIVER": "Tumor+"}


def test_a_brush_with_the_neighbour_is_no_extension() -> None:
    lesion = mask((10, 10, 14, 6))
    lesion[12, 12, 20:22] = True
    found = organ_levels(lesion, body(), SPACING)
    assert (found[Organ.LUNGS], found[Organ.LIVER]) == (Level.TUMOR, Level.NEGATIVE)


def test_growing_into_fat_is_no_extension() -> None:
    assert levels((10, 10, 36, 4)) == {"LIVER": "Tumor"}
    assert levels((10, 10, 38, 4)) == {"FAT": "Tumor"}


def test_a_daughter_elsewhere_is_metastasis_there_and_the_primary_keeps_its_own_level() -> None:
    assert levels((10, 10, 24, 6), (10, 10, 46, 3)) == {"LIVER": "Tumor", "SPLEEN": "Metastasis"}


def test_the_primary_is_the_largest_group_wherever_it_lies() -> None:
    assert levels((10, 10, 24, 3), (10, 10, 46, 6)) == {"LIVER": "Metastasis", "SPLEEN": "Tumor"}


def test_a_daughter_that_reaches_on_spreads_both_organs() -> None:
    found = levels((8, 8, 44, 9), (25, 10, 17, 5))
    assert found == {"LUNGS": "Metastasis", "LIVER": "Metastasis", "SPLEEN": "Tumor+"}


def test_spacing_scales_the_volumes() -> None:
    lesion = mask((10, 10, 24, 4))
    assert lesion_groups(lesion, body(), SPACING)[0].volume_ml == pytest.approx(8.0)
    assert organ_levels(lesion, body(), (10.0, 10.0, 10.0))[Organ.LIVER] == Level.TUMOR_PLUS


def test_equal_groups_have_one_order() -> None:
    boxes = mask((10, 10, 46, 4), (10, 10, 24, 4))
    groups = lesion_groups(boxes, body(), SPACING)
    assert [group.host for group in groups] == [Organ.LIVER, Organ.SPLEEN]


def test_grids_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="one grid"):
        organ_levels(mask()[1:], body(), SPACING)
