"""A served node that holds images, with one user for each role."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from medquorum.node.accounts import Accounts, MemoryAccountStore, UserRole
from medquorum.node.api.application import create_app, start_listener
from medquorum.node.passwords import PasswordWorker
from tests.node.api.conftest import Clock, House
from tests.node.api.fake_desk import PATIENT_ADDRESS
from tests.node.viewing.kit import ImageDesk


@pytest.fixture(scope="session")
def passwords() -> PasswordWorker:
    """One password worker for all tests."""
    return PasswordWorker()


@pytest_asyncio.fixture
async def house(tmp_path: Path, passwords: PasswordWorker) -> AsyncIterator[House]:
    """The served node; its desk is an ImageDesk without bodies."""
    desk, clock = ImageDesk(), Clock()
    accounts = Accounts(MemoryAccountStore(), passwords, now_ms=clock)
    tokens = {}
    for role in UserRole:
        own = PATIENT_ADDRESS if role is UserRole.PATIENT else None
        await accounts.add_user(role.value, role, patient=own)
        tokens[role] = (await accounts.new_token(role.value)).text
    spool = tmp_path / "spool"
    runner = await start_listener(create_app(desk, accounts, spool=spool), "127.0.0.1", 0)
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield House(desk, accounts, clock, f"http://{host}:{port}", spool, http, tokens)
    await runner.cleanup()
    assert not (spool / "viewing").exists()
