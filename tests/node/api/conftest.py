"""A real listener on the loopback before a fake desk, with one user and token for each role."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from medquorum.node.accounts import Accounts, MemoryAccountStore, UserRole
from medquorum.node.api.application import create_app, start_listener
from medquorum.node.api.client_address import TrustedProxies
from medquorum.node.client import NodeClient
from medquorum.node.passwords import PasswordWorker
from medquorum.node.uploads.memory import SeriesMemory
from tests.node.api.fake_desk import PATIENT_ADDRESS, FakeDesk


@dataclass
class Clock:
    """A clock that tests move."""

    now_ms: int = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class House:
    """A served node."""

    desk: FakeDesk
    accounts: Accounts
    clock: Clock
    base_url: str
    spool: Path
    http: aiohttp.ClientSession
    tokens: dict[UserRole, str] = field(default_factory=dict)

    def headers(self, role: UserRole) -> dict[str, str]:
        """The Authorization header of a user of this role."""
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    def client(self, role: UserRole) -> NodeClient:
        """A client with this role's token."""
        return NodeClient(self.base_url, self.tokens[role])

    async def ask(
        self, method: str, path: str, role: UserRole | None = UserRole.DOCTOR, **options: Any
    ) -> tuple[int, bytes, aiohttp.ClientResponse]:
        """Status, body and response of one request."""
        headers = {} if role is None else self.headers(role)
        headers |= options.pop("headers", {})
        async with self.http.request(
            method,
            self.base_url + path,
            headers=headers,
            **options,
        ) as response:
            return response.status, await response.read(), response


@pytest.fixture(scope="session")
def passwords() -> PasswordWorker:
    """One password worker for all tests."""
    return PasswordWorker()


@asynccontextmanager
async def serve_house(
    folder: Path,
    passwords: PasswordWorker,
    desk: FakeDesk | None = None,
    trusted_proxies: TrustedProxies = (),
    series: SeriesMemory | None = None,
) -> AsyncIterator[House]:
    """A served node with its spool in this folder, before a fake desk or the given one."""
    desk, clock = desk or FakeDesk(), Clock()
    accounts = Accounts(MemoryAccountStore(), passwords, now_ms=clock)
    tokens = {}
    for role in UserRole:
        own = PATIENT_ADDRESS if role is UserRole.PATIENT else None
        await accounts.add_user(role.value, role, patient=own)
        tokens[role] = (await accounts.new_token(role.value)).text
    spool = folder / "spool"
    app = create_app(desk, accounts, spool=spool, trusted_proxies=trusted_proxies, series=series)
    runner = await start_listener(app, "127.0.0.1", 0)
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield House(desk, accounts, clock, f"http://{host}:{port}", spool, http, tokens)
    await runner.cleanup()


@pytest_asyncio.fixture
async def house(tmp_path: Path, passwords: PasswordWorker) -> AsyncIterator[House]:
    """The served node."""
    async with serve_house(tmp_path, passwords) as served:
        yield served
