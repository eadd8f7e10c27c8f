"""Consents, consultations, downloads and figures over HTTP."""

import base64
import json

import pytest

from medquorum.ledger.consent import ConsentPurpose, ConsentStatement, sign_consent
from medquorum.ledger.keys import Purpose, address_of, address_text, public_key
from medquorum.ledger.types import NetworkId
from medquorum.node.account_records import UserRole
from medquorum.node.desk import DeskError
from tests.ledger.charter_kit import private_key, signer_of
from tests.node.api.conftest import House
from tests.node.api.fake_dossiers import CONSENT_ID

KP = public_key(private_key("patient 1", Purpose.CLINICAL))
STATEMENT = ConsentStatement(KP, 1, purposes=(ConsentPurpose.RESEARCH,), from_ms=1, until_ms=2)
SIGNED = sign_consent(
    NetworkId(bytes(32)), STATEMENT, signer_of("patient 1", Purpose.CLINICAL)
).encoded()
BODY = json.dumps({"consent": base64.b64encode(SIGNED).decode()})
JSON = {"Content-Type": "application/json"}


async def test_a_statement_is_brought_with_the_name_of_who_brought_it(house: House) -> None:
    status, body, _ = await house.ask(
        "POST", "/v1/consents", UserRole.CLERK, data=BODY, headers=JSON
    )
    assert (status, json.loads(body)["id"]) == (201, CONSENT_ID)
    assert house.desk.dossiers.brought == [(SIGNED, "clerk")]


async def test_a_patient_brings_her_own_only(house: House) -> None:
    """The wallet's address is the account's, or it is not hers to bring."""
    status, _, _ = await house.ask(
        "POST", "/v1/consents", UserRole.PATIENT, data=BODY, headers=JSON
    )
    assert status == 404
    assert house.desk.dossiers.brought == []
    own = address_text(address_of(KP), "mqpat")
    await house.accounts.add_user("paula", UserRole.PATIENT, patient=own)
    house.tokens[UserRole.PATIENT] = (await house.accounts.new_token("paula")).text
    status, _, _ = await house.ask(
        "POST", "/v1/consents", UserRole.PATIENT, data=BODY, headers=JSON
    )
    assert status == 201


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({"consent": "AAAA"}, "malformed"),
        ({"consent": "no base64!"}, "body"),
        ({"consent": base64.b64encode(bytes(5_000)).decode()}, "body"),
        ({"consent": base64.b64encode(SIGNED).decode(), "patient": 1}, "body"),
        ({}, "body"),
    ],
)
async def test_a_broken_statement_is_refused_with_its_rule(
    house: House, body: dict[str, object], rule: str
) -> None:
    status, answer, _ = await house.ask(
        "POST", "/v1/consents", UserRole.PATIENT, data=json.dumps(body), headers=JSON
    )
    assert (status, json.loads(answer)["rule"]) == (400, rule)
    assert house.desk.dossiers.brought == []


async def test_what_the_node_refuses_is_told(house: House) -> None:
    house.desk.dossiers.refusal = DeskError(403, "bad_signature", "use her wallet")
    status, body, _ = await house.ask(
        "POST", "/v1/consents", UserRole.DOCTOR, data=BODY, headers=JSON
    )
    assert (status, json.loads(body)["rule"]) == (403, "bad_signature")


async def test_consents_are_listed_and_saved_as_they_were_signed(house: House) -> None:
    status, body, _ = await house.ask("GET", "/v1/patients/1/consents", UserRole.PATIENT)
    assert (status, len(json.loads(body)["consents"])) == (200, 1)
    path = f"/v1/patients/1/consents/{CONSENT_ID}"
    status, body, response = await house.ask("GET", path, UserRole.PATIENT)
    assert (status, body, response.content_type) == (
        200,
        b"signed statement",
        "application/octet-stream",
    )
    status, _, _ = await house.ask("GET", f"/v1/patients/1/consents/{'0' * 64}")
    assert status == 404


async def test_a_timeline_is_told_with_what_may_come_next(house: House) -> None:
    status, body, _ = await house.ask("GET", "/v1/patients/1/timeline", UserRole.PATIENT)
    (consultation,) = json.loads(body)["consultations"]
    assert status == 200
    assert consultation["permitted"][0]["roles"] == ["hospital", "radiologist"]


async def test_the_record_is_streamed_for_a_purpose(house: House) -> None:
    path = "/v1/patients/1/record.zip?purpose=emergency&images=true"
    status, body, response = await house.ask("GET", path)
    assert (status, body, response.content_type) == (200, b"PK archive", "application/zip")
    assert response.headers["Content-Disposition"] == 'attachment; filename="patient-1.zip"'
    ((patient, reader, images),) = house.desk.dossiers.downloads
    assert (patient, reader.user, reader.purpose, images) == (1, "doctor", "emergency", True)


@pytest.mark.parametrize("query", ["purpose=curiosity", "images=perhaps", "extra=1"])
async def test_a_download_for_nothing_is_refused(house: House, query: str) -> None:
    status, _, _ = await house.ask("GET", f"/v1/patients/1/record.zip?{query}")
    assert status == 400
    assert house.desk.dossiers.downloads == []


async def test_figures_carry_an_entity_tag_and_no_patient(house: House) -> None:
    status, body, response = await house.ask("GET", "/v1/statistics", UserRole.OPERATOR)
    assert status == 200
    assert b"n_pb" not in body
    assert b"patient" not in body
    again = {"If-None-Match": response.headers["ETag"]}
    status, _, _ = await house.ask("GET", "/v1/statistics", UserRole.OPERATOR, headers=again)
    assert status == 304
