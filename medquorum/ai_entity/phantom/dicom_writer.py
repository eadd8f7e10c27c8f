"""Valid DICOM files for phantoms: CT Image Storage, PET Image Storage, Digital X-Ray.

Everything is deterministic: identifiers are derived from a seed under the UUID root 2.25 (DICOM
PS3.5 B.2), dates are fixed, the preamble is zero. SeriesDescription begins with "phantom".
"""

import hashlib
import io
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

CT_STORAGE: Final = UID("1.2.840.10008.5.1.4.1.1.2")
PET_STORAGE: Final = UID("1.2.840.10008.5.1.4.1.1.128")
DX_STORAGE: Final = UID("1.2.840.10008.5.1.4.1.1.1.1")
IMPLEMENTATION: Final = UID("2.25.270811404938437017354716482130481862145")
PHANTOM_DATE: Final = "20260105"
SCAN_TIME: Final = "101500"
INJECTION_TIME: Final = "091500"
UPTAKE_SECONDS: Final = 3_600.0
DOSE_BQ: Final = 350e6
HALF_LIFE_S: Final = 6_586.2
WEIGHT_KG: Final = 70.0


def uid_of(*words: object) -> UID:
    """A 2.25 identifier from the SHA-256 of the words."""
    digest = hashlib.sha256("/".join(str(word) for word in words).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16])}")


@dataclass(frozen=True, slots=True)
class PhantomSeries:
    """A volume [z,y,x] to be written as axial slices from ``origin_mm`` (LPS) upwards."""

    voxels: npt.NDArray[np.float32]
    spacing_zyx_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    name: str
    """Part of every identifier: series of one study share ``study``."""
    study: str
    frame_of_reference_uid: str = ""


def _general(storage: UID, series: str, study: str, number: int) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = storage
    dataset.SOPInstanceUID = uid_of(study, series, number)
    dataset.StudyInstanceUID = uid_of(study)
    dataset.SeriesInstanceUID = uid_of(study, series)
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = PHANTOM_DATE
    dataset.ContentDate = PHANTOM_DATE
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = SCAN_TIME
    dataset.ContentTime = SCAN_TIME
    dataset.PatientName, dataset.PatientID = "PHANTOM", "PHANTOM"
    dataset.PatientBirthDate, dataset.PatientSex = "", "O"
    dataset.StudyID, dataset.AccessionNumber, dataset.ReferringPhysicianName = "1", "", ""
    dataset.SeriesNumber, dataset.InstanceNumber = 1, number
    dataset.Manufacturer = "medquorum phantom"
    dataset.SeriesDescription = f"phantom {series}"
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    return dataset


def _place(dataset: Dataset, series: PhantomSeries, index: int) -> None:
    dz, dy, dx = series.spacing_zyx_mm
    x, y, z = series.origin_mm
    dataset.ImagePositionPatient = [f"{x:.4f}", f"{y:.4f}", f"{z + index * dz:.4f}"]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [f"{dy:.6f}", f"{dx:.6f}"]
    dataset.SliceThickness = f"{dz:.4f}"
    dataset.PatientPosition = "HFS"
    dataset.FrameOfReferenceUID = series.frame_of_reference_uid or uid_of(series.study, "frame")
    dataset.PositionReferenceIndicator = ""


def _pixels(dataset: Dataset, stored: npt.NDArray[np.int16 | np.uint16]) -> None:
    dataset.Rows, dataset.Columns = stored.shape
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.PixelData = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    dataset["PixelData"].VR = "OW"


def encode(dataset: Dataset) -> bytes:
    """The DICOM part 10 file with a zero preamble."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION
    dataset.file_meta = meta
    dataset.preamble = bytes(128)
    target = io.BytesIO()
    dcmwrite(target, dataset, enforce_file_format=True, implicit_vr=False, little_endian=True)
    return target.getvalue()


def write_ct(series: PhantomSeries) -> list[bytes]:
    """CT slices; voxels are Hounsfield units."""
    files = []
    for index, plane in enumerate(series.voxels):
        dataset = _general(CT_STORAGE, series.name, series.study, index + 1)
        dataset.Modality, dataset.KVP, dataset.AcquisitionNumber = "CT", "120", 1
        _place(dataset, series, index)
        dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = "1", "-1024", "HU"
        _pixels(dataset, np.round(np.clip(plane + 1024.0, 0, 4095)).astype(np.int16))
        files.append(encode(dataset))
    return files


def suv_to_bqml() -> float:
    """Bq/mL of one SUVbw for the phantom's dose, weight and uptake time."""
    left = float(2.0 ** (-UPTAKE_SECONDS / HALF_LIFE_S))
    return DOSE_BQ * left / (WEIGHT_KG * 1000.0)


def write_pet(series: PhantomSeries) -> list[bytes]:
    """PET slices in BQML from SUVbw voxels; every slice has its own slope, as scanners do."""
    files = []
    for index, plane in enumerate(series.voxels):
        dataset = _general(PET_STORAGE, series.name, series.study, index + 1)
        dataset.Modality = "PT"
        _place(dataset, series, index)
        _pet_fields(dataset, index, len(series.voxels))
        activity = np.maximum(plane, 0.0).astype(np.float64) * suv_to_bqml()
        slope = f"{max(float(activity.max()), 1.0) / 32_000.0:.9g}"
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, "0"
        _pixels(dataset, np.round(activity / float(slope)).astype(np.int16))
        files.append(encode(dataset))
    return files


def _pet_fields(dataset: Dataset, index: int, count: int) -> None:
    dataset.Units, dataset.DecayCorrection, dataset.CountsSource = "BQML", "START", "EMISSION"
    dataset.CorrectedImage = ["DECY", "ATTN", "SCAT", "DTIM", "RANSM", "NORM"]
    dataset.SeriesType, dataset.CollimatorType = ["STATIC", "IMAGE"], "NONE"
    dataset.NumberOfSlices, dataset.ImageIndex = count, index + 1
    dataset.FrameReferenceTime, dataset.ActualFrameDuration = "0", 120_000
    dataset.DecayFactor, dataset.PatientWeight = "1", f"{WEIGHT_KG}"
    drug, code = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "C-B1031", "SRT", "FDG F^18^"
    drug.RadiopharmaceuticalCodeSequence = Sequence([code])
    drug.Radiopharmaceutical = "FDG"
    drug.RadiopharmaceuticalStartTime = INJECTION_TIME
    drug.RadiopharmaceuticalStartDateTime = PHANTOM_DATE + INJECTION_TIME
    drug.RadionuclideTotalDose, drug.RadionuclideHalfLife = f"{DOSE_BQ:.0f}", f"{HALF_LIFE_S}"
    drug.RadionuclidePositronFraction = "0.97"
    dataset.RadiopharmaceuticalInformationSequence = Sequence([drug])


def write_radiograph(stored: npt.NDArray[np.uint16], name: str, pixel_mm: float) -> bytes:
    """One DX file of 12-bit stored values, MONOCHROME2."""
    dataset = _general(DX_STORAGE, name, "x-ray", 1)
    dataset.Modality, dataset.BodyPartExamined = "DX", "EXTREMITY"
    dataset.PresentationIntentType, dataset.PresentationLUTShape = "FOR PRESENTATION", "IDENTITY"
    dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LOG", -1
    dataset.ImagerPixelSpacing = [f"{pixel_mm}", f"{pixel_mm}"]
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = "1", "0", "US"
    dataset.BurnedInAnnotation, dataset.LossyImageCompression = "NO", "00"
    _pixels(dataset, stored)
    dataset.BitsStored, dataset.HighBit = 12, 11
    return encode(dataset)
