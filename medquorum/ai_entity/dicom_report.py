"""The measurement report: Comprehensive 3D SR by template TID 1500 (PS3.16).

In order: each lesion with its segment, site and measures (TID 1411); each organ with its level as
a coded evaluation and the probability of any tumour; all lesions together with the volume by every
method (TID 1501); and, where the patient was examined before, the fractional changes since then.
"""

from typing import Any, Final

from highdicom import UID
from highdicom.seg import Segmentation
from highdicom.sr import (
    AlgorithmIdentification,
    Comprehensive3DSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    ReferencedSegment,
    SourceSeriesForSegmentation,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.dataset import FileDataset
from pydicom.sr.codedict import codes

from medquorum.ai_entity.dicom_codes import (
    BY_EORTC,
    BY_NETWORK,
    BY_PERCIST,
    COURSES,
    GRAM,
    LEVEL,
    LEVELS,
    NO_UNITS,
    SITES,
    SUV_BODY_WEIGHT,
    SUV_UNIT,
    declare_scheme,
    method_code,
)
from medquorum.ai_entity.dicom_segmentation import MANUFACTURER, NOTICE, instance_of
from medquorum.ai_entity.explain.change_facts import Changes
from medquorum.ai_entity.findings import (
    PPM,
    Findings,
    Lesion,
    ModelFacts,
    RegionFinding,
    TumourFindings,
)

PERCENT: Final = codes.UCUM.Percent
Group = VolumetricROIMeasurementsAndQualitativeEvaluations | MeasurementsAndQualitativeEvaluations


def measurement_report(
    slices: list[FileDataset],
    drawn: tuple[Lesion, ...],
    findings: Findings,
    segmentations: tuple[Segmentation, Segmentation | None],
) -> Comprehensive3DSR:
    """The report of findings with a tumour part; ``segmentations`` of lesions and organs."""
    lesions, organs = segmentations
    assert findings.tumour is not None  # noqa: S101 - asked by dicom_results
    model = findings.model
    groups: list[Group] = [
        _lesion(lesions, number, lesion, model) for number, lesion in enumerate(drawn, start=1)
    ]
    groups += [_organ(organs, region, model) for region in findings.tumour.regions]
    groups.append(_together(findings.tumour, model))
    if findings.changes is not None:
        groups.append(_since(findings.changes, model))
    content = MeasurementReport(
        observation_context=_context(model),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    evidence = [*slices, lesions] if organs is None else [*slices, lesions, organs]
    report = Comprehensive3DSR(
        evidence=evidence,
        content=content[0],
        is_complete=True,
        is_final=False,
        is_verified=False,
        **instance_of("SR", model),
    )
    declare_scheme(report)
    return report


def _context(model: ModelFacts) -> ObservationContext:
    device = DeviceObserverIdentifyingAttributes(
        uid=UID(), name=NOTICE, manufacturer_name=MANUFACTURER, model_name=model.name
    )
    return ObservationContext(
        observer_device_context=ObserverContext(
            observer_type=codes.DCM.Device, observer_identifying_attributes=device
        )
    )


def _lesion(segmentation: Segmentation, number: int, lesion: Lesion, model: ModelFacts) -> Group:
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
        tracking_identifier=_tracking(segmentation, number),
        referenced_segment=_segment(segmentation, number),
        finding_type=codes.SCT.Lesion,
        finding_sites=_sites(lesion.region),
        method=BY_NETWORK,
        algorithm_id=_algorithm(model),
        measurements=found,
    )


def _organ(segmentation: Segmentation | None, region: RegionFinding, model: ModelFacts) -> Group:
    """Level and probability; with the organ's segment where one is drawn."""
    told: dict[str, Any] = {
        "finding_type": codes.SCT.Organ,
        "finding_sites": _sites(region.region),
        "algorithm_id": _algorithm(model),
        "measurements": [
            Measurement(
                codes.DCM.ProbabilityOfCancer,
                100.0 * (PPM - region.probabilities_ppm[0]) / PPM,
                PERCENT,
            )
        ],
        "qualitative_evaluations": [QualitativeEvaluation(LEVEL, LEVELS[region.level])],
    }
    number = None if segmentation is None else _number_of(segmentation, region.region)
    if segmentation is None or number is None:
        tracking = TrackingIdentifier(uid=UID(), identifier=region.region)
        return MeasurementsAndQualitativeEvaluations(tracking_identifier=tracking, **told)
    return VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(segmentation, number),
        referenced_segment=_segment(segmentation, number),
        **told,
    )


def _together(tumour: TumourFindings, model: ModelFacts) -> Group:
    volumes = [(BY_NETWORK, tumour.total_tumour_volume_ul)]
    volumes += [(method_code(name), volume) for name, volume in tumour.comparison_volumes_ul]
    found = [
        Measurement(codes.SCT.Volume, volume / 1000.0, codes.UCUM.CubicCentimeter, method=method)
        for method, volume in volumes
    ]
    glycolysis = tumour.total_lesion_glycolysis_milli
    if glycolysis is not None:
        found.append(
            Measurement(
                codes.DCM.TotalLesionGlycolysis, glycolysis / 1000.0, GRAM, method=BY_NETWORK
            )
        )
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=UID(), identifier="All lesions together"),
        finding_type=codes.SCT.Lesion,
        algorithm_id=_algorithm(model),
        measurements=found,
    )


def _since(changes: Changes, model: ModelFacts) -> Group:
    """Fractional changes (0.25: a quarter more) and what cut-offs would call them."""
    relative = (
        (codes.SCT.Volume, changes.total_tumour_volume_ul),
        (codes.DCM.TotalLesionGlycolysis, changes.total_lesion_glycolysis_milli),
        (SUV_BODY_WEIGHT, changes.hottest_suv_peak_milli),
    )
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=UID(), identifier=f"Since block {changes.previous_report[:16]}"
        ),
        finding_type=codes.SCT.Lesion,
        algorithm_id=_algorithm(model),
        measurements=[
            Measurement(
                name,
                measure.change_ppm / PPM,
                NO_UNITS,
                derivation=codes.DCM.FractionalChange,
            )
            for name, measure in relative
            if measure.change_ppm is not None
        ],
        qualitative_evaluations=[
            QualitativeEvaluation(BY_PERCIST, COURSES[changes.by_percist]),
            QualitativeEvaluation(BY_EORTC, COURSES[changes.by_eortc]),
        ],
    )


def _sites(region: str) -> list[FindingSite] | None:
    return [FindingSite(SITES[region])] if region in SITES else None


def _algorithm(model: ModelFacts) -> AlgorithmIdentification:
    return AlgorithmIdentification(model.name, model.version, [f"sha256 {model.digest.hex()}"])


def _tracking(segmentation: Segmentation, number: int) -> TrackingIdentifier:
    described = segmentation.SegmentSequence[number - 1]
    return TrackingIdentifier(uid=described.TrackingUID, identifier=described.TrackingID)


def _segment(segmentation: Segmentation, number: int) -> ReferencedSegment:
    (referred,) = segmentation.ReferencedSeriesSequence
    return ReferencedSegment(
        segmentation.SOPClassUID,
        segmentation.SOPInstanceUID,
        number,
        source_series=SourceSeriesForSegmentation(referred.SeriesInstanceUID),
    )


def _number_of(segmentation: Segmentation, name: str) -> int | None:
    """The segment of an organ."""
    return next(
        (
            int(described.SegmentNumber)
            for described in segmentation.SegmentSequence
            if described.SegmentLabel == name
        ),
        None,
    )
