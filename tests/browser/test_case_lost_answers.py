"""A lost answer issues no second document: what was sent is kept beside its draft (R-PRO2)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from medquorum.ledger.proposal import parse_proposal
from medquorum.ledger.types import PartName
from medquorum.node.accounts import UserRole
from medquorum.node.desk import Receipt
from tests.browser.case_contents import film_report
from tests.browser.case_images import serve_images
from tests.browser.case_kit import machine_report, staged
from tests.browser.kit import NAMES, PageOf
from tests.browser.writing_kit import Writing, at_a_report
from tests.node.api.conftest import House

REACHED = "has reached the node"


@dataclass
class Issued:
    """The documents a doctor's node took, each once."""

    writing: Writing
    texts: list[str] = field(default_factory=list)

    async def accept(self, proposal: bytes, wraps: Sequence[bytes]) -> Receipt:
        """As `accept_sealed` of a node: by content."""
        ward = self.writing.ward
        receipt = await ward.accept(proposal, wraps)
        if receipt.proposal not in ward.views:
            ward.put(parse_proposal(proposal), None)
            self.texts.append(ward.opened(PartName.PRESC)["lines"][0]["text"])
        return receipt

    async def write(self, text: str) -> None:
        """Fill in the first line."""
        await self.writing.form.get_by_label("What", exact=True).first.fill(text)

    async def press(self) -> None:
        """Sign and issue."""
        await press(self.writing)

    async def told(self, words: str) -> None:
        """The form says so, and may be sent again."""
        await told(self.writing, words)


async def press(writing: Writing) -> None:
    await writing.form.get_by_role("button", name="Sign and issue").click()


async def told(writing: Writing, words: str) -> None:
    await expect(writing.form.locator(".problem")).to_contain_text(words)
    await expect(writing.form.get_by_role("button", name="Sign and issue")).to_be_enabled()


@asynccontextmanager
async def lost(page: Page, path: str, *, arrives: bool = True) -> AsyncIterator[None]:
    """Meanwhile no answer comes back from there; what is sent arrives, or does not."""

    async def lose(route: Route) -> None:
        if arrives:
            await route.fetch()
        await route.abort()

    await page.route(path, lose)
    yield
    await page.unroute(path)


@pytest_asyncio.fixture(loop_scope="session")
async def issued(house: House, page_of: PageOf) -> AsyncIterator[Issued]:
    async with at_a_report(house, page_of) as writing:
        made = Issued(writing)
        house.desk.accept_sealed = made.accept  # type: ignore[method-assign]
        writing.watched.expect("ERR_FAILED|404")
        await writing.open("Prescribe")
        await made.write("Doxorubicin")
        yield made


async def test_trying_again_is_the_same_document_even_after_a_reload(issued: Issued) -> None:
    """What was signed is kept, so the key need not be opened again."""
    page = issued.writing.page
    async with lost(page, "**/v1/proposals"):
        await issued.press()
        await issued.told("does not answer")
    assert issued.texts == ["Doxorubicin"]
    await page.reload()
    await issued.writing.open("Prescribe")
    await issued.writing.issue()
    assert issued.texts == ["Doxorubicin"]
    stored = await page.evaluate("JSON.stringify({ ...sessionStorage })")
    assert "sent." not in stored


async def test_what_was_changed_since_is_told_apart(issued: Issued) -> None:
    page = issued.writing.page
    async with lost(page, "**/v1/proposals"):
        await issued.press()
        await issued.told("does not answer")
    await issued.write("Epirubicin")
    await issued.press()
    await issued.told(REACHED)
    assert issued.texts == ["Doxorubicin"], "nobody asked for a second document yet"
    await issued.writing.issue()
    assert issued.texts == ["Doxorubicin", "Epirubicin"]


@pytest.mark.parametrize("text", ["Doxorubicin", "Epirubicin"])
async def test_what_never_arrived_is_issued_once(issued: Issued, text: str) -> None:
    async with lost(issued.writing.page, "**/v1/proposals", arrives=False):
        await issued.press()
        await issued.told("does not answer")
    await issued.write(text)
    await issued.writing.issue()
    assert issued.texts == [text]


async def test_what_is_kept_of_a_document_is_sealed(issued: Issued) -> None:
    page = issued.writing.page
    async with lost(page, "**/v1/proposals"):
        await issued.press()
        await issued.told("does not answer")
    stored = await page.evaluate("({ ...sessionStorage })")
    [sent] = [text for name, text in stored.items() if ".sent." in name]
    assert "Doxorubicin" not in sent
    assert '"sealed"' in sent


@pytest_asyncio.fixture(loop_scope="session")
async def institution(house: House, page_of: PageOf) -> AsyncIterator[Writing]:
    """A radiologist whose node seals; her report is written."""
    ward = staged(house)
    case = ward.put(machine_report(film=True), film_report(), state="rejected", n_bc=6)
    status = replace(house.desk.status(), role="radiologist")
    house.desk.status = lambda: status  # type: ignore[method-assign]
    watched = await page_of(house.base_url)
    watched.expect("ERR_FAILED|422")
    await serve_images(watched.page.context)
    await watched.enter(NAMES[UserRole.RADIOLOGIST])
    writing = Writing(ward, watched, case)
    await writing.open("Correct the AI's findings")
    await writing.form.locator('select[name="next_step"]').select_option("none")
    await writing.form.locator("textarea").fill("No fracture.")
    async with lost(watched.page, "**/v1/submissions"):
        await press(writing)
        await told(writing, "does not answer")
    assert len(house.desk.submitted) == 1
    yield writing
    await watched.page.goto("about:blank")


async def test_an_institutions_node_is_asked_under_the_same_key(
    house: House, institution: Writing
) -> None:
    await institution.page.reload()
    await institution.open("Correct the AI's findings")
    await institution.issue()
    assert len(house.desk.submitted) == 1


async def test_an_institutions_changed_report_is_told_apart(
    house: House, institution: Writing
) -> None:
    await institution.form.locator("textarea").fill("No fracture. Vascular channel.")
    await press(institution)
    await told(institution, REACHED)
    assert len(house.desk.submitted) == 1
    await institution.issue()
    assert len(house.desk.submitted) == 2
