"""Writes with an idempotency key are done once."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from medquorum.node.account_records import KeptAnswer, UserRole
from medquorum.node.desk import DeskError, VoteReceipt
from tests.node.api.conftest import House

OCTETS = {"Content-Type": "application/octet-stream"}


async def vote(
    house: House, key: str, content: bytes = b"vote", role: UserRole = UserRole.DOCTOR
) -> tuple[int, dict[str, object], bool]:
    headers = {**OCTETS, "Idempotency-Key": key}
    status, body, response = await house.ask(
        "POST", "/v1/votes", role, data=content, headers=headers
    )
    return status, json.loads(body), "Idempotent-Replayed" in response.headers


async def test_the_second_time_gets_the_first_answer_and_is_not_done(house: House) -> None:
    first = await vote(house, "k-1")
    second = await vote(house, "k-1")
    assert first[:2] == second[:2] == (201, first[1])
    assert (first[2], second[2]) == (False, True)
    assert house.desk.votes == [b"vote"]


async def test_without_a_key_it_is_done_each_time(house: House) -> None:
    for _ in range(2):
        await house.ask("POST", "/v1/votes", data=b"vote", headers=OCTETS)
    assert len(house.desk.votes) == 2


async def test_a_key_used_for_something_else_is_refused(house: House) -> None:
    await vote(house, "k-1")
    status, problem, _ = await vote(house, "k-1", b"another vote")
    assert (status, problem["rule"]) == (422, "idempotency_mismatch")
    headers = {"Idempotency-Key": "k-1"}
    sealed = {"proposal": "dm90ZQ==", "wraps": ["QQ=="]}
    status, body, _ = await house.ask("POST", "/v1/proposals", json=sealed, headers=headers)
    assert (status, json.loads(body)["rule"]) == (422, "idempotency_mismatch")


async def prescribe(house: House, key: str, text: str = "Doxorubicin") -> tuple[int, Any]:
    """Submit a prescription's parts to the node, which seals them."""
    form = {"type": "prescription", "patient": "1"}
    form["PRESC"] = json.dumps({"kind": "ct", "lines": [{"text": text, "instruction": ""}]})
    with aiohttp.MultipartWriter("form-data") as parts:
        for name, value in form.items():
            parts.append(value).set_content_disposition("form-data", name=name)
    status, body, _ = await house.ask(
        "POST", "/v1/submissions", data=parts, headers={"Idempotency-Key": key}
    )
    return status, json.loads(body)


async def test_work_that_was_done_when_the_node_was_killed_is_asked_for_by_its_name(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer was never kept; the desk gives its receipt again for a record it knows."""
    store = house.accounts.store
    save = store.save_answer

    async def killed(answer: KeptAnswer) -> None:
        if answer.status == 201:
            raise SystemError("killed")
        await save(answer)

    monkeypatch.setattr(store, "save_answer", killed)
    assert (await prescribe(house, "k-1"))[0] == 500
    monkeypatch.setattr(store, "save_answer", save)
    assert (await prescribe(house, "k-1"))[0] == 201
    assert (await prescribe(house, "k-1"))[0] == 201
    assert (await prescribe(house, "k-2"))[0] == 201
    first, again, other = [submission.record for submission in house.desk.submitted]
    assert first == again != other
    assert first is not None
    assert len(first) == 32


async def test_what_may_have_been_done_cannot_become_something_else(house: House) -> None:
    house.desk.refusal = DeskError(503, "node_stopping", "ask after its start")
    assert (await prescribe(house, "k-1"))[0] == 503
    house.desk.refusal = None
    status, problem = await prescribe(house, "k-1", "another")
    assert (status, problem["rule"]) == (422, "idempotency_mismatch")
    assert (await prescribe(house, "k-1"))[0] == 201


async def test_a_refused_form_may_be_corrected_under_its_key(house: House) -> None:
    house.desk.refusal = DeskError(409, "stale_position", "read the history")
    assert (await prescribe(house, "k-1"))[0] == 409
    house.desk.refusal = None
    assert (await prescribe(house, "k-1", "another"))[0] == 201


async def test_keys_of_different_users_do_not_meet(house: House) -> None:
    await vote(house, "k-1")
    status, _, replayed = await vote(house, "k-1", role=UserRole.OPERATOR)
    assert (status, replayed, len(house.desk.votes)) == (201, False, 2)


async def test_a_refused_write_may_be_tried_again_under_its_key(house: House) -> None:
    house.desk.refusal = DeskError(503, "not_ready", "wait")
    assert (await vote(house, "k-1"))[0] == 503
    house.desk.refusal = None
    assert (await vote(house, "k-1"))[0] == 201


async def test_a_kept_answer_is_forgotten_after_a_day(house: House) -> None:
    await vote(house, "k-1")
    house.clock.now_ms += 24 * 3_600_000
    assert await vote(house, "k-1", b"another vote") == (
        201,
        (await vote(house, "k-1", b"another vote"))[1],
        False,
    )


async def test_a_malformed_key_is_refused(house: House) -> None:
    for key in ("", "a b", "x" * 129, "ü"):
        status, problem, _ = await vote(house, key)
        assert (status, problem["rule"]) == (400, "idempotency_key"), key


async def test_the_same_write_twice_at_once_is_done_once(house: House) -> None:
    entered, proceed = asyncio.Event(), asyncio.Event()

    async def slow(encoded: bytes) -> VoteReceipt:
        house.desk.votes.append(encoded)
        entered.set()
        await proceed.wait()
        return VoteReceipt("00" * 32, "11" * 32, 7)

    house.desk.vote = slow  # type: ignore[method-assign]
    first = asyncio.create_task(vote(house, "k-1"))
    await entered.wait()
    status, problem, _ = await vote(house, "k-1")
    proceed.set()
    assert (status, problem["rule"]) == (409, "idempotency_in_flight")
    assert (await first)[0] == 201
    assert house.desk.votes == [b"vote"]
