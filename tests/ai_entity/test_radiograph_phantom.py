"""Projected bones: broken only inside the box, the same each time, with real films' artefacts."""

import io
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest

from medquorum.ai_entity.phantom.bone_block import (
    PACKAGE_BONES,
    BoneBlock,
    draw_bone,
    read_package_bone,
)
from medquorum.ai_entity.phantom.bone_cut import break_bone, draw_break
from medquorum.ai_entity.phantom.dicom_writer import write_radiograph
from medquorum.ai_entity.phantom.radiograph import (
    PLAIN_FILM,
    WATER_MU_PER_MM,
    draw_film,
    expose,
    make_radiograph,
    project,
    radiograph_of,
)

VOXEL_MM = 1.2
SEEDS = (30_000_000, 30_000_001, 30_000_002)


@pytest.fixture(scope="module", params=SEEDS)
def block(request: pytest.FixtureRequest) -> BoneBlock:
    return draw_bone(request.param, VOXEL_MM)


def seed_of(block: BoneBlock) -> int:
    return int(block.source.rsplit(" ", 1)[1])


def test_same_seed_same_film_with_or_without_the_break() -> None:
    broken, whole = (make_radiograph(5, fractured, VOXEL_MM) for fractured in (True, False))
    assert np.array_equal(broken.stored, make_radiograph(5, True, VOXEL_MM).stored)
    assert broken.inverted == whole.inverted
    assert whole.box is None and broken.box is not None
    assert not np.array_equal(broken.stored, whole.stored)
    assert not np.array_equal(make_radiograph(6, True, VOXEL_MM).stored, broken.stored)


def test_stored_values_are_twelve_bit_and_bright_where_dense(block: BoneBlock) -> None:
    film = radiograph_of(block, 1, False, PLAIN_FILM)
    assert film.stored.dtype == np.uint16 and film.stored.max() <= 4_095
    bone = np.asarray(block.bone.any(axis=1))[::-1]
    assert film.stored[bone].mean() > film.stored[~bone].mean() + 200.0
    inverted = radiograph_of(block, 1, False, replace(PLAIN_FILM, inverted=True))
    assert np.array_equal(inverted.stored, 4_095 - film.stored)


def test_the_box_holds_where_the_bone_changed_most(block: BoneBlock) -> None:
    seed = seed_of(block)
    film = radiograph_of(block, seed, True, PLAIN_FILM)
    assert film.box is not None
    x, y, width, height = film.box
    rows, columns = film.stored.shape
    assert 0 <= x < x + width <= columns and 0 <= y < y + height <= rows
    assert 8.0 < width * VOXEL_MM < 75.0 and 8.0 < height * VOXEL_MM < 75.0
    whole = project(block.hu, VOXEL_MM)
    broken = project(break_bone(block, draw_break(block, seed))[0], VOXEL_MM)
    change = np.abs(broken - whole)
    inside = change[y : y + height, x : x + width]
    assert inside.max() > 0.15
    stump = change[y + height + 5 :], change[: max(y - 5, 0)]
    assert min(float(part.mean()) if part.size else 9.0 for part in stump) < 0.01


def test_a_break_keeps_most_of_the_bone_and_leaves_no_density_behind(block: BoneBlock) -> None:
    cut = draw_break(block, seed_of(block))
    hu, ends = break_bone(block, cut)
    assert ends.any() and 0.8 <= cut.gap_mm <= 3.0
    assert np.linalg.det(cut.turn) == pytest.approx(1.0)
    dense = [np.count_nonzero(volume > 600.0) for volume in (block.hu, hu)]
    assert 0.7 < dense[1] / dense[0] < 1.05


def test_water_attenuates_as_stated() -> None:
    water = np.zeros((4, 50, 4), dtype=np.float32)
    assert project(water, 2.0) == pytest.approx(np.full((4, 4), 100.0 * WATER_MU_PER_MM), rel=1e-5)
    air = np.full((4, 50, 4), -1000.0, dtype=np.float32)
    assert project(air, 2.0) == pytest.approx(np.zeros((4, 4)), abs=1e-6)


def test_each_artefact_does_what_it_says() -> None:
    path, rng = np.full((80, 60), 1.0), np.random.default_rng
    plain = expose(path, 1.0, PLAIN_FILM, rng(0)).astype(float)
    bordered = expose(path, 1.0, replace(PLAIN_FILM, border_mm=6.0), rng(0)).astype(float)
    assert bordered[:3].mean() > plain.mean() + 1_000.0
    assert bordered[20:60, 20:40].mean() == pytest.approx(plain.mean(), rel=0.01)
    marked = expose(path, 1.0, replace(PLAIN_FILM, marker="L"), rng(0)).astype(float)
    assert np.count_nonzero(marked > plain.mean() + 800.0) > 5
    sloped = expose(path, 1.0, replace(PLAIN_FILM, gradient=0.3), rng(0)).astype(float)
    assert sloped[:20].mean() > sloped[-20:].mean() + 100.0
    hazy = expose(path, 1.0, replace(PLAIN_FILM, scatter=0.3), rng(0)).astype(float)
    assert hazy.mean() < plain.mean() - 100.0
    grainy = expose(path, 1.0, replace(PLAIN_FILM, photons=500.0), rng(0)).astype(float)
    assert grainy.std() > 3.0 * plain.std()


def test_films_of_many_seeds_show_every_kind() -> None:
    films = [draw_film(seed) for seed in range(40)]
    assert {film.inverted for film in films} == {True, False}
    assert {film.marker for film in films} == {"L", "R", ""}
    assert {film.border_mm for film in films} == {0.0, 4.0, 9.0}


@pytest.mark.parametrize("inverted", [False, True])
def test_the_file_says_how_its_grey_scale_runs(inverted: bool) -> None:
    film = make_radiograph(5, False, 2.0)
    content = write_radiograph(film.stored, "film", film.pixel_mm, inverted=inverted)
    dataset = pydicom.dcmread(io.BytesIO(content))
    assert dataset.PhotometricInterpretation == ("MONOCHROME1" if inverted else "MONOCHROME2")
    assert np.array_equal(dataset.pixel_array, film.stored)


def packaged(folder: Path) -> tuple[Path, Path]:
    """A stand-in for the package's files: an upright rod labelled as the right clavicle."""
    hu = np.full((40, 40, 30), 40, dtype=np.int16)
    labels = np.zeros(hu.shape, dtype=np.uint8)
    labels[16:24, 16:24, 4:26] = PACKAGE_BONES["right clavicle"]
    hu[labels > 0] = 900
    paths = folder / "ct.nii.gz", folder / "labels.nii.gz"
    affine = np.diag((-1.5, 1.5, 4.0, 1.0))
    for path, values in zip(paths, (hu, labels), strict=True):
        nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return paths


def test_a_labelled_bone_of_a_ct_breaks_like_a_drawn_one(tmp_path: Path) -> None:
    files = packaged(tmp_path)
    block = read_package_bone(files, "right clavicle", 1.5)
    ends_mm = np.ptp(np.nonzero(block.bone)[0]) * 1.5
    assert ends_mm == pytest.approx(22 * 4.0, abs=6.0)
    film = radiograph_of(block, 3, True, PLAIN_FILM)
    assert film.box is not None and film.source.startswith("real right clavicle")
    with pytest.raises(ValueError, match="shows no left clavicle"):
        read_package_bone(files, "left clavicle", 1.5)


def test_a_block_without_bone_cannot_break() -> None:
    empty = BoneBlock(np.zeros((30, 30, 30), np.float32), np.zeros((30, 30, 30), bool), 1.0, "x")
    with pytest.raises(ValueError, match="too little bone"):
        draw_break(empty, 1)


def test_voxels_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="voxels"):
        draw_bone(1, 0.1)


def test_a_thick_body_is_exposed_until_half_the_film_is_seen() -> None:
    block = draw_bone(4, 2.0)
    water = np.zeros((block.hu.shape[0], 90, block.hu.shape[2]), dtype=np.float32)
    thick = replace(
        block,
        hu=np.concatenate((block.hu, water), axis=1),
        bone=np.pad(block.bone, ((0, 0), (0, 90), (0, 0))),
    )
    film = radiograph_of(thick, 4, False, PLAIN_FILM)
    assert np.median(film.stored) < 0.7 * 4_095
