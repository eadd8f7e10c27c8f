"""The table of rights, and that every operation asks it."""

import pytest

from medquorum.ledger.types import PartName
from medquorum.node.account_records import UserRole
from medquorum.node.api.application import OPERATIONS
from medquorum.node.api.permissions import ROLES, TABLE, Reach, Right, reach_of, roles_with
from tests.node.api.conftest import House
from tests.node.api.fake_desk import PATIENT_ADDRESS, PROPOSAL, RECORD

PLACES = {
    "{n_bc}": "1",
    "{n_pb}": "1",
    "{hash}": f"{1:064x}",
    "{address}": PATIENT_ADDRESS,
    "{id}": PROPOSAL,
    "{record}": RECORD,
    "{part}": "IMG_CT",
    "{index}": "0",
    "{view}": "front",
    "{name}": "doctor",
    "{file}": "ab" * 16,
    "{batch}": "ab" * 16,
}


def concrete(path: str) -> str:
    for name, value in PLACES.items():
        path = path.replace(name, value)
    return path


def test_the_table_has_a_cell_for_every_role_and_right() -> None:
    assert set(ROLES) == set(UserRole)
    assert set(TABLE) == set(Right)
    assert {len(row) for row in TABLE.values()} == {len(ROLES)}


def test_the_table_says_what_was_decided() -> None:
    """A second, differently written copy of the table: a slip in one of them shows."""
    clinical = {"doctor", "radiologist", "laboratory", "ai_entity"}
    everybody = {role.value for role in UserRole}
    staff = everybody - {"patient"}
    expected = {
        Right.STATUS: everybody,
        Right.CHARTER: everybody,
        Right.EVENTS: staff,
        Right.SUBMIT: clinical | {"clerk"},
        Right.CHUNK: {"operator", "doctor"},
        Right.SEALED: {"operator", "doctor"},
        Right.GOVERN: {"operator"},
        Right.PROPOSALS: staff,
        Right.INBOX: {"operator", "doctor"},
        Right.VOTE: {"operator", "doctor"},
        Right.BLOCKS: everybody,
        Right.EXPORT: {"operator", "doctor", "auditor", "ai_entity"},
        Right.PATIENTS: staff,
        Right.PATIENT: everybody,
        Right.RECORD: clinical | {"patient"},
        Right.ACCESSES: {"operator", "auditor", "patient"},
        Right.CONSENT: everybody - {"auditor", "ai_entity"},
        Right.USERS: {"operator"},
        Right.SESSION: everybody,
    }
    assert {right: {role.value for role in roles_with(right)} for right in Right} == expected


def test_a_patient_reaches_all_of_nothing_but_status_charter_and_session() -> None:
    reaches = {right: reach_of(UserRole.PATIENT, right) for right in Right}
    full = {right for right, reach in reaches.items() if reach is Reach.ALL}
    assert full == {Right.STATUS, Right.CHARTER, Right.SESSION}


@pytest.mark.parametrize("role", list(UserRole))
async def test_every_operation_refuses_exactly_the_roles_without_the_right(
    house: House, role: UserRole
) -> None:
    for operation in OPERATIONS:
        if operation.right in (None, Right.SESSION) or operation.right is Right.EVENTS:
            continue
        status, body, _ = await house.ask(operation.method, concrete(operation.path), role)
        refused = reach_of(role, operation.right) is Reach.NONE
        assert (status == 403) == refused, (operation.name, status, body)
        assert status != 401


async def test_every_operation_but_the_public_ones_refuses_nobody(house: House) -> None:
    public = {op.path for op in OPERATIONS if op.right is None}
    assert public == {"/v1/login", "/v1/session", "/livez", "/readyz"}
    for operation in OPERATIONS:
        if operation.right is not None:
            path = concrete(operation.path)
            status, _, response = await house.ask(operation.method, path, None)
            assert status == 401, operation.name
            assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/patients/2",
        "/v1/patients/2/history",
        "/v1/blocks?patient=2",
        "/v1/blocks/1",
        f"/v1/blocks/hash/{1:064x}",
        "/v1/proofs/1",
        f"/v1/records/{'cd' * 32}/IMG_CT",
        "/v1/accesses?patient=2",
        "/v1/patients/2/consents",
        "/v1/patients/2/timeline",
        "/v1/patients/2/record.zip",
    ],
)
async def test_a_patient_is_told_that_others_do_not_exist(house: House, path: str) -> None:
    status, body, _ = await house.ask("GET", path, UserRole.PATIENT)
    assert status == 404, body


async def test_a_patient_reaches_her_own(house: House) -> None:
    async with house.client(UserRole.PATIENT) as client:
        assert (await client.patient(1)).n_pb == 1
        assert {block.n_pb for block in await client.blocks()} == {1}
        assert (await client.block(2)).n_pb == 1
        assert len(await client.history(1)) == 4
        assert await client.accesses() == ({"patient": 1, "user": "ada"},)
        read = [piece async for piece in client.read_part(RECORD, PartName.IMG_CT, "request")]
    assert sum(map(len, read)) == house.desk.part_bytes
    assert house.desk.readers[0].role == "patient"
    assert house.desk.readers[0].purpose == "request"
