"""Each way to be refused, by its rule; and that no refusal repeats what was sent or held."""

import io
import json
import logging
from collections.abc import AsyncIterator

import pytest
import structlog

from medquorum.ledger.errors import CodecError
from medquorum.node.account_records import UserRole
from medquorum.node.client import ApiProblem
from medquorum.node.desk import DeskError
from medquorum.node.logs import configure_logs
from medquorum.node.store.errors import StoreBusy
from tests.node.api.conftest import House
from tests.node.api.fake_desk import CANARY, PROPOSAL, RECORD

OCTETS = {"Content-Type": "application/octet-stream"}


def problem(body: bytes) -> dict[str, object]:
    document: dict[str, object] = json.loads(body)
    assert set(document) == {"type", "title", "status", "rule", "detail"}
    assert document["type"] == f"urn:medquorum:problem:{document['rule']}"
    assert document["detail"]
    return document


@pytest.mark.parametrize(
    ("method", "path", "status", "rule"),
    [
        ("GET", "/v1/nothing", 404, "no_such_resource"),
        ("DELETE", "/v1/blocks", 405, "method"),
        ("GET", "/v1/blocks/99", 404, "not_found"),
        ("GET", "/v1/blocks/0", 400, "parameter"),
        ("GET", "/v1/blocks/one", 400, "parameter"),
        ("GET", f"/v1/blocks/hash/{'A' * 64}", 400, "parameter"),
        ("GET", "/v1/blocks/hash/12", 400, "parameter"),
        ("GET", "/v1/blocks?limit=501", 400, "parameter"),
        ("GET", "/v1/blocks?limit=0", 400, "parameter"),
        ("GET", "/v1/blocks?after=-1", 400, "parameter"),
        ("GET", "/v1/blocks?limit=1&limit=2", 400, "parameter"),
        ("GET", "/v1/blocks?sort=up", 400, "parameter"),
        ("GET", "/v1/proposals?state=lost", 400, "parameter"),
        ("GET", f"/v1/proposals/{'12' * 32}", 404, "not_found"),
        ("GET", f"/v1/proposals/{'12' * 32}/why", 404, "not_found"),
        ("GET", "/v1/patients/3", 404, "not_found"),
        ("GET", "/v1/patients/address/nobody", 400, "parameter"),
        ("GET", f"/v1/records/{RECORD}/IMG_PET", 400, "parameter"),
        ("GET", f"/v1/records/{RECORD}/IMM_PET", 404, "not_found"),
        ("GET", f"/v1/records/{RECORD}/IMG_CT?purpose=curiosity", 400, "parameter"),
        ("PUT", f"/v1/bodies/{RECORD}/IMG_CT/2048", 400, "parameter"),
        ("GET", f"/v1/blocks/1?proposal={PROPOSAL}", 400, "parameter"),
    ],
)
async def test_bad_addresses_and_parameters(
    house: House, method: str, path: str, status: int, rule: str
) -> None:
    answered, body, response = await house.ask(method, path)
    assert (answered, problem(body)["rule"]) == (status, rule)
    assert response.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("error", "status", "rule"),
    [
        (DeskError(400, "stale_head", "issue it again"), 400, "stale_head"),
        (DeskError(403, "not_your_vote", "use your own node"), 403, "not_your_vote"),
        (DeskError(409, "body_incomplete", "put IMG_CT/0"), 409, "body_incomplete"),
        (DeskError(413, "too_large", "send less"), 413, "too_large"),
        (DeskError(429, "slow_down", "later"), 429, "slow_down"),
        (DeskError(503, "not_ready", "wait"), 503, "not_ready"),
        (DeskError(418, "odd", "a status outside the contract"), 500, "odd"),
        (CodecError("R-CAN4: not in canonical form"), 400, "malformed"),
        (StoreBusy("later"), 503, "busy"),
        (TimeoutError(), 408, "timeout"),
        (RuntimeError(CANARY), 500, "internal"),
        (ValueError(CANARY), 500, "internal"),
    ],
)
async def test_what_the_desk_refuses_or_breaks(
    house: House, error: Exception, status: int, rule: str, capfd: pytest.CaptureFixture[str]
) -> None:
    house.desk.refusal = error
    answered, body, _ = await house.ask("POST", "/v1/votes", data=b"vote", headers=OCTETS)
    assert (answered, problem(body)["rule"]) == (status, rule)
    printed = "".join(capfd.readouterr())
    assert CANARY not in body.decode() + printed
    assert ("api_failure" in printed) == (rule == "internal")


async def test_a_broken_stream_leaves_no_content_in_the_log(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    house.desk.broken_after = 0
    status, body, _ = await house.ask("GET", f"/v1/records/{RECORD}/IMG_CT")
    assert (status, problem(body)["rule"]) == (500, "internal")
    assert CANARY not in body.decode() + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("path", "sent", "media", "status", "rule"),
    [
        ("/v1/votes", b"vote", "text/plain", 400, "media"),
        ("/v1/votes", b"v" * 262_145, "application/octet-stream", 413, "too_large"),
        ("/v1/proposals", b"{", "application/json", 400, "body"),
        ("/v1/proposals", b"{}", "application/json", 400, "body"),
        ("/v1/proposals", b"{}", "text/plain", 400, "media"),
        ("/v1/proposals", b'{"proposal": "*", "wraps": ["QQ=="]}', "application/json", 400, "body"),
        ("/v1/proposals", b'{"proposal": "QQ==", "wraps": []}', "application/json", 400, "body"),
        ("/v1/submissions", b"{}", "application/json", 400, "media"),
    ],
)
async def test_bad_bodies(
    house: House, path: str, sent: bytes, media: str, status: int, rule: str
) -> None:
    answered, body, _ = await house.ask("POST", path, data=sent, headers={"Content-Type": media})
    assert (answered, problem(body)["rule"]) == (status, rule)


async def test_a_chunk_longer_than_a_sealed_one_is_refused_even_without_a_length(
    house: House,
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield bytes(65_536)

    path = f"/v1/bodies/{RECORD}/IMG_CT/0"
    status, body, _ = await house.ask("PUT", path, data=pieces(), headers=OCTETS)
    assert (status, problem(body)["rule"]) == (413, "too_large")
    assert house.desk.chunks == {}


async def test_a_refused_body_is_described_by_our_field_names_only(house: House) -> None:
    sent = {"name": CANARY, "role": CANARY, CANARY: CANARY}
    status, body, _ = await house.ask("POST", "/v1/users", UserRole.OPERATOR, json=sent)
    assert (status, problem(body)["rule"]) == (400, "body")
    assert CANARY not in body.decode()
    assert "role is not one of" in body.decode()


@pytest.mark.parametrize(
    "header",
    ["Basic YTpi", "Bearer", "Bearer wrong", "Bearer " + "x" * 200, "Bearer \x80", "nonsense"],
)
async def test_bad_authorisation(house: House, header: str) -> None:
    status, body, _ = await house.ask("GET", "/v1/status", None, headers={"Authorization": header})
    assert status == 401
    assert problem(body)["rule"] in ("scheme", "unauthorised")


async def test_an_expired_token_is_refused(house: House) -> None:
    house.clock.now_ms += 31 * 86_400_000
    status, _, _ = await house.ask("GET", "/v1/status")
    assert status == 401


async def test_the_client_raises_the_rule_and_the_advice(house: House) -> None:
    house.desk.refusal = DeskError(409, "body_incomplete", "put IMG_CT/0 first")
    async with house.client(UserRole.DOCTOR) as client:
        with pytest.raises(ApiProblem) as caught:
            await client.vote(b"vote")
    found = caught.value
    assert (found.status, found.rule, found.detail) == (
        409,
        "body_incomplete",
        "put IMG_CT/0 first",
    )


async def test_a_head_longer_than_allowed_is_refused(house: House) -> None:
    status, _, _ = await house.ask("GET", "/v1/status", headers={"X-Long": "x" * 5_000})
    assert status == 400


async def test_an_oversize_header_is_refused_and_hardly_logged(house: House) -> None:
    root, output = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    configure_logs("info", stream=output)
    try:
        for _ in range(3):
            status, _, _ = await house.ask("GET", "/v1/status", None, headers={"X-A": "x" * 5_000})
            assert status == 400
    finally:
        structlog.reset_defaults()
        root.handlers = handlers
        root.setLevel(level)
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [("request_malformed", "info")]
