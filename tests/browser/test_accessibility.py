"""axe finds nothing serious on the pages of the shell; the keyboard reaches everything."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from medquorum.node.accounts import UserRole
from medquorum.node.views import ProposalView
from tests.browser.conftest import NAMES, PageOf
from tests.node.api.conftest import House
from tests.node.api.fake_desk import proposal

AXE = "medquorum/node/page/build/node_modules/axe-core/axe.min.js"
GRAVE = ("serious", "critical")
DOCTOR = NAMES[UserRole.DOCTOR]


async def grave_findings(page: Page, repository: Path) -> list[Any]:
    """What axe finds serious or worse: rule, and where."""
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
