"""What stays of a file: nothing that was not named, and an SUV to the last digit."""

import io

import numpy as np
import pydicom
import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo
from pydicom.dataset import Dataset

from medquorum.node.uploads.deidentify import Action, Pseudonym, table, without_identity
from medquorum.node.uploads.packing import _jpeg, _png
from tests.node.intake.kit import CANARY, archive, encoded, image
from tests.node.viewing.kit import described, slice_of

PSEUDONYM = Pseudonym("7", bytes(32))
OTHER = Pseudonym("7", bytes(31) + b"\x01")
IDENTIFYING = (
    "PatientName",
    "PatientID",
    "OtherPatientIDs",
    "PatientAddress",
    "InstitutionName",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "OperatorsName",
    "StationName",
    "StudyDescription",
    "SeriesDescription",
    "ProtocolName",
    "ImageComments",
    "PatientComments",
    "AccessionNumber",
    "DeviceSerialNumber",
    "AdditionalPatientHistory",
)
"""Of the table of the Basic Profile (PS3.15 E.1-1), those that hold text."""


def named(modality: str) -> Dataset:
    """A slice with a name wherever one can stand."""
    dataset = image(modality)
    for keyword in IDENTIFYING:
        setattr(dataset, keyword, CANARY)
    dataset.PatientBirthDate, dataset.StudyDate = "19500102", "20260105"
    dataset.add_new(0x60003000, "OW", CANARY.encode())  # an overlay plane
    dataset.private_block(0x0029, "SOME MAKER", create=True).add_new(1, "LO", CANARY)
    request = Dataset()
    request.RequestedProcedureDescription = CANARY
    dataset.RequestAttributesSequence = [request]
    return dataset


def written(dataset: Dataset) -> bytes:
    target = io.BytesIO()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    pydicom.dcmwrite(target, dataset, implicit_vr=False, little_endian=True)
    return target.getvalue()


@pytest.mark.parametrize("modality", ["CT", "PT", "DX"])
def test_no_name_stays_anywhere(modality: str) -> None:
    content = written(without_identity(named(modality), PSEUDONYM))
    for secret in (CANARY.encode(), b"19500102", b"20260105"):
        assert secret not in content
    cleaned = pydicom.dcmread(io.BytesIO(content), force=True)
    assert cleaned.PatientID == "7"
    assert {cleaned.SeriesInstanceUID, cleaned.StudyInstanceUID}.isdisjoint({"2.25.2", "2.25.3"})
    assert cleaned.PatientIdentityRemoved == "YES"
    assert cleaned.PixelData == named(modality).PixelData


def test_a_drug_that_only_its_code_names_keeps_the_code_and_no_words() -> None:
    dataset = image("PT")
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "C-B1031", "SRT", CANARY
    drug = dataset.RadiopharmaceuticalInformationSequence[0]
    drug.RadiopharmaceuticalCodeSequence = [code]
    drug.RadionuclideCodeSequence = [code]
    content = written(without_identity(dataset, PSEUDONYM))
    assert CANARY.encode() not in content
    cleaned = pydicom.dcmread(io.BytesIO(content), force=True)
    kept = cleaned.RadiopharmaceuticalInformationSequence[0]
    for one in (kept.RadiopharmaceuticalCodeSequence[0], kept.RadionuclideCodeSequence[0]):
        assert (one.CodeValue, one.CodingSchemeDesignator) == ("C-B1031", "SRT")
        assert len(one) == 2


def test_identifiers_still_bind_files_but_only_under_one_secret() -> None:
    ct, pet = (without_identity(named(modality), PSEUDONYM) for modality in ("CT", "PT"))
    assert ct.FrameOfReferenceUID == pet.FrameOfReferenceUID != "2.25.4"
    other = without_identity(named("CT"), OTHER)
    assert other.FrameOfReferenceUID != ct.FrameOfReferenceUID
    assert all(len(one) <= 64 for one in (ct.SOPInstanceUID, ct.SeriesInstanceUID))


@pytest.mark.parametrize("decay", ["START", "ADMIN"])
def test_the_uptake_is_the_same_before_and_after(decay: str) -> None:
    stored = np.arange(64).reshape(8, 8) * 100
    before = slice_of("PT", 1, stored, RescaleIntercept="0", DecayCorrection=decay)
    after = without_identity(before, PSEUDONYM)
    shown = [described(archive([encoded(one)]), "IMM_PET").described for one in (before, after)]
    assert shown[0]["rescale"] == shown[1]["rescale"]
    assert after.SeriesDate == "20000101"


def test_the_table_says_what_happens_to_each_element() -> None:
    actions = {line.tag: line for line in table(named("PT"))}
    assert actions["0010,0010"].action is Action.EMPTIED
    assert actions["0010,0010"].value == CANARY  # to the uploader, who knows it
    assert actions["0010,0020"].action is Action.REPLACED
    assert actions["0008,0021"].action is Action.MOVED
    assert actions["0028,0030"].action is Action.KEPT
    assert actions["0008,103E"].action is Action.REMOVED
    assert actions["0029,1001"].action is Action.REMOVED
    cleaned = without_identity(named("PT"), PSEUDONYM)
    kept = {tag for tag, line in actions.items() if line.action is not Action.REMOVED}
    left = {f"{one.tag.group:04X},{one.tag.element:04X}" for one in cleaned}
    assert kept <= left
    assert left - kept <= {"0012,0062", "0012,0063", "0028,0303", *EMPTY}


EMPTY = frozenset({"0008,0030", "0010,0030", "0010,0040", "0020,0010", "0008,0050", "0008,0090"})
"""Type 2 elements that the file did not have."""


def test_pictures_lose_their_texts_and_not_their_pixels() -> None:
    pixels = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    texts = PngInfo()
    texts.add_text("Patient", CANARY)
    target = io.BytesIO()
    Pillow.fromarray(pixels).save(target, "PNG", pnginfo=texts)
    cleaned = _png(target.getvalue())
    assert CANARY.encode() in target.getvalue()
    assert CANARY.encode() not in cleaned
    assert (np.asarray(Pillow.open(io.BytesIO(cleaned))) == pixels).all()
    exif = Pillow.Exif()
    exif[0x010E] = CANARY
    target = io.BytesIO()
    Pillow.fromarray(pixels).save(target, "JPEG", exif=exif, comment=CANARY)
    assert CANARY.encode() in target.getvalue()
    cleaned = _jpeg(target.getvalue())
    assert CANARY.encode() not in cleaned
    before, after = (np.asarray(Pillow.open(io.BytesIO(x))) for x in (target.getvalue(), cleaned))
    assert (before == after).all()
