"""A card is held to its bytes: by the folder's registry, and by what the doctors approved."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from medquorum.ai_entity.approval import Approval
from medquorum.ai_entity.commands import app
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.explain.card_words import read_card_document
from medquorum.ai_entity.registry import MODELS_FOLDER, Registry, Shelf, opened, register_model
from medquorum.ai_entity.registry_digests import main, pin_cards
from medquorum.ai_entity.service import AiService
from medquorum.ai_entity.service_status import ServiceStatus, State
from medquorum.ledger.approved_model import ApprovedModel
from medquorum.ledger.provenance import FindingKind
from tests.ai_entity.small_network import small_network, unpinned, write_network
from tests.ai_entity.test_service import FakeNode, block

FORGED = {"threshold_ppm": 999_000, "name": "Approved by everybody", "limits": ["Cleared."]}


@pytest.fixture
def digest(tmp_path: Path) -> bytes:
    """A small registered network in ``tmp_path``."""
    return write_network(tmp_path, small_network("petct", members=1), "petct", members=1)


def forge(folder: Path, change: Mapping[str, Any] = FORGED, stem: str = "network") -> bytes:
    """Change the card; the bytes of before."""
    path = folder / f"{stem}.json"
    before = path.read_bytes()
    path.write_text(json.dumps(json.loads(before) | change))
    return before


def approved_as_is(folder: Path, digest: bytes) -> ApprovedModel:
    """The model as doctors approve it, with its card of now."""
    card = hashlib.sha256((folder / "network.json").read_bytes()).digest()
    return ApprovedModel(FindingKind.TUMOUR, digest, card, bytes(32))


def refused(act: Callable[[], object]) -> ModelError:
    with pytest.raises(ModelError) as caught:
        act()
    assert caught.value.reason is Reason.CARD_MISMATCH
    return caught.value


# --- by the registry ---------------------------------------------------------------------------


def test_every_shipped_model_names_its_card_by_digest() -> None:
    listed = json.loads((MODELS_FOLDER / "registry.json").read_text())["models"]
    for entry in listed.values():
        content = (MODELS_FOLDER / entry["card"]).read_bytes()
        assert entry["card_sha256"] == hashlib.sha256(content).hexdigest()


def test_a_card_that_was_changed_is_refused_wherever_it_is_read(
    tmp_path: Path, digest: bytes
) -> None:
    before = forge(tmp_path)
    for act in (
        lambda: Registry(tmp_path).load(digest),
        lambda: Registry(tmp_path).card_of(digest),
        lambda: read_card_document(tmp_path, digest),
    ):
        assert "restore it" in refused(act).message
    (tmp_path / "network.json").write_bytes(before + b" ")
    refused(lambda: Registry(tmp_path).load(digest))
    (tmp_path / "network.json").write_bytes(before)
    assert Registry(tmp_path).load(digest).card.threshold_ppm == 500_000


def test_a_malformed_digest_of_a_card_makes_no_registry(tmp_path: Path, digest: bytes) -> None:
    path = tmp_path / "registry.json"
    for nonsense in ("", "abc", 5, "00" * 31):
        listed = json.loads(path.read_text())
        listed["models"][digest.hex()]["card_sha256"] = nonsense
        path.write_text(json.dumps(listed))
        with pytest.raises(ModelError, match="registry file is malformed"):
            Registry(tmp_path)


def test_a_changed_shipped_card_stops_every_command(tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(MODELS_FOLDER, models)
    film = tmp_path / "film.png"
    film.write_bytes(b"never read")
    forge(models, {"name": "ok\nconclusion: negative"}, "fracture_fusion")
    for words in (("analyze", "--xray", film), ("evaluate", "--fracture-phantoms", "20")):
        ended = CliRunner().invoke(app, [*map(str, words), "--models", str(models)])
        assert ended.exit_code != 0
        assert ended.stdout == ""
    shown = CliRunner().invoke(app, ["models", "--models", str(models)])
    assert shown.exit_code != 0
    assert "conclusion: negative" not in shown.stdout


# --- by the charter ----------------------------------------------------------------------------


def test_under_a_charter_only_the_approved_card_runs(tmp_path: Path, digest: bytes) -> None:
    approval = Approval((approved_as_is(tmp_path, digest),))
    shelf = Shelf(tmp_path, approval.digests, approval.cards)
    registry = opened(**shelf.as_arguments())  # type: ignore[arg-type]
    assert registry.digest_of("petct") == digest
    registry.load(digest)
    forge(tmp_path)
    pin_cards(tmp_path)
    assert Registry(tmp_path).load(digest).card.name == FORGED["name"], "one's own folder"
    for asked in (registry, opened(**shelf.as_arguments())):  # type: ignore[arg-type]
        for act in (asked.load, asked.card_of):
            assert "approved" in refused(lambda act=act: act(digest)).message  # type: ignore[misc]
    unpinned(tmp_path)
    refused(lambda: opened(**shelf.as_arguments()).load(digest))  # type: ignore[arg-type]


def test_an_approval_binds_the_card() -> None:
    said = ApprovedModel(FindingKind.TUMOUR, b"d" * 32, b"c" * 32, b"t" * 32)
    approval = Approval((said,))
    assert approval.allows("tumour", said.digest, said.card_digest, said.training_digest)
    assert not approval.allows("tumour", said.digest, b"x" * 32, said.training_digest)
    assert Approval().allows("tumour", said.digest, b"x" * 32, said.training_digest)
    assert approval.cards == {said.digest: said.card_digest}
    assert Approval().cards == {}


def found_by(digest: bytes) -> Any:
    facts = {"name": "m", "version": "1", "preprocessing": "1", "training_digest": bytes(32)}
    return SimpleNamespace(
        confidence_ppm=1,
        kind=SimpleNamespace(value="tumour"),
        model=SimpleNamespace(digest=digest, **facts),
        overlay=None,
        to_report=dict,
    )


async def test_nothing_is_proposed_when_the_card_changed_while_the_charter_did_not(
    tmp_path: Path, digest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Analyses are played, so it is the service itself that looks before it proposes."""
    node = FakeNode(approved=Approval((approved_as_is(tmp_path, digest),)))
    status = ServiceStatus()
    service = AiService(node, tmp_path, status)  # type: ignore[arg-type]

    async def played(*_: Any) -> Any:
        return found_by(digest)

    monkeypatch.setattr(service.analyst, "findings", played)
    node.add(block(1, "ct"))
    assert await service.round() == 1
    before = forge(tmp_path)
    pin_cards(tmp_path)
    node.add(block(2, "ct", patient=2))
    assert [await service.round() for _ in range(2)] == [0, 0]
    assert (status.now.state, status.now.reason) == (State.MODEL_REFUSED, "card_mismatch")
    (tmp_path / "network.json").write_bytes(before)
    pin_cards(tmp_path)
    for study in service._seen.studies.values():
        study.not_before_s = 0.0
    assert await service.round() == 1
    assert len(node.submitted) == 2


# --- the command -------------------------------------------------------------------------------


def test_pinning_follows_a_replaced_model_and_keeps_all_else(
    tmp_path: Path, digest: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "registry.json"
    kept = {"founding": True, "serial": 3}
    listed = json.loads(path.read_text())["models"]
    listed[digest.hex()] |= kept
    path.write_text(json.dumps({"models": listed}))
    content = small_network("petct", members=2).SerializeToString()
    (tmp_path / "network.onnx").write_bytes(content)
    new = hashlib.sha256(content).hexdigest()
    forge(tmp_path, {"sha256": new, "members": 2})
    main([str(tmp_path)])
    assert "network.json" in capsys.readouterr().out
    ((named, entry),) = json.loads(path.read_text())["models"].items()
    assert (named, entry["current"], entry | kept) == (new, True, entry)
    assert Registry(tmp_path).load(bytes.fromhex(new)).card.name == "small network"
    written = path.read_bytes()
    main([str(tmp_path)])
    assert path.read_bytes() == written
    assert capsys.readouterr().out == "nothing to change\n"


def test_pinning_refuses_files_that_do_not_belong_together(tmp_path: Path) -> None:
    small = small_network("petct", members=1)
    write_network(tmp_path, small, "petct", members=1, levels=b"{}")
    written = (tmp_path / "registry.json").read_bytes()
    (tmp_path / "levels.json").write_bytes(b"{ }")
    with pytest.raises(ModelError, match="is not the one the card names"):
        pin_cards(tmp_path)
    (tmp_path / "levels.json").write_bytes(b"{}")
    (tmp_path / "network.onnx").write_bytes(small_network("ct", members=1).SerializeToString())
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path)])
    assert "another model" in str(ended.value)
    assert (tmp_path / "registry.json").read_bytes() == written


def test_registering_names_the_card(tmp_path: Path, digest: bytes) -> None:
    forge(tmp_path)
    register_model(tmp_path, "network", current=True)
    assert Registry(tmp_path).card_of(digest).name == FORGED["name"]
