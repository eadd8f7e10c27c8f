"""Blind until cast: a doctor sees others' votes on an open proposal after her own."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from medquorum.node import happenings
from medquorum.node.account_records import UserRole
from medquorum.node.happenings import Happenings
from medquorum.node.views import EventView, ProposalView, VerdictView, VoteView, WhyView
from tests.node.api.conftest import House
from tests.node.api.fake_desk import PROPOSAL, proposal

OTHER = "Dr. Dissenting-Peer"


def stand(house: House, *, cast: bool, state: str = "open", panel: bool = True) -> ProposalView:
    """Let the desk hold a proposal on which another doctor has voted."""
    own = house.desk.status().name
    missing = ("Dr. Chen",) if cast or not panel else ("Dr. Chen", own)
    view = replace(
        proposal(),
        state=state,
        votes=(VoteView("mqdoc1y", OTHER, "reject", "attending", "human", 4),),
        verdict=VerdictView("pending", 4, 1, 1, 1, "Dr. Attending", True, (OTHER,), missing),
    )

    async def one(identifier: str) -> ProposalView:
        return view

    async def several(*_: Any) -> tuple[ProposalView, ...]:
        return (view,)

    async def why(identifier: str) -> WhyView:
        said = (f"{OTHER} rejected it.",)
        return WhyView(identifier, state, said, missing, "final", 3, "Dr. Leading")

    house.desk.proposal = one  # type: ignore[method-assign]
    house.desk.proposals = house.desk.inbox = several  # type: ignore[method-assign,assignment]
    house.desk.why = why  # type: ignore[method-assign]
    return view


PATHS = (
    f"/v1/proposals/{PROPOSAL}",
    f"/v1/proposals/{PROPOSAL}/why",
    "/v1/proposals",
    "/v1/proposals?state=open",
    "/v1/inbox",
)


@pytest.mark.parametrize("path", PATHS)
async def test_a_doctor_who_has_not_voted_learns_nothing_of_others_votes(
    house: House, path: str
) -> None:
    stand(house, cast=False)
    status, body, _ = await house.ask("GET", path)
    assert status == 200
    for told in (OTHER, "Dr. Chen", '"reject"', house.desk.status().name):
        assert told.encode() not in body
    if "why" in path:
        assert json.loads(body)["missing_certificate"] is None
        return
    answer = json.loads(body)
    shown = answer["proposals"][0] if "proposals" in answer else answer
    assert shown["blind"] is True
    verdict = shown["verdict"]
    assert (verdict["approvals"], verdict["rejections"], verdict["abstentions"]) == (0, 0, 0)
    assert (verdict["attending_approved"], verdict["panel"]) == (False, 4)


@pytest.mark.parametrize(
    ("cast", "state", "panel"),
    [(True, "open", True), (False, "accepted", True), (False, "open", False)],
)
async def test_she_sees_them_once_she_voted_or_it_is_decided_or_her_vote_does_not_count(
    house: House, cast: bool, state: str, panel: bool
) -> None:
    view = stand(house, cast=cast, state=state, panel=panel)
    async with house.client(UserRole.DOCTOR) as client:
        assert await client.proposal(PROPOSAL) == view
        assert (await client.why(PROPOSAL)).sentences == (f"{OTHER} rejected it.",)


@pytest.mark.parametrize("role", [UserRole.OPERATOR, UserRole.AUDITOR, UserRole.AI_ENTITY])
async def test_others_see_them_all_the_time(house: House, role: UserRole) -> None:
    view = stand(house, cast=False)
    async with house.client(role) as client:
        assert await client.proposal(PROPOSAL) == view
        assert await client.proposals() == (view,)


async def test_the_inbox_is_blind_whoever_asks_for_it(house: House) -> None:
    stand(house, cast=False)
    async with house.client(UserRole.OPERATOR) as client:
        [waiting] = await client.inbox()
    assert (waiting.blind, waiting.votes, waiting.verdict.missing) == (True, (), ())


async def _told_after_votes(house: House, hidden: int) -> bytes:
    """All a doctor gets to read of two events with so many votes between them."""
    clock_us = 1_800_000_000_000_000
    with pytest.MonkeyPatch.context() as patched:
        clock = SimpleNamespace(time_ns=lambda: 0, monotonic_ns=lambda: clock_us * 1_000)
        patched.setattr(happenings, "time", clock)
        news = Happenings()
        house.desk.events = news.follow  # type: ignore[method-assign]
        for kind in ("proposal", *("vote" for _ in range(hidden)), "block"):
            clock_us += 1_000_000 if kind == "block" else 1_000
            clock_us -= 1_000 * hidden if kind == "block" else 0
            news.note(kind, PROPOSAL)
        url, headers = house.base_url + "/v1/events", house.headers(UserRole.DOCTOR)
        read = b""
        async with house.http.get(url, headers=headers) as stream:
            while read.count(b"data:") < 2 or not read.endswith(b"\n\n"):
                read += (await stream.content.readline()).replace(b"\r", b"")
    return read


async def test_nothing_in_the_stream_counts_the_votes_that_pass_her_by(house: House) -> None:
    stand(house, cast=False)
    told = [await _told_after_votes(house, hidden) for hidden in (0, 5)]
    assert told[0] == told[1]
    assert told[0].count(b"id: ") == 2


async def _first_two_subjects(house: House, role: UserRole) -> list[str]:
    subjects: list[str] = []
    async with house.http.get(house.base_url + "/v1/events", headers=house.headers(role)) as stream:
        async for line in stream.content:
            if line.startswith(b"data:"):
                subjects.append(json.loads(line[5:])["kind"])
            if len(subjects) == 2:
                return subjects
    return subjects


async def test_events_of_others_votes_pass_her_by(house: House) -> None:
    stand(house, cast=False)
    for number, kind in enumerate(("proposal", "vote", "block"), 1):
        detail: dict[str, object] = {"voter": OTHER} if kind == "vote" else {}
        house.desk.log.append(EventView(number, kind, 1, PROPOSAL, detail))
    assert await _first_two_subjects(house, UserRole.DOCTOR) == ["proposal", "block"]
    assert await _first_two_subjects(house, UserRole.OPERATOR) == ["proposal", "vote"]
    stand(house, cast=True)
    assert await _first_two_subjects(house, UserRole.DOCTOR) == ["proposal", "vote"]
