"""The charter file: members, their keys and proofs, everybody's signatures, who orders.

Carries out R-CHA1 to R-CHA8, R-KEY2, R-KEY4, R-HASH3 and the empty registry of R-ORD15.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from .canonical import (
    CHARTER,
    CHARTER_FILE,
    TIME_MAX_MS,
    Fault,
    Fields,
    Value,
    decode,
    encode,
)
from .crypto import Signatures, check_key, sha256, tagged

BLOCK_TYPES: Final = ("medical_form", "ct", "pet", "xray", "test_result", "report", "prescription")
ROLES: Final = ("ai_entity", "doctor", "hospital", "laboratory", "radiologist")
MEMBERS_MAX: Final = 10_000
DOCTORS_MAX: Final = 128
ENDPOINT_MAX: Final = 255
CERTIFICATE_MAX: Final = 4_096
POLICY_NAME: Final = re.compile("[a-z0-9_.-]{1,64}")

CHARTER_FIELDS: Final = (
    "created_at_ms",
    "format",
    "ordering",
    "members",
    "name",
    "policies",
    "retention_days",
    "absence",
    "maturity",
    "seal_difficulty_bits",
    "version",
)
ORDERING_FIELDS: Final = (
    "mode",
    "slot_timeout_ms",
    "slot_timeout_max_ms",
    "idle_status_ms",
    "retransmit_ms",
    "batch_blocks",
)
MEMBER_FIELDS: Final = ("address", "endpoint", "keys", "name", "proofs", "role", "tls_certificate")

# What stands before the 64 bytes of an uncompressed P-256 key in an X.509 certificate (RFC 5480).
P256_KEY_INFO: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


@dataclass(frozen=True, slots=True)
class Member:
    """A member with the keys that sign; the TLS leaf and the encryption key sign nothing here."""

    address: bytes
    role: str
    clinical: bytes
    consensus: bytes
    policy: bytes | None


@dataclass(frozen=True, slots=True)
class Policy:
    """How one block type is decided (R-CHA3)."""

    auto_policies: frozenset[str]
    panel: str
    strict: bool


@dataclass(frozen=True, slots=True)
class Charter:
    """A complete founding charter."""

    network: bytes
    version: int
    members: dict[bytes, Member]
    doctors: tuple[Member, ...]
    quorum: int
    batch_blocks: int
    policies: dict[str, Policy]
    seal_difficulty_bits: int
    registry_hash: bytes


def read_charter(encoded_file: bytes, signatures: Signatures) -> Charter:
    """Return the charter of a complete charter file; raise `Fault` for any other."""
    names = ("charter", "signatures")
    charter_file = Fields(decode(encoded_file, CHARTER_FILE), "the charter file", names)
    encoded = charter_file.binary("charter")
    fields = Fields(decode(encoded, CHARTER), "the charter", CHARTER_FIELDS)
    network = tagged("charter", b"", encoded)
    mode, batch_blocks = _read_settings(fields)
    members = _read_members(fields.entries("members"), signatures)
    doctors = tuple(member for member in members.values() if member.role == "doctor")
    if not 1 <= len(doctors) <= DOCTORS_MAX:
        raise Fault("R-CHA4", f"the charter has {len(doctors)} doctors, not 1 to {DOCTORS_MAX}")
    _check_signatures(charter_file.entries("signatures"), members, network, encoded, signatures)
    return Charter(
        network=network,
        version=fields.integer("version"),
        members=members,
        doctors=doctors,
        quorum=quorum(len(doctors), mode),
        batch_blocks=batch_blocks,
        policies=_read_policies(fields.value("policies")),
        seal_difficulty_bits=fields.integer("seal_difficulty_bits", high=32),
        registry_hash=tagged("registry", network, encode({"absences": []})),
    )


def quorum(doctors: int, mode: str) -> int:
    """Return q (R-CHA8)."""
    return doctors // 2 + 1 if mode == "majority" else 2 * doctors // 3 + 1


def _read_settings(fields: Fields) -> tuple[str, int]:
    if fields.text("format") != "medquorum/charter/1":
        raise Fault("R-CHA1", "the charter is not of format medquorum/charter/1")
    if fields.integer("version") != 0:
        raise Fault("R-CHA1", "the charter is not a founding charter: its version is not 0")
    fields.integer("created_at_ms", high=TIME_MAX_MS)
    _check_name(fields.text("name"), "R-CHA1")
    fields.integer("retention_days", high=73_000)
    absence = Fields(fields.value("absence"), "absence", ("max_days", "silence_hours"))
    absence.integer("max_days", high=3_660)
    absence.integer("silence_hours", high=87_840)
    maturity = Fields(fields.value("maturity"), "maturity", ("threshold_ppm", "window"))
    maturity.integer("threshold_ppm", high=1_000_000)
    maturity.integer("window", 1, 1_000_000)
    ordering = Fields(fields.value("ordering"), "ordering", ORDERING_FIELDS)
    for name in ("slot_timeout_ms", "slot_timeout_max_ms", "idle_status_ms", "retransmit_ms"):
        ordering.integer(name, 1, 86_400_000)
    if ordering.integer("slot_timeout_max_ms") < ordering.integer("slot_timeout_ms"):
        raise Fault("R-CHA2", "slot_timeout_max_ms is below slot_timeout_ms")
    mode = ordering.choice("mode", ("majority", "byzantine"))
    return mode, ordering.integer("batch_blocks", 1, 256)


def _read_policies(value: Value) -> dict[str, Policy]:
    policies: dict[str, Policy] = {}
    by_type = Fields(value, "policies", BLOCK_TYPES)
    for block_type in BLOCK_TYPES:
        fields = Fields(by_type.value(block_type), "a policy", ("auto_policies", "panel", "strict"))
        policies[block_type] = Policy(
            auto_policies=_read_auto_policies(fields.texts("auto_policies")),
            panel=fields.choice("panel", ("all_doctors", "care_team")),
            strict=fields.boolean("strict"),
        )
    return policies


def _read_auto_policies(names: tuple[str, ...]) -> frozenset[str]:
    ascending = all(earlier < later for earlier, later in pairwise(names))
    if len(names) > 16 or not ascending or not all(map(POLICY_NAME.fullmatch, names)):
        raise Fault("R-CHA3", "auto_policies are not at most 16 ascending names")
    return frozenset(names)


def _check_name(name: str, rule: str) -> None:
    if not 1 <= len(name) <= 200 or any(unicodedata.category(one) == "Cc" for one in name):
        raise Fault(rule, "a name is not 1 to 200 characters without control characters")


def _read_members(entries: list[Value], signatures: Signatures) -> dict[bytes, Member]:
    if len(entries) > MEMBERS_MAX:
        raise Fault("R-CHA4", f"the charter has more than {MEMBERS_MAX} members")
    members: dict[bytes, Member] = {}
    used: set[bytes] = set()
    previous = b""
    for entry in entries:
        member = _read_member(entry, signatures, used)
        if member.address <= previous:
            raise Fault("R-CHA4", "the members do not ascend by address")
        previous = member.address
        members[member.address] = member
    return members


def _read_member(entry: Value, signatures: Signatures, used: set[bytes]) -> Member:
    fields = Fields(entry, "a member", MEMBER_FIELDS)
    names = ("clinical", "consensus", "encryption", "policy")
    keys = Fields(fields.value("keys"), "keys", names)
    clinical, consensus = keys.binary("clinical", 33), keys.binary("consensus", 33)
    encryption, policy = keys.binary("encryption", 33), keys.optional_binary("policy", 33)
    _check_name(fields.text("name"), "R-CHA4")
    _check_endpoint(fields.text("endpoint"))
    address = fields.binary("address", 32)
    if address != tagged("address", b"", clinical):
        raise Fault("R-KEY2", "a member's address is not that of its clinical key")
    certificate = fields.binary("tls_certificate")
    serving = [clinical, consensus, encryption, *([policy] if policy else [])]
    for key in serving:
        check_key(key, "a member's key")
    _claim(used, [*serving, *_certificate_marks(certificate)])
    proven = {name: value for name, value in _as_map(entry).items() if name != "proofs"}
    proofs = Fields(fields.value("proofs"), "proofs", ("clinical", "consensus", "policy"))
    if proofs.is_none("policy") != (policy is None):
        raise Fault("R-CHA5", "a policy key and its proof do not come together")
    digest = tagged("request", b"", encode(proven))
    proven_keys = [("clinical", clinical), ("consensus", consensus)]
    if policy is not None:
        proven_keys.append(("policy", policy))
    for name, key in proven_keys:
        proof = proofs.binary(name, 64)
        signatures.check(key, digest, proof, rule="R-CHA5", what="a member's proof")
    return Member(address, fields.choice("role", ROLES), clinical, consensus, policy)


def _as_map(value: Value) -> dict[str, Value]:
    return value if isinstance(value, dict) else {}


def _check_endpoint(endpoint: str) -> None:
    host, _, port = endpoint.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if len(endpoint) > ENDPOINT_MAX or (":" in host and not bracketed):
        raise Fault("R-CHA4", "a member's endpoint is too long, or lacks brackets")
    digits = port.isascii() and port.isdigit() and len(port) <= 5
    if not host or not digits or not 1 <= int(port) <= 65_535:
        raise Fault("R-CHA4", "a member's endpoint is not host:port")


def _certificate_marks(certificate: bytes) -> list[bytes]:
    """Return what must be the certificate's alone: itself, and its compressed P-256 key."""
    _, info, rest = certificate.partition(P256_KEY_INFO)
    point = rest[:64]
    if len(certificate) > CERTIFICATE_MAX or not info or len(point) < 64:
        raise Fault("R-CHA4", "a member's TLS certificate is too long, or holds no P-256 key")
    return [sha256(certificate), bytes([2 + (point[-1] & 1)]) + point[:32]]


def _claim(used: set[bytes], marks: list[bytes]) -> None:
    for mark in marks:
        if mark in used:
            raise Fault("R-KEY4", "a key serves two purposes or two members")
        used.add(mark)


def _check_signatures(
    entries: list[Value],
    members: dict[bytes, Member],
    network: bytes,
    encoded: bytes,
    signatures: Signatures,
) -> None:
    digest = tagged("charter-signature", network, encoded)
    previous = b""
    for entry in entries:
        fields = Fields(entry, "a charter signature", ("address", "signature"))
        address = fields.binary("address", 32)
        if address <= previous:
            raise Fault("R-CHA6", "the charter's signatures do not ascend by address")
        previous = address
        member = members.get(address)
        if member is None:
            raise Fault("R-CHA6", "the charter is signed by somebody who is not a member")
        signature = fields.binary("signature", 64)
        what = "a charter signature"
        signatures.check(member.clinical, digest, signature, rule="R-CHA6", what=what)
    if len(entries) != len(members):
        missing = len(members) - len(entries)
        raise Fault("R-CHA6", f"the charter is incomplete: {missing} members have not signed")
