"""Ledgers, charters and nodes are joined by network; what is missing is named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from medquorum.ai_entity.learning.labels import LabelRefused
from medquorum.ai_entity.learning.lessons import Excluded
from medquorum.ai_entity.learning.sources import Asked, gather_sources
from medquorum.ai_entity.learning.verified_ledger import LedgerRefused
from medquorum.ai_entity.node_api import NodeRefused
from medquorum.ledger.contents import Conclusion
from medquorum.ledger.types import BlockType
from tests.ai_entity.learning.ward import Ward, in_process
from tests.support.chains import Chain
from tests.support.network import make_network


def grown(doctors: int = 3) -> Ward:
    ward = Ward(chain=Chain(make_network(doctors)))
    patient = ward.patient()
    image = ward.image(BlockType.XRAY, patient, b"film")
    ward.machine(patient, (image,), Conclusion.FRACTURE)
    return ward


@asynccontextmanager
async def node_of(ward: Ward, export: Path) -> AsyncIterator[tuple[str, list[str]]]:
    """A node that serves its status, its export and one part; and what was asked of it."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(f"{request.path}?{request.query_string}")
        if request.path == "/v1/status":
            return web.json_response({"network": ward.chain.network.id.hex()})
        if request.path == "/v1/chain/export":
            return web.Response(body=export.read_bytes())
        if request.path == "/v1/records/ab/M_REPORT":
            return web.Response(body=b"report")
        if request.path.endswith("/IMG_PET"):
            return web.json_response({"rule": "no_consent", "detail": "ask her"}, status=403)
        status = 403 if request.path.endswith("/IMG_CT") else 404
        return web.json_response({"rule": "unknown_record", "detail": "not here"}, status=status)

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    server = TestServer(application)
    await server.start_server()
    try:
        yield str(server.make_url("/")).rstrip("/"), asked
    finally:
        await server.close()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("secret\n")
    return path


async def test_a_node_is_asked_for_the_export_that_was_not_given(
    tmp_path: Path, token: Path
) -> None:
    ward = grown()
    export, charter = ward.files(tmp_path)
    async with node_of(ward, export) as (url, asked), AsyncExitStack() as stack:
        (source,) = await gather_sources(Asked((), (charter,), (url,), (token,)), stack, in_process)
        assert len(source.ledger.entries) == 3
        assert "/v1/chain/export?" in asked
        target = tmp_path / "part"
        assert await source.bodies.part("ab", "M_REPORT", target)
        assert target.read_bytes() == b"report"
        assert asked[-1] == "/v1/records/ab/M_REPORT?purpose=research"
        assert not await source.bodies.part("cd", "M_REPORT", target)
        with pytest.raises(NodeRefused):
            await source.bodies.part("ab", "IMG_CT", target)
        with pytest.raises(LabelRefused) as refused:
            await source.bodies.part("ab", "IMG_PET", target)
        assert refused.value.why is Excluded.NO_CONSENT


async def test_two_networks_are_joined_whatever_their_order(tmp_path: Path, token: Path) -> None:
    wards = [grown(3), grown(4)]
    files = [ward.files(tmp_path / str(place)) for place, ward in enumerate(wards)]
    async with (
        node_of(wards[0], files[0][0]) as (first, _),
        node_of(wards[1], files[1][0]) as (second, _),
        AsyncExitStack() as stack,
    ):
        exports, charters = zip(*files, strict=True)
        asked = Asked(exports, charters[::-1], (second, first), (token, token))
        sources = await gather_sources(asked, stack, in_process)
    assert {one.ledger.network for one in sources} == {
        bytes(ward.chain.network.id) for ward in wards
    }


async def test_what_is_missing_is_named(tmp_path: Path, token: Path) -> None:
    ward = grown()
    export, charter = ward.files(tmp_path)
    async with AsyncExitStack() as stack:
        for asked, words in (
            (Asked((export,), (charter,), (), ()), "no node of the network"),
            (Asked((export,), (), (), ()), "add --charter"),
            (Asked((), (charter,), ("http://x",), ()), "one --token-file for each"),
            (Asked((), (charter,), ("http://x",), (tmp_path / "none",)), "no token at"),
            (Asked((charter,), (charter,), (), ()), "no export"),
            (Asked((), (export,), (), ()), "chain.export"),
        ):
            with pytest.raises(LedgerRefused, match=words):
                await gather_sources(asked, stack, in_process)


async def test_a_node_that_serves_a_tampered_export_is_not_believed(
    tmp_path: Path, token: Path
) -> None:
    ward = grown()
    export, charter = ward.files(tmp_path)
    content = bytearray(export.read_bytes())
    content[-30] ^= 1
    export.write_bytes(bytes(content))
    async with node_of(ward, export) as (url, _), AsyncExitStack() as stack:
        with pytest.raises(LedgerRefused, match="TAMPERED"):
            await gather_sources(Asked((), (charter,), (url,), (token,)), stack, in_process)
