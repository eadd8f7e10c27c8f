"""Members: their keys by purpose, their TLS leaf, and the proofs that the keys are theirs.

Carries out R-CHA4, R-CHA5, R-CHA9, R-KEY2, R-KEY4 and R-AI2, for the founding charter and for
amendments.
Reading a member checks what its map says alone; keys and proofs are checked apart, because a
change of an amendment is judged by them only where it applies (R-GOV6).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from .canonical import Fault, Fields, Value, encode
from .crypto import Signatures, check_key, tagged
from .enrolments import Enrolment, read_enrolment
from .models import Model, check_models, read_model

ROLES: Final = ("ai_entity", "doctor", "hospital", "laboratory", "radiologist")
ENDPOINT_MAX: Final = 255
CERTIFICATE_MAX: Final = 4_096
MEMBER_FIELDS: Final = ("address", "endpoint", "keys", "name", "proofs", "role", "tls_certificate")
ADDED_FIELDS: Final = ("models", "webauthn")
KEY_FIELDS: Final = ("clinical", "consensus", "encryption", "policy")
PROOF_FIELDS: Final = ("clinical", "consensus", "policy")

# What stands before the 64 bytes of an uncompressed P-256 key in an X.509 certificate (RFC 5480).
P256_KEY_INFO: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a charter; `tls_key` is empty where its certificate holds no P-256 key."""

    address: bytes
    role: str
    name: str
    endpoint: str
    clinical: bytes
    consensus: bytes
    encryption: bytes
    policy: bytes | None
    tls_certificate: bytes
    tls_key: bytes
    request: bytes
    proofs: tuple[tuple[str, bytes | None], ...]
    models: tuple[Model, ...] = ()
    webauthn: Enrolment | None = None

    def keys(self) -> dict[str, bytes]:
        """The keys that exist, by purpose, that of the TLS leaf among them."""
        found = {
            "clinical": self.clinical,
            "consensus": self.consensus,
            "encryption": self.encryption,
            "tls": self.tls_key,
        }
        if self.webauthn is not None:
            found["webauthn"] = self.webauthn.key
        return found if self.policy is None else {**found, "policy": self.policy}


def read_member(entry: Value) -> Member:
    """Return the member a map describes; raise `Fault` where it says what none may (R-CHA4)."""
    added = [name for name in ADDED_FIELDS if isinstance(entry, dict) and name in entry]
    fields = Fields(entry, "a member", (*MEMBER_FIELDS, *added))
    listed = "models" in added
    keys = Fields(fields.value("keys"), "keys", KEY_FIELDS)
    proofs = Fields(fields.value("proofs"), "proofs", PROOF_FIELDS)
    proven = entry.items() if isinstance(entry, dict) else ()
    unproven = ("proofs", "models")
    request = encode({name: value for name, value in proven if name not in unproven})
    certificate = fields.binary("tls_certificate")
    member = Member(
        address=fields.binary("address", 32),
        role=fields.choice("role", ROLES),
        name=fields.text("name"),
        endpoint=fields.text("endpoint"),
        clinical=keys.binary("clinical", 33),
        consensus=keys.binary("consensus", 33),
        encryption=keys.binary("encryption", 33),
        policy=keys.optional_binary("policy", 33),
        tls_certificate=certificate,
        tls_key=_certificate_key(certificate),
        request=tagged("request", b"", request),
        proofs=(
            ("clinical", proofs.binary("clinical", 64)),
            ("consensus", proofs.binary("consensus", 64)),
            ("policy", proofs.optional_binary("policy", 64)),
        ),
        models=tuple(map(read_model, fields.entries("models"))) if listed else (),
        webauthn=read_enrolment(fields.value("webauthn")) if "webauthn" in added else None,
    )
    if listed and not member.models:
        raise Fault("R-AI2", "a member without models has a field for them")
    _check_form(member)
    return member


def _certificate_key(certificate: bytes) -> bytes:
    """Return the compressed form of the P-256 key in a certificate, nothing where it has none."""
    _, info, rest = certificate.partition(P256_KEY_INFO)
    point = rest[:64]
    return bytes([2 + (point[-1] & 1)]) + point[:32] if info and len(point) == 64 else b""


def _check_form(member: Member) -> None:
    check_name(member.name, "R-CHA4")
    _check_endpoint(member.endpoint)
    for purpose, key in member.keys().items():
        if purpose != "tls":
            check_key(key, "a member's key")
    if not 0 < len(member.tls_certificate) <= CERTIFICATE_MAX:
        raise Fault("R-CHA4", f"a member's TLS certificate has not 1 to {CERTIFICATE_MAX} bytes")
    if (member.policy is None) != (dict(member.proofs)["policy"] is None):
        raise Fault("R-CHA5", "a policy key and its proof do not come together")
    check_models(member.models, member.role)
    if member.webauthn is not None and member.role != "doctor":
        raise Fault("R-CHA9", "an authenticator of somebody who is no doctor")


def check_keys(member: Member) -> None:
    """Raise `Fault` unless every purpose has a key of its own, the TLS leaf too (R-KEY4)."""
    if not member.tls_key:
        raise Fault("R-CHA4", "a member's TLS certificate holds no P-256 key")
    if len(set(member.keys().values())) != len(member.keys()):
        raise Fault("R-KEY4", "a key serves two purposes")


def check_address(member: Member) -> None:
    """Raise `Fault` unless the address is that of the clinical key, as at admission (R-KEY2)."""
    if member.address != tagged("address", b"", member.clinical):
        raise Fault("R-KEY2", "a member's address is not that of its clinical key")


def check_proofs(member: Member, signatures: Signatures) -> None:
    """Raise `Fault` unless the member proves every key that signs (R-CHA5)."""
    keys = member.keys()
    for purpose, proof in member.proofs:
        if proof is not None:
            what = "a member's proof"
            signatures.check(keys[purpose], member.request, proof, rule="R-CHA5", what=what)


def check_name(name: str, rule: str) -> None:
    """Raise `Fault` unless a name has 1 to 200 characters and no control character."""
    if not 1 <= len(name) <= 200 or any(unicodedata.category(one) == "Cc" for one in name):
        raise Fault(rule, "a name is not 1 to 200 characters without control characters")


def _check_endpoint(endpoint: str) -> None:
    host, _, port = endpoint.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if len(endpoint) > ENDPOINT_MAX or (":" in host and not bracketed):
        raise Fault("R-CHA4", "a member's endpoint is too long, or lacks brackets")
    digits = port.isascii() and port.isdigit() and len(port) <= 5
    if not host or not digits or not 1 <= int(port) <= 65_535:
        raise Fault("R-CHA4", "a member's endpoint is not host:port")
