"""ECDSA P-256 signatures: raw, deterministic, low-S (R-SIG1 to R-SIG4).

`(r, n-s)` verifies wherever `(r, s)` does, so the form is checked before any verification.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NewType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from medquorum.ledger.errors import KeyMaterialError
from medquorum.ledger.hashing import DIGEST_BYTES
from medquorum.ledger.keys import CURVE_ORDER, PublicKey, parse_public_key

Signature = NewType("Signature", bytes)
Signer = Callable[[bytes], Signature]
"""Signs a 32-byte digest: the capability handed to code that must sign."""
Verifier = Callable[[PublicKey, bytes, Signature], bool]
"""`verify(key, digest, signature)`; a shell may hand in one with a cache."""

SIGNATURE_BYTES: Final = 64
HALF_ORDER: Final = CURVE_ORDER // 2
_PREHASHED: Final = Prehashed(hashes.SHA256())
_VERIFY: Final = ec.ECDSA(_PREHASHED)
_SIGN: Final = ec.ECDSA(_PREHASHED, deterministic_signing=True)


def sign(private: ec.EllipticCurvePrivateKey, digest: bytes) -> Signature:
    """Sign a 32-byte digest with an RFC 6979 nonce and a low s; 64 bytes r || s."""
    if len(digest) != DIGEST_BYTES:
        raise ValueError("R-SIG1: a digest has 32 bytes")
    r, s = decode_dss_signature(private.sign(digest, _SIGN))
    return Signature(r.to_bytes(32, "big") + min(s, CURVE_ORDER - s).to_bytes(32, "big"))


def signer(private: ec.EllipticCurvePrivateKey) -> Signer:
    """The signing capability of one private key."""
    return lambda digest: sign(private, digest)


def well_formed(signature: bytes) -> bool:
    """Whether it is 64 bytes with r in [1, n) and s in [1, n/2] (R-SIG2)."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    return 0 < r < CURVE_ORDER and 0 < s <= HALF_ORDER


def verify(public: PublicKey, digest: bytes, signature: Signature) -> bool:
    """Whether the signature is well formed and of this digest by this key; never raises."""
    if len(digest) != DIGEST_BYTES or not well_formed(signature):
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        parse_public_key(public).verify(encode_dss_signature(r, s), digest, _VERIFY)
    except (InvalidSignature, KeyMaterialError):
        return False
    return True
