"""Submissions: what reaches the desk, what is refused, and that nothing stays in the spool."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from medquorum.ledger.contents import parse_patient_name, parse_vital_signs
from medquorum.ledger.types import BlockType, PartName
from medquorum.node.account_records import UserRole
from medquorum.node.api import bodies, submission_form
from medquorum.node.client import FileSubmission
from medquorum.node.desk import DeskError, Registration
from tests.ledger.charter_kit import make_charter
from tests.node.api.conftest import House
from tests.node.api.fake_desk import CANARY

VITAL_SIGNS = {
    "observed_at_ms": 1_767_225_600_000,
    "anamnesis": "fe\u0301brile",
    "signs": [{"code": "heart_rate", "unit": "/min", "value_milli": 72_000}],
}
REGISTRATION = Registration(b"\x02" * 33, b"\x03" * 33, b"\x04" * 64, b"\x05" * 32, "A. Patient")


def leftovers(house: House) -> list[Path]:
    return list(house.spool.iterdir())


async def test_files_arrive_whole_and_leave_no_trace(house: House, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(range(256)) * 20_000)
    submission = FileSubmission(
        BlockType.CT, 1, files={PartName.IMG_CT: image}, references=["12" * 32], replaces="13" * 32
    )
    async with house.client(UserRole.RADIOLOGIST) as client:
        receipt = await client.submit_files(submission)
    given = house.desk.submitted[0]
    assert receipt.proposal == f"{1:064x}"
    assert house.desk.contents == [{PartName.IMG_CT: image.read_bytes()}]
    assert (given.type, given.patient, given.doctor) == (BlockType.CT, 1, None)
    assert given.references == (b"\x12" * 32,)
    assert given.replaces == b"\x13" * 32
    assert leftovers(house) == []


async def test_a_registration_carries_its_form_as_canonical_bytes(house: House) -> None:
    doctor = make_charter().doctors[0]
    submission = FileSubmission(
        BlockType.MEDICAL_FORM,
        doctor=doctor.address_text,
        structured={PartName.V_IND: VITAL_SIGNS},
        registration=REGISTRATION,
        lifetime_ms=60_000,
    )
    async with house.client(UserRole.CLERK) as client:
        await client.submit_files(submission)
    given = house.desk.submitted[0]
    assert given.registration == REGISTRATION
    assert given.doctor == doctor.address
    assert given.lifetime_ms == 60_000
    named = parse_patient_name(house.desk.contents[0][PartName.PAT_NAME])
    assert (named.name, named.salt) == ("A. Patient", b"\x05" * 32)
    signs = parse_vital_signs(house.desk.contents[0][PartName.V_IND])
    assert signs.signs[0].value_milli == 72_000
    assert signs.anamnesis == "f\u00e9brile"


async def test_provenance_becomes_what_the_ledger_takes(house: House) -> None:
    provenance = {
        "kind": "tumour",
        "model_name": "aurora",
        "model_version": "1",
        "model_digest": "21" * 32,
        "training_digest": "22" * 32,
        "preprocessing": "p1",
        "confidence_ppm": 900_000,
    }
    report = {
        "author_kind": "machine",
        "conclusion": "tumour",
        "findings": {"volume_microlitre": 12},
        "next_step": "pet",
        "text": "",
    }
    submission = FileSubmission(
        BlockType.REPORT, 1, structured={PartName.M_REPORT: report}, provenance=provenance
    )
    async with house.client(UserRole.AI_ENTITY) as client:
        await client.submit_files(submission)
    given = house.desk.submitted[0].provenance
    assert given is not None
    assert given == provenance


async def test_the_same_form_under_one_key_is_submitted_once(house: House, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(b"image")
    submission = FileSubmission(BlockType.CT, 1, files={PartName.IMG_CT: image})
    async with house.client(UserRole.RADIOLOGIST) as client:
        first = await client.submit_files(submission, idempotency_key="k")
        second = await client.submit_files(submission, idempotency_key="k")
        image.write_bytes(b"other")
        with pytest.raises(Exception, match="idempotency_mismatch"):
            await client.submit_files(submission, idempotency_key="k")
    assert first == second
    assert len(house.desk.submitted) == 1


File = tuple[str, bytes, str]
"""Field, content, file name."""


def form(*fields: tuple[str, str], files: tuple[File, ...] = ()) -> aiohttp.FormData:
    sent = aiohttp.FormData(default_to_multipart=True)
    for name, text in fields:
        sent.add_field(name, text)
    for name, content, filename in files:
        sent.add_field(name, content, filename=filename)
    return sent


CT = (("type", "ct"), ("patient", "1"))


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ((), "field"),
        ((("type", "ct"),), "patient"),
        ((*CT, ("registration", "{}")), "field"),
        ((*CT, ("registration", "no json")), "field"),
        ((*CT, ("type", "pet")), "field"),
        ((*CT, ("colour", "red")), "field"),
        ((*CT, ("", "nameless")), "field"),
        ((*CT, ("references", '["12"]')), "field"),
        ((*CT, ("references", '"' + "12" * 32 + '"')), "field"),
        ((*CT, ("references", '[], "references": []')), "field"),
        ((*CT, ("replaces", "AA" * 32)), "field"),
        ((*CT, ("doctor", "mqdoc1nobody")), "doctor"),
        ((*CT, ("lifetime_ms", "0")), "field"),
        ((("type", "ct"), ("patient", "0")), "field"),
        ((("type", "erasure"), ("patient", "1")), "type"),
        ((("type", "song"), ("patient", "1")), "field"),
        ((*CT, ("V_IND", "no json")), "malformed"),
        ((*CT, ("V_IND", '{"anamnesis": "' + CANARY + '"}')), "malformed"),
        ((*CT, ("V_IND", json.dumps({**VITAL_SIGNS, "anamnesis": 1.5}))), "malformed"),
        ((*CT, ("V_IND", "[" * 40 + "]" * 40)), "malformed"),
        ((*CT, ("provenance", '{"kind": "' + CANARY + '"}')), "field"),
    ],
)
async def test_a_form_that_is_not_the_documented_one_is_refused(
    house: House, fields: tuple[tuple[str, str], ...], rule: str
) -> None:
    status, body, _ = await house.ask("POST", "/v1/submissions", data=form(*fields))
    assert (status, json.loads(body)["rule"]) == (400, rule), body
    assert CANARY not in body.decode()
    assert house.desk.submitted == []
    assert leftovers(house) == []


TRAVERSALS = ("../../escape", "/etc/passwd", "..\\..\\escape", "%2e%2e/x", "." * 300)


@pytest.mark.parametrize("name", TRAVERSALS)
async def test_file_names_are_never_paths(house: House, tmp_path: Path, name: str) -> None:
    before = set(tmp_path.rglob("*"))
    sent = form(*CT, files=(("IMG_CT", b"image", name),))
    status, body, _ = await house.ask("POST", "/v1/submissions", data=sent)
    assert status == 201, body
    assert [path.name for path in house.desk.submitted[0].parts.values()] == ["IMG_CT"]
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["../IMG_CT", "IMG_CT/../../x", "img_ct"])
async def test_a_part_name_outside_the_closed_set_is_refused(house: House, name: str) -> None:
    sent = form(*CT, files=((name, b"image", "image"),))
    status, body, _ = await house.ask("POST", "/v1/submissions", data=sent)
    assert (status, json.loads(body)["rule"]) == (400, "field")


def raw(*pieces: bytes) -> tuple[bytes, dict[str, str]]:
    return b"".join(pieces), {"Content-Type": "multipart/form-data; boundary=B"}


PART = b'--B\r\nContent-Disposition: form-data; name="IMG_CT"; filename="x"\r\n\r\n'


@pytest.mark.parametrize(
    "pieces",
    [
        (b"",),
        (b"--B\r\n",),
        (PART.replace(b"IMG_CT", b"IMG_CT\x00"), b"x\r\n--B--\r\n"),
        (PART, b"image without an end"),
        (PART, b"image\r\n--B"),
        (PART, b"image\r\n--C--\r\n"),
        (b"--B\r\nno header\r\n\r\nx\r\n--B--\r\n",),
        (
            b"--B\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n",
            b"--C\r\n\r\nx\r\n--C--\r\n--B--\r\n",
        ),
        (
            PART.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
            b"QQ==\r\n--B--\r\n",
        ),
    ],
)
async def test_a_truncated_or_malformed_form_is_refused(
    house: House, pieces: tuple[bytes, ...]
) -> None:
    body, headers = raw(*pieces)
    status, answer, _ = await house.ask("POST", "/v1/submissions", data=body, headers=headers)
    assert status == 400, answer
    assert house.desk.submitted == []
    assert leftovers(house) == []


async def test_a_form_without_a_boundary_is_refused(house: House) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    status, _, _ = await house.ask("POST", "/v1/submissions", data=b"x", headers=headers)
    assert status == 400


async def test_a_connection_that_breaks_leaves_nothing(house: House) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield PART + bytes(3_000_000)
        raise RuntimeError("the cable was pulled")

    _, headers = raw()
    with pytest.raises((aiohttp.ClientError, RuntimeError)):
        await house.ask("POST", "/v1/submissions", data=broken(), headers=headers)
    await house.ask("GET", "/livez", None)
    assert house.desk.submitted == []


async def test_a_part_past_its_limit_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "STREAMED_PART_BYTES", 1_000_000)
    sent = form(*CT, files=(("IMG_CT", bytes(1_000_001), "x"),))
    status, body, _ = await house.ask("POST", "/v1/submissions", data=sent)
    assert (status, json.loads(body)["rule"]) == (413, "too_large")
    assert leftovers(house) == []


async def test_a_field_past_its_limit_is_refused(house: House) -> None:
    status, body, _ = await house.ask(
        "POST", "/v1/submissions", data=form(*CT, ("V_IND", "9" * 262_145))
    )
    assert (status, json.loads(body)["rule"]) == (413, "too_large")


async def test_a_form_that_dribbles_is_given_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission_form, "BODY_SECONDS", 0.05)

    async def silent() -> AsyncIterator[bytes]:
        yield PART
        await asyncio.Event().wait()

    _, headers = raw()
    status, body, _ = await house.ask("POST", "/v1/submissions", data=silent(), headers=headers)
    assert (status, json.loads(body)["rule"]) == (408, "timeout")


async def test_what_the_desk_refuses_leaves_nothing(house: House, tmp_path: Path) -> None:
    house.desk.refusal = DeskError(409, "stale_head", "issue it again")
    sent = form(*CT, files=(("IMG_CT", b"image", "x"),))
    status, _, _ = await house.ask("POST", "/v1/submissions", data=sent)
    assert (status, leftovers(house)) == (409, [])


async def test_a_start_empties_what_a_killed_process_left(tmp_path: Path) -> None:
    left = tmp_path / "spool" / "0123"
    left.mkdir(parents=True)
    (left / "IMG_CT").write_bytes(b"image")
    bodies.empty_spool(tmp_path / "spool")
    assert list((tmp_path / "spool").iterdir()) == []
