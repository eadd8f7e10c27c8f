"""What is shown is what is signed, and a case that closes says so."""

from typing import Any

import pytest
from playwright.async_api import Route, expect

from medquorum.ledger.types import BlockType
from tests.browser.case_entry import Desk
from tests.browser.case_kit import OTHER, other_proposal, text_of
from tests.browser.kit import drawn_frames


@pytest.mark.parametrize(
    "lie",
    [
        {"record": "77" * 32},
        {"type": "test_result"},
        {"patient": 2},
        {"references": ("77" * 32,)},
        {"replaces": "77" * 32},
        {"parts": ("V_IND",)},
        {"doctor": text_of(OTHER)},
        {"issuer": "77" * 32},
    ],
    ids=lambda lie: next(iter(lie)),
)
async def test_a_view_that_is_not_what_is_signed_cannot_be_voted_on(
    desk: Desk, lie: dict[str, Any]
) -> None:
    """R-PRO2: the bytes are genuine, the node's description of them is not."""
    desk.ids["lie"] = desk.ward.put(other_proposal(BlockType.PRESCRIPTION), None, **lie)
    desk.watched.expect("404")
    await desk.open("lie")
    await desk.press("r")
    await expect(desk.bar).to_contain_text("signature does not hold")
    await expect(desk.page.locator("button.cast")).to_be_disabled()
    assert desk.ward.cast == []


async def test_a_view_that_changes_under_the_reader_stops_her_vote(desk: Desk) -> None:
    await desk.open("prescription")
    await desk.press("r")
    await expect(desk.page.locator("button.cast")).to_be_enabled()
    desk.ward.change(desk.ids["prescription"], references=("77" * 32,))
    await expect(desk.bar).to_contain_text("signature does not hold")
    await expect(desk.page.locator("button.cast")).to_be_disabled()


async def test_news_that_change_nothing_leave_what_is_drawn_under_the_hand(desk: Desk) -> None:
    """A button or link that is drawn anew between press and release loses the click."""
    await desk.open("film")
    page, identifier = desk.page, desk.ids["film"]
    places = [".case-writing button", ".history a", "#rail .cases a"]
    drawn = [await page.locator(place).first.element_handle() for place in places]
    proposals, inbox = f"**/v1/proposals/{identifier}", "**/v1/inbox"
    async with page.expect_response(proposals), page.expect_response(inbox):
        desk.ward.change(identifier)
    await drawn_frames(page)
    assert [await each.evaluate("(one) => one.isConnected") for each in drawn] == [True] * 3
    desk.ward.change(identifier, patient=2)
    await expect(page.locator("#rail .cases")).to_contain_text("patient 2")


async def test_a_case_that_closes_while_it_is_open_says_so(desk: Desk) -> None:
    """A proposal the node forgets comes as `closed`: what was being chosen ends there."""
    await desk.open("prescription")
    await desk.press("r")
    await expect(desk.page.locator("button.cast")).to_be_enabled()
    desk.ward.change(desk.ids["prescription"], "closed", state="expired", reason="expired")
    await expect(desk.bar).to_contain_text("its time ran out")
    await expect(desk.page.locator("button.cast")).to_have_count(0)


async def test_a_body_that_arrives_while_the_case_is_loaded_is_not_missed(desk: Desk) -> None:
    """Its event falls between the first answer and the page's listening: it is asked for again."""
    identifier = desk.ids["prescription"]
    asked = []

    async def first_answer_is_early(route: Route) -> None:
        asked.append(route.request.url)
        answer = await route.fetch()
        told = await answer.json()
        await route.fulfill(json={**told, "body": "fetching"} if len(asked) == 1 else told)

    await desk.intercept(f"**/v1/proposals/{identifier}", first_answer_is_early)
    await desk.open("prescription")
    await expect(desk.bar.get_by_role("button", name="Approve")).to_be_visible()
    await desk.press("a")
    await expect(desk.page.locator("button.cast")).to_be_enabled()
