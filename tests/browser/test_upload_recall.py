"""Files added before the page knows what the node has of its upload: none is announced twice."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Page, Request, Route, expect

from tests.browser.kit import PageOf, Watched
from tests.browser.test_upload import RAMP, at_uploads, choose
from tests.node.api.conftest import House
from tests.node.uploads.looking_here import looking_here
from tests.node.viewing.kit import picture

__all__ = ["looking_here"]
pytestmark = pytest.mark.usefixtures("looking_here")
RECALL = "**/v1/upload-batches/*"
OTHER = (RAMP[::-1] % 251).astype(np.uint8)


@pytest.fixture
def films(tmp_path: Path) -> tuple[Path, Path]:
    """Two films."""
    paths = tmp_path / "left.png", tmp_path / "right.png"
    for path, pixels in zip(paths, (RAMP.astype(np.uint8), OTHER), strict=True):
        path.write_bytes(picture(pixels))
    return paths


def announced(page: Page) -> list[str]:
    """Every file the page announces from now on."""
    found: list[str] = []

    def hear(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/v1/uploads"):
            found.append(request.headers["upload-metadata"])

    page.on("request", hear)
    return found


async def sent(house: House, page_of: PageOf, film: Path) -> Watched:
    """A page whose upload of one film the node has."""
    watched = await at_uploads(house, page_of)
    await choose(watched.page, film)
    await watched.page.keyboard.press("Enter")
    await expect(watched.page.locator(".series-card")).to_have_count(1)
    return watched


async def held_back(page: Page, answer: dict[str, object] | None = None) -> Callable[[], None]:
    """Load the page again; what the node has is told when what is returned is called.

    It is what the node says, or that answer.
    """
    told, asked = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        first = not asked.is_set()
        asked.set()
        await told.wait()
        await (route.fulfill(status=404, json=answer) if first and answer else route.continue_())

    await page.route(RECALL, hold)
    await page.reload()
    await page.get_by_text("Drop files or folders here").wait_for()
    await asked.wait()
    return told.set


async def remembered(page: Page) -> str:
    """Which upload this tab is busy with."""
    return str(await page.evaluate("sessionStorage.getItem('medquorum.upload')"))


def held(house: House) -> list[bytes]:
    """The contents of every file of every upload at the node."""
    return sorted(one.read_bytes() for one in (house.spool / "uploads").glob("*/*"))


async def test_a_file_the_node_has_is_known_again_however_early_it_is_chosen(
    house: House, page_of: PageOf, films: tuple[Path, Path]
) -> None:
    page = (await sent(house, page_of, films[0])).page
    tell = await held_back(page)
    new = announced(page)
    # in two choices, as one does where nothing happens after the first
    for choice in (films[:1], films, films[1:]):
        await choose(page, *choice)
        await page.keyboard.press("Enter")
    assert new == []
    tell()
    await expect(page.locator(".series-card")).to_have_count(2)
    await expect(page.locator(".upload-progress tr")).to_have_count(2)
    assert len(new) == 1
    assert held(house) == sorted(film.read_bytes() for film in films)
    assert await page.get_by_role("alert").all_inner_texts() in ([], ["", "", ""])


async def test_where_the_node_has_nothing_any_more_they_begin_another_upload(
    house: House, page_of: PageOf, films: tuple[Path, Path]
) -> None:
    watched = await sent(house, page_of, films[0])
    page = watched.page
    tell = await held_back(page, {"rule": "no_upload", "detail": "send the files again"})
    earlier = await remembered(page)
    await choose(page, films[1])
    await page.keyboard.press("Enter")
    await choose(page, films[0])
    watched.expect("404")
    tell()
    await expect(page.locator(".series-card")).to_have_count(1)
    await expect(page.locator(".upload-progress tr")).to_have_count(1)
    assert await remembered(page) != earlier
    # what was only chosen stays so, and what was sent is known after another reload
    await page.get_by_role("button", name="Start upload").wait_for()
    await page.reload()
    await expect(page.locator(".upload-progress tr")).to_have_count(1)
    await expect(page.locator(".series-card")).to_have_count(1)


async def test_where_the_node_does_not_tell_nothing_is_sent_and_the_files_stay_chosen(
    house: House, page_of: PageOf, films: tuple[Path, Path]
) -> None:
    watched = await sent(house, page_of, films[0])
    page = watched.page
    watched.expect("503")

    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, json={"rule": "busy", "detail": "wait a moment"})

    await page.route(RECALL, refuse)
    await page.reload()
    await page.get_by_text("wait a moment").wait_for()
    new = announced(page)
    await choose(page, *films)
    async with page.expect_response(RECALL):
        await page.keyboard.press("Enter")
    await page.get_by_text("wait a moment").wait_for()
    assert new == []
    await page.unroute(RECALL, refuse)
    await page.get_by_role("button", name="Start upload").click()
    await expect(page.locator(".series-card")).to_have_count(2)
    assert (len(new), len(held(house))) == (1, 2)


async def test_nothing_is_sent_once_the_view_was_left(
    house: House, page_of: PageOf, films: tuple[Path, Path]
) -> None:
    page = (await sent(house, page_of, films[0])).page
    tell = await held_back(page)
    new = announced(page)
    await choose(page, films[1])
    await page.keyboard.press("Enter")
    await page.goto(f"{house.base_url}/#/account")
    await page.locator("[data-view=account]").wait_for()
    async with page.expect_response(RECALL):
        tell()
    await page.goto(f"{house.base_url}/#/upload")
    await expect(page.locator(".series-card")).to_have_count(1)
    assert (new, len(held(house))) == ([], 1)
