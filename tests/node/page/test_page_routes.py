"""The page's addresses: policy, entity tags, version, nothing outside the bundle."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from medquorum.node.page.routes import POLICY
from medquorum.node.passwords import PasswordWorker
from tests.node.api.conftest import House, serve_house


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A served node."""
    async with serve_house(tmp_path, PasswordWorker()) as served:
        yield served


async def test_the_shell_has_the_pages_policy_and_nothing_of_a_user(house: House) -> None:
    status, body, response = await house.ask("GET", "/", None)
    assert (status, response.content_type) == (200, "text/html")
    assert response.headers["Content-Security-Policy"] == POLICY
    for word in ("'unsafe-inline'", "'unsafe-eval'", "https:", "*"):
        assert word not in POLICY
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert house.desk.status().name.encode() not in body
    with_token = (await house.ask("GET", "/"))[1]
    assert with_token == body


async def test_files_are_revalidated_and_named_by_their_bytes(house: House) -> None:
    _, body, first = await house.ask("GET", "/page/app.js", None)
    assert first.content_type == "text/javascript"
    known = {"If-None-Match": first.headers["ETag"]}
    status, nothing, _ = await house.ask("GET", "/page/app.js", None, headers=known)
    assert (status, nothing) == (304, b"")
    version = json.loads((await house.ask("GET", "/page/version", None))[1])
    assert version["files"]["app.js"] == hashlib.sha256(body).hexdigest()
    lines = "".join(f"{name}\n{version['files'][name]}\n" for name in sorted(version["files"]))
    assert version["bundle"] == hashlib.sha256(lines.encode()).hexdigest()
    assert version["bundle"].encode() in (await house.ask("GET", "/", None))[1]


@pytest.mark.parametrize(
    "path",
    [
        "/page/../routes.py",
        "/page/%2e%2e/routes.py",
        "/page/..%2froutes.py",
        "/page/views/..%2f..%2f..%2fbundle.py",
        "/page//etc/passwd",
        "/page/%2fetc%2fpasswd",
        "/page/app.js%00.css",
        "/page/shell.html",
        "/page/templates/shell.html",
        "/page/" + "a" * 2_000,
    ],
)
async def test_nothing_but_the_bundle_is_served(house: House, path: str) -> None:
    from yarl import URL

    url = URL(house.base_url + path, encoded=True)
    async with house.http.get(url) as response:
        assert response.status == 404
        assert b"import" not in await response.read()


async def test_who_am_i_is_answered_to_everybody_and_tells_strangers_nothing(
    house: House,
) -> None:
    stranger = json.loads((await house.ask("GET", "/v1/session", None))[1])
    assert (stranger["user"], stranger["role"], stranger["rights"]) == (None, None, [])
    doctor = json.loads((await house.ask("GET", "/v1/session"))[1])
    assert doctor["user"] == "doctor"
    assert "vote.carry" in doctor["rights"] and "user.manage" not in doctor["rights"]
