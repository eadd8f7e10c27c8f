"""Public keys, addresses and their text form (R-KEY1 to R-KEY4).

A key is parsed once and kept: parsing a compressed point costs as much as verifying with it.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import Final, NewType

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from medquorum.ledger.errors import KeyMaterialError
from medquorum.ledger.hashing import DIGEST_BYTES, Kind, tagged

Address = NewType("Address", bytes)
PublicKey = NewType("PublicKey", bytes)

PUBLIC_KEY_BYTES: Final = 33
CURVE_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PARSED_KEYS: Final = 16_384
"""Keys kept parsed: every key of the largest charter and its patients of a working day."""


class Purpose(StrEnum):
    """What a key may do; no key serves two purposes (R-KEY4)."""

    CLINICAL = "clinical"
    CONSENSUS = "consensus"
    ENCRYPTION = "encryption"
    POLICY = "policy"
    TLS = "tls"


def public_key(private: ec.EllipticCurvePrivateKey) -> PublicKey:
    """The 33-byte compressed public key of a P-256 private key."""
    return compress(private.public_key())


def compress(public: ec.EllipticCurvePublicKey) -> PublicKey:
    """The 33-byte compressed form; KeyMaterialError for another curve."""
    if not isinstance(public.curve, ec.SECP256R1):
        raise KeyMaterialError("R-KEY1: not a P-256 key")
    return PublicKey(public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))


@lru_cache(maxsize=PARSED_KEYS)
def parse_public_key(encoded: PublicKey) -> ec.EllipticCurvePublicKey:
    """Parse a compressed point; KeyMaterialError for every other form (R-KEY1)."""
    if len(encoded) != PUBLIC_KEY_BYTES or encoded[0] not in (2, 3):
        raise KeyMaterialError("R-KEY1: not a 33-byte compressed P-256 point")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes(encoded))
    except ValueError:
        raise KeyMaterialError("R-KEY1: the point is not on P-256") from None


def is_public_key(encoded: PublicKey) -> bool:
    """Whether the bytes are a compressed point of P-256 (R-KEY1)."""
    try:
        parse_public_key(encoded)
    except KeyMaterialError:
        return False
    return True


def address_of(clinical: PublicKey) -> Address:
    """The address of a member, or of a patient, by public key (R-KEY2)."""
    parse_public_key(clinical)
    return Address(tagged(Kind.ADDRESS, b"", clinical))


_CHARSET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32M: Final = 0x2BC830A3
PREFIXES: Final = ("mqhosp", "mqlab", "mqrad", "mqdoc", "mqai", "mqpat")


def _checksum(prefix: str, words: list[int]) -> int:
    """The BIP 350 polynomial over the expanded prefix and the words."""
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = 1
    for word in expanded + words:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ word
        for bit, generator in enumerate(_GENERATORS):
            check ^= generator if top >> bit & 1 else 0
    return check


def _regroup(values: bytes | list[int], width: int, to: int) -> list[int] | None:
    """Regroup bits; None when the padding is not zero or too long."""
    accumulator = bits = 0
    grouped: list[int] = []
    for value in values:
        accumulator, bits = accumulator << width | value, bits + width
        while bits >= to:
            bits -= to
            grouped.append(accumulator >> bits & (1 << to) - 1)
        accumulator &= (1 << bits) - 1
    if to == 5:
        return [*grouped, accumulator << 5 - bits] if bits else grouped
    return grouped if bits < 5 and accumulator == 0 else None


def address_text(address: Address, prefix: str) -> str:
    """The bech32m text of an address (R-KEY3), e.g. `mqdoc1…`."""
    words = _regroup(address, 8, 5) or []
    check = _checksum(prefix, words + [0] * 6) ^ _BECH32M
    return (
        prefix
        + "1"
        + "".join(_CHARSET[w] for w in [*words, *(check >> 5 * (5 - i) & 31 for i in range(6))])
    )


def parse_address(text: str) -> tuple[Address, str]:
    """The address and prefix of a bech32m text; KeyMaterialError when mistyped (R-KEY3)."""
    if not text.isascii():
        raise KeyMaterialError("R-KEY3: an address is plain ASCII")
    prefix, _, rest = text.lower().rpartition("1")
    if prefix not in PREFIXES or (text != text.lower() and text != text.upper()):
        raise KeyMaterialError("R-KEY3: an address starts with one of " + ", ".join(PREFIXES))
    words = [_CHARSET.find(letter) for letter in rest]
    if len(words) < 6 or -1 in words or _checksum(prefix, words) != _BECH32M:
        raise KeyMaterialError("R-KEY3: the address is mistyped (checksum)")
    octets = _regroup(words[:-6], 5, 8)
    if octets is None or len(octets) != DIGEST_BYTES:
        raise KeyMaterialError("R-KEY3: the address has not 32 bytes")
    return Address(bytes(octets)), prefix
