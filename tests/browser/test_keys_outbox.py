"""The outbox: no vote is lost when the node goes away or the session ends (R-VOT1)."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser

from medquorum.ledger.types import BlockType, Decision
from medquorum.ledger.vote import Vote, parse_vote
from tests.browser.keys_kit import Desk, desk_of, served
from tests.support.chains import grow
from tests.support.network import propose, vote

CHAIN = grow()
NETWORK = CHAIN.network
REPORT = propose(NETWORK, CHAIN.view, BlockType.REPORT)
SEND = "m.session.session.node = { network: v.network }; return m.outbox.send(v.vote);"


@dataclass
class VoteDesk:
    """A node's `/v1/votes` that answers as told, else takes the vote."""

    answers: list[tuple[int, str]] = field(default_factory=list)
    """Refusals to come: status and rule."""
    taken: list[bytes] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.keys.append(request.headers.get("Idempotency-Key", ""))
        if self.answers:
            status, rule = self.answers.pop(0)
            problem = {"rule": rule, "detail": f"advice of {rule}"}
            return web.json_response(problem, status=status)
        self.taken.append(body)
        cast = parse_vote(body)
        receipt = {
            "vote": cast.ballot.digest(NETWORK.id).hex(),
            "proposal": cast.ballot.proposal.hex(),
            "accepted_at_us": 1,
        }
        return web.json_response(receipt, status=201)


@dataclass
class Ward:
    """A desk and the node behind it."""

    desk: Desk
    node: VoteDesk

    async def send(self, cast: Vote) -> dict[str, Any]:
        """Hand a signed vote to the outbox."""
        told: dict[str, Any] = await self.desk.run(
            "outbox session", SEND, vote=cast.encoded(), network=NETWORK.id.hex()
        )
        return told

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Meanwhile nothing reaches the node."""
        await self.desk.page.route("**/v1/votes", lambda route: route.abort())
        yield
        await self.desk.page.unroute("**/v1/votes")

    async def ids(self, name: str) -> list[str]:
        """The ids of `pending` or `refused` letters."""
        body = f"return (await m.outbox.{name}()).map((one) => one.id);"
        told: list[str] = await self.desk.run("outbox", body)
        return told


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def ward(chromium: Browser) -> AsyncIterator[Ward]:
    node = VoteDesk()
    async with (
        served({("POST", "/v1/votes"): node.take}) as url,
        desk_of(chromium, url) as desk,
    ):
        # Its clock stands: what waits is sent again when a test says so, however slow the machine.
        await desk.page.clock.install(time=0)
        await desk.page.clock.pause_at(1_000)
        yield Ward(desk, node)


def cast_by(number: int, decision: Decision = Decision.APPROVE) -> Vote:
    """A doctor's vote on the report."""
    return vote(NETWORK, REPORT, NETWORK.doctors[number], decision)


def id_of(cast: Vote) -> str:
    """The vote's id."""
    return cast.ballot.digest(NETWORK.id).hex()


async def test_an_acknowledged_vote_is_a_receipt(ward: Ward) -> None:
    cast = cast_by(0)
    told = await ward.send(cast)
    assert (told["state"], told["receipt"]["vote"]) == ("acknowledged", id_of(cast))
    assert ward.node.taken == [cast.encoded()]
    assert ward.node.keys[-1] == id_of(cast)
    assert await ward.ids("pending") == []
    kept = await ward.desk.run("outbox", "return m.outbox.receiptOf(v.id);", id=REPORT.id.hex())
    assert (kept["id"], kept["vote"]) == (id_of(cast), cast.encoded())


@pytest.mark.parametrize(
    "answer",
    [None, (401, "session"), (503, "storage"), (429, "rate"), (409, "body_not_opened")],
    ids=str,
)
async def test_a_vote_outlives_what_passes(ward: Ward, answer: tuple[int, str] | None) -> None:
    """Node away, session over, disk full: kept through a reload, sent again byte for byte."""
    cast = cast_by(1, Decision.REJECT)
    ward.node.answers[:], ward.node.taken[:] = [] if answer is None else [answer], []
    async with ward.away() if answer is None else nullcontext():
        assert (await ward.send(cast))["state"] == "kept"
    assert ward.node.taken == []
    await ward.desk.page.reload()
    assert await ward.ids("pending") == [id_of(cast)]
    body = "m.session.session.node = { network: v.network }; return m.outbox.startOutbox();"
    (sent,) = await ward.desk.run("outbox session", body, network=NETWORK.id.hex())
    assert sent["state"] == "acknowledged"
    assert ward.node.taken == [cast.encoded()]
    assert await ward.ids("pending") == []


async def test_coming_online_sends_what_waits(ward: Ward) -> None:
    cast = cast_by(2)
    ward.node.taken.clear()
    async with ward.away():
        assert (await ward.send(cast))["state"] == "kept"
        await ward.desk.run("outbox", "return m.outbox.startOutbox();")
    assert await ward.ids("pending") == [id_of(cast)]
    waited = """return new Promise((done) => {
      m.outbox.onChange((waiting) => { if (!waiting.length) done(true); });
      window.dispatchEvent(new Event("online"));
    });"""
    assert await ward.desk.run("outbox", waited) is True
    assert ward.node.taken == [cast.encoded()]


async def test_what_is_refused_for_good_is_said_and_not_repeated(ward: Ward) -> None:
    cast = cast_by(3)
    ward.node.answers[:], ward.node.taken[:] = [(409, "already_decided")], []
    told = await ward.send(cast)
    assert (told["state"], told["rule"]) == ("refused", "already_decided")
    assert told["advice"] == "advice of already_decided"
    assert await ward.desk.run("outbox", "return m.outbox.resend();") == []
    assert (ward.node.taken, await ward.ids("refused")) == ([], [id_of(cast)])
    await ward.desk.run("outbox", "return m.outbox.dismiss(v.id);", id=id_of(cast))
    assert await ward.ids("refused") == []


async def test_a_waiting_vote_cannot_be_dismissed_and_a_foreign_receipt_ends_nothing(
    ward: Ward,
) -> None:
    cast = cast_by(0, Decision.ABSTAIN)
    ward.node.answers[:] = [(502, "proxy")]
    assert (await ward.send(cast))["state"] == "kept"
    await ward.desk.run("outbox", "return m.outbox.dismiss(v.id);", id=id_of(cast))
    assert await ward.ids("pending") == [id_of(cast)]
    forged = json.dumps({"vote": "00" * 32, "proposal": "", "accepted_at_us": 1})

    async def lie(route: Any) -> None:
        await route.fulfill(status=201, content_type="application/json", body=forged)

    await ward.desk.page.route("**/v1/votes", lie)
    (told,) = await ward.desk.run("outbox", "return m.outbox.resend();")
    assert told["state"] == "kept"
    await ward.desk.page.unroute("**/v1/votes")
    (told,) = await ward.desk.run("outbox", "return m.outbox.resend();")
    assert told["state"] == "acknowledged"
