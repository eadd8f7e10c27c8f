"""DICOM series: phantoms are taken; each defect is refused by rule, file and tag (R-BOD10)."""

from typing import Any

import pytest
from pydicom.dataset import Dataset

from medquorum.node.intake.faults import TAGS, Fault, IntakeRefused
from tests.node.intake.kit import PARTS, Change, changed, check, encoded, image, refusal, series


def spoiled(modality: str, change: Change) -> tuple[Fault, int | None, str | None]:
    """What is said of a series whose second file is changed."""
    files = [changed(modality, lambda _: None, 1), changed(modality, change, 2)]
    return refusal(files, PARTS[modality])


def without(keyword: str) -> Change:
    def change(dataset: Dataset) -> None:
        if keyword.startswith("Radio") and not keyword.endswith("Sequence"):
            dataset = dataset.RadiopharmaceuticalInformationSequence[0]
        delattr(dataset, keyword)

    return change


def having(keyword: str, value: Any) -> Change:
    def change(dataset: Dataset) -> None:
        if keyword.startswith("Radio"):
            dataset = dataset.RadiopharmaceuticalInformationSequence[0]
        setattr(dataset, keyword, value)

    return change


@pytest.mark.parametrize("modality", ["CT", "PT", "DX"])
def test_a_phantom_series_is_taken(modality: str) -> None:
    assert check(series(modality), PARTS[modality]) == 3


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"])
def test_implicit_and_deflated_files_are_taken(syntax: str) -> None:
    dataset = image("CT")
    assert check([encoded(dataset, syntax)], "IMG_CT") == 1


@pytest.mark.parametrize(
    ("modality", "part"),
    [("CT", "IMM_PET"), ("PT", "IMG_CT"), ("DX", "IMG_CT"), ("CT", "IMG_XRAY")],
)
def test_a_modality_belongs_in_its_part(modality: str, part: str) -> None:
    assert refusal(series(modality), part) == (Fault.MODALITY, 1, "Modality")


@pytest.mark.parametrize(
    "keyword",
    [
        *("Modality", "SOPInstanceUID", "SeriesInstanceUID", "ImagePositionPatient"),
        *("ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"),
        *("Rows", "Columns", "BitsAllocated", "SamplesPerPixel", "PhotometricInterpretation"),
        "PixelData",
    ],
)
def test_what_a_slice_must_have_is_named(keyword: str) -> None:
    assert spoiled("CT", without(keyword)) == (Fault.MISSING, 2, keyword)


@pytest.mark.parametrize(
    "keyword",
    [
        *("Units", "CorrectedImage", "DecayCorrection", "PatientWeight", "SeriesDate"),
        *("SeriesTime", "AcquisitionDate", "AcquisitionTime", "RadionuclideTotalDose"),
        *("RadionuclideHalfLife", "RadiopharmaceuticalInformationSequence"),
    ],
)
def test_what_a_pet_must_have_is_named(keyword: str) -> None:
    drug = keyword.startswith("Radionuclide")
    change = without("Radiopharmaceutical" if drug else keyword)
    if drug:

        def change(dataset: Dataset) -> None:
            delattr(dataset.RadiopharmaceuticalInformationSequence[0], keyword)

    assert spoiled("PT", change) == (Fault.MISSING, 2, keyword)


def test_a_pet_needs_a_time_of_injection_in_either_form() -> None:
    def neither(dataset: Dataset) -> None:
        without("RadiopharmaceuticalStartTime")(dataset)
        without("RadiopharmaceuticalStartDateTime")(dataset)

    for one in ("RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime"):
        assert check(series("PT", 2, without(one)), "IMM_PET") == 2
    assert spoiled("PT", neither) == (Fault.MISSING, 2, "RadiopharmaceuticalStartDateTime")


@pytest.mark.parametrize(
    ("keyword", "value", "fault"),
    [
        ("PatientWeight", "0", Fault.MISSING),
        ("PatientWeight", "-70", Fault.BAD),
        ("Units", "PROPCPS", Fault.BAD),
        ("CorrectedImage", ["DECY"], Fault.BAD),
        ("CorrectedImage", ["ATTN", "SCAT"], Fault.BAD),
        ("DecayCorrection", "NONE", Fault.BAD),
        ("Units", "CNTS", Fault.MISSING),
    ],
)
def test_a_pet_value_without_a_use_is_named(keyword: str, value: Any, fault: Fault) -> None:
    tag = "PhilipsSuvScaleFactor" if value == "CNTS" else keyword
    assert spoiled("PT", having(keyword, value)) == (fault, 2, tag)


def test_units_that_need_no_formula_need_no_fields() -> None:
    def in_suv(dataset: Dataset) -> None:
        dataset.Units = "GML"
        del dataset.PatientWeight, dataset.RadiopharmaceuticalInformationSequence

    def in_counts(dataset: Dataset) -> None:
        in_suv(dataset)
        dataset.Units = "CNTS"
        block = dataset.private_block(0x7053, "Philips PET Private Group", create=True)
        block.add_new(0x00, "DS", "0.0002")

    for change in (in_suv, in_counts):
        assert check(series("PT", 2, change), "IMM_PET") == 2


@pytest.mark.parametrize(
    ("keyword", "value", "fault"),
    [
        ("ImagePositionPatient", [0, 0], Fault.BAD),
        ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0], Fault.BAD),
        ("ImageOrientationPatient", [2, 0, 0, 0, 1, 0], Fault.BAD),
        ("PixelSpacing", [0, 0.7], Fault.BAD),
        ("PixelSpacing", [0.7, 51], Fault.BAD),
        ("RescaleSlope", "0", Fault.BAD),
        ("Rows", 0, Fault.SIDE),
        ("Columns", 16_385, Fault.SIDE),
        ("NumberOfFrames", "2", Fault.FRAMES),
        ("SamplesPerPixel", 3, Fault.COLOUR),
        ("BitsAllocated", 12, Fault.COLOUR),
        ("PhotometricInterpretation", "RGB", Fault.COLOUR),
        ("SeriesInstanceUID", "2.25.9", Fault.MIXED),
        ("FrameOfReferenceUID", "2.25.9", Fault.MIXED),
        ("FrameOfReferenceUID", "", Fault.MIXED),
        ("PatientID", "another", Fault.MIXED),
        ("ImageOrientationPatient", [0, 1, 0, 0, 0, 1], Fault.MIXED),
        ("PixelSpacing", [0.8, 0.8], Fault.MIXED),
        ("SOPInstanceUID", "2.25.11", Fault.TWICE),
    ],
)
def test_a_slice_that_does_not_fit_is_named(keyword: str, value: Any, fault: Fault) -> None:
    assert spoiled("CT", having(keyword, value)) == (fault, 2, keyword)


def test_slices_of_two_sizes_or_weights_are_no_series() -> None:
    small, large = encoded(image("CT", 1)), encoded(image("CT", 2, side=32))
    assert refusal([small, large], "IMG_CT") == (Fault.MIXED, 2, "Rows")
    heavier = having("PatientWeight", "71")
    assert spoiled("PT", heavier) == (Fault.MIXED, 2, "PatientWeight")


def test_every_refusal_names_an_element_by_its_number() -> None:
    for keyword, number in TAGS.items():
        sentence = str(IntakeRefused(Fault.MISSING, 7, keyword))
        assert f"file 7 lacks {keyword} ({number >> 16:04X},{number & 0xFFFF:04X})" in sentence
