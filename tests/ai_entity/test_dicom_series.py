"""A series becomes a volume, or is refused with the reason, the file's ordinal and the tag."""

import random
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, RLELossless

from medquorum.ai_entity.dicom_series import read_series
from medquorum.ai_entity.dicom_slice import parse_header, read_slice, stored_pixels
from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.limits import MAX_FILE_BYTES
from medquorum.ai_entity.package_images import gappy_ct_series, package_file, tiny_ct_series
from tests.ai_entity.slices import all_changed, changed, having, small_ct, without

JPEG_BASELINE = UID("1.2.840.10008.1.2.4.50")


def refusal(files: list[bytes]) -> SeriesError:
    with pytest.raises(SeriesError) as caught:
        read_series(files, "CT")
    return caught.value


def test_volume_spacing_and_place_come_from_positions_not_thickness() -> None:
    files = all_changed(small_ct(), having("SliceThickness", "99"))
    volume = read_series(files, "CT")
    assert volume.voxels.shape == (5, 8, 6)
    assert np.array_equal(volume.voxels.ravel(), np.arange(240))
    assert volume.spacing_zyx_mm == (2.5, 1.5, 1.25)
    assert volume.voxel_volume_ml == pytest.approx(2.5 * 1.5 * 1.25 / 1000)
    assert np.allclose(volume.affine @ [4, 7, 5, 1], [-10 + 5 * 1.25, 20 + 7 * 1.5, 30 + 10, 1])


def test_order_of_the_files_does_not_matter() -> None:
    files = small_ct()
    first = read_series(files, "CT")
    random.Random(7).shuffle(files)
    again = read_series(files, "CT")
    assert np.array_equal(first.voxels, again.voxels)
    assert first.facts == again.facts


def test_slope_and_intercept_are_those_of_each_slice() -> None:
    files = small_ct()
    files[2] = changed(files[2], having("RescaleSlope", "2"))
    plane = read_series(files, "CT").voxels[2].ravel()
    assert np.array_equal(plane, (np.arange(96, 144) + 1024) * 2 - 1024)


def rle(dataset: FileDataset) -> None:
    dataset.compress(RLELossless)


def deflated(dataset: FileDataset) -> None:
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian


@pytest.mark.parametrize("rewrite", [rle, deflated])
def test_readable_compressions_give_the_same_voxels(rewrite: Callable[..., None]) -> None:
    volume = read_series(all_changed(small_ct(), rewrite), "CT")
    assert np.array_equal(volume.voxels.ravel(), np.arange(240))


def test_real_jpeg2000_slice_equals_its_uncompressed_twin() -> None:
    first, second = (
        stored_pixels(parse_header(package_file(name).read_bytes(), 1), 1)
        for name in ("693_J2KR.dcm", "693_UNCR.dcm")
    )
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    "change",
    [
        having("PixelRepresentation", 0),
        having("BitsStored", 12),
        having("PhotometricInterpretation", "MONOCHROME1"),
        having("RescaleSlope", "1"),
    ],
)
def test_pixels_left_in_the_file_equal_those_pydicom_decodes(
    change: Callable[[FileDataset], None],
) -> None:
    for ordinal, content in enumerate(all_changed(small_ct(), change), start=1):
        image, _ = read_slice(content, ordinal)
        decoded = stored_pixels(parse_header(content, ordinal), ordinal)
        assert image.stored.dtype == decoded.dtype
        assert np.array_equal(image.stored, decoded)


def test_a_plain_slice_is_not_copied_out_of_its_file() -> None:
    content = small_ct()[0]
    image, _ = read_slice(content, 1)
    assert np.shares_memory(image.stored, np.frombuffer(content, dtype=np.uint8))


def test_the_first_refused_file_is_named_whoever_reads_the_later_ones() -> None:
    files = small_ct()
    files[1] = changed(files[1], without("RescaleSlope"))
    files[2] = b"no image"
    files[4] = bytes(MAX_FILE_BYTES + 1)
    assert refusal(files).reason is Reason.MISSING_TAG
    assert "file 2" in refusal(files).message
    files[1], files[2] = small_ct()[1:3]
    assert refusal(files).reason is Reason.OVERSIZE


def test_warning_filters_are_as_before_after_a_series_is_read() -> None:
    before = list(warnings.filters)
    read_series(small_ct(), "CT")
    refusal([b"no image"])
    assert list(warnings.filters) == before


def shifted(dataset: FileDataset) -> None:
    x, y, z = dataset.ImagePositionPatient
    dataset.ImagePositionPatient = [x, y, float(z) + 0.2]


def sideways(dataset: FileDataset) -> None:
    x, y, z = dataset.ImagePositionPatient
    dataset.ImagePositionPatient = [float(x) + 0.5, y, z]


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (without("PixelData"), Reason.TRUNCATED_PIXELS, "7FE0,0010"),
        (having("PixelData", bytes(40)), Reason.TRUNCATED_PIXELS, "7FE0,0010"),
        (without("ImagePositionPatient"), Reason.MISSING_TAG, "0020,0032"),
        (without("RescaleSlope"), Reason.MISSING_TAG, "0028,1053"),
        (without("Modality"), Reason.MISSING_TAG, "0008,0060"),
        (having("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]), Reason.BAD_TAG, "0020,0037"),
        (having("PixelSpacing", ["0", "1"]), Reason.BAD_TAG, "0028,0030"),
        (having("SeriesInstanceUID", "1.2.3"), Reason.MIXED_SERIES, "another series"),
        (having("PixelSpacing", ["1.5", "1.3"]), Reason.MIXED_SERIES, "spacing"),
        (having("Modality", "MR"), Reason.MIXED_SERIES, "modality CT"),
        (having("Rows", 5000), Reason.OVERSIZE, "4096"),
        (having("NumberOfFrames", 2), Reason.UNSUPPORTED_IMAGE, "multi-frame"),
        (having("SamplesPerPixel", 3), Reason.UNSUPPORTED_IMAGE, "colour"),
        (shifted, Reason.NON_UNIFORM_SPACING, "2.700 mm"),
        (sideways, Reason.NON_UNIFORM_SPACING, "sideways"),
    ],
)
def test_a_spoiled_third_file_is_refused(
    change: Callable[[FileDataset], None], reason: Reason, words: str
) -> None:
    files = small_ct()
    files[2] = changed(files[2], change)
    error = refusal(files)
    assert error.reason is reason
    assert words in error.message
    if reason is not Reason.NON_UNIFORM_SPACING:
        assert "file 3" in error.message


def test_bytes_that_are_not_dicom_are_named_by_ordinal() -> None:
    files = small_ct()
    files[3] = b"GIF89a" + bytes(500)
    assert refusal(files).reason is Reason.NOT_DICOM
    assert "file 4" in refusal(files).message


def test_a_cut_off_file_is_refused() -> None:
    files = small_ct()
    files[1] = files[1][:-30]
    assert refusal(files).reason is Reason.TRUNCATED_PIXELS


def test_an_unread_compression_is_refused_before_decoding() -> None:
    files = [
        content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0")
        for content in small_ct()
    ]
    assert refusal(files).reason is Reason.UNSUPPORTED_TRANSFER_SYNTAX


def test_a_missing_slice_is_refused_and_a_doubled_one() -> None:
    files = small_ct()
    assert refusal([*files[:2], *files[3:]]).reason is Reason.NON_UNIFORM_SPACING
    assert refusal([*files, files[1]]).reason is Reason.NON_UNIFORM_SPACING
    assert refusal(files[:1]).reason is Reason.NON_UNIFORM_SPACING


def test_no_file_is_an_empty_series() -> None:
    assert refusal([]).reason is Reason.EMPTY_SERIES


def test_errors_never_quote_the_file() -> None:
    files = small_ct()
    files[2] = changed(files[2], having("PatientName", "Canary^Secret"))
    files[2] = changed(files[2], having("ImagePositionPatient", ["1", "2", "77.7"]))
    assert "Canary" not in str(refusal(files))
    assert "Canary" not in repr(read_series(small_ct(), "CT"))


def test_a_real_scanner_series_is_read() -> None:
    volume = read_series(tiny_ct_series(), "CT")
    assert volume.voxels.shape == (5, 16, 16)
    assert volume.spacing_zyx_mm[0] == pytest.approx(2.5)


def test_a_real_series_with_missing_slices_is_refused() -> None:
    with pytest.raises(SeriesError) as caught:
        read_series(gappy_ct_series(), "CT")
    assert caught.value.reason is Reason.NON_UNIFORM_SPACING
