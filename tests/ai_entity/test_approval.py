"""What the charter approves decides which model is run and reported with (R-AI4)."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from medquorum.ai_entity.approval import (
    Approval,
    approval_of,
    approve_change,
    withdraw_change,
)
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.node_api import NodeApi, NodeRefused
from medquorum.ai_entity.registry import MODELS_FOLDER, Registry, Shelf, opened
from medquorum.ai_entity.service import AiService
from medquorum.node.api.charter_schema import CharterAnswer
from medquorum.node.api.governance_forms import change_of
from medquorum.node.api.governance_schemas import AmendmentForm
from tests.ai_entity.test_service import OWN, FakeNode, block
from tests.ledger.governance_kit import member_of
from tests.ledger.model_kit import AI_ENTITY, bound_charter, model

USED, OTHER = model(), model("other")
Change = dict[str, Any]


def findings(digest: bytes = USED.digest) -> Any:
    """Findings of the model with this digest."""
    named = {"name": "model", "version": "1", "preprocessing": "1"}
    facts = SimpleNamespace(digest=digest, training_digest=USED.training_digest, **named)
    return SimpleNamespace(
        confidence_ppm=900_000,
        kind=SimpleNamespace(value="tumour"),
        model=facts,
        overlay=None,
        to_report=dict,
    )


def service_with(
    node: FakeNode,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    run: Callable[[], Any] = findings,
) -> tuple[AiService, list[Any]]:
    """A service whose analyses are played; what the charter approved at each is noted.

    In its folder lies the card of USED, whose digest is that of the bytes `model card`.
    """
    entry = {"file": "a.onnx", "card": "a.json", "kind": "ct", "current": True}
    (folder / "a.json").write_bytes(b"model card")
    (folder / "registry.json").write_text(json.dumps({"models": {USED.digest.hex(): entry}}))
    service = AiService(node, folder)  # type: ignore[arg-type]
    runs: list[Any] = []

    def played(*_: Any) -> Any:
        runs.append(service._seen.approval.digests)
        return run()

    monkeypatch.setattr(service.analyst, "run", played)
    return service, runs


async def test_nothing_is_proposed_with_a_model_that_is_not_approved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    node = FakeNode(approved=Approval((OTHER,)))
    service, runs = service_with(node, monkeypatch, tmp_path)
    node.add(block(1, "ct"))
    assert [await service.round() for _ in range(3)] == [0, 0, 0]
    assert (node.submitted, runs) == ([], [frozenset({OTHER.digest})])


async def test_approval_lets_what_was_owed_be_proposed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    node = FakeNode(approved=Approval((OTHER,)))
    service, runs = service_with(node, monkeypatch, tmp_path)
    node.add(block(1, "ct"))
    assert await service.round() == 0
    node.approved = Approval((OTHER, USED))
    assert [await service.round() for _ in range(2)] == [1, 0]
    assert runs[-1] == {OTHER.digest, USED.digest}
    (form,) = node.submitted
    assert form.provenance["model_digest"] == USED.digest.hex()


async def test_a_kind_without_an_approved_model_is_tried_again_after_approval(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    node = FakeNode(approved=Approval((OTHER,)))

    def run() -> Any:
        if len(node.approved.models) == 1:
            raise ModelError(Reason.UNKNOWN_MODEL, "no approved model")
        return findings()

    service, runs = service_with(node, monkeypatch, tmp_path, run)
    node.add(block(1, "xray"))
    assert [await service.round() for _ in range(2)] == [0, 0]
    node.approved = Approval((OTHER, USED))
    assert (await service.round(), len(runs)) == (1, 2)


def test_an_approval_binds_kind_digest_card_and_training_list() -> None:
    said = ("tumour", USED.digest, USED.card_digest, USED.training_digest)
    assert Approval().allows(*said) and Approval().digests is None
    assert Approval((OTHER, USED)).allows(*said)
    assert not Approval((OTHER,)).allows(*said)
    assert not Approval((USED,)).allows("fracture", *said[1:])
    assert not Approval((USED,)).allows(*said[:2], OTHER.card_digest, USED.training_digest)
    assert not Approval((USED,)).allows(*said[:3], OTHER.training_digest)


def test_an_approved_model_is_taken_before_the_current_one_that_is_not() -> None:
    shelf = Registry()
    current = shelf.digest_of("petct")
    foreign = shelf.digest_of("ct")
    assert opened(**Shelf().as_arguments()).digest_of("petct") == current  # type: ignore[arg-type]
    assert Registry(MODELS_FOLDER, frozenset({current, foreign})).digest_of("petct") == current
    with pytest.raises(ModelError, match="no approved model of kind petct"):
        Registry(MODELS_FOLDER, frozenset({foreign})).digest_of("petct")
    narrow = Shelf(approved=frozenset({foreign})).as_arguments()
    assert opened(**narrow).digest_of("ct") == foreign  # type: ignore[arg-type]


def test_an_older_model_runs_while_the_new_one_waits(tmp_path: Path) -> None:
    entry = {"file": "a.onnx", "card": "a.json", "kind": "petct"}
    listed = {
        "bb" * 32: {**entry, "current": True},
        "aa" * 32: {**entry, "current": False},
    }
    text = json.dumps({"models": listed})
    (tmp_path / "registry.json").write_text(text)
    old, new = bytes.fromhex("aa" * 32), bytes.fromhex("bb" * 32)
    for approved, taken in ((None, new), ({old}, old), ({old, new}, new), ({new}, new)):
        allowed = None if approved is None else frozenset(approved)
        assert Registry(tmp_path, allowed).digest_of("petct") == taken


# --- the node's answers ---------------------------------------------------------------------


def answer() -> dict[str, Any]:
    """What the node says of a charter with two models."""
    charter = bound_charter(USED, OTHER)
    return CharterAnswer.of(charter, [charter]).model_dump(mode="json")


def test_the_charters_answer_is_read() -> None:
    address = member_of(bound_charter(USED), AI_ENTITY).address_text
    assert set(approval_of(answer(), address).models) == {USED, OTHER}
    assert approval_of(answer(), OWN) == Approval()


def test_a_proposed_change_is_what_the_api_takes() -> None:
    member = member_of(bound_charter(USED), AI_ENTITY)
    changes = [
        approve_change(member.address_text, OTHER),
        withdraw_change(member.address_text, USED.digest),
    ]
    form = AmendmentForm.model_validate({"type": "amendment", "changes": changes})
    approved, withdrawn = (change_of(each) for each in form.changes)
    assert approved.member == withdrawn.member == member.address  # type: ignore[union-attr]
    assert approved.model == OTHER  # type: ignore[union-attr]
    assert withdrawn.digest == USED.digest  # type: ignore[union-attr]


@pytest.fixture
async def served() -> AsyncIterator[tuple[NodeApi, dict[str, Any]]]:
    """A node that answers what `told` holds, and notes what it is asked to issue."""
    told: dict[str, Any] = {"charter": answer(), "acts": []}

    async def charter(request: web.Request) -> web.Response:
        return web.json_response(told["charter"])

    async def issue(request: web.Request) -> web.Response:
        told["acts"].append(await request.json())
        return web.json_response({"proposal": "abc"}, status=201)

    app = web.Application()
    app.router.add_get("/v1/charter", charter)
    app.router.add_post("/v1/governance/acts", issue)
    async with TestServer(app) as server, NodeApi(str(server.make_url("/")), "token") as api:
        yield api, told


async def test_the_node_is_asked_and_told(served: tuple[NodeApi, dict[str, Any]]) -> None:
    api, told = served
    address = member_of(bound_charter(USED), AI_ENTITY).address_text
    assert set((await api.approval(address)).models) == {USED, OTHER}
    change = approve_change(address, OTHER)
    assert await api.propose_amendment([change]) == "abc"
    assert told["acts"] == [{"act": {"type": "amendment", "changes": [change]}}]
    for nonsense in ([], {"members": [{}]}, {"members": None}):
        told["charter"] = nonsense
        with pytest.raises(NodeRefused, match="cannot be read"):
            await api.approval(address)
