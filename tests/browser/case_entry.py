"""How the attending comes to her desk: her key file, the sign-in, the key opened."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page

from medquorum.ledger.keys import Purpose
from medquorum.node.page_key_file import seal_page_keys
from tests.browser.case_kit import ATTENDING
from tests.browser.kit import PASSPHRASE, Watched
from tests.ledger.charter_kit import address_of_name, private_key


def key_file(folder: Path) -> Path:
    """The attending's page key file."""
    keys = {"clinical": private_key(ATTENDING, Purpose.CLINICAL)}
    path = folder / "page-key.json"
    path.write_bytes(seal_page_keys(keys, address_of_name(ATTENDING), PASSPHRASE))
    return path


async def enter_with_key(watched: Watched, name: str, file: Path) -> None:
    """Sign in and open the key."""
    page = watched.page
    await page.goto(watched.base_url, wait_until="commit")
    await watched.sign_in(name)
    await open_key(page, file)
    await page.locator("#rail footer").wait_for()


async def open_key(page: Page, file: Path, *, known: bool = False) -> None:
    """Fill in the form that asks for the key; a file in use need not be chosen again."""
    if not known:
        await page.locator("#key-file").set_input_files(str(file))
    await page.locator("#key-passphrase").fill(PASSPHRASE)
    await page.locator("form.card-form").get_by_role("button", name="Open key").click()
