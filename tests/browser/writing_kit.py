"""A doctor who writes beside a case: at an accepted machine's report, her key opened."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from playwright.async_api import Locator, Page, expect

from tests.browser.case_contents import tumour_report
from tests.browser.case_entry import enter_with_key
from tests.browser.case_images import attachment, serve_images
from tests.browser.case_kit import Ward, history, machine_report, staged
from tests.browser.kit import PageOf, Watched, open_view
from tests.node.api.conftest import House
from tests.node.api.fake_desk import block

SHAPE = (4, 16, 16)
LABELS = np.zeros(SHAPE, dtype=np.uint8)
LABELS[0, :4], LABELS[1, :4], LABELS[2, :4] = 1, 2, 3


@dataclass
class Writing:
    """A doctor at an accepted machine's report."""

    ward: Ward
    watched: Watched
    case: str

    @property
    def page(self) -> Page:
        """The page."""
        return self.watched.page

    @property
    def form(self) -> Locator:
        """The form that is written."""
        return self.page.locator("form.case-form")

    async def open(self, button: str) -> None:
        """Open the case and a form."""
        await open_view(self.page, f"#/case/{self.case}")
        await self.page.get_by_role("button", name=button).click()
        await self.form.wait_for()

    async def issue(self) -> None:
        """Sign and issue."""
        await self.form.get_by_role("button", name="Sign and issue").click()
        await expect(self.page.locator(".case-form")).to_contain_text("Issued.")


@asynccontextmanager
async def at_a_report(house: House, page_of: PageOf) -> AsyncIterator[Writing]:
    """The attending at her desk, before the case of a machine's report that was accepted."""
    ward = staged(house)
    report = machine_report()
    case = ward.put(report, tumour_report(), state="accepted", n_bc=6)
    record = report.core.record.hex()
    ward.contents[record, "ATTACHMENT"] = attachment(LABELS.tobytes(), SHAPE)
    final = replace(block(6, 1), proposal=case, hash="e6" * 32, type="report", record=record)

    async def blocks(after: int, limit: int, patient: int | None) -> tuple[Any, ...]:
        return tuple(one for one in (*history(), final) if one.n_bc > after)[:limit]

    house.desk.blocks = blocks  # type: ignore[method-assign]
    watched = await page_of(house.base_url)
    await serve_images(watched.page.context)
    await enter_with_key(watched)
    yield Writing(ward, watched, case)
    await watched.page.goto("about:blank")
