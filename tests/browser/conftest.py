"""Real Chromium before the real application: one browser for all tests, a context for each."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect
from pytest_asyncio import is_async_test

from medquorum.node.accounts import UserRole, wall_clock_ms
from medquorum.node.passwords import PasswordWorker
from tests.browser.case_entry import Desk, at_the_desk
from tests.browser.kit import ARGUMENTS, NAMES, PASSWORD, SLOWEST_MS, PageOf, Watched, watched_page
from tests.browser.record_house import RecordHouse, record_house
from tests.node import record_kit
from tests.node.api.conftest import House, serve_house
from tests.node.api.fake_desk import PATIENT_ADDRESS

HERE = Path(__file__).parent
CHROMIUM = (
    os.environ.get("MEDQUORUM_CHROMIUM")
    or shutil.which("chromium-headless-shell")
    or shutil.which("chromium")
)
expect.set_options(timeout=SLOWEST_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What drives the browser is marked so, and shares the browser's event loop."""
    for item in items:
        if HERE in item.path.parents and is_async_test(item):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser."""
    if CHROMIUM is None:
        pytest.fail("no Chromium: install it, or leave these out with -m 'not browser'")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        await browser.close()


@asynccontextmanager
async def pages_of(chromium: Browser) -> AsyncIterator[PageOf]:
    """Makes a watched page of an origin, in a context of its own unless one is given.

    In the end every page is checked: no foreign request, no violation, no console error.
    """
    async with AsyncExitStack() as stack:
        pages: list[Watched] = []

        async def make(base_url: str, context: Any = None, **options: Any) -> Watched:
            if context is None:
                viewport = {"width": 1280, "height": 720}
                context = await chromium.new_context(**{"viewport": viewport, **options})
                context.set_default_timeout(SLOWEST_MS)
                stack.push_async_callback(context.close)
            pages.append(await watched_page(context, base_url))
            return pages[-1]

        yield make
        for watched in pages:
            watched.check()


@pytest_asyncio.fixture(loop_scope="session")
async def page_of(chromium: Browser) -> AsyncIterator[PageOf]:
    """Makes a watched page of an origin, checked after the test."""
    async with pages_of(chromium) as make:
        yield make


@pytest.fixture(scope="session")
def browser_passwords() -> PasswordWorker:
    """One password worker for all tests."""
    return PasswordWorker()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def password_phc(browser_passwords: PasswordWorker) -> str:
    """The password of all users, hashed once."""
    return await browser_passwords.hash(PASSWORD)


@asynccontextmanager
async def peopled_house(folder: Path, passwords: PasswordWorker, phc: str) -> AsyncIterator[House]:
    """A served node before a fake desk, at the browser's own time, with a user of each role."""
    async with serve_house(folder, passwords) as served:
        served.accounts.now_ms = wall_clock_ms
        for role, name in NAMES.items():
            own = PATIENT_ADDRESS if role is UserRole.PATIENT else None
            user = await served.accounts.add_user(name, role, patient=own)
            await served.accounts.store.save_user(replace(user, password_phc=phc))
        yield served


@pytest_asyncio.fixture(loop_scope="session")
async def house(
    tmp_path: Path, browser_passwords: PasswordWorker, password_phc: str
) -> AsyncIterator[House]:
    """A node of this test's own."""
    async with peopled_house(tmp_path, browser_passwords, password_phc) as served:
        yield served


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def lasting_desk(
    chromium: Browser,
    tmp_path_factory: pytest.TempPathFactory,
    browser_passwords: PasswordWorker,
    password_phc: str,
) -> AsyncIterator[Desk]:
    """A doctor's desk that stays open from test to test of a module."""
    folder = tmp_path_factory.mktemp("desk")
    async with (
        peopled_house(folder, browser_passwords, password_phc) as served,
        pages_of(chromium) as make,
        at_the_desk(served, make, folder) as desk,
    ):
        yield desk


@pytest_asyncio.fixture(loop_scope="session")
async def desk(lasting_desk: Desk) -> AsyncIterator[Desk]:
    """A doctor at her desk, her key open, with a ward of this test's own."""
    await lasting_desk.begin()
    yield lasting_desk
    await lasting_desk.end()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def chain(
    tmp_path_factory: pytest.TempPathFactory, browser_passwords: PasswordWorker, password_phc: str
) -> AsyncIterator[RecordHouse]:
    """A doctor's node with sixteen blocks and an open proposal, only to be read."""
    folder = tmp_path_factory.mktemp("chain")
    async with record_house(folder, record_kit.DOCTOR, browser_passwords, password_phc) as house:
        yield house
