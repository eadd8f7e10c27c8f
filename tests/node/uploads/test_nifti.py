"""NIfTI volumes become DICOM series that lie where they lay and hold what they held."""

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.uploads.packing import pack_nifti
from medquorum.node.viewing.told import Description
from tests.node.viewing.kit import described, plane_of

AFFINE = np.array([[-0.8, 0, 0, 50], [0, 0.9, 0, -60], [0, 0, 2.5, -300], [0, 0, 0, 1.0]])
HU = (np.arange(6 * 5 * 4).reshape(6, 5, 4) * 30 - 1_000).astype(np.int16)
"""[i, j, k], as NIfTI has it."""


def written(path: Path, values: Any, affine: Any = AFFINE) -> Path:
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return path


def packed(path: Path, modality: str) -> bytes:
    target = path.with_name("part")
    pack_nifti(1, path, target, modality, "7")
    return target.read_bytes()


def as_read(plane: Any) -> Any:
    """Rows from anterior to posterior: the affine's second axis runs the other way."""
    return plane.T[::-1]


def refusal(path: Path, modality: str = "CT") -> Fault:
    with pytest.raises(IntakeRefused) as caught:
        pack_nifti(1, path, path.with_name("part"), modality, "7")
    return caught.value.fault


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
def test_a_ct_keeps_values_and_place(name: str, tmp_path: Path) -> None:
    shown = described(packed(written(tmp_path / name, HU), "CT"), "IMG_CT")
    told = Description.model_validate(shown.described)
    assert (told.columns, told.rows, told.slices, told.unit) == (6, 5, 4, "HU")
    assert told.spacing_mm == pytest.approx((0.8, 0.9, 2.5))
    for index in range(4):
        assert (plane_of(shown, index) == as_read(HU[:, :, index])).all()
        # voxel (0, 4, k) is the first: RAS of the affine, x and y turned to LPS
        assert told.positions[index] == pytest.approx((-50, 60 - 4 * 0.9, -300 + 2.5 * index))
    assert told.orientation == pytest.approx((1, 0, 0, 0, 1, 0))


def test_a_pet_keeps_its_uptake(tmp_path: Path) -> None:
    suv = (np.arange(120).reshape(6, 5, 4) / 11.0).astype(np.float32)
    shown = described(packed(written(tmp_path / "pet.nii", suv), "PT"), "IMM_PET")
    slope = shown.described["rescale"]["slope"]
    assert shown.described["unit"] == "SUV"
    for index in range(4):
        assert np.abs(plane_of(shown, index) * slope - as_read(suv[:, :, index])).max() <= slope


def test_scaled_integers_are_scaled(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(HU, AFFINE)
    image.header.set_slope_inter(0.5, 10)
    nibabel.save(image, tmp_path / "ct.nii")
    content = bytearray((tmp_path / "ct.nii").read_bytes())
    loaded: Any = nibabel.load(tmp_path / "ct.nii")
    wanted = as_read(np.rint(np.asarray(loaded.dataobj)[:, :, 1]))
    (tmp_path / "copy.nii").write_bytes(content)
    shown = described(packed(tmp_path / "copy.nii", "CT"), "IMG_CT")
    assert (plane_of(shown, 1) == wanted).all()


def test_what_is_no_volume_of_a_scanner_is_refused(tmp_path: Path) -> None:
    sheared = AFFINE.copy()
    sheared[0, 1] = 0.3
    assert refusal(written(tmp_path / "sheared.nii", HU, sheared)) is Fault.NIFTI_GRID
    unplaced = nibabel.Nifti1Image(HU, None)
    unplaced.header["sform_code"] = unplaced.header["qform_code"] = 0
    nibabel.save(unplaced, tmp_path / "unplaced.nii")
    assert refusal(tmp_path / "unplaced.nii") is Fault.NIFTI_GRID
    four = np.zeros((3, 3, 3, 2), dtype=np.int16)
    assert refusal(written(tmp_path / "times.nii", four)) is Fault.NIFTI
    raw = HU.astype(np.float32) * 100
    assert refusal(written(tmp_path / "raw.nii", raw)) is Fault.NIFTI_VALUES
    assert refusal(written(tmp_path / "negative.nii", HU), "PT") is Fault.NIFTI_VALUES
    gaps = HU.astype(np.float32)
    gaps[0, 0, 0] = np.nan
    assert refusal(written(tmp_path / "nan.nii", gaps)) is Fault.NIFTI_VALUES


def test_cut_lying_and_inflated_files_are_refused(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.nii", HU).read_bytes()
    (tmp_path / "cut.nii").write_bytes(whole[:-5])
    assert refusal(tmp_path / "cut.nii") is Fault.NIFTI
    (tmp_path / "cut.nii.gz").write_bytes(gzip.compress(whole)[:-30])
    assert refusal(tmp_path / "cut.nii.gz") is Fault.NIFTI
    (tmp_path / "text.nii").write_bytes(b"\x5c\x01\0\0" + b"no header" * 100)
    assert refusal(tmp_path / "text.nii") is Fault.NIFTI
    vast = bytearray(whole[:352])
    vast[40:56] = np.array([3, 16_000, 16_000, 9_999, 1, 1, 1, 1], dtype="<i2").tobytes()
    (tmp_path / "vast.nii.gz").write_bytes(gzip.compress(bytes(vast) + bytes(50_000_000)))
    assert refusal(tmp_path / "vast.nii.gz") is Fault.SIDE
