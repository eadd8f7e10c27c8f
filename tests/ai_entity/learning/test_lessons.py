"""Which report speaks for an image: corrections win, rejections teach nothing by themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from medquorum.ai_entity.learning.lessons import Excluded, Lessons, lessons_of
from medquorum.ai_entity.learning.verified_ledger import open_ledger
from medquorum.ledger.contents import Conclusion
from medquorum.ledger.types import BlockHash, BlockType, Outcome
from tests.ai_entity.learning.ward import Ward, in_process

FRACTURE, NEGATIVE = Conclusion.FRACTURE, Conclusion.NEGATIVE
REJECTED = Outcome.REJECTED
Learnt = Callable[[], Lessons]


@pytest.fixture
def ward() -> Ward:
    return Ward()


@pytest.fixture
def learnt(ward: Ward, tmp_path: Path) -> Learnt:
    def read() -> Lessons:
        return lessons_of(open_ledger(*ward.files(tmp_path), in_process))

    return read


def xray(ward: Ward) -> tuple[int, BlockHash]:
    patient = ward.patient()
    return patient, ward.image(BlockType.XRAY, patient, b"film")


def test_an_approved_report_of_the_machine_is_a_label(ward: Ward, learnt: Learnt) -> None:
    patient, image = xray(ward)
    report = ward.machine(patient, (image,), FRACTURE)
    (lesson,) = learnt().taught
    assert (lesson.report.block.hash, lesson.by_human) == (report.hash, False)
    assert lesson.identity == image
    assert lesson.report.approvals == 3
    assert lesson.overruled == ()


def test_a_rejected_report_alone_teaches_nothing(ward: Ward, learnt: Learnt) -> None:
    patient, image = xray(ward)
    ward.machine(patient, (image,), FRACTURE, outcome=REJECTED)
    found = learnt()
    assert found.taught == ()
    assert found.excluded == ((bytes(image), Excluded.REJECTED),)


def test_a_doctors_own_report_after_a_rejection_is_the_label(ward: Ward, learnt: Learnt) -> None:
    patient, image = xray(ward)
    machine = ward.machine(patient, (image,), FRACTURE, outcome=REJECTED)
    doctor = ward.doctor(patient, NEGATIVE, references=(image,))
    (lesson,) = learnt().taught
    assert (lesson.report.block.hash, lesson.by_human) == (doctor.hash, True)
    (overruled,) = lesson.overruled
    assert (overruled.proposal, overruled.outcome) == (machine.header.proposal, REJECTED)


def test_a_report_that_replaces_an_approved_one_wins_without_naming_the_image(
    ward: Ward, learnt: Learnt
) -> None:
    patient, image = xray(ward)
    machine = ward.machine(patient, (image,), FRACTURE)
    doctor = ward.doctor(patient, NEGATIVE, replaces=machine.hash)
    (lesson,) = learnt().taught
    assert lesson.report.block.hash == doctor.hash
    assert [one.outcome for one in lesson.overruled] == [Outcome.ACCEPTED]


def test_a_doctors_report_wins_over_a_machines_later_one(ward: Ward, learnt: Learnt) -> None:
    patient, image = xray(ward)
    doctor = ward.doctor(patient, NEGATIVE, references=(image,))
    ward.machine(patient, (image,), FRACTURE)
    (lesson,) = learnt().taught
    assert lesson.report.block.hash == doctor.hash


def test_the_last_of_two_doctors_reports_counts(ward: Ward, learnt: Learnt) -> None:
    patient, image = xray(ward)
    ward.doctor(patient, FRACTURE, references=(image,))
    second = ward.doctor(patient, NEGATIVE, references=(image,))
    (lesson,) = learnt().taught
    assert lesson.report.block.hash == second.hash


def test_a_pet_is_learnt_from_with_the_ct_its_report_names(ward: Ward, learnt: Learnt) -> None:
    patient = ward.patient()
    first = ward.image(BlockType.CT, patient, b"ct")
    ward.image(BlockType.CT, patient, b"later ct")
    pet = ward.image(BlockType.PET, patient, b"pet")
    ward.machine(patient, (first, pet), Conclusion.TUMOUR)
    (lesson,) = learnt().taught
    assert [one.block.hash for one in lesson.images] == [first, pet]
    assert lesson.kind.value == "petct"


def test_a_pet_without_any_ct_teaches_nothing(ward: Ward, learnt: Learnt) -> None:
    patient = ward.patient()
    pet = ward.image(BlockType.PET, patient, b"pet")
    ward.machine(patient, (pet,), Conclusion.TUMOUR)
    assert learnt().excluded == ((bytes(pet), Excluded.NO_CT),)


def test_a_rejected_report_on_another_patients_image_is_nobodys(ward: Ward, learnt: Learnt) -> None:
    _, image = xray(ward)
    other = ward.patient()
    ward.machine(other, (image,), FRACTURE, outcome=REJECTED)
    found = learnt()
    assert (found.taught, found.excluded) == ((), ())
