"""From verified ledgers to arrays and a manifest: rules, digests, patients kept apart."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import FileDataset

from medquorum.ai_entity.dicom_pack import pack_series_bytes
from medquorum.ai_entity.learning.dataset import Source, make_training_set, split_of
from medquorum.ai_entity.learning.lessons import Excluded, StudyKind, patient_hash
from medquorum.ai_entity.learning.training_set import (
    MANIFEST,
    Split,
    TrainingSetError,
    canonical_json,
    read_training_set,
)
from medquorum.ai_entity.learning.verified_ledger import open_ledger
from medquorum.ai_entity.overlay import make_overlay
from medquorum.ai_entity.phantom.torso import PhantomPair
from medquorum.ai_entity.tumour.pipeline import read_images
from medquorum.ledger.contents import Conclusion
from medquorum.ledger.provenance import FindingKind
from medquorum.ledger.types import BlockType, Outcome
from tests.ai_entity.conftest import PairOnDisk
from tests.ai_entity.learning.ward import Ward, film, film_overlay, in_process
from tests.ai_entity.slices import all_changed

FRACTURE, NEGATIVE = Conclusion.FRACTURE, Conclusion.NEGATIVE
TUMOUR = {"kind": FindingKind.TUMOUR}


def source(ward: Ward, folder: Path) -> Source:
    return Source(open_ledger(*ward.files(folder), in_process), ward.bodies)


def made(folder: Path, *wards: Ward, percent: int = 20) -> dict[str, Any]:
    sources = [source(ward, folder / str(place)) for place, ward in enumerate(wards)]
    digest, _ = asyncio.run(make_training_set(sources, folder / "set", percent))
    found = read_training_set(folder / "set")
    assert found.digest == digest
    return {"set": found, "manifest": json.loads((folder / "set" / MANIFEST).read_bytes())}


@pytest.fixture(scope="module")
def ward() -> Ward:
    """Approved, rejected and corrected, replaced, rejected and left, inconclusive."""
    ward = Ward()
    for seed, fractured in enumerate((True, False, True, False, True)):
        patient = ward.patient()
        image = ward.image(BlockType.XRAY, patient, film(seed, fractured))
        overlay = film_overlay()
        match seed:
            case 0:
                ward.machine(patient, (image,), FRACTURE, overlay=overlay)
            case 1:
                ward.machine(patient, (image,), FRACTURE, outcome=Outcome.REJECTED)
                ward.doctor(patient, NEGATIVE, references=(image,))
            case 2:
                report = ward.machine(patient, (image,), NEGATIVE, overlay=overlay)
                ward.doctor(patient, FRACTURE, replaces=report.hash)
            case 3:
                ward.machine(patient, (image,), FRACTURE, outcome=Outcome.REJECTED)
            case _:
                ward.machine(patient, (image,), Conclusion.INCONCLUSIVE)
    return ward


@pytest.fixture(scope="module")
def found(ward: Ward, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The training set of that ward."""
    return made(tmp_path_factory.mktemp("found"), ward)


def test_corrections_are_labels_and_the_rest_is_counted(found: dict[str, Any]) -> None:
    samples = sorted(found["manifest"]["samples"], key=lambda one: one["approvers"])
    labels = {(one["author"], one["label"]["fracture"], len(one["overrules"])) for one in samples}
    assert labels == {("machine", 1, 0), ("human", 0, 1), ("human", 1, 1)}
    assert found["manifest"]["excluded"] == {
        Excluded.REJECTED.value: 1,
        Excluded.NO_CONCLUSION.value: 1,
    }
    for sample in found["set"].samples:
        arrays = found["set"].arrays(sample)
        assert arrays["grey"].shape == (320, 320)
        assert arrays["grey"].dtype == np.uint16
        assert arrays["grey"].std() > 1_000


def test_the_same_ledger_gives_the_same_digest(
    ward: Ward, tmp_path: Path, found: dict[str, Any]
) -> None:
    assert made(tmp_path, ward)["set"].digest == found["set"].digest


def test_the_manifest_names_no_patient(ward: Ward, found: dict[str, Any]) -> None:
    content = (found["set"].folder / MANIFEST).read_bytes()
    chain = ward.chain
    for number in range(1, ward.patients + 1):
        patient = chain.view.patient(number)
        assert patient is not None
        for secret in (patient.key, patient.name, patient.encryption_key):
            assert bytes(secret).hex().encode() not in content
    assert b"patient 1" not in content
    assert b"words" not in content


def test_a_patient_stays_on_one_side(tmp_path: Path) -> None:
    ward = Ward()
    for seed in range(12):
        number = ward.patient() if seed % 2 == 0 else ward.patients
        image = ward.image(BlockType.XRAY, number, film(seed, bool(seed % 3)))
        ward.machine(number, (image,), FRACTURE)
    found = made(tmp_path, ward, percent=50)
    sides: dict[str, set[str]] = {}
    for one in found["manifest"]["samples"]:
        sides.setdefault(one["patient"], set()).add(one["split"])
    assert {len(splits) for splits in sides.values()} == {1}
    assert len(sides) == 6
    assert {split for splits in sides.values() for split in splits} == {"training", "hold_out"}


def test_the_share_of_patients_held_out_is_the_one_asked_for() -> None:
    hashes = [patient_hash(number.to_bytes(33, "big")) for number in range(4_000)]
    held = sum(split_of(one, 20) is Split.HOLD_OUT for one in hashes)
    assert held / len(hashes) == pytest.approx(0.2, abs=0.02)
    assert all(split_of(one, 0) is Split.TRAINING for one in hashes[:100])
    assert all(split_of(one, 100) is Split.HOLD_OUT for one in hashes[:100])


def test_an_image_that_comes_again_in_another_network_is_left_out(tmp_path: Path) -> None:
    wards = [Ward(), Ward(chain=_four_doctors())]
    for ward in wards:
        patient = ward.patient(f"somebody {ward.chain.network.id.hex()}")
        image = ward.image(BlockType.XRAY, patient, film(1, True))
        ward.machine(patient, (image,), FRACTURE)
    found = made(tmp_path, *wards)
    assert len(found["manifest"]["networks"]) == 2
    assert len(found["manifest"]["samples"]) == 1
    assert found["manifest"]["excluded"] == {Excluded.REPEATED.value: 1}


def _four_doctors() -> Any:
    from tests.support.chains import Chain
    from tests.support.network import make_network

    return Chain(make_network(4))


def test_a_body_the_node_may_not_open_is_left_out(tmp_path: Path) -> None:
    ward = Ward()
    patient = ward.patient()
    image = ward.image(BlockType.XRAY, patient, film(1, True))
    ward.machine(patient, (image,), FRACTURE)
    ward.bodies.parts.clear()
    found = made(tmp_path, ward)
    assert found["manifest"]["excluded"] == {Excluded.NOT_HELD.value: 1}


def test_an_image_that_does_not_decode_is_left_out(tmp_path: Path) -> None:
    ward = Ward()
    for content in (b"\x89PNG\r\n\x1a\n" + bytes(40), film(2, True)):
        patient = ward.patient()
        image = ward.image(BlockType.XRAY, patient, content)
        ward.machine(patient, (image,), FRACTURE)
    found = made(tmp_path, ward)
    assert found["manifest"]["excluded"] == {Excluded.UNREADABLE.value: 1}
    assert len(found["manifest"]["samples"]) == 1


def test_an_overlay_of_another_picture_is_refused(tmp_path: Path) -> None:
    ward = Ward()
    patient = ward.patient()
    image = ward.image(BlockType.XRAY, patient, film(1, True))
    ward.machine(patient, (image,), FRACTURE, overlay=film_overlay(200))
    found = made(tmp_path, ward)
    assert found["manifest"]["excluded"] == {Excluded.FOREIGN_OUTLINE.value: 1}


def test_tumour_masks_come_from_the_approved_overlay_on_its_own_grid(
    tmp_path: Path, pair_on_disk: PairOnDisk, pair: PhantomPair
) -> None:
    grid = read_images(pair_on_disk.ct, pair_on_disk.pet)
    labels = np.zeros(grid.hu.shape, dtype=np.uint8)
    labels[2:5, 3:6, 4:8] = 3
    there = make_overlay(labels, grid.affine)
    shifted = grid.affine.copy()
    shifted[0, 3] += 1.0
    ward = Ward()
    for overlay, conclusion in (
        (there, Conclusion.TUMOUR),
        (make_overlay(labels, shifted), Conclusion.TUMOUR),
        (make_overlay(labels[1:], grid.affine), Conclusion.TUMOUR),
    ):
        patient = ward.patient()
        ct = ward.image(BlockType.CT, patient, pair_on_disk.ct)
        pet = ward.image(BlockType.PET, patient, pair_on_disk.pet)
        ward.machine(patient, (ct, pet), conclusion, overlay=overlay, facts=TUMOUR)
    found = made(tmp_path, ward, percent=0)
    assert found["manifest"]["excluded"] == {Excluded.FOREIGN_OUTLINE.value: 2}
    (sample,) = found["set"].of(StudyKind.PETCT, Split.TRAINING)
    arrays = found["set"].arrays(sample)
    assert np.array_equal(arrays["mask"], (labels > 0).astype(np.uint8))
    assert grid.suv is not None
    assert np.allclose(arrays["suv"], grid.suv)
    assert np.abs(arrays["hu"] - grid.hu).max() <= 0.5
    assert sample.facts["label"]["tumour_voxels"] == 36
    assert sample.facts["label"]["affine_nm"] == list(there.affine_nm)


def test_a_pet_of_another_tracer_teaches_nothing(
    tmp_path: Path, pair_on_disk: PairOnDisk, pair: PhantomPair
) -> None:
    def of_psma(dataset: FileDataset) -> None:
        dataset.RadiopharmaceuticalInformationSequence[0].Radiopharmaceutical = "68Ga-PSMA-11"

    other = tmp_path / "psma.tar"
    other.write_bytes(pack_series_bytes(all_changed(pair.pet, of_psma)))
    ward = Ward()
    patient = ward.patient()
    ct = ward.image(BlockType.CT, patient, pair_on_disk.ct)
    pet = ward.image(BlockType.PET, patient, other)
    ward.doctor(patient, NEGATIVE, references=(ct, pet))
    found = made(tmp_path, ward, percent=0)
    assert found["manifest"]["excluded"] == {Excluded.OTHER_TRACER.value: 1}
    assert found["manifest"]["samples"] == []


def test_a_doctors_negative_is_an_empty_mask_and_her_tumour_needs_an_outline(
    tmp_path: Path, pair_on_disk: PairOnDisk
) -> None:
    ward = Ward()
    for conclusion in (NEGATIVE, Conclusion.TUMOUR):
        patient = ward.patient()
        ct = ward.image(BlockType.CT, patient, pair_on_disk.ct)
        ward.machine(patient, (ct,), Conclusion.TUMOUR, facts=TUMOUR, outcome=Outcome.REJECTED)
        ward.doctor(patient, conclusion, references=(ct,))
    found = made(tmp_path, ward, percent=0)
    (sample,) = found["set"].of(StudyKind.CT, Split.TRAINING)
    assert sample.facts["label"]["tumour_voxels"] == 0
    assert found["manifest"]["excluded"] == {Excluded.NO_OUTLINE.value: 1}


def test_changed_arrays_and_manifests_are_noticed(found: dict[str, Any], tmp_path: Path) -> None:
    shutil.copytree(found["set"].folder, tmp_path / "set")
    copied = read_training_set(tmp_path / "set")
    first, second = copied.samples[:2]
    paths = [copied.folder / "arrays" / f"{one.identity}.npz" for one in (first, second)]
    paths[0].write_bytes(paths[1].read_bytes())
    with pytest.raises(TrainingSetError, match="not those of the manifest"):
        copied.arrays(first)
    paths[0].unlink()
    with pytest.raises(TrainingSetError, match="absent or damaged"):
        copied.arrays(first)
    manifest = copied.folder / MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b'":', b'": ', 1))
    with pytest.raises(TrainingSetError, match="not a canonical manifest"):
        read_training_set(copied.folder)


def test_manifests_hold_no_floats() -> None:
    with pytest.raises(TrainingSetError, match="whole numbers"):
        canonical_json({"share": [{"deep": 0.5}]})
