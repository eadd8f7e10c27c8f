"""Lesions as DICOM objects that archives and viewers read: a segmentation and a measurement report.

The segmentation (SEG, PS3.3 A.51) holds one binary segment per lesion on the grid of the series it
was measured on: the PET where there is one, else the CT. The report (Comprehensive 3D SR, template
TID 1500, PS3.16) refers to each segment and carries its volume, SUVmax, SUVpeak and total lesion
glycolysis with their codes and units. Both name the algorithm, its version and its SHA-256, are
unverified, and say that they are not for clinical use. Like every DICOM object derived from a
series they repeat the patient's and the study's attributes of their source.
"""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from highdicom import UID, AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentDescription
from highdicom.sr import (
    AlgorithmIdentification,
    Comprehensive3DSR,
    DeviceObserverIdentifyingAttributes,
    Measurement,
    MeasurementReport,
    ObservationContext,
    ObserverContext,
    ReferencedSegment,
    SourceSeriesForSegmentation,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.dataset import FileDataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from medquorum.ai_entity.dicom_series import read_series
from medquorum.ai_entity.dicom_slice import parse_header, read_geometry, required
from medquorum.ai_entity.dicom_source import iterate_files
from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.findings import Findings, Lesion, ModelFacts
from medquorum.ai_entity.tumour.grid import Placed, carry_labels

NOTICE: Final = "Machine-generated, not for clinical use"
MANUFACTURER: Final = "Medquorum"
SERIES_NUMBERS: Final = {"SEG": 9_001, "SR": 9_002}
SUV_BODY_WEIGHT: Final = codes.DCM.Suvbw
SUV_UNIT: Final = codes.UCUM.StandardizedUptakeValueBodyWeight
REPEATED: Final = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")
"""What a derived object takes from its source and cannot do without."""

REPEATED_IF_KNOWN: Final = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
"""Type 2 (PS3.5 7.4.3): repeated, empty where the source does not know."""

GRAM: Final = Code("g", "UCUM", "gram")


@dataclass(frozen=True, slots=True, repr=False)
class DicomResults:
    """Two part-10 files."""

    segmentation: bytes
    report: bytes


def dicom_results(source: Path, modality: str, findings: Findings) -> DicomResults | None:
    """SEG and SR of tumour findings on the series ``source`` of ``modality`` (``PT`` or ``CT``).

    None when there is no lesion to draw. Raises SeriesError.
    """
    if findings.tumour is None or findings.overlay is None or not findings.tumour.lesions:
        return None
    slices = sorted_slices(source)
    volume = read_series(source, modality)
    labels = carry_labels(
        findings.overlay.labels().astype(np.int32),
        findings.overlay.affine(),
        Placed(volume.voxels, volume.affine),
    )
    drawn = tuple(one for one in findings.tumour.lesions if (labels == one.number).any())
    if not drawn:
        return None
    try:
        with warnings.catch_warnings():  # their words quote values of the file
            warnings.simplefilter("ignore")
            segmentation = _segmentation(slices, labels, drawn, findings.model)
            report = _report(slices, segmentation, drawn, findings.model)
            return DicomResults(_bytes(segmentation), _bytes(report))
    except (AttributeError, ValueError, TypeError) as error:
        raise SeriesError(
            Reason.BAD_TAG,
            "the series has patient or study attributes that a segmentation cannot repeat; export "
            "it again, or leave out the DICOM results",
        ) from error


def sorted_slices(source: Path) -> list[FileDataset]:
    """The series' datasets in the order of ``read_series``: along the slice normal.

    Raises SeriesError naming a tag that a derived object needs.
    """
    placed = []
    for ordinal, content in enumerate(iterate_files(source), start=1):
        dataset = parse_header(content, ordinal)
        for keyword in REPEATED:
            required(dataset, keyword, ordinal)
        for keyword in REPEATED_IF_KNOWN:
            if keyword not in dataset:
                setattr(dataset, keyword, "")
        geometry = read_geometry(dataset, ordinal)
        normal = np.cross(geometry.row_direction, geometry.column_direction)
        placed.append((float(normal @ np.asarray(geometry.position_mm)), ordinal, dataset))
    return [dataset for _, _, dataset in sorted(placed, key=lambda one: one[:2])]


def _segmentation(
    slices: list[FileDataset], labels: Any, lesions: tuple[Lesion, ...], model: ModelFacts
) -> Segmentation:
    algorithm = AlgorithmIdentificationSequence(
        name=model.name,
        family=codes.cid7162.ArtificialIntelligence,
        version=model.version,
        parameters={"sha256": model.digest.hex()},
    )
    descriptions = [
        SegmentDescription(
            segment_number=number,
            segment_label=f"Lesion {lesion.number}",
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Lesion,
            algorithm_type="AUTOMATIC",
            algorithm_identification=algorithm,
            tracking_uid=UID(),
            tracking_id=f"Lesion {lesion.number}",
        )
        for number, lesion in enumerate(lesions, start=1)
    ]
    segments = np.stack([labels == lesion.number for lesion in lesions], axis=-1)
    return Segmentation(
        source_images=slices,
        pixel_array=segments.astype(np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=descriptions,
        content_label="LESIONS",
        content_description=NOTICE,
        **_instance("SEG", model),
        manufacturer_model_name=model.name,
        device_serial_number=model.digest.hex()[:16],
        software_versions=model.version,
    )


def _instance(kind: str, model: ModelFacts) -> dict[str, Any]:
    return {
        "series_instance_uid": UID(),
        "series_number": SERIES_NUMBERS[kind],
        "sop_instance_uid": UID(),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "series_description": f"{model.name}: {NOTICE}"[:64],
    }


def _report(
    slices: list[FileDataset],
    segmentation: Segmentation,
    lesions: tuple[Lesion, ...],
    model: ModelFacts,
) -> Comprehensive3DSR:
    device = DeviceObserverIdentifyingAttributes(
        uid=UID(), name=NOTICE, manufacturer_name=MANUFACTURER, model_name=model.name
    )
    context = ObservationContext(
        observer_device_context=ObserverContext(
            observer_type=codes.DCM.Device, observer_identifying_attributes=device
        )
    )
    groups = [
        _measurements(segmentation, number, lesion, model)
        for number, lesion in enumerate(lesions, start=1)
    ]
    content = MeasurementReport(
        observation_context=context,
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    return Comprehensive3DSR(
        evidence=[*slices, segmentation],
        content=content[0],
        is_complete=True,
        is_final=False,
        is_verified=False,
        **_instance("SR", model),
    )


def _measurements(
    segmentation: Segmentation, number: int, lesion: Lesion, model: ModelFacts
) -> VolumetricROIMeasurementsAndQualitativeEvaluations:
    described = segmentation.SegmentSequence[number - 1]
    (referred,) = segmentation.ReferencedSeriesSequence
    series = SourceSeriesForSegmentation(referred.SeriesInstanceUID)
    found = [Measurement(codes.SCT.Volume, lesion.volume_ul / 1000.0, codes.UCUM.CubicCentimeter)]
    uptakes = (
        (SUV_BODY_WEIGHT, lesion.suv_max_milli, SUV_UNIT, codes.SCT.Maximum),
        (SUV_BODY_WEIGHT, lesion.suv_peak_milli, SUV_UNIT, codes.DCM.PeakValueWithinROI),
        (codes.DCM.TotalLesionGlycolysis, lesion.glycolysis_milli, GRAM, None),
    )
    found += [
        Measurement(name, milli / 1000.0, unit, derivation=derivation)
        for name, milli, unit, derivation in uptakes
        if milli is not None
    ]
    return VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=described.TrackingUID, identifier=described.TrackingID
        ),
        referenced_segment=ReferencedSegment(
            segmentation.SOPClassUID, segmentation.SOPInstanceUID, number, source_series=series
        ),
        finding_type=codes.SCT.Lesion,
        algorithm_id=AlgorithmIdentification(
            model.name, model.version, [f"sha256 {model.digest.hex()}"]
        ),
        measurements=found,
    )


def _bytes(dataset: Any) -> bytes:
    target = io.BytesIO()
    dataset.save_as(target)
    return target.getvalue()
