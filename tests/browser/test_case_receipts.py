"""The words of a remark outlive a reload until their receipt is saved, and nobody else reads them.

R-EXP4: a vote holds the hash of a remark; a receipt without the words proves nothing.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import expect

from medquorum.consensus.receipts import check_receipt
from medquorum.ledger.receipt import parse_receipt
from medquorum.node.accounts import UserRole
from tests.browser.case_entry import Desk, at_the_desk, enter_with_key
from tests.browser.case_kit import NETWORK
from tests.browser.keys_kit import forms, stored_on
from tests.browser.kit import NAMES, PageOf, until
from tests.node.api.conftest import House

REMARK = "Mrs. Canary: the liver lesion is a cyst."
SAVE = "Save receipt"
GONE = "no longer on this computer"


@pytest_asyncio.fixture(loop_scope="session")
async def desk(house: House, page_of: PageOf, tmp_path: Path) -> AsyncIterator[Desk]:
    """A browser of this test's own, at a case: what it keeps is counted."""
    async with at_the_desk(house, page_of, tmp_path) as made:
        await made.open("prescription")
        yield made


async def reject(desk: Desk) -> None:
    """Cast a vote with a remark."""
    await desk.press("r")
    await desk.page.locator("#vote-comment").fill(REMARK)
    await desk.page.locator("button.cast").click()


async def reload(desk: Desk) -> None:
    """The page anew, at the same case."""
    await desk.page.reload()
    await desk.bar.wait_for()


async def save(desk: Desk, folder: Path) -> Any:
    """The receipt the page saves, found valid."""
    async with desk.page.expect_download() as downloading:
        await desk.bar.get_by_role("button", name=SAVE).click()
    path = folder / "receipt"
    await (await downloading.value).save_as(path)
    found = check_receipt(path.read_bytes(), NETWORK.charter)
    assert found.valid, found.reason
    return parse_receipt(path.read_bytes())


async def kept(desk: Desk) -> tuple[int, int]:
    """How many remarks and keys this browser keeps."""
    counted = await desk.page.evaluate(
        """async () => {
          const { sealedRemarks, remarkKeys } = await import("/page/keys/storage.js");
          return [(await sealedRemarks.all()).length, (await remarkKeys.all()).length];
        }"""
    )
    return counted[0], counted[1]


async def counts(desk: Desk, wanted: tuple[int, int]) -> bool:
    """Whether it keeps so many by now: a saved remark goes after its receipt."""
    return await kept(desk) == wanted


async def test_a_receipt_with_its_remark_is_offered_after_a_reload(
    desk: Desk, tmp_path: Path
) -> None:
    await reject(desk)
    await desk.page.locator(".receipt").wait_for()
    await reload(desk)
    await expect(desk.page.locator(".receipt")).to_contain_text("save it")
    receipt = await save(desk, tmp_path)
    assert receipt.comment is not None
    assert receipt.comment.text == REMARK
    assert receipt.vote.encoded() == desk.ward.cast[0].encoded()


async def test_a_remark_waits_with_its_vote_for_a_node_that_is_away(
    desk: Desk, tmp_path: Path
) -> None:
    page = desk.page
    desk.watched.expect("ERR_FAILED")
    await page.route("**/v1/votes", lambda route: route.abort())
    await reject(desk)
    await expect(desk.bar).to_contain_text("signed and kept on this computer")
    await reload(desk)
    assert desk.ward.cast == []
    await page.unroute("**/v1/votes")
    await page.evaluate("window.dispatchEvent(new Event('online'))")
    await page.locator(".receipt").wait_for()
    receipt = await save(desk, tmp_path)
    assert receipt.comment is not None
    assert receipt.comment.text == REMARK


async def test_what_is_kept_of_a_remark_cannot_be_read_nor_its_key_taken_out(desk: Desk) -> None:
    await reject(desk)
    await desk.page.locator(".receipt").wait_for()
    assert await kept(desk) == (1, 1)
    places = [text.encode() for text in await stored_on(desk.page)]
    assert any(b"CryptoKey" in place for place in places)
    for form in {*forms(REMARK.encode()), b"Canary"}:
        assert not any(form in place for place in places)
    taken = await desk.page.evaluate(
        """async () => {
          const { remarkKeys } = await import("/page/keys/storage.js");
          const [{ key }] = await remarkKeys.all();
          const tried = (format) => crypto.subtle.exportKey(format, key);
          const outcomes = await Promise.allSettled(["raw", "jwk"].map(tried));
          return [key.extractable, outcomes.map(({ status }) => status)];
        }"""
    )
    assert taken == [False, ["rejected", "rejected"]]


async def test_once_the_receipt_is_saved_the_remark_is_forgotten(
    desk: Desk, tmp_path: Path
) -> None:
    await reject(desk)
    await desk.page.locator(".receipt").wait_for()
    await save(desk, tmp_path)
    await until(desk.page, lambda: counts(desk, (0, 1)))
    assert (await save(desk, tmp_path)).comment is not None, "this page still has it"
    await reload(desk)
    button = desk.bar.get_by_role("button", name=SAVE)
    await expect(button).to_be_disabled()
    assert GONE in (await button.get_attribute("title") or "")


async def test_signing_out_forgets_remark_and_key(desk: Desk) -> None:
    page = desk.page
    await reject(desk)
    await page.locator(".receipt").wait_for()
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await page.get_by_label("Password").wait_for()
    assert await kept(desk) == (0, 0)
    await enter_with_key(desk.watched)
    await desk.open("prescription")
    await expect(desk.bar.get_by_role("button", name=SAVE)).to_be_disabled()


async def test_somebody_else_who_signs_in_finds_nothing(desk: Desk) -> None:
    """The browser was closed without signing out; another sits down."""
    await reject(desk)
    await desk.page.locator(".receipt").wait_for()
    await desk.page.goto("about:blank")
    await desk.page.context.clear_cookies()
    await desk.watched.enter(NAMES[UserRole.RADIOLOGIST])
    assert await kept(desk) == (0, 0)


async def test_a_remark_that_is_not_the_votes_is_none(desk: Desk) -> None:
    """Another vote's, another user's, or one that somebody changed in the storage."""
    told = await desk.page.evaluate(
        """async () => {
          const { digestOf, keepRemark, remarkFor } = await import("/page/keys/remarks.js");
          const { sealedRemarks } = await import("/page/keys/storage.js");
          const remark = { salt: new Uint8Array(32), text: "a cyst" };
          const digest = await digestOf(remark);
          const asked = async (user, id, digest_) => (await remarkFor(user, id, digest_))?.text;
          await keepRemark("amara", "aa", remark);
          await keepRemark("ben", "bb", remark);
          const found = [await asked("amara", "aa", digest), await asked("ben", "bb", digest)];
          found.push(await asked("ben", "aa", digest), await asked("amara", "cc", digest));
          found.push(await asked("amara", "aa", new Uint8Array(32)));
          found.push(await asked("amara", "aa", null));
          const held = await sealedRemarks.get("aa");
          await sealedRemarks.keep({ ...held, id: "dd" });
          found.push(await asked("amara", "dd", digest));
          held.sealed[0] ^= 1;
          await sealedRemarks.keep(held);
          found.push(await asked("amara", "aa", digest));
          return JSON.stringify(found);
        }"""
    )
    assert json.loads(told) == ["a cyst", "a cyst", *[None] * 6]
