"""New proposals at their issuer's node; every refusal leaves no chunk and no row (R-PRO, R-BOD)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from medquorum.ledger.contents import PatientName
from medquorum.ledger.keys import Purpose, public_key
from medquorum.ledger.registration import registration_payload, registration_proof
from medquorum.ledger.types import BlockType, PartName
from medquorum.node.body_store import BodyStoreFailure
from medquorum.node.desk import DeskError, Registration, Submission
from medquorum.node.store.clinical_rows import load_proposal, load_wraps
from tests.ledger.charter_kit import address_of_name, private_key, signer_of
from tests.node.intake.kit import archive, encoded, image, series
from tests.node.kit import Node, node_of, until
from tests.node.refusing import refusal
from tests.support.chains import grow
from tests.support.network import HOSPITAL, LABORATORY, RADIOLOGIST, digest

CHAIN = grow()
NETWORK = CHAIN.network
DOCTOR = NETWORK.doctors[0]
IMAGES = archive(series("CT"))


@pytest.fixture
async def hospital(tmp_path: Path) -> AsyncIterator[Node]:
    async with node_of(NETWORK, HOSPITAL, tmp_path / "home", CHAIN) as node:
        yield node


@pytest.fixture
async def doctor(tmp_path: Path) -> AsyncIterator[Node]:
    async with node_of(NETWORK, DOCTOR, tmp_path / "home", CHAIN) as node:
        yield node


def a_registration(patient: str = "patient 9", issuer: str = HOSPITAL) -> Registration:
    own = private_key(patient, Purpose.CLINICAL)
    reading = public_key(private_key(patient, Purpose.ENCRYPTION))
    payload = registration_payload(
        encryption_key=reading, issuer=address_of_name(issuer), patient_key=public_key(own)
    )
    proof = registration_proof(NETWORK.id, payload, signer_of(patient, Purpose.CLINICAL)).proof
    return Registration(public_key(own), reading, proof, digest("salt"), patient)


def parts(folder: Path, **contents: bytes) -> dict[PartName, Path]:
    spool = folder / "spool"
    spool.mkdir(exist_ok=True)
    made = {}
    for name, content in contents.items():
        made[PartName(name)] = spool / name
        made[PartName(name)].write_bytes(content)
    return made


def a_form(folder: Path, **changes: Any) -> Submission:
    registration = changes.get("registration", a_registration())
    name = PatientName(registration.name, registration.name_salt).encoded()
    fields: dict[str, Any] = {
        "type": BlockType.MEDICAL_FORM,
        "patient": None,
        "doctor": address_of_name(DOCTOR),
        "parts": parts(folder, PAT_NAME=name, V_IND=b"signs"),
        "registration": registration,
    }
    return Submission(**fields | changes)


def a_ct(folder: Path, **changes: Any) -> Submission:
    fields: dict[str, Any] = {
        "type": BlockType.CT,
        "patient": 1,
        "doctor": None,
        "parts": parts(folder, IMG_CT=IMAGES),
    }
    return Submission(**fields | changes)


async def test_a_submission_is_durable_opened_and_gossiped(hospital: Node, tmp_path: Path) -> None:
    receipt = await hospital.submissions.submit(a_ct(tmp_path))
    row = await hospital.store.read(
        lambda connection: load_proposal(connection, bytes.fromhex(receipt.proposal))
    )
    assert row is not None
    core = row.proposal.core
    patient = hospital.state.patient(1)
    assert patient is not None
    assert (row.state, core.seen_head, core.doctor) == ("open", patient.head, patient.attending)
    assert (core.patient_key, core.patient_name) == (patient.key, patient.name)
    assert hospital.mouth.said == [row.proposal]
    read = hospital.bodies.read(core.record, PartName.IMG_CT)
    assert b"".join([piece async for piece in read]) == IMAGES
    wraps = await hospital.store.read(lambda connection: load_wraps(connection, core.record))
    readers = {wrap.recipient for wrap in wraps}
    assert readers >= {address_of_name(name) for name in (*NETWORK.doctors, HOSPITAL)}
    assert address_of_name(LABORATORY) not in readers


async def test_a_submission_whose_answer_was_lost_is_not_doubled(
    hospital: Node, tmp_path: Path
) -> None:
    form = a_ct(tmp_path, record=digest("drawn before"))
    first = await hospital.submissions.submit(form)
    assert first.record == digest("drawn before").hex()
    files = hospital.stored_files()
    assert await hospital.submissions.submit(form) == first
    assert (hospital.stored_files(), await hospital.rows("proposals")) == (files, 1)
    other = await hospital.submissions.submit(a_ct(tmp_path, record=digest("another")))
    assert other.proposal != first.proposal


async def test_a_node_killed_before_it_answered_knows_what_it_did(tmp_path: Path) -> None:
    form = a_ct(tmp_path, record=digest("drawn before"))
    async with node_of(NETWORK, HOSPITAL, tmp_path / "home", CHAIN) as before:
        first = await before.submissions.submit(form)
    async with node_of(NETWORK, HOSPITAL, tmp_path / "home") as after:
        assert await after.submissions.submit(form) == first
        assert await after.rows("proposals") == 1


async def test_a_registration_names_the_patients_own_keys(hospital: Node, tmp_path: Path) -> None:
    receipt = await hospital.submissions.submit(a_form(tmp_path))
    view = await hospital.queries.proposal(receipt.proposal)
    assert (view.patient, view.body, view.type) == (None, "opened", "medical_form")


@pytest.mark.parametrize(
    ("name", "changes", "answer"),
    [
        (LABORATORY, {}, (403, "role_not_allowed")),
        (HOSPITAL, {"patient": 99}, (404, "unknown_patient")),
        (HOSPITAL, {"patient": None}, (404, "unknown_patient")),
        (HOSPITAL, {"doctor": digest("a stranger")}, (400, "unknown_doctor")),
        (HOSPITAL, {"doctor": address_of_name(LABORATORY)}, (400, "unknown_doctor")),
        (HOSPITAL, {"lifetime_ms": 91 * 86_400_000}, (400, "bad_lifetime")),
        (HOSPITAL, {"references": [digest("no block")]}, (400, "unknown_reference")),
        (HOSPITAL, {"replaces": digest("no block")}, (400, "unknown_reference")),
        (HOSPITAL, {"type": BlockType.PET}, (400, "parts_not_allowed")),
        (HOSPITAL, {"type": BlockType.AMENDMENT}, (400, "type_reserved")),
        (HOSPITAL, {"registration": a_registration()}, (400, "parts_not_allowed")),
        (HOSPITAL, {"provenance": {"kind": "tumour"}}, (400, "bad_provenance")),
    ],
)
async def test_what_breaks_a_rule_leaves_nothing(
    tmp_path: Path, name: str, changes: dict[str, Any], answer: tuple[int, str]
) -> None:
    async with node_of(NETWORK, name, tmp_path / "home", CHAIN) as node:
        submission = a_ct(tmp_path, **changes)
        assert await refusal(node, lambda: node.submissions.submit(submission)) == answer


async def test_a_reference_to_another_patient_is_refused(hospital: Node, tmp_path: Path) -> None:
    other = hospital.state.patient(2)
    assert other is not None
    submission = a_ct(tmp_path, references=[other.head])
    act = partial(hospital.submissions.submit, submission)
    assert await refusal(hospital, act) == (400, "unknown_reference")


@pytest.mark.parametrize("case", ["proof", "issuer", "same key", "no key", "registered"])
async def test_a_bad_registration_leaves_nothing(hospital: Node, tmp_path: Path, case: str) -> None:
    good = a_registration()
    bad = {
        "proof": replace(good, proof=good.proof[:-1] + bytes([good.proof[-1] ^ 1])),
        "issuer": a_registration(issuer=RADIOLOGIST),
        "same key": replace(good, encryption_key=good.public_key),
        "no key": replace(good, encryption_key=bytes(33)),
        "registered": a_registration("patient 1"),
    }[case]
    submission = a_form(tmp_path, registration=bad)
    status, rule = await refusal(hospital, lambda: hospital.submissions.submit(submission))
    assert (status, rule) in {(409, "bad_registration"), (400, "malformed")}


async def test_an_oversized_part_is_refused_before_a_byte_is_read(
    hospital: Node, tmp_path: Path
) -> None:
    submission = a_ct(tmp_path)
    with submission.parts[PartName.IMG_CT].open("r+b") as sparse:
        sparse.truncate(2**31)
    act = partial(hospital.submissions.submit, submission)
    assert await refusal(hospital, act) == (413, "body_too_large")


async def test_a_doctors_node_cannot_sign_for_her(doctor: Node, tmp_path: Path) -> None:
    submission = a_ct(tmp_path, type=BlockType.PRESCRIPTION)
    assert await refusal(doctor, lambda: doctor.submissions.submit(submission)) == (
        403,
        "key_elsewhere",
    )


async def test_a_full_disk_leaves_nothing(
    hospital: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(record: bytes) -> None:
        raise BodyStoreFailure("body storage failed (OSError)")

    monkeypatch.setattr(hospital.chunks, "make_durable", full)
    status, rule = await refusal(hospital, lambda: hospital.submissions.submit(a_ct(tmp_path)))
    assert (status, rule) == (503, "storage")


async def test_a_spooled_file_that_vanished_leaves_nothing(hospital: Node, tmp_path: Path) -> None:
    submission = a_form(tmp_path)
    (tmp_path / "spool" / "V_IND").rename(tmp_path / "spool" / "gone")
    with pytest.raises((DeskError, OSError)):
        await hospital.submissions.submit(submission)
    assert hospital.stored_files() == set()


async def test_a_caller_that_goes_away_leaves_nothing(hospital: Node, tmp_path: Path) -> None:
    submission = a_ct(tmp_path)
    large = archive([encoded(image("CT", side=3_072))])
    submission.parts[PartName.IMG_CT].write_bytes(large)
    submitting = asyncio.create_task(hospital.submissions.submit(submission))
    await until(hospital.stored_files)
    submitting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await submitting
    assert hospital.stored_files() == set()
    assert await hospital.rows("bodies") == 0
