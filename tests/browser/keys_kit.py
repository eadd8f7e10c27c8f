"""Modules of the page run in real Chromium, and asked from Python.

Bytes travel as hexadecimal and integers beyond 2^53 as text, so that both sides see equal values.
Everything the browser sends is kept, for tests of what it must never send.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page, Route

from medquorum.node.page.routes import POLICY, add_page

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_RUN = """async ([values, imports]) => {
  const bytes = await import("/page/keys/bytes.js");
  const revive = (value) => {
    if (value === null || typeof value !== "object") return value;
    if (typeof value.$hex === "string") return bytes.fromHex(value.$hex);
    if (typeof value.$int === "string") return BigInt(value.$int);
    if (Array.isArray(value)) return value.map(revive);
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, revive(one)]));
  };
  const told = (value) => {
    if (value instanceof Uint8Array) return { $hex: bytes.hex(value) };
    if (typeof value === "bigint") return { $int: String(value) };
    if (value === null || typeof value !== "object") return value === undefined ? null : value;
    if (Array.isArray(value)) return value.map(told);
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, told(one)]));
  };
  const loaded = await Promise.all(imports.map((name) => import(`/page/${name}.js`)));
  const named = (name, at) => [name.split("/").pop(), loaded[at]];
  const modules = Object.fromEntries(imports.map(named));
  const run = BODY;
  try {
    return { value: told(await run(modules, revive(values))) };
  } catch (error) {
    return { fault: { name: error.name, rule: error.rule ?? "", key: error.key ?? error.message } };
  }
}"""


class PageFault(Exception):
    """What a module of the page refused: `rule` of the protocol and `key` of the catalogue."""

    def __init__(self, fault: Mapping[str, str]) -> None:
        super().__init__(f"{fault['name']}: {fault['rule']} {fault['key']}")
        self.rule = fault["rule"]
        self.key = fault["key"]


def _sent(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return {"$int": str(value)}
    if isinstance(value, Mapping):
        return {name: _sent(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_sent(one) for one in value]
    return value


def _received(value: Any) -> Any:
    if isinstance(value, list):
        return [_received(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"$hex"}:
        return bytes.fromhex(value["$hex"])
    if value.keys() == {"$int"}:
        return int(value["$int"])
    return {name: _received(one) for name, one in value.items()}


def _path(name: str) -> str:
    """Where a module stands; the shell's few are named, all others are those of the keys."""
    return name if name in ("api", "session", "texts") else f"keys/{name}"


@dataclass
class Desk:
    """A page with the modules at hand, and all it ever sent or wrote to its console."""

    page: Page
    context: BrowserContext
    sent: list[bytes] = field(default_factory=list)
    """Request bodies, addresses and headers."""
    written: list[str] = field(default_factory=list)
    """Console messages and page errors."""

    async def run(self, imports: str, body: str, **values: Any) -> Any:
        """What the JavaScript `body` returns, given the modules as `m` and the values as `v`."""
        script = _RUN.replace("BODY", f"async (m, v) => {{ {body} }}")
        names = [_path(name) for name in imports.split()]
        answer = await self.page.evaluate(script, [_sent(values), names])
        if "fault" in answer:
            raise PageFault(answer["fault"])
        return _received(answer["value"])


async def _blank(_: web.Request) -> web.Response:
    headers = {"Content-Security-Policy": POLICY}
    return web.Response(
        text="<!doctype html><title>keys</title>", content_type="text/html", headers=headers
    )


@asynccontextmanager
async def served(routes: Mapping[tuple[str, str], Handler] | None = None) -> AsyncIterator[str]:
    """The page's files behind a listener, with these routes of a node; yields the base URL."""
    app = web.Application(client_max_size=2**26)
    app.router.add_get("/blank", _blank)
    for (method, path), handler in (routes or {}).items():
        app.router.add_route(method, path, handler)
    add_page(app)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://localhost:{port}"
    await runner.cleanup()


@asynccontextmanager
async def desk_of(browser: Browser, base_url: str) -> AsyncIterator[Desk]:
    """A blank document of the page's policy in a context of its own."""
    context = await browser.new_context()
    page = await context.new_page()
    desk = Desk(page, context)
    page.on("console", lambda message: desk.written.append(message.text))
    page.on("pageerror", lambda error: desk.written.append(str(error)))

    async def keep(route: Route) -> None:
        request = route.request
        desk.sent += [request.post_data_buffer or b"", request.url.encode()]
        desk.sent += [value.encode() for value in (await request.all_headers()).values()]
        await route.continue_()

    await context.route("**/*", keep)
    await page.goto(f"{base_url}/blank")
    yield desk
    await context.close()


_STORED = """async () => {
  const found = [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })];
  found.push(document.cookie);
  const hex = (octets) => Array.from(octets, (one) => one.toString(16).padStart(2, "0")).join("");
  const plain = (name, value) =>
    value instanceof ArrayBuffer ? hex(new Uint8Array(value))
    : value instanceof Uint8Array ? hex(value)
    : value instanceof CryptoKey ? "CryptoKey" : value;
  const wait = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  for (const { name } of await indexedDB.databases()) {
    const database = await wait(indexedDB.open(name));
    for (const store of database.objectStoreNames) {
      const all = await wait(database.transaction(store).objectStore(store).getAll());
      found.push(JSON.stringify(all, plain));
    }
    database.close();
  }
  for (const name of await caches.keys()) found.push(`cache ${name}`);
  return found;
}"""


def forms(secret: bytes) -> set[bytes]:
    """How a secret could stand in text or bytes: raw, hexadecimal, base64 at any alignment."""
    forms = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    for shift in range(3):
        framed = base64.b64encode(bytes(shift) + secret)
        inner = framed[4 if shift else 0 : -4]
        forms |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return forms


async def stored_on(page: Page) -> list[str]:
    """All that the origin of this page stores, as text; bytes as hexadecimal."""
    found: list[str] = await page.evaluate(_STORED)
    return found


async def assert_hidden(desk: Desk, *secrets: bytes) -> None:
    """Nothing sent, stored or written holds a private key or a passphrase."""
    stored = await stored_on(desk.page)
    places = [*desk.sent, *(text.encode() for text in (*desk.written, *stored))]
    assert len(places) > len(desk.written) + 3, "nothing was watched"
    for secret in secrets:
        for form in forms(secret):
            assert not any(form in place for place in places), "a secret left the page"
