"""Axial volumes as valid DICOM files, for images that did not come as DICOM.

Everything is deterministic: identifiers are derived from words under the UUID root 2.25 (DICOM
PS3.5 B.2), dates come from the label, the preamble is zero. The first word of every
SeriesDescription says whether the image is real or made up.
"""

import hashlib
import io
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian

CT_STORAGE: Final = UID("1.2.840.10008.5.1.4.1.1.2")
IMPLEMENTATION: Final = UID("2.25.270811404938437017354716482130481862145")
CT_INTERCEPT_HU: Final = -1024
"""Stored 0; with 12 bits the scale ends at 3071 HU."""
CT_HIGHEST_HU: Final = 3071


@dataclass(frozen=True, slots=True)
class AxialSeries:
    """A volume [z,y,x] to be written as axial slices from ``origin_mm`` (LPS) upwards."""

    voxels: npt.NDArray[np.float32]
    spacing_zyx_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    name: str
    """Part of every identifier: series of one study share ``study``."""
    study: str
    frame_of_reference_uid: str = ""


@dataclass(frozen=True, slots=True)
class SeriesLabel:
    """What the header says of an image's origin; an empty string where nothing is known."""

    nature: str
    """First word of SeriesDescription: ``phantom`` or ``real``."""
    patient: str
    """PatientName and PatientID; never a person's."""
    patient_sex: str
    manufacturer: str
    date: str
    """YYYYMMDD."""
    time: str
    """HHMMSS."""
    image_type: tuple[str, ...]
    tube_kv: str


def uid_of(*words: object) -> UID:
    """A 2.25 identifier from the SHA-256 of the words."""
    digest = hashlib.sha256("/".join(str(word) for word in words).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16])}")


@dataclass(frozen=True, slots=True)
class Instance:
    """Which file of which series."""

    storage: UID
    series: str
    study: str
    number: int
    """InstanceNumber, from 1."""


def general_fields(instance: Instance, label: SeriesLabel) -> Dataset:
    """The fields that every image has, without pixels and place."""
    study, series = instance.study, instance.series
    dataset = Dataset()
    dataset.SOPClassUID = instance.storage
    dataset.SOPInstanceUID = uid_of(study, series, instance.number)
    dataset.StudyInstanceUID = uid_of(study)
    dataset.SeriesInstanceUID = uid_of(study, series)
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = label.date
    dataset.ContentDate = label.date
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = label.time
    dataset.ContentTime = label.time
    dataset.PatientName = dataset.PatientID = label.patient
    dataset.PatientBirthDate, dataset.PatientSex = "", label.patient_sex
    dataset.StudyID, dataset.AccessionNumber, dataset.ReferringPhysicianName = "1", "", ""
    dataset.SeriesNumber, dataset.InstanceNumber = 1, instance.number
    dataset.Manufacturer = label.manufacturer
    dataset.SeriesDescription = f"{label.nature} {series}"
    dataset.ImageType = list(label.image_type)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    return dataset


def place_slice(dataset: Dataset, series: AxialSeries, index: int) -> None:
    """Say where slice ``index`` lies (DICOM PS3.3 C.7.6.2)."""
    dz, dy, dx = series.spacing_zyx_mm
    x, y, z = series.origin_mm
    dataset.ImagePositionPatient = [f"{x:.4f}", f"{y:.4f}", f"{z + index * dz:.4f}"]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [f"{dy:.6f}", f"{dx:.6f}"]
    dataset.SliceThickness = f"{dz:.4f}"
    dataset.PatientPosition = "HFS"
    dataset.FrameOfReferenceUID = series.frame_of_reference_uid or uid_of(series.study, "frame")
    dataset.PositionReferenceIndicator = ""


def set_pixels(dataset: Dataset, stored: npt.NDArray[np.int16 | np.uint16]) -> None:
    """Uncompressed little-endian pixels [y,x]."""
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


def write_ct_series(series: AxialSeries, label: SeriesLabel) -> list[bytes]:
    """CT slices of Hounsfield units, clipped to the 12 bits from CT_INTERCEPT_HU."""
    files = []
    for index, plane in enumerate(series.voxels):
        instance = Instance(CT_STORAGE, series.name, series.study, index + 1)
        dataset = general_fields(instance, label)
        dataset.Modality, dataset.KVP, dataset.AcquisitionNumber = "CT", label.tube_kv, 1
        place_slice(dataset, series, index)
        dataset.RescaleSlope, dataset.RescaleIntercept = "1", str(CT_INTERCEPT_HU)
        dataset.RescaleType = "HU"
        inside = np.clip(plane, CT_INTERCEPT_HU, CT_HIGHEST_HU)
        set_pixels(dataset, np.round(inside - np.float32(CT_INTERCEPT_HU)).astype(np.int16))
        files.append(encode(dataset))
    return files
