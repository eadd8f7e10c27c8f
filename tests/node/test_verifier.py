"""R-SIG1: a signature is verified once, ahead or when asked, and only one that holds is kept."""

from collections.abc import Iterator

import pytest

from medquorum.ledger.keys import Purpose, public_key
from medquorum.ledger.signature import Signature
from medquorum.node import verifier as verifying
from medquorum.node.verifier import WORTH_A_THREAD, CachedVerifier, Claim
from tests.ledger.charter_kit import private_key, signer_of
from tests.support.network import digest

SIGNER = "Dr. One"


@pytest.fixture
def verifier() -> Iterator[CachedVerifier]:
    made = CachedVerifier()
    yield made
    made.close()


def claim(number: int) -> Claim:
    said = digest(f"said {number}")
    signed = signer_of(SIGNER, Purpose.CLINICAL)(said)
    return public_key(private_key(SIGNER, Purpose.CLINICAL)), said, signed


def forged(number: int) -> Claim:
    key, said, _ = claim(number)
    return key, said, claim(number + 1)[2]


@pytest.mark.parametrize("others", [0, WORTH_A_THREAD], ids=["few", "many"])
async def test_what_was_warmed_is_known_if_it_holds(verifier: CachedVerifier, others: int) -> None:
    """On the loop or in threads: a forged one among good ones stays forged."""
    good, bad = [claim(number) for number in range(others + 1)], forged(999)
    await verifier.warm([*good, bad])
    assert all(verifier(*one) for one in good)
    assert not verifier(*bad) and not verifier(*bad)


def test_what_held_is_not_verified_again(
    verifier: CachedVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verifier(*claim(1)) and not verifier(*forged(1))
    monkeypatch.setattr(verifying, "verify", lambda key, said, signed: False)
    assert verifier(*claim(1))
    assert not verifier(*claim(2))


def test_a_claim_is_key_digest_and_signature(verifier: CachedVerifier) -> None:
    key, said, signed = claim(1)
    assert verifier(key, said, signed)
    turned = Signature(bytes([signed[0] ^ 1]) + signed[1:])
    other = public_key(private_key("Dr. Two", Purpose.CLINICAL))
    for one in ((key, said, turned), (key, digest("else"), signed), (other, said, signed)):
        assert not verifier(*one)
