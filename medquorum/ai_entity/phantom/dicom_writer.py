"""Valid DICOM files for phantoms: CT Image Storage, PET Image Storage, Digital X-Ray.

Dates, dose and weight are fixed; SeriesDescription begins with "phantom".
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from medquorum.ai_entity.dicom_writer import (
    AxialSeries,
    Instance,
    SeriesLabel,
    encode,
    general_fields,
    place_slice,
    set_pixels,
    write_ct_series,
)

PET_STORAGE: Final = UID("1.2.840.10008.5.1.4.1.1.128")
DX_STORAGE: Final = UID("1.2.840.10008.5.1.4.1.1.1.1")
PHANTOM_DATE: Final = "20260105"
SCAN_TIME: Final = "101500"
INJECTION_TIME: Final = "091500"
UPTAKE_SECONDS: Final = 3_600.0
DOSE_BQ: Final = 350e6
HALF_LIFE_S: Final = 6_586.2
WEIGHT_KG: Final = 70.0
PHANTOM_LABEL: Final = SeriesLabel(
    nature="phantom",
    patient="PHANTOM",
    patient_sex="O",
    manufacturer="medquorum phantom",
    date=PHANTOM_DATE,
    time=SCAN_TIME,
    image_type=("DERIVED", "PRIMARY"),
    tube_kv="120",
)


def write_ct(series: AxialSeries) -> list[bytes]:
    """CT slices; voxels are Hounsfield units."""
    return write_ct_series(series, PHANTOM_LABEL)


def suv_to_bqml() -> float:
    """Bq/mL of one SUVbw for the phantom's dose, weight and uptake time."""
    left = float(2.0 ** (-UPTAKE_SECONDS / HALF_LIFE_S))
    return DOSE_BQ * left / (WEIGHT_KG * 1000.0)


def write_pet(series: AxialSeries) -> list[bytes]:
    """PET slices in BQML from SUVbw voxels; every slice has its own slope, as scanners do."""
    files = []
    for index, plane in enumerate(series.voxels):
        instance = Instance(PET_STORAGE, series.name, series.study, index + 1)
        dataset = general_fields(instance, PHANTOM_LABEL)
        dataset.Modality = "PT"
        place_slice(dataset, series, index)
        _pet_fields(dataset, index, len(series.voxels))
        activity = np.maximum(plane, 0.0).astype(np.float64) * suv_to_bqml()
        slope = f"{max(float(activity.max()), 1.0) / 32_000.0:.9g}"
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, "0"
        set_pixels(dataset, np.round(activity / float(slope)).astype(np.int16))
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


def write_radiograph(
    stored: npt.NDArray[np.uint16], name: str, pixel_mm: float, *, inverted: bool = False
) -> bytes:
    """One DX file of 12-bit stored values, MONOCHROME2, or MONOCHROME1 when ``inverted``."""
    dataset = general_fields(Instance(DX_STORAGE, name, "x-ray", 1), PHANTOM_LABEL)
    dataset.Modality, dataset.BodyPartExamined = "DX", "EXTREMITY"
    dataset.PresentationIntentType, dataset.PresentationLUTShape = "FOR PRESENTATION", "IDENTITY"
    dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LOG", -1
    dataset.ImagerPixelSpacing = [f"{pixel_mm}", f"{pixel_mm}"]
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = "1", "0", "US"
    dataset.BurnedInAnnotation, dataset.LossyImageCompression = "NO", "00"
    set_pixels(dataset, stored)
    dataset.BitsStored, dataset.HighBit = 12, 11
    if inverted:
        dataset.PhotometricInterpretation, dataset.PresentationLUTShape = "MONOCHROME1", "INVERSE"
        dataset.PixelIntensityRelationshipSign = 1
    return encode(dataset)
