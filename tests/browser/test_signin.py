"""Signing in, being refused, sessions that end in the middle of work, signing out."""

import asyncio
import json
from dataclasses import replace

import pytest
from playwright.async_api import Route, expect

from medquorum.node.accounts import UserRole
from medquorum.node.api.gate import COOKIE
from medquorum.node.views import ProposalView
from tests.browser.kit import NAMES, PASSWORD, PageOf, Watched
from tests.node.api.conftest import House
from tests.node.api.fake_desk import proposal

DOCTOR = NAMES[UserRole.DOCTOR]
REFUSED = "status of 401"
ENDED = "Your session has ended."
"""It may also stand in the view that was refused, hidden behind the sign-in."""
ASK = "import('/page/api.js').then(({api}) => api.get('/v1/status').catch(() => 0))"
"""A question to the node whose refusal the page must notice."""
STATUS = ASK.replace("() => 0", "(error) => error.status")
ALL_STORAGE = "JSON.stringify([{...localStorage}, {...sessionStorage}])"


async def end_session(house: House, watched: Watched) -> None:
    """Her session ends at the node, and the page learns of it when it asks the next thing."""
    await house.accounts.revoke_all(DOCTOR)
    await watched.page.evaluate(ASK)
    await expect(watched.page.get_by_text(ENDED).filter(visible=True)).to_be_visible()


async def ended_before(house: House, route: Route) -> None:
    """Her session ends at the node before this request of hers arrives."""
    await house.accounts.revoke_all(DOCTOR)
    await route.continue_()


async def test_a_doctor_signs_in_and_sees_what_waits(house: House, page_of: PageOf) -> None:
    watched = await page_of(house.base_url)
    await watched.page.goto(house.base_url)
    await watched.sign_in(DOCTOR)
    await watched.page.get_by_role("button", name="Later").click()
    await expect(watched.page.get_by_role("heading", name="Inbox")).to_be_visible()
    row = watched.page.get_by_role("row").filter(has_text="Radiology Center")
    await expect(row.get_by_role("link", name="CT · patient 1")).to_be_visible()
    cookies = await watched.page.context.cookies()
    assert [cookie["name"] for cookie in cookies] == [COOKIE]
    assert cookies[0]["httpOnly"] and cookies[0]["secure"]
    assert cookies[0]["sameSite"] == "Strict"


async def test_the_password_goes_to_the_login_alone_and_stays_nowhere(
    house: House, page_of: PageOf
) -> None:
    watched = await page_of(house.base_url)
    await watched.page.goto(house.base_url)
    await watched.sign_in(DOCTOR)
    await watched.page.get_by_role("button", name="Later").click()
    await expect(watched.page.get_by_role("heading", name="Inbox")).to_be_visible()
    carrying = [body for body in watched.bodies if PASSWORD.encode() in body]
    assert [json.loads(body)["password"] for body in carrying] == [PASSWORD]
    assert PASSWORD not in await watched.page.content()
    assert await watched.page.evaluate(ALL_STORAGE) == "[{},{}]"


async def test_a_wrong_password_is_said_and_guessing_is_slowed(
    house: House, page_of: PageOf
) -> None:
    watched = await page_of(house.base_url)
    watched.expect(REFUSED)
    watched.expect("status of 429")
    await watched.page.goto(house.base_url)
    alert = watched.page.locator("form [role=alert]")
    for _ in range(5):
        await watched.sign_in(DOCTOR, "not her password")
        await expect(alert).to_have_text("Name or password is wrong.")
        await expect(watched.page.get_by_label("Password")).to_have_value("")
    await watched.sign_in(DOCTOR, PASSWORD)
    await expect(alert).to_contain_text("too many login attempts")
    assert await watched.page.context.cookies() == []
    await expect(watched.page.locator("#desk")).to_be_hidden()


async def test_a_session_that_ends_asks_again_and_loses_nothing(
    house: House, page_of: PageOf
) -> None:
    watched = await page_of(house.base_url)
    watched.expect(REFUSED)
    await watched.enter(DOCTOR)
    page = watched.page
    await expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    await page.evaluate(
        """() => {
          const draft = document.createElement("textarea");
          draft.id = "draft";
          draft.value = "what she was writing";
          document.querySelector(".view").append(draft);
        }"""
    )
    await end_session(house, watched)
    await expect(page.locator("#desk")).to_be_hidden()
    await watched.sign_in(DOCTOR)
    await page.get_by_role("button", name="Later").click()
    await expect(page.locator("#draft")).to_have_value("what she was writing")
    assert page.url.endswith("#/inbox")


async def test_another_user_never_meets_the_desk_of_the_first(
    house: House, page_of: PageOf
) -> None:
    watched = await page_of(house.base_url)
    watched.expect(REFUSED)
    await watched.enter(DOCTOR)
    page = watched.page
    await expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    await page.evaluate("document.querySelector('.view').append('of the first user')")
    await end_session(house, watched)
    await watched.sign_in(NAMES[UserRole.CLERK])
    await expect(page.locator("#rail")).to_contain_text("Clerk")
    assert "of the first user" not in await page.content()


async def test_nothing_the_first_still_meant_to_ask_goes_out_in_the_name_of_the_next(
    house: House, page_of: PageOf
) -> None:
    watched = await page_of(house.base_url)
    watched.expect(REFUSED)
    await watched.enter(DOCTOR)
    await end_session(house, watched)
    asked: list[str] = []
    watched.page.on("request", lambda request: asked.append(request.url))
    assert await watched.page.evaluate(STATUS) == 401
    assert asked == []
    await watched.sign_in(DOCTOR)
    await watched.page.get_by_role("button", name="Later").click()
    # The door is open again only after the node has said who has signed in.
    await expect(watched.page.locator("#desk")).to_be_visible()
    assert await watched.page.evaluate(STATUS) != 401


async def test_what_was_asked_before_a_session_ended_does_not_end_the_next(
    house: House, page_of: PageOf
) -> None:
    """A refusal that comes when she has signed in again: what has no answer is given up before."""
    watched = await page_of(house.base_url)
    watched.expect(REFUSED)
    await watched.enter(DOCTOR)
    page, over = watched.page, asyncio.Event()
    await page.route("**/v1/status", lambda route: over.wait())
    async with page.expect_request("**/v1/status"):
        await page.evaluate(f"globalThis.late = {STATUS}; null")
    await house.accounts.revoke_all(DOCTOR)
    await page.evaluate(STATUS.replace("status", "inbox"))
    assert await page.evaluate("globalThis.late") == 401
    over.set()


async def test_a_view_that_was_refused_is_shown_once_she_has_signed_in_again(
    house: House, page_of: PageOf
) -> None:
    watched = await page_of(house.base_url)
    watched.expect(REFUSED)
    await watched.enter(DOCTOR)
    page = watched.page
    await page.route("**/v1/patients*", lambda route: ended_before(house, route))
    await page.get_by_role("link", name="Patients").click()
    await page.get_by_text(ENDED).filter(visible=True).wait_for()
    await page.unroute("**/v1/patients*")
    await watched.sign_in(DOCTOR)
    await page.get_by_role("button", name="Later").click()
    await expect(page.get_by_role("heading", name="Patients")).to_be_visible()
    await expect(page.locator(".view .notice")).to_have_count(0)


async def test_nothing_is_asked_while_she_signs_out(house: House, page_of: PageOf) -> None:
    watched = await page_of(house.base_url)
    await watched.enter(DOCTOR)
    page, ended = watched.page, asyncio.Event()
    # One question is under way, another comes: neither is answered with the end of the session.
    await page.route("**/v1/status", lambda route: ended.wait())
    async with page.expect_request("**/v1/status"):
        await page.evaluate(f"globalThis.earlier = {STATUS}; null")

    async def end(route: Route) -> None:
        await ended.wait()
        await route.continue_()

    await page.route("**/v1/logout", end)
    async with page.expect_request("**/v1/logout"):
        await page.get_by_role("button", name="Sign out", exact=True).click()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    assert await page.evaluate("globalThis.earlier") == 401
    assert await page.evaluate(STATUS) == 401
    assert asked == []
    ended.set()
    await page.get_by_label("Password").wait_for()


async def test_signing_out_of_a_session_that_has_ended_leaves_nothing_either(
    house: House, page_of: PageOf
) -> None:
    watched = await page_of(house.base_url)
    watched.expect(REFUSED)
    await watched.enter(DOCTOR)
    page = watched.page
    await page.evaluate("sessionStorage.setItem('medquorum.draft', 'of the first user')")
    await page.route("**/v1/logout", lambda route: ended_before(house, route))
    async with page.expect_event("load"):
        await page.get_by_role("button", name="Sign out", exact=True).click()
    await page.get_by_label("Password").wait_for()
    assert await page.evaluate(ALL_STORAGE) == "[{},{}]"
    await expect(page.get_by_text("Your session has ended.")).to_have_count(0)


async def test_a_sign_out_that_the_node_does_not_hear_leaves_the_desk_open(
    house: House, page_of: PageOf
) -> None:
    watched = await page_of(house.base_url)
    watched.expect("ERR_FAILED")
    await watched.enter(DOCTOR, "#/account")
    page = watched.page
    await page.route("**/v1/logout", lambda route: route.abort())
    await page.locator(".view").get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.locator(".view .problem:not(:empty)")).to_contain_text("does not answer")
    assert await page.evaluate(ASK) != 0
    async with page.expect_response("**/v1/inbox"):
        house.desk.happen("proposal")


async def test_signing_out_everywhere_ends_the_other_page(house: House, page_of: PageOf) -> None:
    first, second = await page_of(house.base_url), await page_of(house.base_url)
    second.expect(REFUSED)
    await first.enter(DOCTOR)
    await second.enter(DOCTOR)
    await first.page.get_by_role("link", name="Account").click()
    await first.page.get_by_role("button", name="Sign out everywhere").click()
    await expect(first.page.get_by_label("Password")).to_be_visible()
    # Its next question is refused, if its live connection has not told it before.
    await second.page.evaluate(ASK)
    await expect(second.page.get_by_text(ENDED).filter(visible=True)).to_be_visible()
    assert await first.page.context.cookies() == []


async def test_renewing_changes_the_token_and_spares_what_is_under_way(
    house: House, page_of: PageOf
) -> None:
    watched = await page_of(house.base_url)
    await watched.enter(DOCTOR)
    before = (await watched.page.context.cookies())[0]["value"]
    await watched.page.evaluate("import('/page/session.js').then((each) => each.renewSession())")
    after = (await watched.page.context.cookies())[0]["value"]
    assert before != after
    for value, moment_s, status in ((before, 0, 200), (before, 11, 401), (after, 11, 200)):
        started = house.accounts.now_ms
        house.accounts.now_ms = lambda: started() + moment_s * 1_000  # noqa: B023
        headers = {"Cookie": f"{COOKIE}={value}"}
        assert (await house.ask("GET", "/v1/status", None, headers=headers))[0] == status
        house.accounts.now_ms = started


async def test_a_new_case_appears_by_itself_and_is_announced(
    house: House, page_of: PageOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [proposal()]

    async def inbox() -> tuple[ProposalView, ...]:
        return tuple(cases)

    monkeypatch.setattr(house.desk, "inbox", inbox)
    watched = await page_of(house.base_url)
    await watched.enter(DOCTOR)
    rail = watched.page.locator("#rail .cases a")
    await expect(rail).to_have_count(1)
    cases.append(replace(proposal("22" * 32), patient=2))
    house.desk.happen("proposal")
    await expect(rail).to_have_count(2)
    await expect(watched.page.locator("#announcements")).to_contain_text("A new case waits")
    await expect(watched.page).to_have_title("(2) Medquorum")
