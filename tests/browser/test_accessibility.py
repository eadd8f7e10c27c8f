"""axe finds nothing serious, at a desk and on a tablet; the keyboard reaches everything."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Page, expect

from medquorum.node.accounts import UserRole
from medquorum.node.views import ProposalView
from tests.browser.case_entry import enter_with_key
from tests.browser.case_images import serve_images
from tests.browser.case_kit import every_kind, staged
from tests.browser.kit import NAMES, PageOf, drawn_frames, open_view
from tests.browser.record_house import RecordHouse
from tests.node.api.conftest import House
from tests.node.api.fake_desk import proposal
from tests.node.viewing.kit import picture

AXE = "medquorum/node/page/build/node_modules/axe-core/axe.min.js"
GRAVE = ("serious", "critical")
DOCTOR = NAMES[UserRole.DOCTOR]


async def grave_findings(page: Page, repository: Path) -> list[Any]:
    """What axe finds serious or worse: rule, and where."""
    if not await page.evaluate("'axe' in globalThis"):
        script = repository / AXE
        assert script.is_file(), f"no {AXE}; fetch it: python hatch_build.py"
        await page.evaluate(script.read_text(encoding="utf-8"))
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        (violation["id"], [node["target"] for node in violation["nodes"]])
        for violation in found["violations"]
        if violation["impact"] in GRAVE
    ]


async def test_axe_finds_nothing_grave(house: House, page_of: PageOf, repository: Path) -> None:
    watched = await page_of(house.base_url)
    page = watched.page
    await page.goto(house.base_url)
    await page.get_by_label("Name").wait_for()
    assert await grave_findings(page, repository) == []
    await watched.sign_in(DOCTOR)
    await page.get_by_role("button", name="Later").wait_for()
    assert await grave_findings(page, repository) == []
    await page.get_by_role("button", name="Later").click()
    await page.locator("table.inbox").wait_for()
    assert await grave_findings(page, repository) == []
    await page.keyboard.press("?")
    await page.get_by_role("dialog").wait_for()
    assert await grave_findings(page, repository) == []
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name="Account").click()
    await page.get_by_role("heading", name=DOCTOR).wait_for()
    assert await grave_findings(page, repository) == []
    await page.get_by_role("button", name="Lock").click()
    await page.get_by_role("heading", name="Locked").wait_for()
    assert await grave_findings(page, repository) == []


async def test_j_and_k_walk_through_the_cases_and_enter_opens(
    house: House, page_of: PageOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = house.desk.status().name
    cases = tuple(
        replace(
            proposal(f"{number:064x}"),
            expires_at_ms=2_000_000_000_000 + number,
            verdict=replace(proposal().verdict, attending=own if number == 3 else "mqdoc1x"),
        )
        for number in (1, 2, 3)
    )

    async def inbox() -> tuple[ProposalView, ...]:
        return cases

    monkeypatch.setattr(house.desk, "inbox", inbox)
    watched = await page_of(house.base_url)
    page = watched.page
    # The fake desk has but one case to open.
    watched.expect("status of 404")
    await watched.enter(DOCTOR)
    rail = page.locator("#rail .cases a")
    await expect(rail).to_have_count(3)
    await expect(rail.first).to_contain_text("Attending")
    focused = "document.activeElement.dataset.case?.slice(-1)"
    seen = []
    for key in ("j", "j", "j", "j", "k"):
        await page.keyboard.press(key)
        seen.append(await page.evaluate(focused))
    assert seen == ["3", "1", "2", "2", "1"]
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{house.base_url}/#/case/{1:064x}")


# --- the sizes of screens ---------------------------------------------------------------------

SCREENS = ((1280, 720), (1112, 834), (834, 1112))
"""A desk, and a tablet lying and standing: columns and rows."""
CUT = """() => {
  const wide = document.documentElement.clientWidth;
  const hands = [...document.querySelectorAll("button, a:not(.skip), select, input")];
  const cut = hands.filter((one) => {
    const { left, right, width, height } = one.getBoundingClientRect();
    if (!one.checkVisibility({ visibilityProperty: true }) || width * height === 0) return false;
    for (let above = one.parentElement; above !== null; above = above.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(above).overflowX)) return false;
    }
    return left < -1 || right > wide + 1;
  });
  const clipped = [...document.querySelectorAll("table")].filter(
    (one) => one.checkVisibility() && one.offsetWidth > one.parentElement.clientWidth + 1,
  );
  return [
    document.documentElement.scrollWidth - wide,
    cut.map((one) => one.textContent),
    clipped.map((one) => one.className),
  ];
}"""
"""By how many pixels the page is wider than the screen, what to press lies beyond it, and which
tables are wider than their place."""


async def seen_whole(page: Page, repository: Path, name: str) -> None:
    """On every screen nothing is cut, and axe is content on the widest and the narrowest.

    Pictures of each where an album is asked for.
    """
    album = os.environ.get("MEDQUORUM_BROWSER_ALBUM")
    for columns, rows in SCREENS:
        await page.set_viewport_size({"width": columns, "height": rows})
        await drawn_frames(page)
        if album:
            await page.screenshot(path=Path(album) / f"{name}-{columns}.png")
        assert await page.evaluate(CUT) == [0, [], []], (name, columns)
        images = page.locator(".case-images")
        if await images.count():
            wide = await images.evaluate("one => one.getBoundingClientRect().width")
            assert wide >= 0.6 * columns, (name, columns)
        if (columns, rows) in (SCREENS[0], SCREENS[-1]):
            assert await grave_findings(page, repository) == [], (name, columns)


async def test_cases_and_uploads_fit_the_screen(
    house: House, page_of: PageOf, repository: Path, tmp_path: Path
) -> None:
    ids = every_kind(staged(house))
    watched = await page_of(house.base_url, has_touch=True)
    page = watched.page
    await serve_images(page.context)
    await enter_with_key(watched)
    await page.locator("table.inbox").wait_for()
    await seen_whole(page, repository, "inbox")
    for name in ("tumour", "film", "form"):
        await open_view(page, f"#/case/{ids[name]}")
        await page.locator(".votebar button").first.wait_for()
        if name != "form":
            await page.locator(".case-images canvas").first.wait_for()
        await seen_whole(page, repository, f"case-{name}")
    film = tmp_path / "film.png"
    film.write_bytes(picture(np.arange(384, dtype=np.uint8).reshape(24, 16)))
    await open_view(page, "#/upload")
    await page.locator("input[type=file]").first.set_input_files(film)
    await page.get_by_role("button", name="Start upload").click()
    await page.locator(".series-card").wait_for()
    await seen_whole(page, repository, "upload")


async def test_records_and_the_chain_fit_the_screen(
    chain: RecordHouse, page_of: PageOf, repository: Path
) -> None:
    watched = await page_of(chain.base_url, has_touch=True)
    page = watched.page
    await watched.enter(DOCTOR)
    for view, ready in (
        ("#/patient/1", ".consultation table"),
        ("#/explorer", "table.blocks tbody tr"),
        ("#/block/7", "#verification .verdict"),
        ("#/network", ".charts"),
    ):
        await open_view(page, view)
        await page.locator(ready).first.wait_for()
        await seen_whole(page, repository, view.split("/")[1])
