"""The doctor's key on the page, and the lock of a desk that is left alone."""

import json

from playwright.async_api import Page, expect

from medquorum.node.accounts import UserRole
from tests.browser.kit import NAMES, PASSPHRASE, PASSWORD, PageOf, Watched, hold_key, key_file_of
from tests.node.api.conftest import House

DOCTOR = NAMES[UserRole.DOCTOR]
IS_OPEN = "import('/page/keys/hand.js').then(({hand}) => hand.isOpen)"
STORED = """
(async () => {
  const found = [];
  for (const { name } of await indexedDB.databases()) {
    const database = await new Promise((resolve) => {
      const request = indexedDB.open(name);
      request.onsuccess = () => resolve(request.result);
    });
    for (const store of database.objectStoreNames) {
      const request = database.transaction(store).objectStore(store).getAll();
      await new Promise((resolve) => { request.onsuccess = resolve; });
      found.push(...request.result);
    }
    database.close();
  }
  return JSON.stringify(found);
})()
"""
DRAFT = "document.querySelector('.view').insertAdjacentElement('beforeend', Object.assign("
DRAFT += "document.createElement('textarea'), {id: 'draft', value: 'a draft'}))"


async def come_with_key(house: House, watched: Watched, *, remember: bool = False) -> Page:
    """Sign in and open the key of the node's doctor."""
    page = watched.page
    await page.goto(house.base_url)
    await watched.sign_in(DOCTOR)
    await page.get_by_label("Key file").set_input_files(key_file_of(house.desk.status().name))
    await page.get_by_label("Passphrase of the key").fill(PASSPHRASE)
    if remember:
        await page.get_by_label("Remember the encrypted file").check()
    await page.get_by_role("button", name="Open key").click()
    await expect(page.locator("#rail")).to_contain_text("Key open")
    await expect(page.locator("table.inbox")).to_be_visible()
    return page


async def at_an_open_key(house: House, watched: Watched) -> Page:
    """The same where neither sign-in nor the form for the key is looked at."""
    await watched.enter(DOCTOR)
    await hold_key(watched.page, house.desk.status().name)
    await expect(watched.page.locator("table.inbox")).to_be_visible()
    return watched.page


async def unlock(page: Page, passphrase: str) -> None:
    await page.get_by_label("Passphrase of the key").fill(passphrase)
    await page.locator("form.card-form button[type=submit]").click()


async def test_an_idle_desk_hides_drops_the_key_and_asks_again(
    house: House, page_of: PageOf
) -> None:
    watched = await page_of(house.base_url)
    page = watched.page
    await page.clock.install()
    await at_an_open_key(house, watched)
    await page.evaluate(DRAFT)
    await page.clock.fast_forward(9 * 60_000)
    await expect(page.locator("#draft")).to_be_visible()
    await page.clock.fast_forward(61_000)
    await expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    await expect(page.locator("#desk")).to_be_hidden()
    assert await page.evaluate(IS_OPEN) is False
    await unlock(page, "not the passphrase")
    await expect(page.locator("form [role=alert]")).not_to_be_empty()
    await expect(page.locator("#desk")).to_be_hidden()
    await unlock(page, PASSPHRASE)
    await expect(page.locator("#draft")).to_be_visible()
    assert await page.locator("#draft").input_value() == "a draft"
    assert await page.evaluate(IS_OPEN) is True


async def test_hands_on_the_desk_keep_it_open(house: House, page_of: PageOf) -> None:
    watched = await page_of(house.base_url)
    page = watched.page
    await page.clock.install()
    await watched.enter(DOCTOR)
    for _ in range(3):
        await page.clock.fast_forward(9 * 60_000)
        await page.keyboard.press("Shift")
    await expect(page.locator("#desk")).to_be_visible()


async def test_a_locked_desk_without_a_key_wants_the_password(
    house: House, page_of: PageOf
) -> None:
    watched = await page_of(house.base_url)
    page = watched.page
    await watched.enter(NAMES[UserRole.OPERATOR])
    await page.get_by_role("button", name="Lock").click()
    await expect(page.locator("#desk")).to_be_hidden()
    await expect(page.get_by_label("Name")).to_have_value(NAMES[UserRole.OPERATOR])
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.locator("#rail")).to_be_visible()


async def test_a_session_that_ended_behind_the_lock_asks_for_the_password_too(
    house: House, page_of: PageOf
) -> None:
    watched = await page_of(house.base_url)
    watched.expect("status of 401")
    page = await at_an_open_key(house, watched)
    await page.evaluate(DRAFT)
    await page.get_by_role("button", name="Lock").click()
    await house.accounts.revoke_all(DOCTOR)
    await unlock(page, PASSPHRASE)
    await expect(page.get_by_text("Your session has ended.")).to_be_visible()
    await watched.sign_in(DOCTOR)
    await unlock(page, PASSPHRASE)
    await expect(page.locator("#draft")).to_be_visible()
    assert await page.locator("#draft").input_value() == "a draft"


async def test_a_locked_desk_does_not_open_for_somebody_who_signed_in_beside_it(
    house: House, page_of: PageOf
) -> None:
    """Another page of the same browser: the cookie is the clerk's now, the desk is not."""
    watched = await page_of(house.base_url)
    page = await at_an_open_key(house, watched)
    await page.get_by_role("button", name="Lock").click()
    beside = await page_of(house.base_url, page.context)
    await beside.enter(NAMES[UserRole.CLERK])
    await unlock(page, PASSPHRASE)
    await expect(page.get_by_text("Your session has ended.")).to_be_visible()
    await expect(page.locator("#desk")).to_be_hidden()


async def test_a_node_that_is_away_leaves_the_desk_locked_and_says_so(
    house: House, page_of: PageOf
) -> None:
    watched = await page_of(house.base_url)
    watched.expect("ERR_FAILED")
    page = await at_an_open_key(house, watched)
    await page.get_by_role("button", name="Lock").click()
    await page.route("**/v1/session**", lambda route: route.abort())
    await unlock(page, PASSPHRASE)
    await expect(page.locator("form [role=alert]")).to_contain_text("does not answer")
    await expect(page.locator("#desk")).to_be_hidden()
    await page.unroute("**/v1/session**")
    await unlock(page, PASSPHRASE)
    await expect(page.locator("#desk")).to_be_visible()


async def test_the_encrypted_file_is_remembered_only_where_she_says_so(
    house: House, page_of: PageOf
) -> None:
    watched = await page_of(house.base_url)
    page = await come_with_key(house, watched)
    assert "sealed" not in await page.evaluate(STORED)
    await page.reload()
    await page.get_by_role("button", name="Open key").click()
    await expect(page.get_by_label("Key file", exact=True)).to_be_visible()

    other = await page_of(house.base_url)
    page = await come_with_key(house, other, remember=True)
    stored = json.loads(await page.evaluate(STORED))
    assert [letter["user"] for letter in stored if "text" in letter] == [DOCTOR]
    await page.reload()
    await page.get_by_role("button", name="Open key").click()
    await unlock(page, PASSPHRASE)
    await expect(page.locator("#rail")).to_contain_text("Key open")
    await page.get_by_role("link", name="Account").click()
    await page.get_by_role("button", name="Forget the file").click()
    await expect(page.get_by_text("does not remember")).to_be_visible()
    assert "sealed" not in await page.evaluate(STORED)


async def test_neither_key_nor_passphrase_leaves_the_page(house: House, page_of: PageOf) -> None:
    watched = await page_of(house.base_url)
    page = await come_with_key(house, watched, remember=True)
    sent = b"".join(watched.bodies)
    assert PASSPHRASE.encode() not in sent
    assert b"sealed" not in sent
    kept = await page.evaluate(STORED)
    assert PASSPHRASE not in kept and PASSWORD not in kept


async def test_another_members_key_is_refused(house: House, page_of: PageOf) -> None:
    watched = await page_of(house.base_url)
    page = watched.page
    await page.goto(house.base_url)
    await watched.sign_in(DOCTOR)
    await page.get_by_label("Key file").set_input_files(key_file_of("Dr. Nobody"))
    await unlock(page, PASSPHRASE)
    await expect(page.locator("form [role=alert]")).to_contain_text("another member's")
    assert await page.evaluate(IS_OPEN) is False
