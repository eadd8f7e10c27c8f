"""Lesions as DICOM SEG and SR: read back by highdicom, held against the findings."""

import hashlib
import io
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes
from typer.testing import CliRunner

from medquorum.ai_entity.analyse import DICOM_FILES, Analysed
from medquorum.ai_entity.commands import app
from medquorum.ai_entity.dicom_results import dicom_results, sorted_slices
from medquorum.ai_entity.dicom_segmentation import NOTICE
from medquorum.ai_entity.dicom_series import read_series
from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.phantom.torso import PhantomPair
from medquorum.ai_entity.registry import MODELS_FOLDER
from tests.ai_entity.conftest import PairOnDisk
from tests.ai_entity.slices import all_changed, without
from tests.ai_entity.test_analysis_commands import folder_of


def test_the_segmentation_is_the_lesion_on_the_pet(
    analysed_pair: Analysed, pair_on_disk: PairOnDisk
) -> None:
    assert [name for name, _ in analysed_pair.dicom] == list(DICOM_FILES)
    segmentation = highdicom.seg.segread(io.BytesIO(analysed_pair.dicom[0][1]))
    findings = analysed_pair.findings
    assert findings.tumour is not None
    (lesion,) = findings.tumour.lesions
    assert list(segmentation.segment_numbers) == [1]
    volume = segmentation.get_volume(combine_segments=True)
    voxel_ul = float(np.prod(volume.spacing))
    assert (volume.array == 1).sum() * voxel_ul == pytest.approx(lesion.volume_ul, rel=0.05)
    inside = np.argwhere(volume.array == 1).mean(axis=0)
    centre = volume.affine @ np.append(inside, 1.0)
    assert centre[:3] * 1000 == pytest.approx(lesion.centroid_um, abs=4_000)
    described = segmentation.get_segment_description(1)
    assert described.algorithm_type.value == "AUTOMATIC"
    (algorithm,) = described.SegmentationAlgorithmIdentificationSequence
    assert findings.model.digest.hex() in algorithm.AlgorithmParameters
    assert segmentation.ContentDescription == NOTICE
    source = sorted_slices(pair_on_disk.pet)
    assert segmentation.PatientID == source[0].PatientID
    assert segmentation.StudyInstanceUID == source[0].StudyInstanceUID
    assert segmentation.FrameOfReferenceUID == source[0].FrameOfReferenceUID


def test_the_report_carries_every_measure_with_its_unit(analysed_pair: Analysed) -> None:
    report = highdicom.sr.srread(io.BytesIO(analysed_pair.dicom[1][1]))
    assert report.VerificationFlag == "UNVERIFIED"
    assert report.PreliminaryFlag == "PRELIMINARY"
    assert analysed_pair.findings.tumour is not None
    (lesion,) = analysed_pair.findings.tumour.lesions
    assert isinstance(report.content, highdicom.sr.MeasurementReport)
    (group,) = report.content.get_volumetric_roi_measurement_groups(finding_type=codes.SCT.Lesion)
    found = [
        (one.name.meaning, one.value, one.unit.value, one.derivation and one.derivation.meaning)
        for one in group.get_measurements()
    ]
    assert lesion.suv_max_milli is not None
    assert lesion.suv_peak_milli is not None
    assert lesion.glycolysis_milli is not None
    assert found == [
        ("Volume", lesion.volume_ul / 1000, "cm3", None),
        ("SUVbw", lesion.suv_max_milli / 1000, "g/ml{SUVbw}", "Maximum"),
        ("SUVbw", lesion.suv_peak_milli / 1000, "g/ml{SUVbw}", "Peak Value Within ROI"),
        ("Total Lesion Glycolysis", lesion.glycolysis_milli / 1000, "g", None),
    ]
    segmentation = pydicom.dcmread(io.BytesIO(analysed_pair.dicom[0][1]))
    assert group.referenced_segment is not None
    (referred,) = group.referenced_segment[0].ReferencedSOPSequence
    assert referred.ReferencedSOPInstanceUID == segmentation.SOPInstanceUID
    assert referred.ReferencedSegmentNumber == 1


def test_slices_are_sorted_as_the_volume_is(pair: PhantomPair, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "pet", pair.pet[::-1])
    volume = read_series(folder, "PT")
    places = [float(one.ImagePositionPatient[2]) for one in sorted_slices(folder)]
    assert places == sorted(places)
    assert places[0] == pytest.approx(volume.affine[2, 3])


def test_a_series_without_a_study_is_refused(
    analysed_pair: Analysed, pair: PhantomPair, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "pet", all_changed(pair.pet, without("StudyInstanceUID")))
    with pytest.raises(SeriesError) as caught:
        dicom_results(folder, "PT", analysed_pair.findings)
    assert caught.value.reason is Reason.MISSING_TAG
    assert "file 1 lacks StudyInstanceUID (0020,000D)" in caught.value.message


def test_what_the_source_does_not_know_stays_empty(
    analysed_pair: Analysed, pair: PhantomPair, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "pet", all_changed(pair.pet, without("PatientBirthDate")))
    made = dicom_results(folder, "PT", analysed_pair.findings)
    assert made is not None
    for content in (made.segmentation, made.report):
        assert pydicom.dcmread(io.BytesIO(content)).PatientBirthDate in ("", None)


def test_the_command_writes_both_files_and_none_without_a_lesion(
    pair_on_disk: PairOnDisk, healthy_pair: PhantomPair, tmp_path: Path
) -> None:
    words = ["analyze", "--ct", str(pair_on_disk.ct), "--pet", str(pair_on_disk.pet)]
    ended = CliRunner().invoke(app, [*words, "--dicom-out", str(tmp_path)])
    assert ended.exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "organ_map.dcm",
        "report.dcm",
        "segmentation.dcm",
    ]
    ct = folder_of(tmp_path / "ct", healthy_pair.ct)
    pet = folder_of(tmp_path / "pet", healthy_pair.pet)
    empty = tmp_path / "empty"
    empty.mkdir()
    baseline = (MODELS_FOLDER / "petct_baseline.onnx").read_bytes()
    model = hashlib.sha256(baseline).hexdigest()  # the network knows no limb without a tumour
    words = ["analyze", "--ct", str(ct), "--pet", str(pet), "--dicom-out", str(empty)]
    words += ["--model", model]
    ended = CliRunner().invoke(app, words)
    assert ended.exit_code == 0
    assert "no lesion was drawn" in ended.stderr
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--xray", "{ct}", "--dicom-out", "{ct}"), 2, "an X-ray has none"),
        (("--ct", "{ct}", "--dicom-out", "absent"), 4, "there is no folder absent"),
    ],
)
def test_refusals(
    pair_on_disk: PairOnDisk, words: tuple[str, ...], code: int, sentence: str
) -> None:
    ended = CliRunner().invoke(
        app, ["analyze", *(word.format(ct=pair_on_disk.ct) for word in words)]
    )
    assert ended.exit_code == code
    assert sentence in ended.stderr
