"""Uploading from the page: a study proposed without names, a broken upload resumed after reload."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.async_api import Page, Route, expect

from medquorum.ledger.types import PartName
from medquorum.node.accounts import UserRole
from tests.browser.kit import NAMES, PageOf, Watched
from tests.node.api.conftest import House
from tests.node.intake.kit import CANARY, encoded
from tests.node.uploads.looking_here import looking_here
from tests.node.viewing.kit import described, picture, slice_of

__all__ = ["looking_here"]
RAMP = np.arange(24 * 16).reshape(24, 16)
WIDTH = "async (one) => { await one.decode(); return one.naturalWidth; }"
"""Of a picture, once it is there."""
NASTY = "<img src=x onerror=alert(1)>.txt"


async def at_uploads(house: House, page_of: PageOf) -> Watched:
    """The upload view of a radiologist."""
    watched = await page_of(house.base_url)
    await watched.enter(NAMES[UserRole.RADIOLOGIST], "#/upload")
    await watched.page.get_by_text("Drop files or folders here").wait_for()
    return watched


async def choose(page: Page, *paths: Path, folder: bool = False) -> None:
    """Choose files by their button, and start."""
    name = "Choose a folder" if folder else "Choose files"
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name=name).click()
    await (await chooser.value).set_files([str(path) for path in paths])
    await page.get_by_role("button", name="Start upload").wait_for()


def study(folder: Path) -> Path:
    """A CT of three slices, one without spacing, and a file that is none."""
    root = folder / "study"
    root.mkdir()
    for number in (1, 2, 3):
        (root / f"{number}.dcm").write_bytes(encoded(slice_of("CT", number, RAMP)))
    broken = slice_of("CT", 4, RAMP)
    del broken.PixelSpacing
    (root / "broken.dcm").write_bytes(encoded(broken))
    (root / NASTY).write_text("hello")
    return root


async def test_a_study_is_proposed_without_names(
    house: House, page_of: PageOf, tmp_path: Path
) -> None:
    watched = await at_uploads(house, page_of)
    page = watched.page
    await choose(page, study(tmp_path), folder=True)
    await page.keyboard.press("Enter")
    issue = page.locator(".issues li")
    await issue.wait_for()
    assert "PixelSpacing (0028,0030)" in await issue.inner_text()
    assert "broken.dcm" in await issue.inner_text()
    await page.locator(".skipped summary").click()
    assert NASTY in await page.locator(".skipped").inner_text()
    await page.locator(".identity summary").click()
    name = page.locator("tr", has=page.get_by_text("0010,0010"))
    assert CANARY in await name.inner_text()
    assert "emptied" in await name.inner_text()
    await page.locator(".series-picture").scroll_into_view_if_needed()
    assert await page.locator("img.series-picture[src]").evaluate(WIDTH) == 16

    assert await page.get_by_role("button", name="Propose this CT").is_disabled()
    await page.get_by_label("Patient").select_option("1")
    await page.get_by_role("button", name="Propose this CT").click()
    problem = page.locator(".series-card .problem")
    await problem.filter(has_text="broken.dcm").wait_for()
    await page.locator(".upload-progress summary").click()
    watched.expect("409")
    await page.get_by_role("button", name="Remove study/broken.dcm").click()
    await page.locator(".issues").wait_for(state="detached")
    await page.get_by_role("button", name="Propose this CT").click()
    await page.get_by_text("The doctors decide now").wait_for()
    content = house.desk.contents[-1][PartName.IMG_CT]
    assert CANARY.encode() not in content
    assert described(content, "IMG_CT").described["slices"] == 3


async def test_a_film_is_shown_before_it_is_sent_and_resumed_after_a_reload(
    house: House, page_of: PageOf, tmp_path: Path
) -> None:
    film = tmp_path / "film.png"
    noise = np.random.default_rng(1).integers(0, 256, (3_100, 3_100), dtype=np.uint8)
    film.write_bytes(picture(noise))
    assert film.stat().st_size > 8 * 1_048_576  # more than one piece
    watched = await at_uploads(house, page_of)
    page = watched.page
    pieces: list[int] = []

    async def count(route: Route) -> None:
        pieces.append(len(route.request.post_data_buffer or b""))
        await route.continue_()

    async def cut(route: Route) -> None:
        if route.request.headers["upload-offset"] == "0":
            await count(route)
        else:
            await route.abort()

    await page.route("**/v1/uploads/*", lambda route: _patch(route, cut))
    await choose(page, film)
    assert await page.locator(".chosen img[src]").evaluate(WIDTH) > 0
    assert pieces == []
    watched.expect("ERR_FAILED")
    await page.keyboard.press("Enter")
    await page.get_by_text("The node does not answer").first.wait_for()
    assert pieces == [8 * 1_048_576]

    # The page tries again and again: the way is opened only once it has forgotten the file.
    await page.reload()
    await page.get_by_text("Choose the same files again").wait_for()
    await page.unroute("**/v1/uploads/*")
    await page.route("**/v1/uploads/*", lambda route: _patch(route, count))
    await choose(page, film)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Propose this X-ray").wait_for()
    assert sum(pieces) == film.stat().st_size  # nothing was sent twice


async def test_what_was_proposed_already_is_shown_so_by_a_page_opened_anew(
    house: House, page_of: PageOf, looking_here: None, tmp_path: Path
) -> None:
    film = tmp_path / "film.png"
    film.write_bytes(picture(RAMP.astype(np.uint8)))
    watched = await at_uploads(house, page_of)
    page = watched.page
    await choose(page, film)
    await page.keyboard.press("Enter")
    await page.get_by_label("Patient").select_option("1")
    propose = page.get_by_role("button", name="Propose this X-ray")
    await propose.click()
    await page.get_by_text("The doctors decide now").wait_for()
    assert await propose.count() == 0
    proposal = f"{len(house.desk.submitted):064x}"
    for again in (page.reload(), page.goto(f"{house.base_url}/#/account")):
        await again
        await page.goto(f"{house.base_url}/#/upload")
        await page.get_by_text("for N PB 1. The doctors decide now").wait_for()
        assert await propose.count() == 0
        case = page.get_by_role("link", name="To the case")
        assert await case.get_attribute("href") == f"#/case/{proposal}"

    house.desk.states[proposal] = "rejected"
    await page.reload()
    await page.get_by_text("It may be proposed again").wait_for()
    await page.get_by_label("Patient").select_option("2")
    await propose.click()
    await page.get_by_text("for N PB 2. The doctors decide now").wait_for()
    assert [one.patient for one in house.desk.submitted] == [1, 2]


async def test_what_an_earlier_upload_proposed_is_shown_and_doubled_only_where_that_is_meant(
    house: House, page_of: PageOf, looking_here: None, tmp_path: Path
) -> None:
    film = tmp_path / "film.png"
    film.write_bytes(picture(RAMP.astype(np.uint8)))
    for visit in (1, 2):
        page = (await at_uploads(house, page_of)).page  # each is a tab of its own
        await choose(page, film)
        await page.keyboard.press("Enter")
        await page.get_by_label("Patient").select_option("1")
        propose = page.get_by_role("button", name="Propose this X-ray")
        if visit == 2:
            await page.get_by_text("for N PB 1. The doctors decide now").wait_for()
            assert await propose.count() == 0
            await page.get_by_role("button", name="Propose it once more").click()
        await propose.click()
        await page.get_by_text("The doctors decide now").wait_for()
        assert await page.get_by_role("button", name="Propose it once more").count() == 0
        assert len(house.desk.submitted) == visit


async def test_a_series_that_was_proposed_since_it_was_looked_into_is_doubled_only_where_meant(
    house: House, page_of: PageOf, looking_here: None, tmp_path: Path
) -> None:
    """Here one film lies in the upload by two names; it could as well be a colleague's upload."""
    films = [tmp_path / name for name in ("one.png", "two.png")]
    for film in films:
        film.write_bytes(picture(RAMP.astype(np.uint8)))
    watched = await at_uploads(house, page_of)
    watched.expect("409")
    page = watched.page
    await choose(page, *films)
    await page.keyboard.press("Enter")
    await page.get_by_label("Patient").select_option("1")
    propose = page.get_by_role("button", name="Propose this X-ray")
    once_more = page.get_by_role("button", name="Propose it once more")
    await propose.first.click()
    await expect(propose).to_have_count(1)
    assert await once_more.count() == 0
    await propose.click()
    await page.locator(".series-card .problem").filter(has_text="proposed already").wait_for()
    assert len(house.desk.submitted) == 1
    await once_more.click()
    await propose.click()
    await expect(propose).to_have_count(0)
    assert (await once_more.count(), len(house.desk.submitted)) == (0, 2)


def two_films(folder: Path) -> tuple[Path, Path]:
    """Two films of one name and length; the second differs by a stripe in its middle."""
    shade = np.full((1_200, 900), 90, np.uint8)
    films = []
    for name in ("left", "right"):
        (folder / name).mkdir()
        films.append(folder / name / "film.png")
        Image.fromarray(shade).save(films[-1], compress_level=0)
        shade[500:700] = 200
    assert films[0].stat().st_size == films[1].stat().st_size
    return films[0], films[1]


async def test_two_films_of_one_name_and_length_are_both_sent(
    house: House, page_of: PageOf, looking_here: None, tmp_path: Path
) -> None:
    films = two_films(tmp_path)
    watched = await at_uploads(house, page_of)
    page = watched.page
    cards, rows = page.locator(".series-card"), page.locator(".upload-progress tr")
    await choose(page, *films)
    await page.keyboard.press("Enter")
    await expect(cards).to_have_count(2)
    # chosen once more, each is known again
    await choose(page, films[1])
    async with page.expect_response("**/inspection"):
        await page.keyboard.press("Enter")
    await expect(cards).to_have_count(2)
    await expect(rows).to_have_count(2)
    # and one after the other, also once the page has forgotten the first
    await page.get_by_role("button", name="Give up and remove").click()
    await choose(page, films[0])
    await page.keyboard.press("Enter")
    await expect(cards).to_have_count(1)
    await page.reload()
    await expect(cards).to_have_count(1)
    await choose(page, films[1])
    await page.keyboard.press("Enter")
    await expect(cards).to_have_count(2)
    [folder] = (house.spool / "uploads").iterdir()
    held = {one.read_bytes() for one in folder.iterdir()}
    assert held == {film.read_bytes() for film in films}


async def test_a_session_that_ends_on_the_way_is_signed_in_again_and_nothing_is_lost(
    house: House, page_of: PageOf, tmp_path: Path
) -> None:
    films = [tmp_path / f"{number}.png" for number in range(5)]
    for film in films:
        film.write_bytes(picture(RAMP.astype(np.uint8)))
    watched = await at_uploads(house, page_of)
    page = watched.page
    refused: list[str] = []
    ended: list[str] = []
    page.on("response", lambda one: refused.append(one.url) if one.status == 401 else None)

    async def end(route: Route) -> None:
        if not ended:
            ended.append(route.request.url)
            await house.accounts.revoke_all(NAMES[UserRole.RADIOLOGIST])
        await route.continue_()

    await page.route("**/v1/uploads/*", lambda route: _patch(route, end))
    await choose(page, *films)
    watched.expect("401")
    await page.keyboard.press("Enter")
    await page.get_by_text("Your session has ended.").wait_for()
    await watched.sign_in(NAMES[UserRole.RADIOLOGIST])
    await page.locator(".upload-progress tr[data-state=here]").nth(4).wait_for(state="attached")
    assert await page.locator(".upload-progress tr").count() == len(films)
    assert 1 <= len([url for url in refused if "/v1/uploads" in url]) <= 3  # one of each lane


async def _patch(route: Route, act: Any) -> None:
    if route.request.method == "PATCH":
        await act(route)
    else:
        await route.continue_()
