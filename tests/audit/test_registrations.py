"""R-PRO4, R-ORD4: how a patient enters the chain, once, by the patient's own signature."""

from collections.abc import Callable
from typing import Any

import pytest

from .builder import Ledger
from .judging import verdict_of
from .primitives import ZERO, address, enc, high_s, merkle, part, public, sign, tagged

Change = dict[str, Any]


def admitted() -> Ledger:
    """A ledger with patient 1 as block 1; the next block is number 2."""
    ledger = Ledger()
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    ledger.close()
    return ledger


def refused(rule: str) -> tuple[str, int, str]:
    """Refused at the second block."""
    return ("TAMPERED", 2, rule)


def test_two_registrations_of_one_key_are_refused() -> None:
    twice = {"patient_key": public("patient-1")}
    ledger = admitted()
    core = ledger.core("medical_form", "hospital", None, registration=None, **twice)
    core["registration"] = ledger.registration(core, "patient-1")
    ledger.append(core, "hospital")
    ledger.close()
    assert verdict_of(ledger) == refused("R-ORD4")


def forged_proof(ledger: Ledger, core: Change) -> None:
    core["registration"]["proof"] = sign("patient-9", ZERO)


def malleated_proof(ledger: Ledger, core: Change) -> None:
    core["registration"]["proof"] = high_s(core["registration"]["proof"])


def proof_for_another_issuer(ledger: Ledger, core: Change) -> None:
    elsewhere = {**core, "issuer": address("doctor-0")}
    core["registration"] = ledger.registration(elsewhere, "patient-2")


def broken_encryption_key(ledger: Ledger, core: Change) -> None:
    core["registration"]["encryption_key"] = bytes(33)


def patients_own_encryption_key(ledger: Ledger, core: Change) -> None:
    key = core["patient_key"]
    signed = {"encryption_key": key, "issuer": core["issuer"], "patient_key": key}
    proof = sign("patient-2", tagged("registration", ledger.network, enc(signed)))
    core["registration"] = {"encryption_key": key, "proof": proof}


def head_already_seen(ledger: Ledger, core: Change) -> None:
    core["seen_head"] = ledger.head(1)


def no_registration(ledger: Ledger, core: Change) -> None:
    core["registration"] = None


def no_name(ledger: Ledger, core: Change) -> None:
    core["parts"] = [part("V_IND")]
    core["body_root"] = merkle([enc(part("V_IND"))])


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (forged_proof, "R-PRO4"),
        (malleated_proof, "R-SIG2"),
        (proof_for_another_issuer, "R-PRO4"),
        (broken_encryption_key, "R-KEY1"),
        (patients_own_encryption_key, "R-PRO4"),
        (head_already_seen, "R-PRO4"),
        (no_registration, "R-PRO4"),
        (no_name, "R-BLK3"),
    ],
)
def test_a_wrong_registration_is_refused(
    spoil: Callable[[Ledger, Change], None], rule: str
) -> None:
    ledger = admitted()
    core = ledger.core("medical_form", "hospital", None)
    spoil(ledger, core)
    ledger.append(core, "hospital")
    ledger.close()
    assert verdict_of(ledger) == refused(rule)


def test_only_a_medical_form_registers() -> None:
    ledger = admitted()
    core = ledger.core("ct", "radiologist", None)
    ledger.append(core, "radiologist")
    ledger.close()
    assert verdict_of(ledger) == refused("R-PRO4")
