"""R-AI1 to R-AI4: the models an AI entity may report with, founding and amended.

Whole ledgers are judged by the product as well: `verdict_of` asserts that it says the same.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from scripts.independent.canonical import Fault
from scripts.independent.charter import Charter, read_charter
from scripts.independent.main import main
from scripts.independent.members import read_member

from .governing import Governed, founded, rotated
from .judging import SIGNATURES, VALID, verdict_of, verdict_on_proof_of
from .primitives import CAST, address, charter_file, charter_map, enc, joined, member, provenance
from .test_amendments import after, rule_of

AI = "ai_entity"


def digest(label: str) -> bytes:
    return hashlib.sha256(label.encode()).digest()


def model(label: str = "used", **changes: Any) -> dict[str, Any]:
    """A model; that of `used` is the one that reports name."""
    said = provenance([])
    used = {"digest": said["model_digest"], "training_digest": said["training_digest"]}
    other = {"digest": digest(label), "training_digest": digest(f"{label} training")}
    return {
        "card_digest": digest(f"{label} card"),
        "kind": said["kind"],
        **(used if label == "used" else other),
        **changes,
    }


def bound_charter(*models: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The founding charter in which the AI entity has these models, in their order."""
    listed = sorted(models, key=lambda one: one["digest"])
    members = [{**member(label), **({"models": listed} if label == AI else {})} for label in CAST]
    return charter_map(members=sorted(members, key=lambda one: one["address"]), **changes)


def read(charter: dict[str, Any]) -> Charter:
    return read_charter(charter_file(charter), SIGNATURES)


def approve(label: str = "used", of: str = AI, **changes: Any) -> dict[str, Any]:
    named = {"member": address(of), "model": model(label, **changes)}
    return {"kind": "approve_model", **named}


def withdraw(label: str = "used", of: str = AI) -> dict[str, Any]:
    return {"kind": "withdraw_model", "member": address(of), "digest": model(label)["digest"]}


def digests(charter: Charter) -> list[bytes]:
    return [one.digest for one in charter.members[address(AI)].models]


BOUND = read(bound_charter(model()))
FULL = read(bound_charter(*(model(f"model {number}") for number in range(16))))


# --- the charter ------------------------------------------------------------------------------


def test_a_founding_charter_lists_models() -> None:
    """R-AI2: proofs do not cover them, signatures of the charter do."""
    assert digests(BOUND) == [model()["digest"]]
    assert digests(FULL) == sorted(digests(FULL)) and len(digests(FULL)) == 16


@pytest.mark.parametrize(
    ("models", "rule"),
    [
        ([], "R-AI2"),
        (None, "R-CAN5"),
        ([1], "R-CAN5"),
        ([model(), model()], "R-AI2"),
        (sorted((model(), model("b")), key=lambda one: one["digest"], reverse=True), "R-AI2"),
        ([model(kind="ct")], "R-CAN5"),
        ([model(digest=bytes(31))], "R-CAN5"),
        ([model(name="x")], "R-CAN5"),
    ],
)
def test_a_member_with_other_models_is_refused(models: Any, rule: str) -> None:
    """R-AI1, R-AI2."""
    with pytest.raises(Fault) as refusal:
        read_member({**member(AI), "models": models})
    assert refusal.value.rule == rule


def test_one_model_too_many_and_another_role_are_refused() -> None:
    """R-AI2."""
    many = sorted((model(str(number)) for number in range(17)), key=lambda one: one["digest"])
    for label, models in ((AI, many), ("hospital", [model()]), ("doctor-0", [model()])):
        with pytest.raises(Fault, match="R-AI2"):
            read_member({**member(label), "models": models})


# --- amendments -------------------------------------------------------------------------------


def test_models_are_approved_and_withdrawn() -> None:
    """R-AI3: in order, by hospitals, doctors and the AI entity itself."""
    made = after(approve(), approve("other"), by=AI)
    assert digests(made) == sorted((model()["digest"], model("other")["digest"]))
    left = after(withdraw(), charter=made)
    assert digests(left) == [model("other")["digest"]]
    assert digests(after(approve(), charter=left)) == digests(made)
    assert made.retired == left.retired == frozenset()


@pytest.mark.parametrize(
    ("charter", "changes", "rule"),
    [
        (BOUND, [approve()], "R-AI3"),
        (BOUND, [approve(card_digest=digest("another"))], "R-AI3"),
        (BOUND, [approve(of="hospital")], "R-AI2"),
        (BOUND, [approve(of="doctor-9")], "R-GOV7"),
        (FULL, [approve()], "R-AI2"),
        (BOUND, [withdraw("other")], "R-AI3"),
        (BOUND, [withdraw()], "R-AI3"),
        (BOUND, [withdraw(), approve("other")], "R-AI3"),
        (BOUND, [withdraw(of="doctor-9")], "R-GOV7"),
        (BOUND, [{**approve(), "more": 1}], "R-CAN5"),
        (BOUND, [approve(more=1)], "R-CAN5"),
        (BOUND, [{**withdraw(), "digest": b""}], "R-CAN5"),
    ],
)
def test_what_does_not_apply_is_refused(
    charter: Charter, changes: list[dict[str, Any]], rule: str
) -> None:
    """R-AI2, R-AI3."""
    assert rule_of(*changes, charter=charter) == rule


def test_new_keys_leave_the_models() -> None:
    """R-AI3: with those of before, and with no others."""
    again = rotated(AI, "consensus")
    with_models = {"kind": "rotate_key", "member": {**again, "models": [model()]}}
    assert digests(after(with_models, charter=BOUND, by=AI)) == digests(BOUND)
    for others in ({}, {"models": [model("other")]}):
        spoiled = {"kind": "rotate_key", "member": {**again, **others}}
        assert rule_of(spoiled, charter=BOUND, by=AI) == "R-AI3"


# --- ledgers ----------------------------------------------------------------------------------


def imaged(*models: dict[str, Any]) -> Governed:
    """Patient 1 with a CT, in a network whose charter lists these models."""
    ledger = Governed(bound_charter(*models)) if models else founded()
    if models:
        ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    ledger.append(ledger.core("ct", "radiologist", 1), "radiologist")
    ledger.close()
    return ledger


def report(ledger: Governed, outcome: str = "accepted", **changes: Any) -> None:
    """The AI entity's report on the CT, in a batch of its own."""
    image = next(one for one in ledger.patients[1] if one.core["type"] == "ct").hash
    ai = provenance([image], **changes)
    core = ledger.core("report", AI, 1, references=[image], ai=ai)
    ledger.append(core, AI, outcome=outcome)
    ledger.close()


@pytest.mark.parametrize("outcome", ["accepted", "rejected"])
@pytest.mark.parametrize(
    ("models", "changes", "rule"),
    [
        ((), {}, None),
        ((), {"model_digest": bytes(32)}, None),
        ((model(),), {}, None),
        ((model(), model("other")), {}, None),
        ((model("other"),), {}, "R-AI4"),
        ((model(),), {"model_digest": bytes(32)}, "R-AI4"),
        ((model(),), {"training_digest": bytes(32)}, "R-AI4"),
        ((model(),), {"kind": "fracture"}, "R-AI4"),
    ],
)
def test_a_report_is_by_an_approved_model(
    models: tuple[dict[str, Any], ...], changes: dict[str, Any], rule: str | None, outcome: str
) -> None:
    """R-AI4: rejected alike (R-ORD5)."""
    ledger = imaged(*models)
    report(ledger, outcome, **changes)
    expected = VALID if rule is None else ("TAMPERED", len(ledger.blocks), rule)
    assert verdict_of(ledger) == expected


def test_each_epoch_has_its_models() -> None:
    """R-AI3, R-AI4, R-GOV8: free, bound to another, bound to the one used, and not any more."""
    ledger = imaged()
    report(ledger)
    ledger.amended(approve("other"), approve())
    report(ledger)
    ledger.amended(withdraw("other"))
    report(ledger)
    assert verdict_of(ledger) == VALID
    assert verdict_on_proof_of(ledger, len(ledger.blocks)) == VALID
    ledger.amended(approve("other"), withdraw())
    report(ledger)
    expected = ("TAMPERED", len(ledger.blocks), "R-AI4")
    assert verdict_of(ledger) == expected
    word, _, rule = verdict_on_proof_of(ledger, len(ledger.blocks))
    assert (word, rule) == ("TAMPERED", "R-AI4")


@pytest.mark.parametrize(
    ("issuer", "changes", "rule"),
    [
        (AI, [approve(), approve("other")], None),
        (AI, [approve(), withdraw("third")], "R-AI3"),
        (AI, [approve(of="hospital")], "R-GOV3"),
        (AI, [approve(), {"kind": "set_mode", "mode": "majority"}], "R-GOV3"),
        ("laboratory", [approve()], "R-GOV3"),
        ("radiologist", [approve(of="radiologist")], "R-GOV3"),
        ("hospital", [approve()], None),
        ("hospital", [approve(of="radiologist")], "R-AI2"),
    ],
)
def test_who_proposes_models(issuer: str, changes: list[dict[str, Any]], rule: str | None) -> None:
    """R-GOV3, R-AI3: the AI entity its own, hospitals and doctors anybody's."""
    ledger = imaged()
    ledger.amend(*changes, issuer=issuer)
    ledger.close()
    expected = VALID if rule is None else ("TAMPERED", len(ledger.blocks), rule)
    assert verdict_of(ledger) == expected


def test_the_charters_history_tells_its_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """R-AI2, R-AI3: what was approved when, by whom, and what each version lists."""
    ledger = imaged()
    ledger.amended(approve("other"), approve())
    ledger.amended(withdraw("other"))
    (tmp_path / "export").write_bytes(joined(ledger.export_frames()))
    (tmp_path / "charter").write_bytes(charter_file(ledger.charter))
    arguments = [str(tmp_path / "export"), "--charter", str(tmp_path / "charter")]
    assert main([*arguments, "--json"]) == 0
    founding, second, third = json.loads(capsys.readouterr().out)["charter_history"]
    assert "models" not in founding
    assert [one["change"] for one in second["changes"]] == ["approve_model"] * 2
    assert {one["model"] for one in second["models"]} == {
        model(label)["digest"].hex() for label in ("used", "other")
    }
    (change,) = third["changes"]
    assert (change["change"], change["name"]) == ("withdraw_model", AI)
    assert change["model"] == model("other")["digest"].hex()
    (left,) = third["models"]
    assert left["training"] == model()["training_digest"].hex()
    assert main([*arguments, "--charter-history"]) == 0
    assert f"      card: {model()['card_digest'].hex()}" in capsys.readouterr().out


def test_charters_without_models_keep_their_bytes() -> None:
    """R-AI2: nothing is written where there is nothing."""
    assert enc(bound_charter(model())) != enc(charter_map())
    assert b"models" not in enc(charter_map())
