"""Organs placed from the lungs: counted, stored, read back, and not misled by uptake or lesions."""

import numpy as np
import pytest

from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.tumour.grid import GridImages
from medquorum.ai_entity.tumour.organ_atlas import (
    AtlasCounter,
    atlas_from_plain,
    atlas_to_plain,
    lung_box,
    place_organs,
)
from tests.ai_entity.conftest import axial_affine

DENSITY = {Organ.AIR: -1000.0, Organ.LUNGS: -820.0, Organ.MUSCLE: 55.0, Organ.LIVER: 56.0,
           Organ.HEART: 43.0}  # fmt: skip


def body(scale: float = 1.0) -> tuple[GridImages, np.ndarray]:
    """Two lungs with a heart between them over a liver, in a box of muscle."""
    organs = np.full((40, 40, 40), Organ.AIR, np.uint8)
    organs[:, 2:38, 2:38] = Organ.MUSCLE
    organs[20:36, 8:32, 6:34] = Organ.LUNGS
    organs[22:32, 12:26, 16:24] = Organ.HEART
    organs[6:18, 8:32, 6:30] = Organ.LIVER
    hu = np.vectorize(lambda label: DENSITY[Organ(label)])(organs).astype(np.float32)
    return GridImages(hu, None, axial_affine(4.0 * scale)), organs


def counted() -> AtlasCounter:
    counter = AtlasCounter()
    for scale in (0.95, 1.0, 1.1):
        images, organs = body(scale)
        counter.add(images, organs, np.full_like(organs, Organ.MUSCLE), np.zeros_like(organs))
    return counter


def test_an_organ_that_no_density_tells_is_placed_from_the_lungs() -> None:
    atlas = counted().atlas()
    images, organs = body(1.05)
    said = np.full_like(organs, Organ.MUSCLE)
    placed, whole = place_organs(images, said, np.zeros(organs.shape, np.float32), atlas)
    assert whole
    inner = (slice(8, 34), slice(10, 30), slice(8, 28))
    for organ in (Organ.LIVER, Organ.HEART, Organ.LUNGS):
        true = organs[inner] == organ
        assert (placed[inner] == organ)[true].mean() > 0.85
    assert (placed == organs).mean() > (said == organs).mean()


def test_the_atlas_survives_its_file() -> None:
    atlas = counted().atlas()
    again = atlas_from_plain(atlas_to_plain(atlas))
    assert np.array_equal(again.places, atlas.places)
    assert again.densities == pytest.approx(atlas.densities, abs=1e-5)
    plain = atlas_to_plain(atlas)
    refused: tuple[dict[str, object], ...] = (
        plain | {"places_zlib_base64": plain["places_zlib_base64"][:40]},
        plain | {"densities": plain["densities"][1:]},
        plain | {"words": (-atlas.words).tolist()},
        plain | {"words": (atlas.words * np.nan).tolist()},
        {},
    )
    for hostile in refused:
        with pytest.raises((ValueError, KeyError)):
            atlas_from_plain(hostile)


@pytest.mark.parametrize("with_atlas", [True, False])
def test_without_lungs_density_names_what_it_can(with_atlas: bool) -> None:
    hu = np.full((20, 20, 20), 50.0, np.float32)
    hu[:, :, :4], hu[:, :, 4:6], hu[:, :, 18:] = -1000.0, -100.0, 700.0
    said = np.full(hu.shape, Organ.LIVER, np.uint8)
    said[:10] = Organ.BRAIN
    probability = np.zeros(hu.shape, np.float32)
    probability[8:12, 8:12, 8:12] = 0.9
    images = GridImages(hu, None, axial_affine(4.0))
    assert lung_box(images.hu, images.affine) is None
    atlas = counted().atlas() if with_atlas else None
    placed, whole = place_organs(images, said, probability, atlas)
    assert not whole
    assert (placed[:, :, :4] == Organ.AIR).all()
    assert (placed[:, :, 4:6] == Organ.FAT).all()
    assert (placed[:, :, 6:18] == Organ.MUSCLE).all()
    assert (placed[:, :, 18:] == Organ.BONE).all()


def test_without_lungs_no_lesion_lies_in_air_or_in_a_lung() -> None:
    hu = np.full((20, 20, 20), -800.0, np.float32)
    hu[:, 1:-1, 1:4] = hu[:, 1:-1, 16:19] = hu[:, 1, 1:-1] = hu[:, 18, 1:-1] = 50.0
    probability = np.zeros(hu.shape, np.float32)
    probability[8:12, 8:12, 8:12] = 0.9
    images = GridImages(hu, None, axial_affine(4.0))
    assert lung_box(images.hu, images.affine) is None
    said = np.full(hu.shape, Organ.LUNGS, np.uint8)
    placed, _ = place_organs(images, said, probability, None)
    assert set(np.unique(placed)) == {Organ.AIR, Organ.MUSCLE}
    assert (placed[8:12, 8:12, 8:12] == Organ.MUSCLE).all()
    placed, _ = place_organs(images, said, np.ones_like(probability), None)
    assert Organ.AIR not in placed


def test_without_an_atlas_labels_under_lungs_change_beneath_lesions_only() -> None:
    images, organs = body()
    said = organs.copy()
    said[8:12, 12:16, 12:16] = Organ.BLADDER
    probability = np.zeros(organs.shape, np.float32)
    probability[8:12, 12:16, 12:16] = 0.9
    placed, whole = place_organs(images, said, probability, None)
    assert not whole
    assert (placed == organs).all()
    everywhere = np.ones_like(probability)
    assert np.array_equal(place_organs(images, said, everywhere, None)[0], said)


def test_the_lungs_box_follows_the_patient_not_the_array() -> None:
    images, _ = body()
    middle, lengths = lung_box(images.hu, images.affine) or (np.zeros(3), np.zeros(3))
    turned = images.affine.copy()
    turned[:3, 0] *= -1.0
    turned[2, 3] = 4.0 * 39
    again = lung_box(images.hu[::-1], turned)
    assert again is not None
    assert again[0] == pytest.approx(middle)
    assert again[1] == pytest.approx(lengths)
