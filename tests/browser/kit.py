"""A page under test: what it asked for, what its policy refused, what it complained of."""

import re
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request

from medquorum.ledger.keys import Purpose
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
PASSWORD = "a long password for tests"
PASSPHRASE = "a passphrase for tests"
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


async def watched_page(context: BrowserContext, base_url: str) -> Watched:
    """A new page of a context, watched from its first byte."""
    page = await context.new_page()
    watched = Watched(page, base_url)
    await page.expose_function("tellViolation", lambda text: watched.violations.append(text))
    await page.add_init_script(WATCH_POLICY)
    page.on("console", watched.hear)
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    page.on("request", watched.see)
    return watched


def key_file_of(name: str) -> dict[str, Any]:
    """A doctor's key file as a file input takes it; PASSPHRASE opens it."""
    keys = {Purpose.CLINICAL.value: private_key(name, Purpose.CLINICAL)}
    sealed = seal_page_keys(keys, address_of_name(name), PASSPHRASE)
    return {"name": "key-file.json", "mimeType": "application/json", "buffer": sealed}
