"""Keys and charters of simulations: valid where it matters, and always the same."""

import pytest

from medquorum.ledger.charter import parse_charter
from medquorum.ledger.keys import Purpose, is_public_key
from medquorum.ledger.types import QuorumMode, Role
from medquorum.simulation.crypto import (
    FAST,
    REAL,
    CharterShape,
    Cryptography,
    addresses_of,
    charter_for,
    fast_verify,
    member_key,
    patient_key,
)

DIGEST = bytes(range(32))


def test_keys_are_distinct_points_of_the_curve() -> None:
    keys = [member_key(member, purpose) for member in range(5) for purpose in Purpose]
    keys += [patient_key(patient) for patient in range(5)]
    assert len(set(keys)) == len(keys)
    assert all(is_public_key(key) for key in keys)


@pytest.mark.parametrize("cryptography", [FAST, REAL])
def test_a_signature_holds_for_its_own_key_and_digest_only(cryptography: Cryptography) -> None:
    own, other = (member_key(number, Purpose.CONSENSUS) for number in (0, 1))
    signature = cryptography.signer(own)(DIGEST)
    assert len(signature) == 64
    assert cryptography.verify(own, DIGEST, signature)
    assert not cryptography.verify(other, DIGEST, signature)
    assert not cryptography.verify(own, bytes(32), signature)


def test_fast_signatures_do_not_pass_for_real_ones() -> None:
    own = member_key(0, Purpose.CONSENSUS)
    assert not REAL.verify(own, DIGEST, FAST.signer(own)(DIGEST))
    assert not fast_verify(own, DIGEST, REAL.signer(own)(DIGEST))


@pytest.mark.parametrize("mode", list(QuorumMode))
@pytest.mark.parametrize("doctors", [1, 2, 7, 128])
def test_a_charter_survives_its_own_parser(doctors: int, mode: QuorumMode) -> None:
    charter = charter_for(CharterShape(doctors, mode))
    assert charter is charter_for(CharterShape(doctors, mode))
    assert parse_charter(charter.encoded()) == charter
    assert len(addresses_of(charter, Role.DOCTOR)) == doctors
