"""Writes with an idempotency key are done once."""

import asyncio
import json

from medquorum.node.account_records import UserRole
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
