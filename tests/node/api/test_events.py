"""The event stream: order, resuming, heartbeats, endings."""

import asyncio
from contextlib import aclosing

import aiohttp
import pytest

from medquorum.node import client_events
from medquorum.node.account_records import UserRole
from medquorum.node.api import events
from medquorum.node.client import ApiProblem
from tests.node.api.conftest import House


async def lines_of(house: House, count: int, **headers: str) -> list[bytes]:
    wanted = {**house.headers(UserRole.DOCTOR), **headers}
    async with house.http.get(f"{house.base_url}/v1/events", headers=wanted) as response:
        assert response.content_type == "text/event-stream"
        return [(await response.content.readline()).rstrip() for _ in range(count)]


async def test_events_carry_id_kind_and_json(house: House) -> None:
    house.desk.happen("block")
    identifier, kind, body = await lines_of(house, 3)
    assert (identifier, kind) == (b"id: 1", b"event: block")
    assert body.startswith(b'data: {"sequence":1,"kind":"block"')


async def test_a_stream_resumes_after_the_last_event_seen(house: House) -> None:
    for kind in ("block", "vote", "peer"):
        house.desk.happen(kind)
    assert (await lines_of(house, 1, **{"Last-Event-ID": "2"}))[0] == b"id: 3"
    assert house.desk.asked_after == [2]


@pytest.mark.parametrize("seen", ["-1", "one", "9" * 17, "²"])
async def test_a_made_up_last_event_is_refused(house: House, seen: str) -> None:
    status, _, _ = await house.ask("GET", "/v1/events", headers={"Last-Event-ID": seen})
    assert status == 400


async def test_silence_is_filled_with_comments(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.01)
    assert (await lines_of(house, 1))[0].startswith(b":")


async def test_a_stream_ends_by_itself(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "EVENT_STREAM_SECONDS", 0.01)
    status, body, _ = await house.ask("GET", "/v1/events")
    assert (status, body) == (200, b"")


async def test_streams_are_counted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "EVENT_STREAMS", 0)
    status, _, response = await house.ask("GET", "/v1/events")
    assert (status, response.headers["Retry-After"]) == (503, "5")


async def test_the_client_sees_each_event_once_across_broken_streams(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "EVENT_STREAM_SECONDS", 0.05)
    monkeypatch.setattr(client_events, "FIRST_PAUSE_SECONDS", 0.01)
    seen = []
    client = house.client(UserRole.DOCTOR)
    async with client, aclosing(client.events()) as stream, asyncio.timeout(20):
        house.desk.happen("block")
        async for event in stream:
            seen.append(event.sequence)
            if len(seen) == 4:
                break
            asyncio.get_running_loop().call_later(0.1, house.desk.happen, "vote")
    assert seen == [1, 2, 3, 4]
    assert house.desk.asked_after == sorted(house.desk.asked_after)
    assert len(house.desk.asked_after) >= 2


async def test_the_client_stops_when_it_may_not_listen(house: House) -> None:
    async with house.client(UserRole.PATIENT) as client:
        with pytest.raises(ApiProblem, match="role"):
            async for _ in client.events():
                pytest.fail("a patient's token listened")


async def test_leaving_frees_the_place(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(events, "EVENT_STREAMS", 1)
    house.desk.happen("block")
    await lines_of(house, 1)
    async with asyncio.timeout(20):
        while (await probe(house)) == 503:
            await house.ask("GET", "/livez", None)


async def probe(house: House) -> int:
    url, headers = f"{house.base_url}/v1/events", house.headers(UserRole.DOCTOR)
    timeout = aiohttp.ClientTimeout(total=10)
    async with house.http.get(url, headers=headers, timeout=timeout) as response:
        return response.status
