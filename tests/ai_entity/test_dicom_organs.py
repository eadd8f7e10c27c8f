"""Organs, levels, volumes by method and changes as DICOM: read back, held against the findings."""

import io
from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from highdicom.sr import MeasurementReport
from pydicom.sr.codedict import codes

from medquorum.ai_entity.dicom_codes import (
    BY_EORTC,
    BY_NETWORK,
    BY_PERCIST,
    COURSES,
    LEVEL,
    LEVELS,
    MEANING_CHARACTERS,
    SCHEME,
    SITES,
    method_code,
)
from medquorum.ai_entity.dicom_results import DicomResults, dicom_results
from medquorum.ai_entity.explain.reporting import with_changes
from medquorum.ai_entity.findings import Findings, Level
from medquorum.ai_entity.overlay import with_organs
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.phantom.scanner import STANDARD
from medquorum.ai_entity.phantom.whole_body import scan_with, torso_files
from medquorum.ai_entity.tumour import methods
from medquorum.ai_entity.tumour.methods import SUV_4
from tests.ai_entity.explain.bodies import Scan, lesion_in, person, recorded, scanned
from tests.ai_entity.slices import all_changed, having
from tests.ai_entity.test_analysis_commands import folder_of

GRADED = (("liver", Level.TUMOR_PLUS), ("lungs", Level.METASTASIS), ("bone", Level.NEGATIVE))


Study = tuple[Path, Findings]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A patient seen twice, her second study with organs: its PET and what was found on it."""
    patient = person()
    growths = (lesion_in(patient, Organ.LIVER, 16.0), lesion_in(patient, Organ.LUNGS, 12.0))
    body = scan_with(patient, growths, 1, STANDARD)
    pet = folder_of(tmp_path_factory.mktemp("pet") / "pet", torso_files(body)[1])
    origin = patient.origin_mm
    first = scanned(patient, Scan(growths[:1], 2))
    later = scanned(patient, Scan(growths, 1, origin, levels=(*GRADED, ("tail", Level.TUMOR))))
    later = with_changes(later, recorded(first))
    assert later.overlay is not None
    assert later.tumour is not None
    later = replace(
        later,
        overlay=with_organs(later.overlay, body.organs),
        tumour=replace(later.tumour, comparison_volumes_ul=((SUV_4, 7_000), ("own", 1_000))),
    )
    return pet, later


@pytest.fixture(scope="module")
def made(study: Study) -> tuple[Findings, DicomResults]:
    """The findings and their DICOM files."""
    results = dicom_results(study[0], "PT", study[1])
    assert results is not None
    return study[1], results


def test_the_same_input_gives_the_same_bytes(
    study: Study, made: tuple[Findings, DicomResults]
) -> None:
    again = dicom_results(study[0], "PT", study[1])
    assert again is not None
    for name in DicomResults.__slots__:
        assert getattr(again, name) == getattr(made[1], name), name
    source = pydicom.dcmread(sorted(study[0].iterdir())[0])
    lesions, report = (
        pydicom.dcmread(io.BytesIO(one)) for one in (again.segmentation, again.report)
    )
    assert lesions.ContentDate == report.ContentDate == source.ContentDate
    assert lesions.SOPInstanceUID == lesions.file_meta.MediaStorageSOPInstanceUID
    assert lesions.SOPInstanceUID.startswith("2.25.")
    other = dicom_results(study[0], "PT", replace(study[1], lines=("Another word.",)))
    assert other is not None
    assert pydicom.dcmread(io.BytesIO(other.report)).SOPInstanceUID != report.SOPInstanceUID


def test_a_study_number_longer_than_the_standard_allows_is_left_empty(
    study: Study, tmp_path: Path
) -> None:
    files = [path.read_bytes() for path in sorted(study[0].iterdir())]
    long = having("StudyID", "A_STUDY_OF_18_CHAR")
    made = dicom_results(folder_of(tmp_path / "pet", all_changed(files, long)), "PT", study[1])
    assert made is not None
    for content in (made.segmentation, made.organ_map, made.report):
        assert pydicom.dcmread(io.BytesIO(content or b"")).StudyID == ""


def test_every_way_to_draw_a_volume_has_a_code_whose_meaning_fits() -> None:
    names = [value for name, value in vars(methods).items() if name.startswith("SUV_")]
    assert methods.SUV_ADAPTIVE in names
    told = [method_code(name) for name in names]
    assert len({one.value for one in told}) == len(names)
    assert "by-other" not in {one.value for one in told}
    assert all(0 < len(one.meaning) <= MEANING_CHARACTERS for one in told)


def content_of(results: DicomResults) -> MeasurementReport:
    report = highdicom.sr.srread(io.BytesIO(results.report))
    assert isinstance(report.content, MeasurementReport)
    return report.content


def test_the_organ_map_is_the_overlays(made: tuple[Findings, DicomResults]) -> None:
    findings, results = made
    assert results.organ_map is not None
    assert findings.overlay is not None
    segmentation = highdicom.seg.segread(io.BytesIO(results.organ_map))
    labels = findings.overlay.organ_labels()
    assert labels is not None
    volume = segmentation.get_volume(combine_segments=True)
    affine = findings.overlay.affine()
    for number in segmentation.segment_numbers:
        described = segmentation.get_segment_description(int(number))
        organ = Organ[described.segment_label.upper()]
        assert described.segmented_property_type == SITES[described.segment_label]
        mask = volume.array == number
        assert mask.sum() == (labels == organ).sum()
        here = volume.affine @ np.append(np.argwhere(mask).mean(axis=0), 1.0)
        there = affine @ np.append(np.argwhere(labels == organ).mean(axis=0), 1.0)
        assert here == pytest.approx(there, abs=0.01)
    names = {one.SegmentLabel for one in segmentation.SegmentSequence}
    assert {"liver", "lungs", "bone", "heart", "kidneys", "fat"} <= names
    assert "air" not in names
    lesions = pydicom.dcmread(io.BytesIO(results.segmentation))
    assert segmentation.FrameOfReferenceUID == lesions.FrameOfReferenceUID
    assert segmentation.StudyInstanceUID == lesions.StudyInstanceUID


def test_every_organ_has_its_level_and_site(made: tuple[Findings, DicomResults]) -> None:
    findings, results = made
    content = content_of(results)
    drawn = content.get_volumetric_roi_measurement_groups(finding_type=codes.SCT.Organ)
    found = {}
    for group in drawn:
        (site,) = group.finding_sites
        (level,) = group.get_qualitative_evaluations(name=LEVEL)
        (chance,) = group.get_measurements(name=codes.DCM.ProbabilityOfCancer)
        assert (chance.value, chance.unit.value) == (75.0, "%")
        found[site.value.value] = level.value
    assert found == {SITES[name].value: LEVELS[level] for name, level in GRADED}
    organ_map = pydicom.dcmread(io.BytesIO(results.organ_map or b""))
    for group in drawn:
        assert group.referenced_segment is not None
        (referred,) = group.referenced_segment[0].ReferencedSOPSequence
        assert referred.ReferencedSOPInstanceUID == organ_map.SOPInstanceUID
    (unnamed,) = content.get_image_measurement_groups(finding_type=codes.SCT.Organ)
    assert unnamed.tracking_identifier == "tail"
    assert unnamed.finding_sites == []
    assert findings.tumour is not None


def test_lesions_have_sites_and_the_algorithm_its_digest(
    made: tuple[Findings, DicomResults],
) -> None:
    findings, results = made
    groups = content_of(results).get_volumetric_roi_measurement_groups(
        finding_type=codes.SCT.Lesion
    )
    assert findings.tumour is not None
    for group, lesion in zip(groups, findings.tumour.lesions, strict=True):
        (site,) = group.finding_sites
        assert site.value == SITES[lesion.region]
        assert group.method == BY_NETWORK
    digest = f"sha256 {findings.model.digest.hex()}".encode()
    assert results.report.count(digest) >= len(groups)


def test_volumes_are_told_with_their_methods(made: tuple[Findings, DicomResults]) -> None:
    findings, results = made
    groups = content_of(results).get_image_measurement_groups(finding_type=codes.SCT.Lesion)
    together = next(one for one in groups if one.tracking_identifier == "All lesions together")
    assert findings.tumour is not None
    assert [
        (one.method and one.method.value, one.value)
        for one in together.get_measurements(name=codes.SCT.Volume)
    ] == [
        (BY_NETWORK.value, findings.tumour.total_tumour_volume_ul / 1000),
        (method_code(SUV_4).value, 7.0),
        ("by-other", 1.0),
    ]


def test_the_change_is_fractional_and_no_assessment(made: tuple[Findings, DicomResults]) -> None:
    findings, results = made
    groups = content_of(results).get_image_measurement_groups(finding_type=codes.SCT.Lesion)
    since = next(one for one in groups if str(one.tracking_identifier).startswith("Since block"))
    assert findings.changes is not None
    (volume,) = since.get_measurements(name=codes.SCT.Volume)
    change_ppm = findings.changes.total_tumour_volume_ul.change_ppm
    assert change_ppm is not None
    assert volume.value == pytest.approx(change_ppm / 1e6)
    assert volume.derivation == codes.DCM.FractionalChange
    (course,) = since.get_qualitative_evaluations(name=BY_PERCIST)
    assert course.value == COURSES[findings.changes.by_percist]
    assert "no assessment" in BY_EORTC.meaning
    report = pydicom.dcmread(io.BytesIO(results.report))
    (declared,) = report.CodingSchemeIdentificationSequence
    assert declared.CodingSchemeDesignator == SCHEME


def test_every_code_fits_its_element() -> None:
    own = [LEVEL, BY_NETWORK, BY_PERCIST, BY_EORTC, *LEVELS.values(), method_code("x" * 200)]
    for code in (*own, *SITES.values(), *COURSES.values()):
        assert len(code.value) <= 16
        assert len(code.meaning) <= 64


def test_without_organs_there_is_no_map(
    made: tuple[Findings, DicomResults], tmp_path: Path
) -> None:
    findings, _ = made
    assert findings.overlay is not None
    patient = person()
    growths = (lesion_in(patient, Organ.LIVER, 16.0), lesion_in(patient, Organ.LUNGS, 12.0))
    pet = folder_of(tmp_path / "pet", torso_files(scan_with(patient, growths, 1, STANDARD))[1])
    bare = replace(findings, overlay=replace(findings.overlay, organs=None))
    results = dicom_results(pet, "PT", bare)
    assert results is not None
    assert results.organ_map is None
    organs = content_of(results).get_image_measurement_groups(finding_type=codes.SCT.Organ)
    assert len(organs) == len(GRADED) + 1
