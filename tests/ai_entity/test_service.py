"""The service that proposes reports: once per image, again when stale."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from medquorum.ai_entity.approval import Approval
from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.node_api import NodeApi, NodeAway, NodeRefused, ReportForm
from medquorum.ai_entity.service import REISSUES, AiService

OWN, OTHER = "mqai1own", "mqai1other"


def block(n_bc: int, kind: str, patient: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "n_bc": n_bc,
        "type": kind,
        "n_pb": patient,
        "hash": f"{n_bc:064x}",
        "record": f"{n_bc:02x}" * 32,
        "outcome": "accepted",
        "ai": None,
        "issuer": "mqrad1somebody",
        "references": [],
        **fields,
    }


def report(n_bc: int, *images: dict[str, Any], issuer: str = OWN, outcome: str = "accepted") -> Any:
    kind = "report" if outcome == "accepted" else "rejection"
    return block(
        n_bc,
        kind,
        ai={"kind": "tumour"},
        issuer=issuer,
        references=[one["hash"] for one in images],
        outcome=outcome,
    )


@dataclass
class FakeNode:
    """What the service asks of its node."""

    chain: list[dict[str, Any]] = field(default_factory=list)
    open: list[dict[str, Any]] = field(default_factory=list)
    bodies: set[str] = field(default_factory=set)
    submitted: list[ReportForm] = field(default_factory=list)
    refuse: NodeRefused | None = None
    approved: Approval = Approval()  # noqa: RUF009  (frozen)

    async def own_address(self) -> str:
        return OWN

    async def approval(self, address: str) -> Approval:
        assert address == OWN
        return self.approved

    async def blocks(self, after: int) -> list[dict[str, Any]]:
        return [one for one in self.chain if one["n_bc"] > after][:2]

    async def open_proposals(self) -> list[dict[str, Any]]:
        return self.open

    async def download(self, record: str, part: str, target: Path) -> None:
        if record not in self.bodies:
            raise NodeRefused(404, "unknown_record", "not here")
        target.write_bytes(b"image")

    async def submit(self, form: ReportForm) -> str:
        self.submitted.append(form)
        if self.refuse is not None:
            raise self.refuse
        proposal = {"ai": {"kind": "tumour"}, "issuer": OWN, "references": list(form.references)}
        self.open.append(proposal)
        return "proposal"

    def add(self, *blocks: dict[str, Any]) -> None:
        self.chain.extend(blocks)
        self.bodies |= {one["record"] for one in blocks}


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


@dataclass
class Analysis:
    """Plays the analysis: what it was given."""

    seen: list[tuple[str, bool]] = field(default_factory=list)
    fails: bool = False

    def __call__(self, kind: str, images: tuple[Path, Path | None], *_: Any) -> Any:
        self.seen.append((kind, images[1] is not None))
        if self.fails:
            raise SeriesError(Reason.EMPTY_SERIES, "no slices")
        model = SimpleNamespace(
            digest=b"m", name="model", version="1", preprocessing="1", training_digest=b"t"
        )
        return SimpleNamespace(
            confidence_ppm=900_000,
            kind=SimpleNamespace(value="tumour"),
            model=model,
            overlay=None,
            to_report=dict,
        )


def service_of(node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> tuple[AiService, Analysis]:
    service, analysis = AiService(node, Path()), Analysis()  # type: ignore[arg-type]
    monkeypatch.setattr(service.analyst, "run", analysis)
    return service, analysis


async def test_each_image_is_reported_once(node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    service, analysis = service_of(node, monkeypatch)
    ct, xray = block(1, "ct"), block(3, "xray", 2)
    node.add(ct, block(2, "medical_form"), xray)
    assert await service.round() == 2
    assert await service.round() == 0
    assert [form.references for form in node.submitted] == [(ct["hash"],), (xray["hash"],)]
    assert [form.patient for form in node.submitted] == [1, 2]
    assert analysis.seen == [("ct", False), ("xray", False)]


async def test_a_pet_is_read_with_the_patients_newest_ct(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, analysis = service_of(node, monkeypatch)
    old, new, foreign = block(1, "ct"), block(2, "ct"), block(3, "ct", 2)
    pet = block(4, "pet")
    node.add(old, new, foreign, pet)
    await service.round()
    assert node.submitted[-1].references == (new["hash"], pet["hash"])
    assert analysis.seen[-1] == ("pet", True)


async def test_what_the_chain_holds_is_not_reported_after_a_restart(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted, rejected, by_another = block(1, "ct"), block(2, "ct", 2), block(3, "ct", 3)
    node.add(
        accepted,
        rejected,
        by_another,
        report(4, accepted),
        report(5, rejected, outcome="rejected"),
        report(6, by_another, issuer=OTHER),
    )
    service, _ = service_of(node, monkeypatch)
    assert await service.round() == 1
    assert node.submitted[0].references == (by_another["hash"],)


async def test_a_stale_report_is_proposed_again_with_the_same_findings(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, analysis = service_of(node, monkeypatch)
    node.add(block(1, "ct"))
    for _ in range(REISSUES + 3):
        await service.round()
        node.open.clear()
    assert len(node.submitted) == REISSUES
    assert len(analysis.seen) == 1


async def test_a_body_that_is_not_here_yet_is_waited_for(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, _ = service_of(node, monkeypatch)
    late, ready = block(1, "ct"), block(2, "xray", 2)
    node.add(late, ready)
    node.bodies.remove(late["record"])
    for _ in range(REISSUES + 3):
        await service.round()
    assert [form.references for form in node.submitted] == [(ready["hash"],)]
    node.bodies.add(late["record"])
    assert await service.round() == 1


async def test_images_that_cannot_be_read_are_given_up(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, analysis = service_of(node, monkeypatch)
    analysis.fails = True
    node.add(block(1, "ct"))
    assert [await service.round() for _ in range(3)] == [0, 0, 0]
    assert (len(analysis.seen), node.submitted) == (1, [])


async def test_a_refused_report_is_tried_a_few_times(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, _ = service_of(node, monkeypatch)
    node.refuse = NodeRefused(409, "stale_position", "again")
    node.add(block(1, "ct"))
    for _ in range(REISSUES + 3):
        assert await service.round() == 0
    assert len(node.submitted) == REISSUES


# --- the API --------------------------------------------------------------------------------


class Served:
    """A node's HTTP side with events that a test sends."""

    def __init__(self) -> None:
        self.resumed: list[str | None] = []
        self.forms: list[tuple[str, list[str]]] = []
        self.last = 0
        self.changed = asyncio.Condition()

    async def happens(self, number: int) -> None:
        async with self.changed:
            self.last = number
            self.changed.notify_all()

    async def follow(self, request: web.Request) -> web.StreamResponse:
        self.resumed.append(request.headers.get("Last-Event-ID"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        sent = int(request.headers.get("Last-Event-ID", "0"))
        while True:
            async with self.changed:
                while self.last <= sent:
                    await self.changed.wait()
            while sent < self.last:
                sent += 1
                await response.write(f"id: {sent}\nevent: block\ndata: {{}}\n\n".encode())

    async def take(self, request: web.Request) -> web.Response:
        names = []
        if request.content_type == "multipart/form-data":
            async for part in await request.multipart():
                names.append(str(part.name))  # type: ignore[union-attr]
        self.forms.append((request.content_type, names))
        return web.json_response({"proposal": "abc"}, status=201)


@pytest.fixture
async def served() -> AsyncIterator[tuple[NodeApi, Served]]:
    fake = Served()
    app = web.Application()
    app.router.add_get("/v1/events", fake.follow)
    app.router.add_post("/v1/submissions", fake.take)
    async with TestServer(app) as server, NodeApi(str(server.make_url("/")), "token") as api:
        yield api, fake


async def test_news_is_answered_once_and_silence_is_waited_out(
    served: tuple[NodeApi, Served],
) -> None:
    api, fake = served
    await fake.happens(3)
    await asyncio.wait_for(api.changed(30.0), 10)
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    await api.changed(0.3)
    assert loop.time() - started_s >= 0.29, "what was answered is no news"
    await fake.happens(4)
    await asyncio.wait_for(api.changed(30.0), 10)
    assert fake.resumed == ["0", "3", "3"]


async def test_a_report_without_an_overlay_is_a_form_all_the_same(
    served: tuple[NodeApi, Served],
) -> None:
    api, fake = served
    form = ReportForm(1, ("aa",), {"text": "seen"}, {"kind": "tumour"}, None)
    assert await api.submit(form) == "abc"
    fields = ["type", "patient", "references", "provenance", "M_REPORT"]
    assert fake.forms == [("multipart/form-data", fields)]


async def test_a_node_that_is_not_there_is_away() -> None:
    async with NodeApi("http://127.0.0.1:9", "token") as api:
        with pytest.raises(NodeAway):
            await api.blocks(0)
        await asyncio.wait_for(api.changed(0.05), 10)
