"""A CT series of any length, as a scanner's would be packed: noise for pixels, so no ratio."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Final

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian

SIDE: Final = 512
CT_STORAGE: Final = "1.2.840.10008.5.1.4.1.1.2"


def write_ct_archive(path: Path, slices: int) -> None:
    """A USTAR archive of CT slices of 512 x 512 x 16 bits (R-BOD10)."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for number in range(1, slices + 1):
            content = _slice(number)
            entry = tarfile.TarInfo(f"{number:06d}.dcm")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def _slice(number: int) -> bytes:
    dataset, meta = Dataset(), FileMetaDataset()
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID = UID(CT_STORAGE)
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = UID(f"2.25.1{number}")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = "2.25.2", "2.25.3"
    dataset.Modality, dataset.PatientID = "CT", "BENCHMARK"
    dataset.ImagePositionPatient = [0, 0, number]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [0.7, 0.7]
    dataset.RescaleSlope, dataset.RescaleIntercept = "1", "-1024"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows = dataset.Columns = SIDE
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 0
    dataset.PixelData = os.urandom(SIDE * SIDE * 2)
    dataset["PixelData"].VR = "OW"
    dataset.file_meta, dataset.preamble = meta, bytes(128)
    target = io.BytesIO()
    dcmwrite(target, dataset, enforce_file_format=True)
    return target.getvalue()
