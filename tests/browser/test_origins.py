"""Pages of other origins: what they send is refused, and the page cannot be framed by them."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import expect

from medquorum.node.accounts import UserRole
from tests.browser.kit import NAMES, PageOf
from tests.node.api.conftest import House

DOCTOR = NAMES[UserRole.DOCTOR]
ASKING = """async (node) => {
  const outcomes = [];
  for (const path of ["/v1/logout", "/v1/logout/everywhere", "/v1/session/renewal", "/v1/votes"]) {
    const options = { method: "POST", mode: "no-cors", credentials: "include" };
    const sent = await fetch(node + path, options)
      .then((response) => response.type, (error) => error.name);
    outcomes.push(sent);
  }
  const read = await fetch(`${node}/v1/inbox`, { credentials: "include" })
    .then(() => "read", (error) => error.name);
  return [...outcomes, read];
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def foreign() -> AsyncIterator[str]:
    """Another origin of the same site: SameSite cookies do not tell the two apart."""

    async def page(_request: web.Request) -> web.Response:
        text = "<!doctype html><link rel=icon href='data:,'><title>foreign</title>"
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_foreign_page_changes_and_reads_nothing(
    house: House, page_of: PageOf, foreign: str
) -> None:
    watched = await page_of(house.base_url)
    await watched.enter(DOCTOR)
    cookie = (await watched.page.context.cookies())[0]["value"]
    other = await page_of(foreign, watched.page.context)
    await other.page.goto(foreign)
    outcomes = await other.page.evaluate(ASKING, house.base_url)
    assert outcomes[-1] == "TypeError"
    assert "read" not in outcomes
    assert (await watched.page.context.cookies())[0]["value"] == cookie
    await watched.page.get_by_role("link", name="Account").click()
    await expect(watched.page.get_by_role("heading", name=DOCTOR)).to_be_visible()
    assert house.desk.votes == []
    other.foreign.clear()
    other.expect("status of 403|CORS policy|ERR_FAILED|ERR_BLOCKED|Failed to load")


async def test_the_page_is_not_framed_by_another(
    house: House, page_of: PageOf, foreign: str
) -> None:
    other = await page_of(foreign)
    await other.page.goto(foreign)
    await other.page.evaluate(
        """(node) => new Promise((resolve) => {
          const frame = document.createElement("iframe");
          frame.onload = resolve;
          frame.src = node;
          document.body.append(frame);
        })""",
        house.base_url,
    )
    frame = other.page.frames[1]
    assert await frame.locator("#desk").count() == 0
    other.foreign.clear()
    other.expect("frame-ancestors|Refused to (frame|display)|ERR_BLOCKED")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_the_pages_own_addresses_are_read_only(house: House, method: str) -> None:
    for path in ("/", "/page/app.js", "/page/version"):
        status, _, _ = await house.ask(
            method, path, None, headers={"Origin": "https://evil.example"}
        )
        assert status == 405
