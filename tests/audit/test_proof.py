"""R-EXP3: one block proved final with nothing but the charter."""

from typing import Any

import msgpack
import pytest

from scripts.independent.canonical import Tampered
from scripts.independent.proof import audit_proof

from .builder import Ledger
from .judging import CHARTER, SIGNATURES, VALID, verdict_on_proof
from .primitives import ZERO, address, enc
from .story import consultation

LEDGER = consultation()
COUNT = len(LEDGER.blocks)
REJECTED = 4
REPORT = 5


def refused(height: int, rule: str) -> tuple[str, int, str]:
    """Refused at a height."""
    return ("TAMPERED", height, rule)


@pytest.mark.parametrize("n_bc", range(1, COUNT + 1))
def test_every_block_can_be_proved(n_bc: int) -> None:
    assert verdict_on_proof(LEDGER.proof(n_bc)) == VALID


@pytest.mark.parametrize("n_bc", [1, REJECTED, REPORT, 7, COUNT])
def test_every_altered_byte_is_found(n_bc: int) -> None:
    content = enc(LEDGER.proof(n_bc))
    for position in range(n_bc % 11, len(content), 11):
        altered = bytearray(content)
        altered[position] ^= 1 << position % 8
        with pytest.raises(Tampered) as tampered:
            audit_proof(bytes(altered), CHARTER, SIGNATURES)
        assert tampered.value.rule.startswith("R-")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"format": "medquorum/proof/2"}, "R-EXP3"),
        ({"more": 1}, "R-CAN5"),
        ({"block": b""}, "R-CAN2"),
    ],
)
def test_a_proof_without_a_block_is_refused_at_height_nought(
    changes: dict[str, Any], rule: str
) -> None:
    assert verdict_on_proof(LEDGER.proof(REPORT, **changes)) == refused(0, rule)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"headers": []}, "R-EXP3"),
        ({"index": 3}, "R-EXP3"),
        ({"index": 1}, "R-MRK2"),
        ({"block_path": []}, "R-MRK2"),
        ({"block_path": [bytes(31)]}, "R-CAN5"),
        ({"witness_path": [ZERO]}, "R-MRK2"),
        ({"witness": LEDGER.blocks[0].witness}, "R-MRK2"),
        ({"patient_chain": []}, "R-EXP3"),
        ({"patient_chain": LEDGER.proof(REPORT)["patient_chain"][:-1]}, "R-ORD3"),
        ({"patient_chain": LEDGER.proof(REPORT)["patient_chain"][1:]}, "R-EXP3"),
        ({"patient_chain": LEDGER.proof(9)["patient_chain"]}, "R-ORD2"),
        ({"patient_chain": LEDGER.proof(REPORT)["patient_chain"] * 2}, "R-ORD2"),
        ({"headers": LEDGER.proof(REPORT)["headers"][:-1]}, "R-ORD17"),
        ({"headers": LEDGER.proof(REPORT)["headers"][::2]}, "R-ORD7"),
        ({"headers": LEDGER.proof(1)["headers"]}, "R-EXP3"),
        ({"certificate": LEDGER.certificate("notar", *LEDGER.tip)}, "R-ORD17"),
        ({"certificate": LEDGER.certificate("final", *LEDGER.tip, (0, 1))}, "R-ORD11"),
        ({"certificate": LEDGER.certificate("final", 6, ZERO)}, "R-ORD17"),
    ],
)
def test_an_incomplete_or_foreign_proof_is_refused(changes: dict[str, Any], rule: str) -> None:
    assert verdict_on_proof(LEDGER.proof(REPORT, **changes)) == refused(REPORT, rule)


def test_the_patient_chain_proves_the_attending() -> None:
    """Another attending in the registration changes its hash, and the block no longer follows."""
    proof = LEDGER.proof(2)
    first = proof["patient_chain"][0]
    core = {**msgpack.unpackb(first["core"]), "doctor": address("doctor-1")}
    proof["patient_chain"] = [{**first, "core": enc(core)}]
    assert verdict_on_proof(proof) == refused(2, "R-ORD1")


def test_a_rejected_block_may_come_without_history_if_the_panel_alone_rejected() -> None:
    """Block 4 was rejected by its attending and one peer, so that the panel's half suffices."""
    assert verdict_on_proof(LEDGER.proof(REJECTED)) == VALID
    other = LEDGER.proof(REJECTED)["patient_chain"][:-1]
    cut = LEDGER.proof(REJECTED, patient_chain=other)
    assert verdict_on_proof(cut) == refused(REJECTED, "R-EXP3")
    ledger = Ledger()
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    ledger.append(
        ledger.core("xray", "radiologist", 1),
        "radiologist",
        outcome="rejected",
        decisions={f"doctor-{n}": {"decision": "reject", "role": "peer"} for n in (1, 2)},
    )
    ledger.close()
    assert verdict_on_proof(ledger.proof(2, patient_chain=[])) == VALID


def test_a_faulty_block_is_refused_though_a_quorum_ordered_it() -> None:
    ledger = Ledger()
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    two = {"doctor-0": "approve", "doctor-1": "approve"}
    ledger.append(ledger.core("xray", "radiologist", 1), "radiologist", decisions=two)
    ledger.close()
    assert verdict_on_proof(ledger.proof(1)) == VALID
    assert verdict_on_proof(ledger.proof(2)) == refused(2, "R-VER2")


def test_an_empty_batch_on_the_way_repeats_the_last_block() -> None:
    """R-ORD7."""
    for changes, expected in (({}, VALID), ({"last_block_hash": ZERO}, refused(1, "R-ORD7"))):
        ledger = Ledger()
        ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
        ledger.close()
        ledger.close(**changes)
        assert verdict_on_proof(ledger.proof(1)) == expected


def test_a_proof_holds_the_block_to_its_place_and_its_batchs_time() -> None:
    """R-ORD2, R-ORD4, R-ORD7, with a quorum behind every fault."""
    for core, header, batch, rule in (
        ({}, {"n_bc": 3}, {}, "R-ORD2"),
        ({}, {"n_pa": 3}, {}, "R-ORD3"),
        ({"expires_at_ms": 1_700_000_000_999}, {}, {}, "R-ORD4"),
        ({}, {}, {"last_block_hash": ZERO}, "R-ORD7"),
        ({"network": ZERO}, {}, {}, "R-PRO1"),
    ):
        ledger = Ledger()
        ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
        core = ledger.core("xray", "radiologist", 1, **core)
        made = ledger.append(core, "radiologist", header_changes=header)
        ledger.close(**batch)
        assert verdict_on_proof(ledger.proof(2)) == refused(made.header["n_bc"], rule)


def test_the_first_block_follows_the_network_id() -> None:
    """R-ORD2."""
    ledger = Ledger()
    core = ledger.core("medical_form", "hospital", None)
    ledger.append(core, "hospital", header_changes={"hprevious": ZERO})
    ledger.close()
    assert verdict_on_proof(ledger.proof(1)) == refused(1, "R-ORD2")


def test_a_patient_chain_holds_one_patient() -> None:
    """R-EXP3: a core of patient 2 under a header that claims a place in patient 1's chain."""
    ledger = Ledger()
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    stray = ledger.core("xray", "radiologist", 1, patient=2)
    place = {"n_pb": 1, "n_pa": 2, "hpatient": ledger.head(1)}
    made = ledger.append(stray, "radiologist", header_changes=place)
    ledger.patients[1].append(made)
    ledger.append(ledger.core("xray", "radiologist", 1), "radiologist")
    ledger.close()
    assert verdict_on_proof(ledger.proof(3)) == refused(3, "R-EXP3")


def test_a_rejected_block_keeps_to_the_registered_name() -> None:
    """R-PRO5, R-ORD5."""
    ledger = Ledger()
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    renamed = ledger.core("xray", "radiologist", 1, patient_name=ZERO)
    ledger.append(renamed, "radiologist", outcome="rejected")
    ledger.close()
    assert verdict_on_proof(ledger.proof(2)) == refused(2, "R-PRO5")
