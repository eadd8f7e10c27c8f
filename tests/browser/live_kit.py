"""People before a live network: real nodes, each a process, a browser context for each person."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Locator, Page, expect

from medquorum.node.client import NodeClient
from medquorum.node.views import BlockView, ProposalView
from scripts.local_desks import LocalDesk
from scripts.local_network import LocalMember
from tests.browser.kit import Watched
from tests.interop.people import until

WALLET_PASSPHRASE = "a wallet for the tests"
DRAWN_S = 120.0
LEAST_TONES = 16
"""A picture has more than so many; a pane without one has a few of its ground at most."""
TONES = """() => {
  const stage = document.querySelector(".viewer-stage");
  if (stage === null || stage.getAttribute("aria-busy") !== "false") return [];
  return [...stage.querySelectorAll(".viewer-picture")].map((canvas) => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    const tones = new Set();
    for (let at = 0; at < data.length; at += 4) {
      tones.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
    }
    return tones.size;
  });
}"""
FRAMES = """() => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => done())))"""
READING_S = 300.0
"""The AI entity reads one image after the other."""
SERIES_MS = 120_000
"""A series is looked into, made anonymous and sealed: long on a busy machine."""


@dataclass
class Person:
    """Somebody at her page."""

    desk: LocalDesk
    watched: Watched
    album: Path
    """Where pictures of the pages are kept."""

    @property
    def page(self) -> Page:
        """Her page."""
        return self.watched.page

    @property
    def member(self) -> LocalMember:
        """Her node."""
        return self.desk.member

    def client(self) -> NodeClient:
        """A client of her node as its own user of programs."""
        return NodeClient(self.member.url, self.member.user_token.read_text())

    async def sign_in(self) -> None:
        """Name, password, and a doctor's key."""
        page = self.page
        await page.goto(self.watched.base_url)
        await self.watched.sign_in(self.desk.user, self.desk.password)
        if self.desk.key_file is not None:
            await page.locator("#key-file").set_input_files(str(self.desk.key_file))
            await page.locator("#key-passphrase").fill(self.desk.passphrase_file.read_text())
            form = page.locator("form.card-form")
            await form.get_by_role("button", name="Open key").click()
        await page.locator("#rail footer").wait_for()

    async def go(self, place: str) -> None:
        """Follow a place within the page."""
        await self.page.evaluate(f"location.hash = '#/{place}'")

    async def picture(self, name: str) -> None:
        """Keep what she sees."""
        self.album.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=self.album / f"{name}.png")

    async def images(self, name: str) -> None:
        """Keep what she sees once every pane shows an image: none is of one colour."""
        await self.page.evaluate(FRAMES)

        async def ask() -> bool | None:
            tones = await self.page.evaluate(TONES)
            return (bool(tones) and min(tones) > LEAST_TONES) or None

        await until(f"images drawn for {name}", ask, DRAWN_S)
        await self.picture(name)

    async def approve(self, proposal: str, grade: int | None = None) -> Locator:
        """From the inbox by keys alone: Enter, A, the grade, Enter. The receipt."""
        await self.go("inbox")
        entry = self.page.locator(f"#content a[href='#/case/{proposal}']")
        await entry.wait_for()
        await entry.focus()
        keyboard = self.page.keyboard
        await keyboard.press("Enter")
        approve = self.page.locator(".votebar").get_by_role("button", name="Approve")
        await expect(approve).to_be_enabled(timeout=SERIES_MS)
        await keyboard.press("a")
        if grade is not None:
            await keyboard.press(str(grade))
        cast = self.page.locator("form.ballot button.cast")
        await expect(cast).to_be_enabled()
        await keyboard.press("Enter")
        receipt = self.page.locator(".receipt")
        await receipt.wait_for()
        return receipt


async def save(page: Page, act: Callable[[], Awaitable[None]], path: Path) -> Path:
    """What an act downloads, in a file."""
    async with page.expect_download() as downloading:
        await act()
    await (await downloading.value).save_as(path)
    return path


async def proposal_where(
    person: Person, what: str, fits: Callable[[ProposalView], bool]
) -> ProposalView:
    """The open proposal that fits, once her node knows it."""

    async def ask() -> ProposalView | None:
        async with person.client() as client:
            return next((one for one in await client.proposals("open", 100) if fits(one)), None)

    return await until(what, ask, READING_S)


async def block_of(person: Person, proposal: str) -> BlockView:
    """The block of a proposal, once it is final at her node."""

    async def ask() -> BlockView | None:
        async with person.client() as client:
            view = await client.proposal(proposal)
            return None if view.n_bc is None else await client.block(view.n_bc)

    return await until("a final block", ask)
