"""`medquorum ai serve` as a process beside a node: stopped in the middle, restarted, misled."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner

from medquorum.ai_entity import service as service_module
from medquorum.ai_entity.commands import app
from medquorum.ai_entity.node_api import NodeApi
from medquorum.ai_entity.package_images import tibia_radiograph
from medquorum.ai_entity.registry import MODELS_FOLDER, Registry
from medquorum.ai_entity.service import AiService
from medquorum.ai_entity.service_status import ServiceStatus, State

OWN = "mqai1own"
PATIENT_SECONDS = 90.0


@dataclass
class Node:
    """The HTTP side of a node with one X-ray in its chain."""

    submitted: list[dict[str, str]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def image(self) -> dict[str, Any]:
        return {
            "n_bc": 1,
            "type": "xray",
            "n_pb": 7,
            "hash": "ab" * 32,
            "record": "cd" * 32,
            "outcome": "accepted",
            "ai": None,
            "issuer": "mqrad1somebody",
            "references": [],
        }

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path == "/v1/status":
            return web.json_response({"address": OWN})
        if path == "/v1/charter":
            return web.json_response({"members": []})
        if path == "/v1/blocks":
            late = int(request.query["after"]) >= 1
            return web.json_response({"blocks": [] if late else [self.image()]})
        if path == "/v1/proposals":
            mine = [
                {"ai": {}, "issuer": OWN, "references": json.loads(one["references"])}
                for one in self.submitted
            ]
            return web.json_response({"proposals": mine})
        if path.startswith("/v1/records/"):
            return web.FileResponse(tibia_radiograph())
        if path == "/v1/events":
            await self.news.wait()
            return web.Response(status=503)
        return await self.take(request)

    async def take(self, request: web.Request) -> web.Response:
        taken: dict[str, str] = {}
        async for part in await request.multipart():
            octets = await part.read()  # type: ignore[union-attr]
            taken[str(part.name)] = octets.decode("latin-1")  # type: ignore[union-attr]
        self.submitted.append(taken)
        return web.json_response({"proposal": "abc"}, status=201)


@pytest.fixture
async def node() -> AsyncIterator[tuple[Node, str]]:
    fake = Node()
    application = web.Application()
    application.router.add_route("*", "/{any:.*}", fake.answer)
    async with TestServer(application) as server:
        yield fake, str(server.make_url("/"))
        fake.news.set()


class Serving:
    """The process, with its status file and its own temporary folder."""

    def __init__(self, folder: Path, url: str) -> None:
        self.status_file = folder / "status.json"
        self.place = folder / "temporary"
        self.place.mkdir(exist_ok=True)
        (folder / "token").write_text("token")
        self.command = [sys.executable, "-m", "medquorum.ai_entity.commands", "serve"]
        self.command += ["--node", url, "--token-file", str(folder / "token")]
        self.command += ["--status-file", str(self.status_file)]
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        environment = {**os.environ, "TMPDIR": str(self.place)}
        self.process = await asyncio.create_subprocess_exec(
            *self.command, env=environment, stdout=asyncio.subprocess.DEVNULL
        )

    def status(self) -> dict[str, Any]:
        try:
            told: dict[str, Any] = json.loads(self.status_file.read_text())
        except (OSError, ValueError):
            return {"state": "none"}
        return told

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENT_SECONDS):
            while not happened():
                assert self.process is not None
                assert self.process.returncode is None
                await asyncio.sleep(0.01)

    async def stop(self) -> tuple[int, float]:
        """Ask it to stop; its exit code and how many seconds it took."""
        assert self.process is not None
        begun_s = asyncio.get_running_loop().time()
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENT_SECONDS):
            code = await self.process.wait()
        return code, asyncio.get_running_loop().time() - begun_s


async def test_stopped_within_a_second_and_done_again_after_a_restart(
    node: tuple[Node, str], tmp_path: Path
) -> None:
    fake, url = node
    serving = Serving(tmp_path, url)
    await serving.start()
    await serving.until(lambda: serving.status()["state"] == "analysing")
    await serving.until(lambda: any(serving.place.glob("*child-*")))
    told = serving.status()
    assert (told["block"], told["reason"]) == ("ab" * 32, None)
    assert 0 <= told["percent"] <= 100
    assert told["since_ms"] > 1_700_000_000_000
    code, seconds = await serving.stop()
    assert code == 0
    assert seconds < SLOWEST_STOP_S
    assert serving.status()["state"] == "stopped"
    assert fake.submitted == []
    assert list(serving.place.iterdir()) == []
    await serving.start()
    await serving.until(lambda: serving.status().get("proposed") == 1)
    await serving.until(lambda: serving.status()["state"] == "watching")
    (report,) = fake.submitted
    provenance = json.loads(report["provenance"])
    assert provenance["model_digest"] == Registry().digest_of("fracture").hex()
    shown = CliRunner().invoke(app, ["status", "--status-file", str(serving.status_file)])
    assert shown.exit_code == 0
    assert "watching since" in shown.stdout
    assert "1 proposed" in shown.stdout
    assert (await serving.stop())[0] == 0
    gone = CliRunner().invoke(app, ["status", "--status-file", str(serving.status_file), "--json"])
    assert gone.exit_code == 1
    assert json.loads(gone.stdout)["state"] == "stopped"


SLOWEST_STOP_S = 6.0
"""Half a second on a machine of its own; that of a test may be busy with others."""


async def test_a_killed_service_leaves_no_child_and_its_folders_go_with_the_next(
    node: tuple[Node, str], tmp_path: Path
) -> None:
    _, url = node
    serving = Serving(tmp_path, url)
    await serving.start()
    await serving.until(lambda: any(serving.place.glob("*child-*")))
    assert serving.process is not None
    serving.process.kill()
    await serving.process.wait()
    left = set(serving.place.iterdir())
    assert left, "a killed process removes nothing"
    await serving.start()
    await serving.until(lambda: not left & set(serving.place.iterdir()))
    await serving.stop()


async def test_a_flipped_byte_stops_the_proposals_and_not_the_service(
    node: tuple[Node, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, url = node
    models = tmp_path / "models"
    shutil.copytree(MODELS_FOLDER, models)
    entries = json.loads((models / "registry.json").read_text())["models"]
    path = models / entries[Registry().digest_of("fracture").hex()]["file"]
    right = path.read_bytes()
    path.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    status = ServiceStatus()
    async with NodeApi(url, "token") as api:
        with AiService(api, models, status) as service:
            assert await service.round() == 0
            assert (status.now.state, status.now.reason) == (
                State.MODEL_REFUSED,
                "digest_mismatch",
            )
            assert await service.round() == 0
            assert status.now.state is State.MODEL_REFUSED
            assert fake.submitted == []
            path.write_bytes(right)
            monkeypatch.setattr(service_module, "_loop_s", lambda: 1e12)
            assert await service.round() == 1
            assert status.now.state is State.WATCHING
    assert len(fake.submitted) == 1
    assert status.now.state is State.STOPPED


def test_a_status_that_is_not_there(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["status", "--status-file", str(tmp_path / "none")])
    assert ended.exit_code == 4
    assert "is `ai serve` running" in ended.stderr


def test_the_status_holds_only_what_operators_may_see(tmp_path: Path) -> None:
    status = ServiceStatus(tmp_path / "status")
    status.enter(State.ANALYSING, "ab" * 32)
    status.progress(0.427)
    status.count(height=9, proposed=2)
    told = json.loads((tmp_path / "status").read_text())
    assert sorted(told) == [
        "block", "format", "height", "percent", "pid", "proposed", "reason", "since_ms", "state",
    ]  # fmt: skip
    assert (told["percent"], told["height"], told["proposed"]) == (42, 9, 2)
    status.enter(State.WATCHING)
    status.progress(0.5)
    assert status.now.percent is None
