"""Raw, deterministic, low-S signatures; every other form is refused (R-SIG1 to R-SIG3)."""

import hashlib

import ecdsa
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from medquorum.ledger import signature as signatures
from medquorum.ledger.keys import CURVE_ORDER, PublicKey, public_key
from medquorum.ledger.signature import HALF_ORDER, Signature, sign, signer, verify, well_formed
from tests.ledger.record_kit import digest, key, private_key

N = CURVE_ORDER
RFC_KEY = ec.derive_private_key(
    0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, ec.SECP256R1()
)
RFC_VECTORS = {
    "sample": (
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    ),
    "test": (
        0xF1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367,
        0x019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083,
    ),
}
DIGEST = digest("message")
GOOD = sign(private_key("signer"), DIGEST)
KEY = key("signer")


def raw(r: int, s: int) -> bytes:
    """64 bytes r || s."""
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


R, S = int.from_bytes(GOOD[:32], "big"), int.from_bytes(GOOD[32:], "big")


@pytest.mark.parametrize("message", RFC_VECTORS)
def test_rfc_6979_vectors_in_low_s_form(message: str) -> None:
    """R-SIG3: RFC 6979 A.2.5 with SHA-256; "sample" has a high s and is turned over."""
    r, s = RFC_VECTORS[message]
    hashed = hashlib.sha256(message.encode()).digest()
    made = sign(RFC_KEY, hashed)
    assert made == raw(r, min(s, N - s))
    assert verify(public_key(RFC_KEY), hashed, made)


MALLEATIONS = {
    "high s": raw(R, N - S),
    "r of zero": raw(0, S),
    "s of zero": raw(R, 0),
    "r of n": raw(N, S),
    "s of n": raw(R, N),
    "r beyond n": raw(2**256 - 1, S),
    "s just above half": raw(R, HALF_ORDER + 1),
    "all zeros": bytes(64),
    "all ones": b"\xff" * 64,
    "one byte short": GOOD[:-1],
    "one byte long": GOOD + b"\x00",
    "nothing": b"",
    "DER": b"\x30\x44\x02\x20" + GOOD[:32] + b"\x02\x20" + GOOD[32:],
    "r and s twice": GOOD * 2,
}


@pytest.mark.parametrize("malleated", MALLEATIONS.values(), ids=MALLEATIONS.keys())
def test_malleated_signatures_are_refused_before_verification(
    malleated: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-SIG2: refused by form; the curve is never asked."""

    def never(encoded: PublicKey) -> ec.EllipticCurvePublicKey:
        raise AssertionError("asked the curve")

    monkeypatch.setattr(signatures, "parse_public_key", never)
    assert not well_formed(malleated)
    assert not verify(KEY, DIGEST, Signature(malleated))


def test_the_turned_over_signature_would_verify_elsewhere() -> None:
    """R-SIG2 is no pedantry: a verifier without the rule takes (r, n-s) as well."""
    verifying = ecdsa.VerifyingKey.from_string(KEY, curve=ecdsa.NIST256p)
    assert verifying.verify_digest(GOOD, DIGEST)
    assert verifying.verify_digest(raw(R, N - S), DIGEST)


def test_edges_of_the_form() -> None:
    """R-SIG2: 1 <= r < n and 1 <= s <= floor(n/2)."""
    assert well_formed(raw(1, 1))
    assert well_formed(raw(N - 1, HALF_ORDER))
    assert HALF_ORDER * 2 + 1 == N


@given(st.integers(0, 511), st.binary(min_size=32, max_size=32))
def test_a_changed_bit_does_not_verify(bit: int, message: bytes) -> None:
    """R-SIG1: of this digest, by this key, or not at all; low s always (R-SIG3)."""
    made = sign(private_key("signer"), message)
    assert well_formed(made)
    assert verify(KEY, message, made)
    changed = (int.from_bytes(made, "big") ^ 1 << bit).to_bytes(64, "big")
    assert not verify(KEY, message, Signature(changed))
    assert not verify(key("somebody else"), message, made)


def test_the_digest_is_signed_directly() -> None:
    """R-SIG1: another library given the text and SHA-256 comes to the same digest."""
    text = b"the text whose hash is signed"
    made = sign(private_key("signer"), hashlib.sha256(text).digest())
    verifying = ecdsa.VerifyingKey.from_string(KEY, curve=ecdsa.NIST256p)
    assert verifying.verify(made, text, hashfunc=hashlib.sha256)


def test_signing_needs_a_digest_and_repeats_itself() -> None:
    """R-SIG1, R-SIG3: 32 bytes; the same digest gives the same signature."""
    with pytest.raises(ValueError, match="R-SIG1"):
        sign(private_key("signer"), b"text")
    assert signer(private_key("signer"))(DIGEST) == GOOD
    assert not verify(KEY, DIGEST[:-1], GOOD)


def test_an_impossible_key_verifies_nothing() -> None:
    """R-KEY1: a hostile key is a failed verification, not an exception."""
    assert not verify(PublicKey(b"\x02" + b"\xff" * 32), DIGEST, GOOD)
    assert not verify(PublicKey(b""), DIGEST, GOOD)
