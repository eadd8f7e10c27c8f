"""From archives to findings, in the child: volume, determinism, abstention, refusals."""

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medquorum.ai_entity.analyse import Analysed, analyse_tumour, measure_tumour
from medquorum.ai_entity.dicom_pack import pack_series_bytes
from medquorum.ai_entity.dicom_series import read_series
from medquorum.ai_entity.errors import Reason, SeriesError, SuvError
from medquorum.ai_entity.findings import Kind, Level
from medquorum.ai_entity.overlay import overlay_from_content
from medquorum.ai_entity.phantom.torso import PhantomPair
from medquorum.ai_entity.registry import MODELS_FOLDER, Registry, register_model
from medquorum.ai_entity.rtstruct import read_regions, region_mask
from medquorum.ai_entity.tumour.grid import GridImages
from medquorum.ai_entity.tumour.pipeline import analyse_images, read_images
from medquorum.ledger.canonical import decode, encode
from medquorum.ledger.contents import Conclusion, NextStep
from tests.ai_entity.conftest import PairOnDisk, axial_affine
from tests.ai_entity.slices import all_changed, having, without


def write(folder: Path, files: list[bytes]) -> Path:
    path = folder / "series.tar"
    path.write_bytes(pack_series_bytes(files))
    return path


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of which the voxel baseline is current: the network knows no limb without a tumour."""
    folder = tmp_path_factory.mktemp("baseline") / "models"
    shutil.copytree(MODELS_FOLDER, folder)
    register_model(folder, "petct_baseline", current=True)
    return folder


def test_pet_and_ct_of_a_phantom(
    pair_on_disk: PairOnDisk, pair: PhantomPair, baseline: Path
) -> None:
    analysed = measure_tumour(pair_on_disk.ct, pair_on_disk.pet, baseline)
    findings = analysed.findings
    assert findings.kind is Kind.TUMOUR
    assert (findings.conclusion, findings.next_step) == (Conclusion.TUMOUR, NextStep.TREATMENT)
    assert findings.tumour is not None
    assert findings.overlay is not None
    assert findings.tumour.total_tumour_volume_ul / 1000 == pytest.approx(
        pair_on_disk.truth_ml, rel=pair_on_disk.tolerance
    )
    lesion = findings.tumour.lesions[0]
    centre = np.asarray(pair.lesions[0].centre_mm) * 1000
    assert np.linalg.norm(np.asarray(lesion.centroid_um) - centre) < 8_000
    assert lesion.suv_peak_milli == pytest.approx(pair.lesions[0].suv * 1000, rel=0.15)
    assert {region.region: region.level for region in findings.tumour.regions} == {
        "fat": Level.NEGATIVE,
        "muscle": Level.TUMOR,
        "bone": Level.NEGATIVE,
    }
    labels = findings.overlay.labels()
    voxel_ul = abs(np.linalg.det(findings.overlay.affine()[:3, :3]))
    assert (labels > 0).sum() * voxel_ul == pytest.approx(findings.tumour.total_tumour_volume_ul)
    assert 0 < analysed.peak_memory_bytes < 3 * 1024**3


def test_the_same_input_gives_the_same_bytes(
    pair_on_disk: PairOnDisk, analysed_pair: Analysed
) -> None:
    """Twice in children of their own, whatever else is wanted of them."""
    first = analysed_pair.findings
    again = analyse_tumour(pair_on_disk.ct, pair_on_disk.pet)
    assert encode(first.to_report()) == encode(again.to_report())
    assert first == again


def test_r_con3_r_can1_the_report_is_canonical(analysed_pair: Analysed) -> None:
    findings = analysed_pair.findings
    report = findings.to_report()
    assert decode(encode(report)) == report
    assert list(plain_types(report)) == []
    assert sorted(report) == ["author_kind", "conclusion", "findings", "next_step", "text"]
    assert report["findings"]["machine_generated"] is True
    assert "mL" in report["text"]
    assert "not for clinical use" in report["text"]
    core = findings.ai_core([bytes(32)])
    assert decode(encode(core)) == core
    assert sorted(core) == [
        "confidence_ppm", "inputs", "kind", "machine_generated", "model_digest", "model_name",
        "model_version", "preprocessing", "training_digest",
    ]  # fmt: skip
    assert findings.overlay is not None
    carried = decode(encode(findings.overlay.to_content()))
    assert overlay_from_content(carried) == findings.overlay


def plain_types(value: Any) -> Any:
    """Everything that is not str, int, bool, None, list or dict."""
    if isinstance(value, dict):
        yield from itertools.chain.from_iterable(plain_types(entry) for entry in value.values())
    elif isinstance(value, list):
        yield from itertools.chain.from_iterable(plain_types(entry) for entry in value)
    elif value is not None and type(value) not in (str, int, bool):
        yield value


def test_ct_alone_asks_for_a_pet(pair_on_disk: PairOnDisk) -> None:
    findings = analyse_tumour(pair_on_disk.ct, None)
    assert findings.model.name == "medquorum-tumour-ct"
    assert findings.tumour is not None
    assert findings.next_step in (NextStep.PET, NextStep.NONE)
    assert findings.tumour.total_lesion_glycolysis_milli is None
    assert all(lesion.suv_max_milli is None for lesion in findings.tumour.lesions)


def test_a_healthy_phantom_is_negative(
    healthy_pair: PhantomPair, tmp_path: Path, baseline: Path
) -> None:
    (tmp_path / "pet").mkdir()
    ct, pet = write(tmp_path, healthy_pair.ct), write(tmp_path / "pet", healthy_pair.pet)
    findings = analyse_tumour(ct, pet, baseline)
    assert findings.conclusion is Conclusion.NEGATIVE
    assert findings.tumour is not None
    assert findings.tumour.total_tumour_volume_ul == 0
    assert findings.confidence_ppm > 800_000


def test_noise_makes_it_abstain_with_a_reason() -> None:
    noise = np.random.default_rng(5).normal(0, 300, (40, 40, 40)).astype(np.float32)
    findings = analyse_images(GridImages(noise, None, axial_affine(4.0)), Registry())
    assert findings.conclusion is Conclusion.INCONCLUSIVE
    assert findings.abstained is not None
    assert "noise" in findings.abstained
    assert findings.confidence_ppm == 0
    assert findings.tumour is None
    assert json.dumps(findings.to_content())


def test_a_pet_without_weight_is_refused_by_name(
    pair_on_disk: PairOnDisk, pair: PhantomPair, tmp_path: Path
) -> None:
    pet = write(tmp_path, all_changed(pair.pet, without("PatientWeight")))
    with pytest.raises(SuvError) as caught:
        analyse_tumour(pair_on_disk.ct, pet)
    assert caught.value.reason is Reason.MISSING_TAG
    assert "0010,1030" in caught.value.message


def test_a_pet_of_another_frame_or_place_is_refused(
    pair_on_disk: PairOnDisk, pair: PhantomPair, tmp_path: Path
) -> None:
    pet = write(tmp_path, all_changed(pair.pet, having("FrameOfReferenceUID", "1.2.3")))
    with pytest.raises(SeriesError) as caught:
        read_images(pair_on_disk.ct, pet)
    assert caught.value.reason is Reason.NOT_OVERLAPPING


def test_swapped_series_are_refused(pair_on_disk: PairOnDisk) -> None:
    with pytest.raises(SeriesError) as caught:
        analyse_tumour(pair_on_disk.pet, pair_on_disk.ct)
    assert caught.value.reason is Reason.MIXED_SERIES


@pytest.mark.shared_data
def test_held_out_real_cases(shared_data_folder: Path | None, pair_on_disk: PairOnDisk) -> None:
    """A patient the shipped model was not fitted on; volumes within a factor of three.

    The factor is what this baseline reaches and no quality to be proud of: the contour is
    anatomical and the crops are hard. How well more patients are outlined, the evaluation's own
    test asks of their arrays. Without the optional data the phantom is judged by the same body.
    """
    if shared_data_folder is None:
        print("optional data absent: judged on the phantom")
        cases = [(pair_on_disk.ct, pair_on_disk.pet, pair_on_disk.truth_ml)]
    else:
        cases = []
        for case in ("STS_005",):
            folder = shared_data_folder / "dicom" / case
            pet = read_series(folder / "PET" / "image", "PT")
            region = read_regions((folder / "PET" / "mask" / "RS.dcm").read_bytes())[0]
            truth = float(region_mask(region, pet).sum()) * pet.voxel_volume_ml
            cases.append((folder / "CT" / "image", folder / "PET" / "image", truth))
    for ct, pet_path, truth_ml in cases:
        findings = analyse_tumour(ct, pet_path)
        assert findings.tumour is not None
        assert findings.conclusion is Conclusion.TUMOUR
        measured_ml = findings.tumour.total_tumour_volume_ul / 1000
        assert truth_ml / 3 < measured_ml < truth_ml * 3
