"""How the attending comes to her desk: signed in, her key open, a ward of cases before her."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page, Route

from medquorum.node.accounts import UserRole
from tests.browser.case_images import serve_images
from tests.browser.case_kit import ATTENDING, Ward, every_kind, staged
from tests.browser.kit import NAMES, PASSPHRASE, PageOf, Watched, hold_key, open_view, sealed_key
from tests.node.api.conftest import House

DOCTOR = NAMES[UserRole.DOCTOR]


def key_file(folder: Path) -> Path:
    """The attending's page key file."""
    path = folder / "page-key.json"
    path.write_bytes(sealed_key(ATTENDING))
    return path


async def enter_with_key(watched: Watched) -> None:
    """Come to the attending's desk with her key open."""
    await watched.enter(DOCTOR)
    await hold_key(watched.page, ATTENDING)


async def open_key(page: Page, file: Path, *, known: bool = False) -> None:
    """Fill in the form that asks for the key; a file in use need not be chosen again."""
    if not known:
        await page.locator("#key-file").set_input_files(str(file))
    await page.locator("#key-passphrase").fill(PASSPHRASE)
    await page.locator("form.card-form").get_by_role("button", name="Open key").click()


BLANK = "about:blank"
_AS_IT_WAS = """async () => {
  const [{ hand }, { session }, { refreshCases }] = await Promise.all(
    ["keys/hand", "session", "inbox_feed"].map((each) => import(`/page/${each}.js`)),
  );
  const covered = document.querySelector("dialog[open], #curtain:not([hidden])");
  if (!hand.isOpen || session.user === null || covered !== null) return false;
  sessionStorage.clear();
  await refreshCases();
  return true;
}"""
"""Whether the desk is open with its key and nothing before it; then it knows the new cases."""


@dataclass
class Desk:
    """A doctor at her desk with a ward of cases."""

    house: House
    watched: Watched
    file: Path
    ward: Ward
    ids: dict[str, str]
    is_intercepted: bool = False
    """Whether a test answers some of the page's questions itself."""

    @property
    def page(self) -> Page:
        """The page."""
        return self.watched.page

    @property
    def bar(self) -> Locator:
        """The vote bar."""
        return self.page.locator(".votebar")

    async def open(self, name: str) -> None:
        """Open a case."""
        await open_view(self.page, f"#/case/{self.ids[name]}")
        await self.bar.wait_for()

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            await self.page.keyboard.press(key)

    async def intercept(self, pattern: str, handler: Callable[[Route], Any]) -> None:
        """Answer the page's questions of this pattern, for one test."""
        self.is_intercepted = True
        await self.page.route(pattern, handler)

    async def hold_back(self, pattern: str) -> asyncio.Event:
        """Leave the page's questions of this pattern without an answer until the event is set."""
        over = asyncio.Event()

        async def hold(route: Route) -> None:
            await over.wait()
            await route.fallback()

        await self.intercept(pattern, hold)
        return over

    async def begin(self) -> None:
        """Lay out a fresh ward for a page that stays open; open it anew where that is not so."""
        self.ward = staged(self.house)
        self.ids = every_kind(self.ward)
        if self.page.url == BLANK or not await self.page.evaluate(_AS_IT_WAS):
            await self.page.goto(BLANK)
            await enter_with_key(self.watched)
        self.watched.forget()

    async def end(self) -> None:
        """Leave the case that is open, and see that nothing happened that should not have."""
        if self.is_intercepted:
            # A question still held would go to the node the moment nobody intercepts it.
            self.is_intercepted = False
            await self.page.goto(BLANK)
            await self.page.unroute_all(behavior="ignoreErrors")
        else:
            await open_view(self.page, "#/inbox")
            # What a case still asks would be asked of the next test's ward, which has it not.
            await self.watched.settle()
        self.watched.check()


@asynccontextmanager
async def at_the_desk(house: House, page_of: PageOf, folder: Path) -> AsyncIterator[Desk]:
    """The attending at her desk, one case of each kind before her."""
    ward = staged(house)
    ids = every_kind(ward)
    watched = await page_of(house.base_url)
    await serve_images(watched.page.context)
    file = key_file(folder)
    await enter_with_key(watched)
    yield Desk(house, watched, file, ward, ids)
    await watched.page.goto(BLANK)
