"""Every element the checks of images look at, by its keyword."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TAGS: Final[Mapping[str, int]] = {
    "SOPClassUID": 0x00080016,
    "SOPInstanceUID": 0x00080018,
    "SeriesDate": 0x00080021,
    "AcquisitionDate": 0x00080022,
    "SeriesTime": 0x00080031,
    "AcquisitionTime": 0x00080032,
    "Modality": 0x00080060,
    "PatientID": 0x00100020,
    "PatientWeight": 0x00101030,
    "RadiopharmaceuticalStartTime": 0x00181072,
    "RadionuclideTotalDose": 0x00181074,
    "RadionuclideHalfLife": 0x00181075,
    "RadiopharmaceuticalStartDateTime": 0x00181078,
    "SeriesInstanceUID": 0x0020000E,
    "ImagePositionPatient": 0x00200032,
    "ImageOrientationPatient": 0x00200037,
    "FrameOfReferenceUID": 0x00200052,
    "SamplesPerPixel": 0x00280002,
    "PhotometricInterpretation": 0x00280004,
    "NumberOfFrames": 0x00280008,
    "Rows": 0x00280010,
    "Columns": 0x00280011,
    "PixelSpacing": 0x00280030,
    "CorrectedImage": 0x00280051,
    "BitsAllocated": 0x00280100,
    "BitsStored": 0x00280101,
    "PixelRepresentation": 0x00280103,
    "RescaleIntercept": 0x00281052,
    "RescaleSlope": 0x00281053,
    "RadiopharmaceuticalInformationSequence": 0x00540016,
    "Units": 0x00541001,
    "DecayCorrection": 0x00541102,
    "PhilipsSuvScaleFactor": 0x70531000,
    "PixelData": 0x7FE00010,
}
"""Numbers by DICOM PS3.6; the Philips one is private."""
