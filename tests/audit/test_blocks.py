"""Blocks an honest network would never order: each is refused at its height, by its rule."""

from typing import Any

import pytest

from .builder import Ledger
from .judging import VALID, verdict_of
from .primitives import DAY_MS, ZERO, address, high_s, part, provenance, public, sign

Change = dict[str, Any]


def admitted() -> Ledger:
    """A ledger with patient 1 and a CT image, blocks 1 and 2; the next block is number 3."""
    ledger = Ledger()
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    ledger.append(ledger.core("ct", "radiologist", 1), "radiologist")
    ledger.close()
    return ledger


def verdict_on_third(
    kind: str, issuer: str, changes: Change, patient: int | None = 1, **appending: Any
) -> tuple[str, int, str]:
    """The verdict on a chain whose third block is made with `changes` to its core."""
    ledger = admitted()
    core = ledger.core(kind, issuer, patient, **changes)
    ledger.append(core, issuer, **appending)
    ledger.close()
    return verdict_of(ledger)


def refused(rule: str) -> tuple[str, int, str]:
    """Refused at the third block."""
    return ("TAMPERED", 3, rule)


@pytest.mark.parametrize(
    ("kind", "issuer"),
    [
        ("medical_form", "doctor-2"),
        ("ct", "hospital"),
        ("pet", "radiologist"),
        ("xray", "hospital"),
        ("test_result", "hospital"),
        ("report", "radiologist"),
        ("prescription", "doctor-3"),
    ],
)
def test_every_type_is_taken_from_who_may_issue_it(kind: str, issuer: str) -> None:
    decisions = {"doctor-0": "approve", "doctor-1": "approve", "doctor-2": "approve"}
    assert verdict_on_third(kind, issuer, {}, decisions=decisions) == VALID


@pytest.mark.parametrize(
    ("kind", "issuer"),
    [
        ("medical_form", "radiologist"),
        ("ct", "laboratory"),
        ("pet", "doctor-1"),
        ("xray", "ai_entity"),
        ("test_result", "radiologist"),
        ("report", "hospital"),
        ("prescription", "hospital"),
    ],
)
def test_a_wrong_role_for_a_type_is_refused(kind: str, issuer: str) -> None:
    ai = {"ai": provenance([])} if issuer == "ai_entity" else {}
    assert verdict_on_third(kind, issuer, ai) == refused("R-BLK2")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"network": ZERO}, "R-PRO1"),
        ({"version": 2}, "R-CAN5"),
        ({"type": "consent"}, "R-BLK1"),
        ({"issuer": address("patient-1")}, "R-BLK2"),
        ({"doctor": address("hospital")}, "R-PRO6"),
        ({"patient": 2, "patient_key": public("patient-1")}, "R-ORD4"),
        ({"patient": 0}, "R-CAN5"),
        ({"patient": 2**53 + 1, "patient_key": public("patient-1"), "seen_head": ZERO}, "R-CAN5"),
        ({"patient_key": public("patient-2")}, "R-ORD4"),
        ({"patient_key": b"\x04" + public("patient-1")[1:]}, "R-KEY1"),
        ({"patient_key": b"\x02" + b"\xff" * 32}, "R-KEY1"),
        ({"patient_key": bytes(33)}, "R-KEY1"),
        ({"patient_name": ZERO}, "R-PRO5"),
        ({"registration": {"encryption_key": public("x"), "proof": bytes(64)}}, "R-PRO4"),
        ({"seen_head": ZERO}, "R-PRO7"),
        ({"references": [ZERO]}, "R-PRO8"),
        ({"replaces": ZERO}, "R-PRO8"),
        ({"references": [ZERO] * 65}, "R-PRO1"),
        ({"expires_at_ms": 2**53 + 1}, "R-CAN5"),
        ({"references": [bytes(31)]}, "R-CAN5"),
        ({"ai": provenance([])}, "R-PRO9"),
        ({"body_root": ZERO}, "R-BOD2"),
        ({"parts": [part("IMM_PET")]}, "R-BLK3"),
        ({"parts": []}, "R-BLK3"),
        ({"parts": [part("IMG_CT"), part("PAT_NAME")]}, "R-BLK3"),
        ({"parts": [part("IMG_CT"), part("ATTACHMENT")]}, "R-BOD1"),
        ({"parts": [part("IMG_CT"), part("IMG_CT")]}, "R-BOD1"),
        ({"parts": [part("IMG_CT")] * 9}, "R-BOD1"),
        ({"parts": [part("IMG_CT", bytes=1_310_719)]}, "R-BOD3"),
        ({"parts": [part("IMG_CT", bytes=0, chunks=0)]}, "R-BOD3"),
        ({"parts": [part("IMG_CT", bytes=2**31 + 2**28, chunks=2_304)]}, "R-BOD3"),
        ({"parts": [part("IMG_CT", chunks=1)]}, "R-BOD4"),
        ({"parts": [{**part("IMG_CT"), "more": 1}]}, "R-CAN5"),
        ({"more": None}, "R-CAN5"),
    ],
)
def test_a_wrong_core_is_refused(changes: Change, rule: str) -> None:
    issuer = "patient-1" if changes.get("issuer") else "radiologist"
    assert verdict_on_third("ct", issuer, changes) == refused(rule)


def test_an_attachment_may_be_added_and_a_body_may_be_two_gibibytes_a_part() -> None:
    large = {"bytes": 2**31, "chunks": 2_048}
    parts = [part("ATTACHMENT", **large), part("IMG_CT", **large)]
    assert verdict_on_third("ct", "radiologist", {"parts": parts}) == VALID


@pytest.mark.parametrize(
    ("lasting_ms", "rule"), [(0, "R-PRO8"), (90 * DAY_MS + 1, "R-PRO8"), (90 * DAY_MS, None)]
)
def test_a_proposal_lives_at_most_ninety_days(lasting_ms: int, rule: str | None) -> None:
    expires = admitted().now_ms + lasting_ms
    expected = refused(rule) if rule else VALID
    assert verdict_on_third("ct", "radiologist", {"expires_at_ms": expires}) == expected


def test_an_expired_proposal_is_refused_against_the_batch_time() -> None:
    """R-ORD4: the batch comes 1,000 ms after the proposal."""
    at = admitted().now_ms
    assert verdict_on_third("ct", "radiologist", {"expires_at_ms": at + 1_000}) == VALID
    expired = verdict_on_third("ct", "radiologist", {"expires_at_ms": at + 999})
    assert expired == refused("R-ORD4")


def test_strict_types_are_bound_to_the_head_and_additive_ones_are_not() -> None:
    """R-PRO7."""
    form = admitted().blocks[0].hash
    assert verdict_on_third("pet", "radiologist", {"seen_head": form}) == VALID
    stale = verdict_on_third("prescription", "doctor-0", {"seen_head": form})
    assert stale == refused("R-PRO7")


@pytest.mark.parametrize(
    ("names_image", "ai_changes", "rule"),
    [
        (True, {}, None),
        (False, {}, "R-PRO8"),
        (True, {"inputs": []}, "R-PRO9"),
        (True, {"machine_generated": False}, "R-PRO9"),
        (True, {"kind": "cyst"}, "R-CAN5"),
        (True, {"model_name": "m" * 201}, "R-CAN5"),
        (True, {"confidence_ppm": 1_000_001}, "R-CAN5"),
        (True, {"model_digest": bytes(31)}, "R-CAN5"),
    ],
)
def test_an_ai_report_says_where_it_comes_from(
    names_image: bool, ai_changes: Change, rule: str | None
) -> None:
    named = [admitted().blocks[1 if names_image else 0].hash]
    changes = {"references": named, "ai": provenance(named, **ai_changes)}
    expected = refused(rule) if rule else VALID
    assert verdict_on_third("report", "ai_entity", changes) == expected


def test_an_ai_report_without_provenance_is_refused() -> None:
    named = [admitted().blocks[1].hash]
    silent = verdict_on_third("report", "ai_entity", {"references": named})
    assert silent == refused("R-PRO9")


@pytest.mark.parametrize(
    ("header_changes", "rule"),
    [
        ({"n_bc": 4}, "R-ORD2"),
        ({"n_bc": 0}, "R-CAN5"),
        ({"n_pa": 2**53 + 1}, "R-CAN5"),
        ({"hprevious": ZERO}, "R-ORD2"),
        ({"n_pb": 2}, "R-ORD3"),
        ({"n_pa": 2}, "R-ORD3"),
        ({"n_pa": 4}, "R-ORD3"),
        ({"hpatient": ZERO}, "R-ORD3"),
        ({"proposal": ZERO}, "R-ORD1"),
        ({"outcome": "rejected"}, "R-ORD5"),
        ({"outcome": "pending"}, "R-CAN5"),
    ],
)
def test_a_wrong_block_header_is_refused(header_changes: Change, rule: str) -> None:
    found = verdict_on_third("ct", "radiologist", {}, header_changes=header_changes)
    assert found == refused(rule)


@pytest.mark.parametrize(
    "header_changes", [{"n_pa": 3}, {"n_pb": 0}, {"n_pb": 2}, {"hpatient": b"\1" * 32}]
)
def test_a_rejected_block_takes_no_place_in_the_patients_chain(header_changes: Change) -> None:
    assert verdict_on_third(
        "ct", "radiologist", {}, outcome="rejected", header_changes=header_changes
    ) == refused("R-ORD5")


def test_a_rejected_block_is_not_held_to_position_references_and_registration_state() -> None:
    """R-ORD5."""
    wrong = {"seen_head": ZERO, "references": [ZERO], "replaces": ZERO}
    assert verdict_on_third("report", "doctor-1", wrong, outcome="rejected") == VALID
    renamed = {"patient_name": ZERO}
    found = verdict_on_third("report", "doctor-1", renamed, outcome="rejected")
    assert found == ("TAMPERED", 3, "R-PRO5")
    ledger = admitted()
    core = ledger.core("ct", "radiologist", 1, patient=7)
    peers = {f"doctor-{n}": {"decision": "reject", "role": "peer"} for n in range(3)}
    ledger.append(core, "radiologist", outcome="rejected", decisions=peers)
    ledger.close()
    assert verdict_of(ledger) == VALID


def test_an_issuer_signature_must_be_the_issuers_and_low() -> None:
    ledger = admitted()
    core = ledger.core("ct", "radiologist", 1)
    ledger.append(core, "radiologist", signature=sign("hospital/clinical", ZERO))
    ledger.close()
    assert verdict_of(ledger) == refused("R-PRO2")
    honest = admitted()
    made = honest.append(honest.core("ct", "radiologist", 1), "radiologist")
    right = made.header["proposal"]
    again = admitted()
    malleated = high_s(sign("radiologist/clinical", right))
    again.append(again.core("ct", "radiologist", 1), "radiologist", signature=malleated)
    again.close()
    assert verdict_of(again) == refused("R-SIG2")


def test_a_proposal_enters_the_chain_once() -> None:
    ledger = admitted()
    core = ledger.core("pet", "radiologist", 1)
    ledger.append(core, "radiologist")
    ledger.append(core, "radiologist")
    ledger.close()
    assert verdict_of(ledger) == ("TAMPERED", 4, "R-ORD4")


def test_ordering_does_not_judge_that_a_record_is_used_once() -> None:
    """R-PRO3: naming another's record first would otherwise bar it."""
    ledger = admitted()
    record = ledger.blocks[1].core["record"]
    ledger.append(ledger.core("pet", "radiologist", 1, record=record), "radiologist")
    ledger.close()
    assert verdict_of(ledger) == VALID
