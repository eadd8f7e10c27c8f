"""A served node that holds images, with one user for each role."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from medquorum.node.passwords import PasswordWorker
from tests.node.api.conftest import House, serve_house
from tests.node.viewing.kit import ImageDesk


@pytest.fixture(scope="session")
def passwords() -> PasswordWorker:
    """One password worker for all tests."""
    return PasswordWorker()


@pytest_asyncio.fixture
async def house(tmp_path: Path, passwords: PasswordWorker) -> AsyncIterator[House]:
    """The served node; its desk is an ImageDesk without bodies."""
    async with serve_house(tmp_path, passwords, ImageDesk()) as served:
        yield served
    assert not (served.spool / "viewing").exists()
