"""Patients' registrations and sealed names (R-PRO4, R-PRO5)."""

from dataclasses import replace

import pytest

from medquorum.ledger import canonical
from medquorum.ledger.envelope import (
    patient_name_commitment,
    registration_payload,
    registration_proof,
    verify_registration,
)
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.keys import PublicKey
from medquorum.ledger.proposal import Core, Registration
from medquorum.ledger.signature import Signature, signer
from tests.ledger import record_kit as kit

CORE = kit.registration_core()
PROOF = CORE.registration
assert PROOF is not None


def test_a_patient_vouches_for_keys_and_issuer() -> None:
    """R-PRO4: the proof is the patient's key's, of exactly these three fields."""
    payload = registration_payload(
        encryption_key=kit.key("patient encryption"),
        issuer=kit.address("hospital"),
        patient_key=kit.key("patient clinical"),
    )
    assert list(canonical.decode(payload)) == ["encryption_key", "issuer", "patient_key"]
    sign = signer(kit.private_key("patient clinical"))
    expected = sign(tagged(Kind.REGISTRATION, kit.NETWORK, payload))
    assert registration_proof(kit.NETWORK, payload, sign) == PROOF
    assert PROOF is not None
    assert PROOF.proof == expected
    assert verify_registration(CORE)


def with_encryption_key(encryption_key: PublicKey) -> Registration:
    """A registration the patient signed for any encryption key."""
    payload = registration_payload(
        encryption_key=encryption_key,
        issuer=kit.address("hospital"),
        patient_key=kit.key("patient clinical"),
    )
    return registration_proof(kit.NETWORK, payload, signer(kit.private_key("patient clinical")))


REFUSED = {
    "no registration": replace(CORE, registration=None),
    "another issuer": replace(CORE, issuer=kit.address("laboratory")),
    "another patient": replace(CORE, patient_key=kit.key("another patient")),
    "another network": replace(CORE, network=kit.OTHER_NETWORK),
    "another encryption key": replace(
        CORE, registration=replace(PROOF, encryption_key=kit.key("another patient"))
    ),
    "no proof": replace(CORE, registration=replace(PROOF, proof=Signature(bytes(64)))),
    "one key for two purposes": replace(
        CORE, registration=with_encryption_key(kit.key("patient clinical"))
    ),
    "an impossible key": replace(
        CORE, registration=with_encryption_key(PublicKey(b"\x02" + b"\xff" * 32))
    ),
}


@pytest.mark.parametrize("core", REFUSED.values(), ids=REFUSED.keys())
def test_other_registrations_are_refused(core: Core) -> None:
    """R-PRO4, R-KEY4: nothing borrowed, moved or doubled."""
    assert not verify_registration(core)


def test_a_name_is_committed_to_with_its_salt() -> None:
    """R-PRO5: `tagged("patient-name", network, salt || name)`; without the salt no guessing."""
    salt, name = kit.digest("name salt"), "Zoë Example"
    made = patient_name_commitment(kit.NETWORK, salt, name)
    assert made == tagged(Kind.PATIENT_NAME, kit.NETWORK, salt + name.encode())
    assert made == CORE.patient_name
    others = {
        patient_name_commitment(kit.OTHER_NETWORK, salt, name),
        patient_name_commitment(kit.NETWORK, kit.digest("salt"), name),
        patient_name_commitment(kit.NETWORK, salt, "Zoe Example"),
    }
    assert len(others | {made}) == 4


def test_salts_and_names_have_one_form() -> None:
    """R-PRO5, R-CAN1: 32 bytes of salt, a name in normal form C; the error tells no name."""
    with pytest.raises(CodecError, match="R-PRO5"):
        patient_name_commitment(kit.NETWORK, bytes(31), "Zoë")
    with pytest.raises(CodecError, match="R-CAN1") as refusal:
        patient_name_commitment(kit.NETWORK, bytes(32), "Zoe\u0308")
    assert "Zoe" not in str(refusal.value)
