"""Images that have not been shown are said so, and deciding without them takes one step more."""

import pytest
from playwright.async_api import expect

from tests.browser.case_entry import Desk

CAST = "form.ballot button.cast"
UNSEEN = "#vote-unseen"
DESCRIBED, SLICES = "**/v1/images/*/*", "**/v1/images/*/*/slices/*"


@pytest.mark.parametrize("withheld", [DESCRIBED, SLICES], ids=["description", "slices"])
async def test_a_film_that_is_being_fetched_is_no_black_film(desk: Desk, withheld: str) -> None:
    """It is said in its place; the ballot opens the moment it is drawn, and stays four keys."""
    page, arrived = desk.page, await desk.hold_back(withheld)
    await desk.open("film")
    waiting = page.locator(".viewer-waiting")
    await expect(waiting).to_be_visible()
    await desk.press("a", "1")
    await expect(page.locator("form.ballot")).to_contain_text("have been shown here")
    await expect(page.locator(CAST)).to_be_disabled()
    await desk.press("Enter")
    assert desk.ward.cast == []
    arrived.set()
    await expect(page.locator(CAST)).to_be_enabled()
    await expect(page.locator(UNSEEN)).to_have_count(0)
    await expect(waiting).to_be_hidden()
    await desk.press("Enter")
    await page.locator(".receipt").wait_for()
    assert len(desk.ward.cast) == 1


@pytest.mark.parametrize("refused", [DESCRIBED, SLICES], ids=["description", "slices"])
async def test_without_the_film_one_deliberate_step_leads_to_a_vote(
    desk: Desk, refused: str
) -> None:
    page = desk.page
    desk.watched.expect("net::ERR_FAILED")
    await desk.intercept(refused, lambda route: route.abort())
    await desk.open("film")
    await expect(page.locator(".viewer-waiting.failed")).to_be_visible()
    await desk.press("a", "1")
    await expect(page.locator(CAST)).to_be_disabled()
    await expect(page.locator(UNSEEN)).to_be_focused()
    await desk.press("Space")
    await expect(page.locator(CAST)).to_be_focused()
    await desk.press("Enter")
    await page.locator(".receipt").wait_for()
    assert len(desk.ward.cast) == 1


async def test_a_report_on_two_series_is_seen_with_both(desk: Desk) -> None:
    """The CT alone is not what it was fused from; abstaining needs no images."""
    page, pet = desk.page, await desk.hold_back("**/v1/images/*/IMM_PET/**")
    await desk.open("tumour")
    await page.locator(".viewer[data-drawn]").wait_for()
    await desk.press("a", "1")
    await expect(page.locator(".viewer-pane-fused")).to_be_visible()
    await expect(page.locator(".viewer-waiting")).to_be_visible()
    await expect(page.locator(CAST)).to_be_disabled()
    await desk.press("q")
    await expect(page.locator(CAST)).to_be_enabled()
    await desk.press("a")
    await expect(page.locator(CAST)).to_be_disabled()
    pet.set()
    await expect(page.locator(CAST)).to_be_enabled()


async def test_a_tumour_report_begins_at_its_largest_lesion(desk: Desk) -> None:
    """90 mm above the first slice, 3 mm a slice; the middle one is 20."""
    await desk.open("tumour")
    await desk.page.locator(".case-images .viewer[data-drawn]").wait_for()
    await expect(desk.page.locator(".viewer")).to_have_attribute("data-drawn", "30")
