"""Tagged hashes, P-256 keys and signatures, Merkle trees, the spoken fingerprint.

Carries out R-HASH1, R-SIG1, R-SIG2, R-KEY1, R-MRK1, R-MRK2 and R-CHA7.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from ecdsa import BadSignatureError, NIST256p, VerifyingKey
from ecdsa.errors import MalformedPointError

from .canonical import Fault

ZERO: Final = bytes(32)
ORDER: Final[int] = NIST256p.order
FIELD_PRIME: Final[int] = NIST256p.curve.p()

# A justification repeats signatures seen a few batches earlier, seldom older ones.
REMEMBERED_SIGNATURES: Final = 65_536
# Every doctor and institution, and the patients of late.
REMEMBERED_KEYS: Final = 16_384

PROQUINT_CONSONANTS: Final = "bdfghjklmnprstvz"
PROQUINT_VOWELS: Final = "aiou"


def sha256(content: bytes) -> bytes:
    """Return the 32 bytes of SHA-256."""
    return hashlib.sha256(content).digest()


def prefixed(content: bytes) -> bytes:
    """Return `P(content)`: eight bytes of length, then the content."""
    return len(content).to_bytes(8, "big") + content


def tagged(kind: str, network: bytes, payload: bytes) -> bytes:
    """Return the digest of one kind (R-HASH1)."""
    tag = b"medquorum/v1/" + kind.encode("ascii")
    return sha256(prefixed(tag) + prefixed(network) + prefixed(payload))


@lru_cache(maxsize=REMEMBERED_KEYS)
def _parsed_key(key: bytes) -> VerifyingKey | None:
    if len(key) != 33 or key[0] not in (2, 3):
        return None
    if int.from_bytes(key[1:], "big") >= FIELD_PRIME:
        return None
    try:
        return VerifyingKey.from_string(key, curve=NIST256p, valid_encodings=("compressed",))
    except (MalformedPointError, ValueError):
        return None


def check_key(key: bytes, what: str) -> None:
    """Raise `Fault` unless `key` is a compressed point of P-256 (R-KEY1)."""
    if _parsed_key(key) is None:
        raise Fault("R-KEY1", f"{what} is not a compressed point of P-256")


def _is_signed(key: bytes, digest: bytes, signature: bytes) -> bool:
    parsed = _parsed_key(key)
    if parsed is None:
        return False
    try:
        return bool(parsed.verify_digest(signature, digest))
    except BadSignatureError:
        return False
    except TypeError:
        # The library takes the x of a sum that a hostile signer made the point at infinity.
        return False


class Signatures:
    """Verifies signatures, each (key, digest, signature) once, and counts them."""

    def __init__(self) -> None:
        self._is_signed = lru_cache(maxsize=REMEMBERED_SIGNATURES)(_is_signed)

    @property
    def verified(self) -> int:
        """Signatures verified, repetitions left out."""
        return self._is_signed.cache_info().misses

    def check(self, key: bytes, digest: bytes, signature: bytes, *, rule: str, what: str) -> None:
        """Raise `Fault`: R-SIG2 for a form that is refused unread, `rule` for a wrong one."""
        if len(signature) != 64:
            raise Fault("R-SIG2", f"{what}: a signature is not 64 bytes long")
        r = int.from_bytes(signature[:32], "big")
        s = int.from_bytes(signature[32:], "big")
        if not 1 <= r < ORDER or not 1 <= s <= ORDER // 2:
            raise Fault("R-SIG2", f"{what}: r or s of a signature is out of range")
        if not self._is_signed(key, digest, signature):
            raise Fault(rule, f"{what}: a signature is not that of the key and the content")


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of a Merkle leaf (R-MRK1)."""
    return sha256(b"\x00" + leaf)


def merkle_root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaves given by their `leaf_hash` (R-MRK1)."""
    if not leaf_hashes:
        return sha256(b"")
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    split = 1 << ((len(leaf_hashes) - 1).bit_length() - 1)
    left, right = merkle_root(leaf_hashes[:split]), merkle_root(leaf_hashes[split:])
    return sha256(b"\x01" + left + right)


def root_of_path(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that `path` leads to, none if it has the wrong length (RFC 9162 2.1.3.2)."""
    if not 0 <= index < count:
        return None
    position, last, root = index, count - 1, leaf_hash(leaf)
    for sibling in path:
        if last == 0:
            return None
        if position & 1 or position == last:
            root = sha256(b"\x01" + sibling + root)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            root = sha256(b"\x01" + root + sibling)
        position, last = position >> 1, last >> 1
    return root if last == 0 else None


def fingerprint(network: bytes) -> str:
    """Return the eight proquints people compare aloud (R-CHA7)."""
    words = (int.from_bytes(network[at : at + 2], "big") for at in range(0, 16, 2))
    return " ".join(_proquint(word) for word in words)


def _proquint(word: int) -> str:
    return "".join(
        (
            PROQUINT_CONSONANTS[word >> 12 & 15],
            PROQUINT_VOWELS[word >> 10 & 3],
            PROQUINT_CONSONANTS[word >> 6 & 15],
            PROQUINT_VOWELS[word >> 4 & 3],
            PROQUINT_CONSONANTS[word & 15],
        )
    )
