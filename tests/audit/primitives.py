"""Canonical bytes, keys, hashes and charters in miniature, signed with throw-away keys.

Shares nothing with the verifier under test.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgpack
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ecdsa import NIST256p, SigningKey
from ecdsa.util import sigencode_string_canonize

ZERO = bytes(32)
START_MS = 1_700_000_000_000
DAY_MS = 86_400_000
YEAR_2020, YEAR_2050 = datetime(2020, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)
PART_OF = {
    "medical_form": "V_IND",
    "ct": "IMG_CT",
    "pet": "IMM_PET",
    "xray": "IMG_XRAY",
    "test_result": "TEST_RES",
    "report": "M_REPORT",
    "prescription": "PRESC",
}
STRICT = ("medical_form", "report", "prescription")
CAST = (
    *(f"doctor-{number}" for number in range(4)),
    "hospital",
    "radiologist",
    "laboratory",
    "ai_entity",
)


def enc(value: Any) -> bytes:
    """Canonical bytes."""

    def ordered(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: ordered(part[name]) for name in sorted(part)}
        return [ordered(entry) for entry in part] if isinstance(part, list) else part

    return msgpack.packb(ordered(value))


def tagged(kind: str, network: bytes, payload: bytes) -> bytes:
    """The digest of one kind."""
    texts = (f"medquorum/v1/{kind}".encode(), network, payload)
    return hashlib.sha256(b"".join(len(t).to_bytes(8, "big") + t for t in texts)).digest()


def merkle(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, straight from its recursive definition."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = largest_power_below(len(leaves))
    return hashlib.sha256(b"\1" + merkle(leaves[:split]) + merkle(leaves[split:])).digest()


def merkle_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    split = largest_power_below(len(leaves))
    if index < split:
        return [*merkle_path(leaves[:split], index), merkle(leaves[split:])]
    return [*merkle_path(leaves[split:], index - split), merkle(leaves[:split])]


def largest_power_below(count: int) -> int:
    """The largest power of two smaller than `count`."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


@lru_cache(maxsize=1024)
def key_of(label: str) -> SigningKey:
    """A throw-away key, the same in every run."""
    secret = int.from_bytes(hashlib.sha256(label.encode()).digest(), "big")
    return SigningKey.from_secret_exponent(secret % (NIST256p.order - 1) + 1, NIST256p)


@lru_cache(maxsize=1024)
def public(label: str) -> bytes:
    """The compressed public key of a label."""
    return key_of(label).verifying_key.to_string("compressed")


@lru_cache(maxsize=65_536)
def sign(label: str, digest: bytes) -> bytes:
    """A deterministic low-S signature of a digest."""
    return key_of(label).sign_digest_deterministic(
        digest, hashfunc=hashlib.sha256, sigencode=sigencode_string_canonize
    )


def high_s(signature: bytes) -> bytes:
    """The other signature of the same key and digest, which R-SIG2 refuses."""
    s = NIST256p.order - int.from_bytes(signature[32:], "big")
    return signature[:32] + s.to_bytes(32, "big")


def address(label: str) -> bytes:
    """The address of a member."""
    return tagged("address", b"", public(f"{label}/clinical"))


DOCTORS = sorted((name for name in CAST if name.startswith("doctor")), key=address)


@lru_cache(maxsize=1024)
def certificate(label: str, key: str | None = None) -> bytes:
    """A leaf certificate in DER, self-signed."""
    secret = key_of(key or f"{label}/tls").privkey.secret_multiplier
    own = ec.derive_private_key(secret, ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, label)])
    builder = x509.CertificateBuilder(name, name, own.public_key(), 1, YEAR_2020, YEAR_2050)
    made = builder.sign(own, hashes.SHA256(), ecdsa_deterministic=True)
    return made.public_bytes(serialization.Encoding.DER)


def member(label: str, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """A member of the charter with proofs; doctors have a policy key."""
    purposes = ["clinical", "consensus", *(["policy"] if label.startswith("doctor") else [])]
    keys = {name: public(f"{label}/{name}") for name in [*purposes, "encryption"]}
    request: dict[str, Any] = {
        "address": address(label),
        "endpoint": f"{label.replace('_', '-')}.example:7443",
        "keys": {"policy": None, **keys},
        "name": label,
        "role": label.partition("-")[0],
        "tls_certificate": certificate(label),
        **(changes or {}),
    }
    digest = tagged("request", b"", enc(request))
    proofs = {name: sign(f"{label}/{name}", digest) for name in purposes}
    return {**request, "proofs": {"policy": None, **proofs}}


def charter_map(**changes: Any) -> dict[str, Any]:
    """A founding charter of four doctors and four institutions."""
    return {
        "created_at_ms": START_MS - DAY_MS,
        "format": "medquorum/charter/1",
        "ordering": {
            "mode": "byzantine",
            "slot_timeout_ms": 2_000,
            "slot_timeout_max_ms": 60_000,
            "idle_status_ms": 30_000,
            "retransmit_ms": 1_000,
            "batch_blocks": 256,
        },
        "members": sorted((member(label) for label in CAST), key=lambda m: m["address"]),
        "name": "A network in a test",
        "policies": {
            name: {
                "auto_policies": ["xray-quality"] if name == "xray" else [],
                "panel": "care_team" if name == "test_result" else "all_doctors",
                "strict": name in STRICT,
            }
            for name in PART_OF
        },
        "retention_days": 3_650,
        "absence": {"max_days": 30, "silence_hours": 72},
        "maturity": {"threshold_ppm": 800_000, "window": 100},
        "seal_difficulty_bits": 0,
        "version": 0,
        **changes,
    }


def charter_file(charter: dict[str, Any], signers: Iterable[str] = CAST) -> bytes:
    """The charter with the signatures of `signers`."""
    encoded = enc(charter)
    network = tagged("charter", b"", encoded)
    digest = tagged("charter-signature", network, encoded)
    signatures = [
        {"address": address(label), "signature": sign(f"{label}/clinical", digest)}
        for label in sorted(signers, key=address)
    ]
    return enc({"charter": encoded, "signatures": signatures})


def part(name: str, **changes: Any) -> dict[str, Any]:
    """A part descriptor; images are larger than one chunk."""
    image = name.startswith("IM")
    return {
        "bytes": 1_310_720 if image else 4_096,
        "chunks": 2 if image else 1,
        "commitment": hashlib.sha256(f"commitment {name}".encode()).digest(),
        "name": name,
        "root": hashlib.sha256(f"root {name}".encode()).digest(),
        **changes,
    }


def provenance(references: list[bytes], **changes: Any) -> dict[str, Any]:
    """What an AI entity says about its report."""
    return {
        "confidence_ppm": 912_000,
        "inputs": references,
        "kind": "tumour",
        "machine_generated": True,
        "model_digest": hashlib.sha256(b"model").digest(),
        "model_name": "whole-body",
        "model_version": "1.0",
        "preprocessing": "grid-4mm",
        "training_digest": hashlib.sha256(b"training").digest(),
        **changes,
    }


def joined(frames: Iterable[bytes]) -> bytes:
    """The file of frames."""
    return b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)
