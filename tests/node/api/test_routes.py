"""What every operation answers when all is well, asked through the client where it has a method."""

import json
from pathlib import Path

import pytest

from medquorum.ledger.ceremony import parse_charter_file
from medquorum.ledger.types import PartName
from medquorum.node.account_records import UserRole
from medquorum.node.client import ApiProblem, NodeUnreachable
from tests.node.api.conftest import House
from tests.node.api.fake_desk import PATIENT_ADDRESS, PROPOSAL, RECORD


async def test_reads_come_back_as_the_desk_gave_them(house: House) -> None:
    desk = house.desk
    async with house.client(UserRole.DOCTOR) as client:
        assert await client.status() == desk.status()
        assert await client.inbox() == await desk.inbox()
        assert await client.proposals() == await desk.proposals(None, 50)
        assert await client.proposals("rejected") == ()
        assert await client.proposal(PROPOSAL) == await desk.proposal(PROPOSAL)
        assert await client.proposal_bytes(PROPOSAL) == b"proposal bytes"
        assert await client.why(PROPOSAL) == await desk.why(PROPOSAL)
        assert await client.block(3) == await desk.block(3)
        assert await client.block_by_hash(f"{4:064x}") == await desk.block(4)
        assert await client.proof(3) == b"proof of 3"
        assert await client.patients() == await desk.patients()
        assert await client.patient(2) == await desk.patient(2)
        assert (await client.patient_by_address(PATIENT_ADDRESS)).n_pb == 1
        assert await client.history(1) == await desk.blocks(0, 50, 1)
        assert b"".join([piece async for piece in client.export()]) == b"frame 0;frame 1;frame 2;"


async def test_the_charter_is_readable_and_its_file_exact(house: House) -> None:
    async with house.client(UserRole.PATIENT) as client:
        shown = await client.charter()
        encoded = await client.charter_bytes()
    assert parse_charter_file(encoded) == house.desk.charter_file
    assert shown.network == house.desk.charter.network_id.hex()
    assert len(shown.fingerprint.split()) == 8
    assert len(shown.members) == len(house.desk.charter.members)


async def test_blocks_come_in_pages_that_join_without_gap(house: House) -> None:
    async with house.client(UserRole.AUDITOR) as client:
        first = await client.blocks(limit=3)
        second = await client.blocks(after=first[-1].n_bc, limit=3)
        every = [block async for block in client.all_blocks()]
    assert [block.n_bc for block in (*first, *second)] == [1, 2, 3, 4, 5, 6]
    assert [block.n_bc for block in every] == list(range(1, 9))
    _, body, _ = await house.ask("GET", "/v1/blocks?limit=8&after=1")
    assert json.loads(body)["next_after"] is None


async def test_patients_come_in_pages(house: House) -> None:
    _, body, _ = await house.ask("GET", "/v1/patients?limit=1")
    page = json.loads(body)
    assert [each["n_pb"] for each in page["patients"]] == [1]
    assert page["next_after"] == 1


async def test_a_block_known_already_is_not_sent_again(house: House) -> None:
    status, _, response = await house.ask("GET", "/v1/blocks/3")
    tag = response.headers["ETag"]
    again, body, _ = await house.ask("GET", "/v1/blocks/3", headers={"If-None-Match": tag})
    other, _, _ = await house.ask("GET", "/v1/blocks/4", headers={"If-None-Match": tag})
    assert (status, again, body, other) == (200, 304, b"", 200)


async def test_reading_a_part_streams_it_and_tells_the_desk_who_reads(house: House) -> None:
    async with house.client(UserRole.DOCTOR) as client:
        pieces = [piece async for piece in client.read_part(RECORD, PartName.IMG_CT, "emergency")]
    assert b"".join(pieces) == b"c" * house.desk.part_bytes
    reader = house.desk.readers[0]
    assert (reader.user, reader.role, reader.purpose) == ("doctor", "doctor", "emergency")
    assert reader.detail == {"address": "127.0.0.1"}


async def test_a_part_that_breaks_off_is_never_taken_for_whole(
    house: House, tmp_path: Path
) -> None:
    house.desk.broken_after = 1_048_576
    target = tmp_path / "part"
    async with house.client(UserRole.DOCTOR) as client:
        with pytest.raises(NodeUnreachable):
            await client.part_to(RECORD, PartName.IMG_CT, target)
    assert not target.exists()


async def test_a_chunk_is_put_as_it_is(house: House) -> None:
    sealed = bytes(range(256)) * 4096 + b"t" * 16
    async with house.client(UserRole.DOCTOR) as client:
        await client.put_chunk(bytes.fromhex(RECORD), PartName.IMG_CT, 7, sealed)
    assert house.desk.chunks == {(bytes.fromhex(RECORD), PartName.IMG_CT, 7): sealed}


async def test_sealed_proposals_and_votes_reach_the_desk_byte_for_byte(house: House) -> None:
    async with house.client(UserRole.DOCTOR) as client:
        receipt = await client.accept_sealed(b"\x82proposal", [b"wrap 1", b"wrap 2"])
        voted = await client.vote(b"\x8avote")
    assert house.desk.sealed == [(b"\x82proposal", (b"wrap 1", b"wrap 2"))]
    assert house.desk.votes == [b"\x8avote"]
    assert (receipt.proposal, voted.proposal) == (PROPOSAL, PROPOSAL)


async def test_health_is_public_and_readiness_says_why_not(house: House) -> None:
    assert (await house.ask("GET", "/livez", None))[0] == 200
    assert (await house.ask("GET", "/readyz", None))[0] == 200
    house.desk.ready = False
    async with house.client(UserRole.DOCTOR) as client:
        readiness = await client.ready()
    assert readiness.reasons == ("peers 0 (min 1)",)
    status, body, _ = await house.ask("GET", "/readyz", None)
    assert (status, json.loads(body)["reasons"]) == (503, [])


async def test_operators_manage_users_and_tokens(house: House) -> None:
    async with house.client(UserRole.OPERATOR) as client:
        added = await client.add_user("ada", UserRole.CLERK, password="a long enough password")
        assert (added.role, added.has_password) == (UserRole.CLERK, True)
        assert "ada" in [user.name for user in (await client.users()).users]
        token = await client.new_token("ada", label="desk 3")
        client.token, kept = token, client.token
        assert (await client.status()).n_bc == 8
        client.token = kept
        assert await client.revoke_tokens("ada") == 1
        client.token = token
        with pytest.raises(ApiProblem, match="unauthorised"):
            await client.status()


async def test_every_answer_carries_the_headers_of_a_careful_server(house: House) -> None:
    for path in ("/v1/status", "/livez", "/docs", "/v1/nothing", "/v1/blocks/3"):
        _, _, response = await house.ask("GET", path)
        assert response.headers["X-Content-Type-Options"] == "nosniff", path
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "no-store" in response.headers["Cache-Control"] or path in ("/docs", "/v1/blocks/3")
