"""Structured parts as JSON: what the ledger's parsers read, and what they refuse said aloud."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from medquorum.ledger import canonical
from medquorum.ledger.types import PartName, RecordId
from medquorum.ledger.vital_signs import PLAUSIBLE
from medquorum.node.account_records import UserRole
from medquorum.node.desk import Reader
from tests.node.api.conftest import House
from tests.node.api.fake_desk import OTHER_RECORD, RECORD, _absent

FEVER = {"code": "body_temperature", "unit": "degC", "value_milli": 39_100}
FORM = {"anamnesis": "three days of fever", "observed_at_ms": 1, "signs": [FEVER]}
REPORT = {
    "author_kind": "machine",
    "conclusion": "tumour",
    "findings": {"lesions": [{"volume_ul": 12}], "model": b"\x01\x02"},
    "next_step": "pet",
    "text": "<script>alert(1)</script>",
}


def hold(house: House, part: PartName, encoded: bytes) -> None:
    """Let the desk hold one part of RECORD."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(encoded), 50_000):
            yield encoded[start : start + 50_000]

    async def read(record: RecordId, name: PartName, reader: Reader) -> AsyncIterator[bytes]:
        if (record.hex(), name) != (RECORD, part):
            raise _absent("part")
        house.desk.readers.append(reader)
        return pieces()

    house.desk.read_part = read  # type: ignore[method-assign]


async def shown(house: House, part: str, role: UserRole = UserRole.DOCTOR) -> tuple[int, Any]:
    status, body, _ = await house.ask("GET", f"/v1/contents/{RECORD}/{part}?purpose=quality", role)
    return status, json.loads(body)


async def test_a_form_comes_as_json_and_its_reading_is_told_to_the_desk(house: House) -> None:
    hold(house, PartName.V_IND, canonical.encode(FORM))
    status, answer = await shown(house, "V_IND")
    assert (status, answer["content"], answer["faults"]) == (200, FORM, [])
    reader = house.desk.readers[0]
    assert (reader.user, reader.purpose) == ("doctor", "quality")


async def test_an_implausible_sign_is_shown_with_the_rule_it_breaks(house: House) -> None:
    hold(house, PartName.V_IND, canonical.encode({**FORM, "signs": [{**FEVER, "value_milli": 7}]}))
    status, answer = await shown(house, "V_IND")
    assert status == 200
    assert answer["content"]["signs"][0]["value_milli"] == 7
    assert answer["faults"][0].startswith("R-CON1: body_temperature")


async def test_bytes_in_findings_come_as_hex(house: House) -> None:
    hold(house, PartName.M_REPORT, canonical.encode(REPORT))
    _, answer = await shown(house, "M_REPORT")
    assert answer["content"]["findings"] == {"lesions": [{"volume_ul": 12}], "model": "0102"}
    assert answer["content"]["text"] == REPORT["text"]


@pytest.mark.parametrize("encoded", [b"", b"\x81", b"\x93\x01\x02\x03", b"\xc0" * 300_000])
async def test_what_is_no_record_is_refused_with_advice(house: House, encoded: bytes) -> None:
    hold(house, PartName.PRESC, encoded)
    status, answer = await shown(house, "PRESC")
    assert (status, answer["rule"]) == (409, "not_structured")


async def test_only_structured_parts_and_only_ones_own_records(house: House) -> None:
    assert (await shown(house, "IMG_CT"))[0] == 400
    assert (await shown(house, "TEST_RES"))[0] == 404
    assert (await shown(house, "V_IND", UserRole.OPERATOR))[0] == 403
    hold(house, PartName.V_IND, canonical.encode(FORM))
    assert (await shown(house, "V_IND", UserRole.PATIENT))[0] == 200
    status, _, _ = await house.ask("GET", f"/v1/contents/{OTHER_RECORD}/V_IND", UserRole.PATIENT)
    assert status == 404


async def test_the_plausible_ranges_are_those_of_the_ledger(house: House) -> None:
    _, body, _ = await house.ask("GET", "/v1/signs")
    told = {each["code"]: (each["unit"], each["low_milli"]) for each in json.loads(body)}
    assert told == {code.value: (one.unit, one.low_milli) for code, one in PLAUSIBLE.items()}
