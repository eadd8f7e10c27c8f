"""A candidate becomes current when the charter names it; a withdrawal leads back."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from medquorum.ai_entity.approval import Approval
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.learning.gate import HeldOutCase, judge
from medquorum.ai_entity.learning.lessons import StudyKind
from medquorum.ai_entity.learning.member_models import (
    CARD_FILE,
    MODEL_FILE,
    TRAINING_FILE,
    add_candidate,
    current_digests,
    has_candidates,
    own_folder,
    settle,
)
from medquorum.ai_entity.learning.promotion import (
    PromotionRefused,
    heed_charter,
    promote,
    withdraw,
)
from medquorum.ai_entity.registry import MODELS_FOLDER, Registry
from medquorum.ledger.approved_model import ApprovedModel
from medquorum.ledger.provenance import FindingKind

OWN = "mqai1own"


@dataclass
class FakeCharter:
    """The node, and doctors who approve at once when `decide` is called."""

    listed: list[ApprovedModel] = field(default_factory=list)
    proposed: list[list[dict[str, Any]]] = field(default_factory=list)

    async def own_address(self) -> str:
        return OWN

    @property
    def in_force(self) -> Approval:
        return Approval(tuple(self.listed))

    async def approval(self, address: str) -> Approval:
        assert address == OWN
        return self.in_force

    async def propose_amendment(self, changes: list[dict[str, Any]]) -> str:
        self.proposed.append(changes)
        return f"{len(self.proposed):064x}"

    def decide(self) -> None:
        for change in self.proposed[-1]:
            if change["kind"] == "approve_model":
                named = {
                    name: bytes.fromhex(str(change["model"][name]))
                    for name in ("digest", "card_digest", "training_digest")
                }
                self.listed.append(ApprovedModel(FindingKind(change["model"]["kind"]), **named))
            else:
                gone = bytes.fromhex(str(change["digest"]))
                self.listed = [one for one in self.listed if one.digest != gone]


def gate_document(passed: bool) -> dict[str, Any]:
    """A gate as training writes it: ten phantoms on which the candidate is better, or worse."""
    score = 0.9 if passed else 0.2
    cases = [HeldOutCase(f"phantom {one}", True, 0.5, score) for one in range(10)]
    return judge(cases, StudyKind.FRACTURE).document()


def make_candidate(folder: Path, salt: bytes, *, passed: bool = True) -> Path:
    """Files of a candidate as training leaves them; the model's bytes are only named here."""
    folder.mkdir(parents=True)
    training, model = b'{"set":1}' + salt, b"onnx " + salt
    card = {
        "name": "m",
        "version": "2",
        "kind": "fracture",
        "sha256": hashlib.sha256(model).hexdigest(),
        "training_sha256": hashlib.sha256(training).hexdigest(),
        "threshold_ppm": 500_000,
        "limits": ["none"],
        "gate": gate_document(passed),
    }
    (folder / MODEL_FILE).write_bytes(model)
    (folder / TRAINING_FILE).write_bytes(training)
    (folder / CARD_FILE).write_text(json.dumps(card))
    return folder


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A member's folder made of a small shipped one."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    registry = {}
    for kind in ("fracture", "ct"):
        old = make_candidate(tmp_path / f"old {kind}", kind.encode())
        card = json.loads((old / CARD_FILE).read_text()) | {"kind": kind}
        (shipped / f"{kind}.json").write_text(json.dumps(card))
        (shipped / f"{kind}.onnx").write_bytes((old / MODEL_FILE).read_bytes())
        registry[card["sha256"]] = {
            "file": f"{kind}.onnx",
            "card": f"{kind}.json",
            "kind": kind,
            "current": True,
        }
    (shipped / "registry.json").write_text(json.dumps({"models": registry}))
    return own_folder(tmp_path / "models", shipped)


async def test_from_announcement_to_use_and_back(models: Path, tmp_path: Path) -> None:
    charter = FakeCharter()
    old = current_digests(models)
    candidate = make_candidate(tmp_path / "new", b"new")
    new = hashlib.sha256((candidate / MODEL_FILE).read_bytes()).hexdigest()

    promotion = await promote(charter, candidate, models)
    assert [one.digest.hex() for one in promotion.models] == [*sorted(old.values()), new]
    assert promotion.models[-1].kind is FindingKind.FRACTURE
    card = (candidate / CARD_FILE).read_bytes()
    assert promotion.models[-1].card_digest == hashlib.sha256(card).digest()
    assert not heed_charter(models, charter.in_force)
    assert current_digests(models) == old, "announced is not approved"

    charter.decide()
    assert heed_charter(models, charter.in_force)
    assert current_digests(models) == old | {"fracture": new}
    assert not heed_charter(models, charter.in_force), "nothing more to change"

    await withdraw(charter, bytes.fromhex(new))
    assert current_digests(models)["fracture"] == new, "asked is not decided"
    charter.decide()
    assert heed_charter(models, charter.in_force)
    assert current_digests(models) == old


async def test_a_model_with_another_card_than_the_approved_one_is_not_used(
    models: Path, tmp_path: Path
) -> None:
    charter = FakeCharter()
    promotion = await promote(charter, make_candidate(tmp_path / "new", b"new"), models)
    charter.decide()
    digest = promotion.models[-1].digest.hex()
    card = models / f"fracture-{digest[:16]}.card.json"
    approved = card.read_bytes()
    card.write_bytes(approved.replace(b'"none"', b'"safe"'))
    assert not heed_charter(models, charter.in_force)
    card.write_bytes(approved)
    assert heed_charter(models, charter.in_force)


async def test_the_second_promotion_asks_for_one_model_only(models: Path, tmp_path: Path) -> None:
    charter = FakeCharter()
    for name in ("first", "second"):
        promotion = await promote(charter, make_candidate(tmp_path / name, name.encode()), models)
        charter.decide()
        heed_charter(models, charter.in_force)
        assert current_digests(models)["fracture"] == promotion.models[-1].digest.hex()
    assert len(charter.proposed[1]) == 1
    await withdraw(charter, promotion.models[-1].digest)
    charter.decide()
    heed_charter(models, charter.in_force)
    first = hashlib.sha256(b"onnx first").hexdigest()
    assert current_digests(models)["fracture"] == first, "the one before is current again"


async def test_what_did_not_pass_is_not_announced(models: Path, tmp_path: Path) -> None:
    charter = FakeCharter()
    with pytest.raises(PromotionRefused, match="did not pass"):
        await promote(charter, make_candidate(tmp_path / "bad", b"bad", passed=False), models)
    with pytest.raises(PromotionRefused, match="no card"):
        await promote(charter, tmp_path / "nothing", models)
    bare = make_candidate(tmp_path / "bare", b"bare")
    card = json.loads((bare / CARD_FILE).read_text())
    del card["gate"]
    (bare / CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(PromotionRefused, match="no gate"):
        await promote(charter, bare, models)
    assert charter.proposed == []
    assert not has_candidates(models)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        (None, {"passed": True}),
        (None, {"passed": True, "margin_ppm": 900_000}),
        ("all", {"lower_bound_ppm": 0}),
        ("all", {"cases": 11}),
        ("all", {"cases": 3}),
    ],
)
async def test_a_gate_that_its_own_figures_contradict_is_not_announced(
    part: str | None, change: dict[str, Any], models: Path, tmp_path: Path
) -> None:
    candidate = make_candidate(tmp_path / "bad", b"bad", passed=False)
    card = json.loads((candidate / CARD_FILE).read_text())
    card["gate"]["passed"] = True
    (card["gate"] if part is None else card["gate"][part]).update(change)
    (candidate / CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(PromotionRefused, match="figures of the gate"):
        await promote(FakeCharter(), candidate, models)


async def test_what_is_approved_is_not_asked_again(models: Path, tmp_path: Path) -> None:
    charter = FakeCharter()
    candidate = make_candidate(tmp_path / "new", b"new")
    await promote(charter, candidate, models)
    charter.decide()
    with pytest.raises(PromotionRefused, match="already"):
        await promote(charter, candidate, models)
    with pytest.raises(PromotionRefused, match="nothing to withdraw"):
        await withdraw(charter, bytes(32))


async def test_the_last_model_is_not_withdrawn() -> None:
    model = ApprovedModel(FindingKind.FRACTURE, bytes(32), bytes(32), bytes(32))
    with pytest.raises(PromotionRefused, match="last model"):
        await withdraw(FakeCharter([model]), model.digest)


def test_a_candidate_whose_files_do_not_belong_together_is_refused(
    models: Path, tmp_path: Path
) -> None:
    candidate = make_candidate(tmp_path / "new", b"new")
    (candidate / TRAINING_FILE).write_bytes(b"{}")
    with pytest.raises(ModelError) as refused:
        add_candidate(models, candidate)
    assert refused.value.reason is Reason.DIGEST_MISMATCH
    (candidate / MODEL_FILE).write_bytes(b"another")
    with pytest.raises(ModelError) as refused:
        add_candidate(models, candidate)
    assert refused.value.reason is Reason.DIGEST_MISMATCH


def test_a_folder_without_candidates_depends_on_no_charter(tmp_path: Path, models: Path) -> None:
    model = ApprovedModel(FindingKind.FRACTURE, bytes(32), bytes(32), bytes(32))
    before = current_digests(models)
    assert not heed_charter(models, Approval((model,)))
    assert not heed_charter(tmp_path / "absent", Approval((model,)))
    assert not heed_charter(MODELS_FOLDER, Approval((model,)))
    assert current_digests(models) == before


def test_a_foreign_approval_changes_nothing(models: Path) -> None:
    before = current_digests(models)
    assert not settle(models, frozenset({"ab" * 32}))
    assert current_digests(models) == before


def test_what_is_shipped_becomes_a_members_own_folder(tmp_path: Path) -> None:
    mine = own_folder(tmp_path / "mine")
    assert current_digests(mine) == current_digests(MODELS_FOLDER)
    for kind, digest in current_digests(mine).items():
        assert Registry(mine).digest_of(kind).hex() == digest
