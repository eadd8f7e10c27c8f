"""A page under test: what it asked for, what its policy refused, what it complained of."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request

from medquorum.ledger.keys import Purpose
from medquorum.node.accounts import UserRole
from medquorum.node.page_key_file import seal_page_keys
from tests.ledger.charter_kit import address_of_name, private_key

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""A Chromium that asks nobody but the page's own origin."""
SLOWEST_MS = 60_000
"""A page that has not done something by then does not do it: the machine may be busy."""
PASSWORD = "a long password for tests"
PASSPHRASE = "a passphrase for tests"
NAMES = {role: f"a-{role.value.replace('_', '-')}" for role in UserRole}
"""A user with a password for each role."""
_LOCAL = ("data:", "blob:", "about:")

WATCH_POLICY = """
globalThis.addEventListener("securitypolicyviolation", (event) => {
  globalThis.tellViolation(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
});
"""


@dataclass
class Watched:
    """A page, its context, and everything about it that should not have happened."""

    page: Page
    base_url: str
    foreign: list[str] = field(default_factory=list)
    """Requests to other origins."""
    violations: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Console errors and exceptions nobody caught."""
    bodies: list[bytes] = field(default_factory=list)
    """Every request body the page has sent."""
    unanswered: set[Request] = field(default_factory=set)
    """What the page has asked the node and still waits for."""
    expected: list[str] = field(default_factory=list)

    def expect(self, pattern: str) -> None:
        """Let this console error pass: the test provokes it."""
        self.expected.append(pattern)

    def check(self) -> None:
        """Nothing foreign, nothing refused by the policy, no error but the expected."""
        assert self.foreign == []
        assert self.violations == []
        surprising = [
            error
            for error in self.errors
            if not any(re.search(pattern, error) for pattern in self.expected)
        ]
        assert not surprising, surprising

    def forget(self) -> None:
        """Begin anew: for a page that stays open from one test to the next."""
        for heard in (self.foreign, self.violations, self.errors, self.bodies, self.expected):
            heard.clear()

    def hear(self, message: ConsoleMessage) -> None:
        """Keep errors only."""
        if message.type == "error":
            self.errors.append(message.text)

    def see(self, request: Request) -> None:
        """Keep what leaves the node's origin, and what is sent."""
        if not request.url.startswith((f"{self.base_url}/", *_LOCAL)):
            self.foreign.append(request.url)
        if request.post_data_buffer is not None:
            self.bodies.append(request.post_data_buffer)
        if request.resource_type != "eventsource":
            self.unanswered.add(request)

    def hear_answer(self, request: Request) -> None:
        """Answered, broken off or failed: nothing is waited for."""
        self.unanswered.discard(request)

    async def settle(self) -> None:
        """Wait until the page waits for no answer, and asks nothing more because of the last."""

        async def silent() -> bool:
            return not self.unanswered

        await until(self.page, silent)
        await drawn_frames(self.page)
        await until(self.page, silent)

    async def sign_in(self, name: str, password: str = PASSWORD) -> None:
        """Fill in the sign-in that is shown."""
        await self.page.get_by_label("Name").fill(name)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in", exact=True).click()

    async def enter(self, name: str, view: str = "") -> None:
        """Open a session beside the page, and the page at a view; a doctor's key stays closed."""
        login = {"name": name, "password": PASSWORD, "kind": "session"}
        context = self.page.context
        answer = await context.request.post(f"{self.base_url}/v1/login", data=login)
        assert answer.ok, await answer.text()
        [[cookie, text]] = [
            header["value"].partition(";")[0].split("=")
            for header in answer.headers_array
            if header["name"].lower() == "set-cookie"
        ]
        await context.add_cookies(
            [
                {
                    "name": cookie,
                    "value": text,
                    "url": self.base_url.replace("http:", "https:"),
                    "httpOnly": True,
                    "secure": True,
                    "sameSite": "Strict",
                }
            ]
        )
        await self.page.goto(f"{self.base_url}/{view}", wait_until="commit")
        await self.page.locator("#rail footer").wait_for()


PageOf = Callable[..., Awaitable[Watched]]
"""Makes a watched page of an origin."""

_GO = """async (address) => {
  if (location.hash === address) return;
  const shown = new Promise((done) => {
    document.addEventListener("view-shown", ({ detail }) => detail === address && done());
  });
  location.hash = address;
  await shown;
}"""


async def open_view(page: Page, address: str) -> None:
    """Go to a view of the page that is open already, and see it: what stood there is gone."""
    await page.evaluate(_GO, address)


FRAMES = """() => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => done())))"""


async def drawn_frames(page: Page) -> None:
    """Wait until what was asked for is drawn: two frames."""
    await page.evaluate(FRAMES)


async def until(page: Page, probe: Callable[[], Awaitable[bool]]) -> None:
    """Ask, frame by frame, until it is so: for what no locator sees."""
    async with asyncio.timeout(SLOWEST_MS / 1_000):
        while not await probe():
            await drawn_frames(page)


async def watched_page(context: BrowserContext, base_url: str) -> Watched:
    """A new page of a context, watched from its first byte."""
    page = await context.new_page()
    watched = Watched(page, base_url)
    await page.expose_function("tellViolation", lambda text: watched.violations.append(text))
    await page.add_init_script(WATCH_POLICY)
    page.on("console", watched.hear)
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    page.on("request", watched.see)
    page.on("requestfinished", watched.hear_answer)
    page.on("requestfailed", watched.hear_answer)
    return watched


def key_file_of(name: str) -> dict[str, Any]:
    """A doctor's key file as a file input takes it; PASSPHRASE opens it."""
    return {"name": "key-file.json", "mimeType": "application/json", "buffer": sealed_key(name)}


@cache
def sealed_key(name: str) -> bytes:
    """A doctor's key file; sealed once, for that is slow on purpose."""
    keys = {Purpose.CLINICAL.value: private_key(name, Purpose.CLINICAL)}
    return seal_page_keys(keys, address_of_name(name), PASSPHRASE)


_HOLD = """async ([name, text, passphrase]) => {
  const [{ hand }, { useKeyFile }, { session }] = await Promise.all(
    ["keys/hand", "key_file", "session"].map((each) => import(`/page/${each}.js`)),
  );
  await hand.open(text, passphrase);
  await useKeyFile({ user: session.user, name, text, remember: false });
}"""


async def hold_key(page: Page, name: str) -> None:
    """Open a doctor's key without the form that asks for it."""
    await page.evaluate(_HOLD, ["key-file.json", sealed_key(name).decode(), PASSPHRASE])
