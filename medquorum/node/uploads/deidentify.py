"""Identity taken out of DICOM files, by a list of what may stay; runs in the child only.

PS3.15 annex E lists what a Basic Application Level Confidentiality Profile removes; here it is the
other way round: what is not named below is removed, private elements and overlays included, so that
an element nobody thought of cannot stay. Identifiers are replaced by keyed hashes, so that CT and
PET of one study still lie in one space. A PET keeps what its SUV needs: weight, dose, half-life,
and times moved by one amount (the options Retain Patient Characteristics and Retain Longitudinal
Temporal Information with Modified Dates). Pixels are not looked at: burned-in writing stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.valuerep import DA, DT, TM

from medquorum.node.uploads.limits import VALUE_CHARACTERS


class Action(StrEnum):
    """What becomes of an element."""

    KEPT = "kept"
    REPLACED = "replaced"
    MOVED = "moved"
    """A time, moved with all others of the file."""
    EMPTIED = "emptied"
    REMOVED = "removed"


_KEPT_WORDS: Final = """
    SpecificCharacterSet ImageType SOPClassUID Modality Manufacturer ManufacturerModelName
    ConversionType BodyPartExamined SliceThickness KVP DataCollectionDiameter
    ReconstructionDiameter DistanceSourceToDetector DistanceSourceToPatient GantryDetectorTilt
    TableHeight RotationDirection ExposureTime XRayTubeCurrent Exposure FilterType GeneratorPower
    FocalSpots ConvolutionKernel PatientPosition SpacingBetweenSlices ViewPosition
    ImagerPixelSpacing DetectorType SeriesNumber AcquisitionNumber InstanceNumber
    PatientOrientation Laterality ImageLaterality ImagePositionPatient ImageOrientationPatient
    SliceLocation SamplesPerPixel PhotometricInterpretation NumberOfFrames Rows Columns
    PixelSpacing PixelAspectRatio PixelSpacingCalibrationType BitsAllocated BitsStored HighBit
    PixelRepresentation SmallestImagePixelValue LargestImagePixelValue PixelPaddingValue
    BurnedInAnnotation PixelIntensityRelationship PixelIntensityRelationshipSign WindowCenter
    WindowWidth VOILUTFunction RescaleIntercept RescaleSlope RescaleType PresentationLUTShape
    LossyImageCompression LossyImageCompressionRatio LossyImageCompressionMethod PixelData
"""
KEPT: Final = frozenset(_KEPT_WORDS.split())
"""How an image was made and how to read it."""
_KEPT_OF_PET_WORDS: Final = """
    PatientWeight Units CountsSource SeriesType RandomsCorrectionMethod
    AttenuationCorrectionMethod DecayCorrection ReconstructionMethod ScatterCorrectionMethod
    NumberOfSlices FrameReferenceTime DecayFactor DoseCalibrationFactor ScatterFractionFactor
    DeadTimeFactor ImageIndex ActualFrameDuration CorrectedImage SUVType
"""
KEPT_OF_PET: Final = frozenset(_KEPT_OF_PET_WORDS.split())
KEPT_OF_DRUG: Final = (
    "Radiopharmaceutical",
    "RadionuclideTotalDose",
    "RadionuclideHalfLife",
    "RadionuclidePositronFraction",
)
CODES_OF_DRUG: Final = ("RadiopharmaceuticalCodeSequence", "RadionuclideCodeSequence")
"""Of which value and scheme stay: a drug may be named by its code alone."""
CODE: Final = ("CodeValue", "CodingSchemeDesignator")
DRUG: Final = "RadiopharmaceuticalInformationSequence"
IDENTIFIERS: Final = (
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
)
MOVED_OF_PET: Final = (("SeriesDate", "SeriesTime"), ("AcquisitionDate", "AcquisitionTime"))
EMPTIED: Final = (
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Type 2: they must be there, and may be empty."""
NEW_START: Final = datetime(2000, 1, 1, 12)  # noqa: DTZ001  # wall-clock time of no place
"""Where the series time of a PET is moved to."""
_PHILIPS: Final = (0x7053, "Philips PET Private Group", (0x00, 0x09))
_GE: Final = (0x0009, "GEMS_PETD_01", 0x0D)
_METHOD: Final = "Medquorum: list of kept elements, beyond PS3.15 Basic Profile"


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """Under what name images travel, and the secret their identifiers are hashed with."""

    patient: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """One element in the table that is shown before."""

    tag: str
    """Group and element, e.g. 0010,0010."""
    name: str
    value: str
    action: Action


def without_identity(dataset: Dataset, pseudonym: Pseudonym) -> Dataset:
    """A new dataset of the kept elements; the old one is left as it is."""
    pet = dataset.get("Modality") == "PT"
    cleaned = Dataset()
    for element in dataset:
        if element.keyword in KEPT or (pet and element.keyword in KEPT_OF_PET):
            cleaned.add(element)
    for keyword in EMPTIED:
        setattr(cleaned, keyword, "")
    cleaned.PatientID = pseudonym.patient
    for keyword in IDENTIFIERS:
        if dataset.get(keyword):
            setattr(cleaned, keyword, _identifier(str(dataset.get(keyword)), pseudonym.secret))
    if pet:
        _keep_uptake(dataset, cleaned)
    cleaned.PatientIdentityRemoved = "YES"
    cleaned.DeidentificationMethod = _METHOD
    cleaned.LongitudinalTemporalInformationModified = "MODIFIED" if pet else "REMOVED"
    return cleaned


def table(dataset: Dataset) -> Iterator[Line]:
    """Every element of a file, and what becomes of it."""
    pet = dataset.get("Modality") == "PT"
    moved = {keyword for pair in MOVED_OF_PET for keyword in pair} if pet else set()
    for element in dataset:
        keyword = element.keyword
        if keyword in KEPT or (pet and keyword in KEPT_OF_PET):
            action = Action.KEPT
        elif keyword in IDENTIFIERS or keyword == "PatientID":
            action = Action.REPLACED
        elif keyword in EMPTIED:
            action = Action.EMPTIED
        elif keyword in moved or (pet and keyword == DRUG):
            action = Action.MOVED
        else:
            action = Action.REMOVED
        tag = f"{element.tag.group:04X},{element.tag.element:04X}"
        yield Line(tag, element.name[:VALUE_CHARACTERS], _shown(element), action)


def _shown(element: Any) -> str:
    """A value as its uploader sees it: short, printable, sequences and bytes by their size."""
    try:
        if element.VR == "SQ":
            return f"({len(element.value)})"
        if isinstance(element.value, bytes):
            return f"({len(element.value)} bytes)"
        text = str(element.value)
    except Exception:
        return "(unreadable)"  # whatever the parser raises on hostile bytes
    return "".join(one for one in text if one.isprintable())[:VALUE_CHARACTERS]


def _identifier(original: str, secret: bytes) -> str:
    """A UID that only this node could have made of the original (PS3.5 B.2)."""
    digest = hashlib.blake2b(original.encode(), key=secret, digest_size=16).digest()
    return f"2.25.{int.from_bytes(digest)}"


def _keep_uptake(dataset: Dataset, cleaned: Dataset) -> None:
    """Dose, half-life and times: what an SUV is computed from, and nothing that says when."""
    by = _moved_by(dataset)
    for day, clock in MOVED_OF_PET:
        moment = _moment(dataset, day, clock)
        if by is not None and moment is not None:
            setattr(cleaned, day, f"{moment - by:%Y%m%d}")
            setattr(cleaned, clock, f"{moment - by:%H%M%S.%f}")
    drugs = dataset.get(DRUG)
    if drugs:
        setattr(cleaned, DRUG, Sequence([_kept_drug(drugs[0], by)]))
    _keep_private(dataset, cleaned, by)


def _kept_code(code: Dataset) -> Dataset:
    kept = Dataset()
    for keyword in CODE:
        if keyword in code:
            kept.add(code[keyword])
    return kept


def _kept_drug(drug: Dataset, by: timedelta | None) -> Dataset:
    kept = Dataset()
    for keyword in KEPT_OF_DRUG:
        if keyword in drug:
            kept.add(drug[keyword])
    for keyword in CODES_OF_DRUG:
        codes: Any = drug.get(keyword)
        if codes:
            setattr(kept, keyword, Sequence([_kept_code(code) for code in codes]))
    whole, clock = (
        drug.get("RadiopharmaceuticalStartDateTime"),
        drug.get("RadiopharmaceuticalStartTime"),
    )
    if by is not None and whole:
        moment = DT(str(whole)).replace(tzinfo=None) - by
        kept.RadiopharmaceuticalStartDateTime = f"{moment:%Y%m%d%H%M%S.%f}"
    if by is not None and clock:
        of_day = datetime.combine(NEW_START.date(), TM(str(clock))) - by
        kept.RadiopharmaceuticalStartTime = f"{of_day:%H%M%S.%f}"
    return kept


def _keep_private(dataset: Dataset, cleaned: Dataset, by: timedelta | None) -> None:
    """Philips's factors and GE's scan time, as far as an SUV may rest on them (PS3.15 E.3.10)."""
    group, creator, elements = _PHILIPS
    try:
        found = dataset.private_block(group, creator)
        block = cleaned.private_block(group, creator, create=True)
        for element in elements:
            if element in found:
                block.add_new(element, "DS", f"{float(found[element].value):.10g}")
    except (KeyError, ValueError, TypeError):
        pass  # no Philips
    group, creator, moment_element = _GE
    try:
        value = dataset.private_block(group, creator)[moment_element].value
        moment = DT(str(value)).replace(tzinfo=None)
    except (KeyError, ValueError, TypeError, AttributeError):
        return
    if by is not None:
        block = cleaned.private_block(group, creator, create=True)
        block.add_new(moment_element, "DT", f"{moment - by:%Y%m%d%H%M%S.%f}")


def _moved_by(dataset: Dataset) -> timedelta | None:
    start = _moment(dataset, "SeriesDate", "SeriesTime")
    return None if start is None else start - NEW_START


def _moment(dataset: Dataset, day: str, clock: str) -> datetime | None:
    try:
        return datetime.combine(DA(str(dataset[day].value)), TM(str(dataset[clock].value)))
    except (KeyError, ValueError, TypeError):
        return None
