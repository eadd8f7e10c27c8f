"""Small images written with pydicom, and ways to spoil them and their archives."""

import io
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.series import check_series

CANARY = "Wintersemester"
"""Stands in every patient field: no answer, error or log may hold it."""
PARTS = {"CT": "IMG_CT", "PT": "IMM_PET", "DX": "IMG_XRAY"}
STORAGE = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
}
SIDE = 16

Change = Callable[[Any], None]


def image(modality: str = "CT", number: int = 1, side: int = SIDE) -> Dataset:
    """One slice of a phantom series, or one radiograph."""
    dataset = Dataset()
    dataset.SOPClassUID = STORAGE[modality]
    dataset.SOPInstanceUID = f"2.25.1{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "2.25.2", "2.25.3"
    dataset.FrameOfReferenceUID = "2.25.4"
    dataset.Modality = modality
    dataset.PatientName = dataset.PatientID = dataset.InstitutionName = CANARY
    dataset.SeriesDate = dataset.AcquisitionDate = "20260105"
    dataset.SeriesTime = dataset.AcquisitionTime = "101500"
    dataset.ImagePositionPatient = [0, 0, 2 * number]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [0.7, 0.7]
    dataset.RescaleSlope, dataset.RescaleIntercept = "1", "-1024"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows = dataset.Columns = side
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = bytes(range(256)) * (side * side * 2 // 256)
    dataset["PixelData"].VR = "OW"
    if modality == "PT":
        _add_suv(dataset)
    return dataset


def _add_suv(dataset: Dataset) -> None:
    dataset.Units, dataset.DecayCorrection = "BQML", "START"
    dataset.CorrectedImage = ["DECY", "ATTN", "SCAT"]
    dataset.PatientWeight = "70"
    drug = Dataset()
    drug.RadiopharmaceuticalStartTime = "091500"
    drug.RadiopharmaceuticalStartDateTime = "20260105091500"
    drug.RadionuclideTotalDose, drug.RadionuclideHalfLife = "350000000", "6586.2"
    dataset.RadiopharmaceuticalInformationSequence = Sequence([drug])


def encoded(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The DICOM file with an empty preamble."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "2.25.1")
    meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    dataset.file_meta = meta
    dataset.preamble = bytes(128)
    target = io.BytesIO()
    dcmwrite(target, dataset, enforce_file_format=True)
    return target.getvalue()


def changed(modality: str, change: Change, number: int = 1) -> bytes:
    """A file after `change` of its dataset."""
    dataset = image(modality, number)
    change(dataset)
    return encoded(dataset)


def series(modality: str = "CT", count: int = 3, change: Change = lambda _: None) -> list[bytes]:
    """The files of a phantom series, each after the same change."""
    return [changed(modality, change, number) for number in range(1, count + 1)]


def check(files: list[bytes], part: str) -> int:
    """Look into an archive of these files, in this process."""
    content = archive(files)
    return check_series(io.BytesIO(content), len(content), part)


def refusal(files: list[bytes], part: str) -> tuple[Fault, int | None, str | None]:
    """Fault, file and tag; AssertionError when the refusal holds what stood in a file."""
    try:
        check(files, part)
    except IntakeRefused as refused:
        assert CANARY not in str(refused) + repr(refused)
        return refused.fault, refused.ordinal, refused.tag
    raise AssertionError("the files were taken")


def entry(place: str, /, **fields: Any) -> tarfile.TarInfo:
    """An archive header as the packer writes it, but for `fields`."""
    header = tarfile.TarInfo(place)
    header.mode = 0o644
    for field, value in fields.items():
        setattr(header, field, value)
    return header


def archive(files: Iterable[bytes], **fields: Any) -> bytes:
    """A USTAR archive by R-BOD10, but for `fields` of its headers."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as packed:
        for ordinal, content in enumerate(files, 1):
            header = entry(f"{ordinal:06d}.dcm", **{"size": len(content), **fields})
            packed.addfile(header, io.BytesIO(content))
    return target.getvalue()


def written(folder: Path, content: bytes) -> Path:
    """A spooled part."""
    path = folder / "part"
    path.write_bytes(content)
    return path
