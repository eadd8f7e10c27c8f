"""The command in this process, against a served fake node."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner, Result

from medquorum.node.account_records import UserRole
from medquorum.node.cli import app
from medquorum.node.passwords import PasswordWorker
from medquorum.node.private_files import write_private_file
from tests.node.api.conftest import House, serve_house

Command = Callable[..., Coroutine[Any, Any, Result]]


@pytest.fixture(scope="session")
def passwords() -> PasswordWorker:
    """One password worker for all tests."""
    return PasswordWorker()


@pytest_asyncio.fixture
async def house(tmp_path: Path, passwords: PasswordWorker) -> AsyncIterator[House]:
    """The served node."""
    async with serve_house(tmp_path, passwords) as served:
        yield served


@pytest.fixture
def command(house: House, tmp_path: Path) -> Command:
    """`await command("status", role=...)`: the command as a user of this role."""

    async def run(
        *arguments: str,
        role: UserRole = UserRole.DOCTOR,
        stdin: str = "",
        environment: dict[str, str] | None = None,
    ) -> Result:
        token = tmp_path / f"{role.value}.token"
        if not token.exists():
            write_private_file(token, house.tokens[role].encode(), replace=False)
        variables = {
            "MEDQUORUM_NODE": house.base_url,
            "MEDQUORUM_TOKEN_FILE": str(token),
            "COLUMNS": "160",
            "XDG_STATE_HOME": str(tmp_path / "state"),
            **(environment or {}),
        }
        runner = CliRunner()
        return await asyncio.to_thread(
            runner.invoke, app, list(arguments), env=variables, input=stdin
        )

    return run
