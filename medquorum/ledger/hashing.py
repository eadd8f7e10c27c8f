"""Domain-separated hashes: a digest of one kind is worth nothing as another (R-HASH1-3)."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final

DIGEST_BYTES: Final = 32
ZERO: Final = bytes(DIGEST_BYTES)


class Kind(StrEnum):
    """Everything that is ever hashed for a signature or an id (R-HASH2)."""

    ADDRESS = "address"
    BATCH = "batch"
    BATCH_PROPOSAL = "batch-proposal"
    BLOCK = "block"
    CHARTER = "charter"
    CHARTER_SIGNATURE = "charter-signature"
    COMMITMENT = "commitment"
    COMPLAINT = "complaint"
    CONSENT = "consent"
    HELLO = "hello"
    ORDERING_VOTE = "ordering-vote"
    PATIENT_NAME = "patient-name"
    PROPOSAL = "proposal"
    REGISTRATION = "registration"
    REGISTRY = "registry"
    REQUEST = "request"
    VOTE = "vote"
    WRAP = "wrap"


def prefixed(text: bytes) -> bytes:
    """`P(x)`: the length as eight big-endian bytes, then the text."""
    return len(text).to_bytes(8, "big") + text


def tag(kind: Kind) -> bytes:
    """The ASCII tag of a kind, e.g. `medquorum/v1/vote`."""
    return b"medquorum/v1/" + kind.value.encode("ascii")


_PREFIXED_TAGS: Final = {kind: prefixed(tag(kind)) for kind in Kind}


def preimage(kind: Kind, network: bytes, payload: bytes) -> bytes:
    """The text whose SHA-256 is signed; what a browser hands to WebCrypto (R-SIG1)."""
    return _PREFIXED_TAGS[kind] + prefixed(network) + prefixed(payload)


def tagged(kind: Kind, network: bytes, payload: bytes) -> bytes:
    """`tagged(kind, network, payload)` of R-HASH1, 32 bytes."""
    return hashlib.sha256(preimage(kind, network, payload)).digest()
