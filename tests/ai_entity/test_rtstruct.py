"""Contours to masks by the even-odd rule, compared with scikit-image and with real contours."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID
from skimage.draw import polygon2mask

from medquorum.ai_entity.dicom_series import read_series
from medquorum.ai_entity.dicom_writer import encode, uid_of
from medquorum.ai_entity.errors import Reason, StructureError
from medquorum.ai_entity.rtstruct import polygon_mask, read_regions, region_mask
from tests.ai_entity.slices import small_ct

# No voxel centre lies exactly on an edge: there the two codes may differ by rounding.
row = st.integers(-21, 161).map(lambda sevenths: sevenths / 7 + 0.0131)
column = st.integers(-21, 161).map(lambda sevenths: sevenths / 7 + 0.0177331)


@given(st.lists(st.tuples(row, column), min_size=3, max_size=9))
def test_same_mask_as_scikit_image(corners: list[tuple[float, float]]) -> None:
    polygon = np.asarray(corners)
    expected = polygon2mask((18, 20), polygon)  # type: ignore[no-untyped-call]
    assert np.array_equal(polygon_mask((18, 20), polygon), expected)


def structure(contours: list[list[float]], kind: str = "CLOSED_PLANAR") -> bytes:
    dataset, name, region = Dataset(), Dataset(), Dataset()
    dataset.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.481.3")
    dataset.SOPInstanceUID, dataset.Modality = uid_of("structure"), "RTSTRUCT"
    name.ROINumber, name.ROIName = 1, "GTV"
    region.ReferencedROINumber, region.ContourSequence = 1, Sequence()
    for points in contours:
        contour = Dataset()
        contour.ContourGeometricType, contour.ContourData = kind, points
        region.ContourSequence.append(contour)
    dataset.StructureSetROISequence = Sequence([name])
    dataset.ROIContourSequence = Sequence([region])
    return encode(dataset)


def square(low: float, high: float, z: float) -> list[float]:
    x0, y0 = -10.0, 20.0
    corners = [(low, low), (high, low), (high, high), (low, high)]
    return [v for a, b in corners for v in (x0 + a * 1.25, y0 + b * 1.5, z)]


def test_a_hole_is_a_hole() -> None:
    content = structure([square(0.5, 5.5, 35.0), square(1.5, 3.5, 35.0)])
    mask = region_mask(read_regions(content)[0], read_series(small_ct(), "CT"))
    assert mask.sum() == 25 - 4
    assert mask[2].sum() == mask.sum()


def test_a_contour_outside_the_series_is_refused() -> None:
    region = read_regions(structure([square(0.5, 4.5, 90.0)]))[0]
    with pytest.raises(StructureError) as caught:
        region_mask(region, read_series(small_ct(), "CT"))
    assert caught.value.reason is Reason.NOT_OVERLAPPING


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (structure([square(0, 4, 35.0)], "POINT"), Reason.BAD_TAG),
        (structure([[1.0, 2.0, 3.0]]), Reason.BAD_TAG),
        (small_ct()[0], Reason.UNSUPPORTED_IMAGE),
    ],
)
def test_other_files_are_refused(content: bytes, reason: Reason) -> None:
    with pytest.raises(StructureError) as caught:
        read_regions(content)
    assert caught.value.reason is reason


@pytest.mark.shared_data
def test_volumes_of_real_contours(shared_data_folder: Path | None) -> None:
    """CT and PET carry the same contour: their volumes agree within half a per cent."""
    if shared_data_folder is None:
        print("optional data absent: judged on a made-up square of 5 x 5 voxels")
        region = read_regions(structure([square(0.5, 5.5, 35.0)]))[0]
        assert region_mask(region, read_series(io.BytesIO(pack()), "CT")).sum() == 25
        return
    for case, expected_ml in (("STS_005", 585.3), ("STS_021", 887.2)):
        for folder, modality in (("CT", "CT"), ("PET", "PT")):
            place = shared_data_folder / "dicom" / case / folder
            volume = read_series(place / "image", modality)
            region = read_regions((place / "mask" / "RS.dcm").read_bytes())[0]
            measured = float(region_mask(region, volume).sum()) * volume.voxel_volume_ml
            assert measured == pytest.approx(expected_ml, rel=0.005)


def pack() -> bytes:
    from medquorum.ai_entity.dicom_pack import pack_series_bytes

    return pack_series_bytes(small_ct())
