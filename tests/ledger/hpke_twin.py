"""RFC 9180 base mode written out by hand for DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-GCM.

Slow and plain, with the ephemeral key handed in: the twin that product code is compared with, and
the source of wraps whose bytes repeat.
"""

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from medquorum.ledger.keys import PublicKey, parse_public_key

KEM_SUITE = b"KEM" + (0x0010).to_bytes(2, "big")
AES_128_GCM, AES_256_GCM = 1, 2


def _extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + secret, hashlib.sha256)


def _expand(suite: bytes, secret: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    output, block, counter = b"", b"", 1
    while len(output) < length:
        block = hmac.digest(secret, block + labelled + bytes([counter]), hashlib.sha256)
        output, counter = output + block, counter + 1
    return output[:length]


def uncompressed(public: ec.EllipticCurvePublicKey) -> bytes:
    """The 65-byte form HPKE encapsulates."""
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _key_and_nonce(shared_point: bytes, both: bytes, info: bytes, aead: int) -> tuple[bytes, bytes]:
    extracted = _extract(KEM_SUITE, b"", b"eae_prk", shared_point)
    shared = _expand(KEM_SUITE, extracted, b"shared_secret", both, 32)
    suite = b"HPKE" + b"".join(n.to_bytes(2, "big") for n in (0x0010, 0x0001, aead))
    context = (
        b"\x00"
        + _extract(suite, b"", b"psk_id_hash", b"")
        + _extract(suite, b"", b"info_hash", info)
    )
    secret = _extract(suite, shared, b"secret", b"")
    key_bytes = 16 if aead == AES_128_GCM else 32
    return (
        _expand(suite, secret, b"key", context, key_bytes),
        _expand(suite, secret, b"base_nonce", context, 12),
    )


def seal(
    ephemeral: ec.EllipticCurvePrivateKey,
    recipient: ec.EllipticCurvePublicKey,
    info: bytes,
    plaintext: bytes,
) -> bytes:
    """`enc || ciphertext` with AES-256-GCM and no associated bytes."""
    enc = uncompressed(ephemeral.public_key())
    shared = ephemeral.exchange(ec.ECDH(), recipient)
    key, nonce = _key_and_nonce(shared, enc + uncompressed(recipient), info, AES_256_GCM)
    return enc + AESGCM(key).encrypt(nonce, plaintext, None)


@dataclass(frozen=True)
class Opening:
    """What a recipient holds besides the sealed bytes."""

    private: ec.EllipticCurvePrivateKey
    info: bytes
    associated: bytes = b""
    aead: int = AES_256_GCM


def open_sealed(sealed: bytes, opening: Opening) -> bytes:
    """The plaintext of the first message; InvalidTag where it does not open."""
    enc, ciphertext = sealed[:65], sealed[65:]
    sender = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), enc)
    shared = opening.private.exchange(ec.ECDH(), sender)
    both = enc + uncompressed(opening.private.public_key())
    key, nonce = _key_and_nonce(shared, both, opening.info, opening.aead)
    return AESGCM(key).decrypt(nonce, ciphertext, opening.associated)


class RepeatingKeyWrapper:
    """A key wrapper whose ephemeral key is fixed: the bytes repeat, and so would its secrets."""

    def __init__(self, ephemeral: ec.EllipticCurvePrivateKey) -> None:
        self._ephemeral = ephemeral

    def wrap(self, plaintext: bytes, recipient: PublicKey, info: bytes) -> bytes:
        """Seal with the fixed ephemeral key."""
        return seal(self._ephemeral, parse_public_key(recipient), info, plaintext)

    def unwrap(self, sealed: bytes, private: ec.EllipticCurvePrivateKey, info: bytes) -> bytes:
        """Open by the twin."""
        return open_sealed(sealed, Opening(private, info))
