"""What the child makes of files: HU and SUV by each slice's own numbers, films bright in bone."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from medquorum.node.image_archive import pack_images
from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.viewing.pictures import describe_picture
from medquorum.node.viewing.told import Description
from tests.node.intake.kit import archive, encoded
from tests.node.viewing.kit import described, picture, plane_of, slice_of, volume

RAMP = np.arange(24 * 16).reshape(24, 16)


def refusal(content: bytes, part: str) -> tuple[Fault, str | None]:
    with pytest.raises(IntakeRefused) as caught:
        described(content, part)
    return caught.value.fault, caught.value.tag


def test_each_slice_is_rescaled_by_its_own_slope_and_lies_in_its_place() -> None:
    low = slice_of("CT", 1, RAMP, RescaleSlope="2", RescaleIntercept="-100")
    high = slice_of("CT", 2, RAMP, RescaleSlope="1", RescaleIntercept="-1024")
    shown = described(archive([encoded(high), encoded(low)]), "IMG_CT")
    told = Description.model_validate(shown.described)
    assert (told.rows, told.columns, told.slices, told.unit) == (24, 16, 2, "HU")
    assert told.positions == [(0, 0, 2), (0, 0, 4)]
    assert told.spacing_mm == (0.7, 0.7, 2.0)
    assert (plane_of(shown, 0) == RAMP * 2 - 100).all()
    assert (plane_of(shown, 1) == RAMP - 1024).all()


def test_thickness_is_told_but_never_measured_with() -> None:
    shown = described(volume("CT", np.stack([RAMP] * 3), SliceThickness="9"), "IMG_CT")
    assert shown.described["spacing_mm"][2] == 2.0
    assert shown.described["series"]["SliceThickness"] == "9"


def test_bits_above_those_stored_are_no_values() -> None:
    pixels = np.full((8, 8), 0xF123)
    one = slice_of("CT", 1, pixels, BitsStored=12, HighBit=11, RescaleIntercept="0")
    assert (plane_of(described(archive([encoded(one)]), "IMG_CT"), 0) == 0x123).all()


def test_signed_values_keep_their_sign() -> None:
    pixels = np.full((8, 8), 65_536 - 900)
    one = slice_of("CT", 1, pixels, PixelRepresentation=1, RescaleIntercept="0")
    assert (plane_of(described(archive([encoded(one)]), "IMG_CT"), 0) == -900).all()


def test_suv_follows_the_formula() -> None:
    # kit: 70 kg, 350 MBq at 09:15, series at 10:15, half-life 6586.2 s, decay to START
    left_bq = 350e6 * 2 ** (-3600 / 6586.2)
    stored = np.stack([np.full((8, 8), 5_000), np.full((8, 8), 10_000)])
    shown = described(volume("PT", stored, RescaleIntercept="0"), "IMM_PET")
    slope = shown.described["rescale"]["slope"]
    assert shown.described["unit"] == "SUV"
    for index, activity in enumerate((5_000, 10_000)):
        wanted = activity * 70_000 / left_bq
        assert plane_of(shown, index)[0, 0] * slope == pytest.approx(wanted, abs=slope)


def test_no_uptake_is_guessed_without_its_elements() -> None:
    def without(change: Any) -> bytes:
        one = slice_of("PT", 1, RAMP)
        change(one)
        return archive([encoded(one)])

    def drug(one: Any) -> Any:
        return one.RadiopharmaceuticalInformationSequence[0]

    def late(one: Any) -> None:
        drug(one).RadiopharmaceuticalStartDateTime = "20260104091500"

    assert refusal(without(lambda one: delattr(one, "PatientWeight")), "IMM_PET") == (
        Fault.MISSING,
        "PatientWeight",
    )
    assert refusal(without(lambda one: delattr(drug(one), "RadionuclideHalfLife")), "IMM_PET") == (
        Fault.MISSING,
        "RadionuclideHalfLife",
    )
    assert refusal(without(late), "IMM_PET")[0] is Fault.SUV_TIME


def test_monochrome1_is_shown_bright_where_the_body_is_dense() -> None:
    film = slice_of("DX", 1, RAMP, PhotometricInterpretation="MONOCHROME1", BitsStored=12)
    shown = described(archive([encoded(film)]), "IMG_XRAY")
    assert (plane_of(shown, 0) == 4_095 - RAMP).all()
    assert [one["kind"] for one in shown.described["warnings"]] == ["inverted"]
    Description.model_validate(shown.described)


def test_a_deep_png_keeps_its_depth(tmp_path: Path) -> None:
    pixels = (np.arange(64 * 64).reshape(64, 64) * 16).astype(np.uint16)
    path = tmp_path / "film"
    path.write_bytes(picture(pixels))
    with path.open("rb") as source:
        shown = describe_picture(source)
    assert (plane_of(shown, 0) == pixels).all()
    Description.model_validate(shown.described)


@pytest.mark.parametrize(
    "name", ["693_J2KR.dcm", "MR_small_RLE.dcm", "MR_small_jpeg_ls_lossless.dcm"]
)
def test_compressed_pixels_are_those_of_pydicom(name: str, tmp_path: Path) -> None:
    source = tmp_path / "series"
    source.mkdir()
    dataset = pydicom.dcmread(str(get_testdata_file(name, download=False)))
    wanted = dataset.pixel_array
    dataset.Modality = "CT"
    dataset.RescaleSlope, dataset.RescaleIntercept = "1", "0"
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.preamble = bytes(128)
    dataset.save_as(source / "one.dcm")
    pack_images(source, tmp_path / "images.tar")
    content = (tmp_path / "images.tar").read_bytes()
    assert (plane_of(described(content, "IMG_CT"), 0) == wanted).all()


def test_what_no_decoder_here_reads_is_refused_in_words() -> None:
    found = get_testdata_file("JPGLosslessP14SV1_1s_1f_8b.dcm", download=False)
    dataset = pydicom.dcmread(str(found))
    dataset.Modality, dataset.preamble = "DX", bytes(128)
    content = io.BytesIO()
    dataset.save_as(content)
    assert refusal(archive([content.getvalue()]), "IMG_XRAY") == (Fault.NO_DECODER, None)
