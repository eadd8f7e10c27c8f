"""A member of the charter: role, keys by purpose, endpoint, TLS leaf, proofs (R-CHA4, R-CHA5).

An AI entity's member map also lists the models it may report with (R-AI2), a doctor's the
authenticator she votes with, if she has one (R-CHA9).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from medquorum.ledger import canonical
from medquorum.ledger.approved_model import ApprovedModel, check_models, parse_model
from medquorum.ledger.enrolment import Enrolment, parse_enrolment
from medquorum.ledger.errors import CharterError, CodecError, KeyMaterialError
from medquorum.ledger.hashing import DIGEST_BYTES, Kind, tagged
from medquorum.ledger.keys import (
    PUBLIC_KEY_BYTES,
    Address,
    PublicKey,
    Purpose,
    address_of,
    address_text,
    parse_public_key,
)
from medquorum.ledger.limits import MODELS, NAME_BYTES
from medquorum.ledger.schema import Reader
from medquorum.ledger.signature import SIGNATURE_BYTES, Signature, Verifier, verify
from medquorum.ledger.types import ADDRESS_PREFIX, Role

MEMBER_FIELDS: Final = (
    "address",
    "endpoint",
    "keys",
    "name",
    "proofs",
    "role",
    "tls_certificate",
)
ADDED_FIELDS: Final = ("models", "webauthn")
"""Fields only some members have; left out they change no byte of the others."""
ENDPOINT_BYTES: Final = 255
TLS_CERTIFICATE_BYTES: Final = 4_096
"""A self-issued P-256 leaf has about 600 bytes."""
_HOST_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")
_IPV6_LETTERS: Final = frozenset("0123456789abcdefABCDEF:.")


@dataclass(frozen=True, slots=True)
class MemberKeys:
    """A member's public keys by purpose (R-KEY4); the TLS key stands in its certificate."""

    clinical: PublicKey
    consensus: PublicKey
    encryption: PublicKey
    policy: PublicKey | None = None

    def by_purpose(self) -> dict[Purpose, PublicKey]:
        """The keys that exist, by purpose."""
        keys = {
            Purpose.CLINICAL: self.clinical,
            Purpose.CONSENSUS: self.consensus,
            Purpose.ENCRYPTION: self.encryption,
        }
        return keys if self.policy is None else {**keys, Purpose.POLICY: self.policy}


@dataclass(frozen=True, slots=True)
class MemberProofs:
    """Signatures by the member's own keys: it holds them (R-CHA5)."""

    clinical: Signature
    consensus: Signature
    policy: Signature | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One institution, doctor or AI entity (R-CHA4)."""

    name: str
    """As everybody may read it; never a patient's."""
    role: Role
    endpoint: str
    """`host:port` of the peer listener."""
    address: Address
    """That of the clinical key at admission; it stays when keys change (R-KEY2)."""
    keys: MemberKeys
    tls_certificate: bytes = field(repr=False)
    """DER of the pinned leaf."""
    proofs: MemberProofs = field(repr=False)
    models: tuple[ApprovedModel, ...] = ()
    """Of an AI entity: those it may report with, ascending by digest; none binds it to none."""
    webauthn: Enrolment | None = None
    """Of a doctor: the authenticator whose votes count as her clinical key's."""

    def __post_init__(self) -> None:
        check_name(self.name, "member.name")
        check_endpoint(self.endpoint)
        if not 0 < len(self.tls_certificate) <= TLS_CERTIFICATE_BYTES:
            raise CharterError(
                f"R-CHA4: tls_certificate has 1 to {TLS_CERTIFICATE_BYTES} bytes of DER"
            )
        try:
            for key in self.keys.by_purpose().values():
                parse_public_key(key)
        except KeyMaterialError as error:
            raise CharterError(f"{error}; make {self.name}'s request again") from None
        if (self.keys.policy is None) != (self.proofs.policy is None):
            raise CharterError("R-CHA5: the policy proof is none exactly where the key is")
        check_models(self.models, self.role, self.name)
        if self.webauthn is not None and self.role is not Role.DOCTOR:
            raise CharterError(f"R-CHA9: {self.name} is no doctor; only doctors vote")

    @property
    def address_text(self) -> str:
        """The address as people read it, bech32m (R-KEY3)."""
        return address_text(self.address, ADDRESS_PREFIX[self.role])

    def named_keys(self) -> dict[str, PublicKey]:
        """Every key of its map by the name of its purpose (R-KEY4); not that of the TLS leaf."""
        keys = {purpose.value: key for purpose, key in self.keys.by_purpose().items()}
        return keys if self.webauthn is None else {**keys, "webauthn": self.webauthn.key}

    def statement(self) -> dict[str, Any]:
        """The member without its proofs and models, as a map: what its proofs sign (R-CHA5)."""
        keys = self.keys
        enrolled = {} if self.webauthn is None else {"webauthn": self.webauthn.as_map()}
        return {
            **enrolled,
            "address": self.address,
            "endpoint": self.endpoint,
            "keys": {
                "clinical": keys.clinical,
                "consensus": keys.consensus,
                "encryption": keys.encryption,
                "policy": keys.policy,
            },
            "name": self.name,
            "role": self.role.value,
            "tls_certificate": self.tls_certificate,
        }

    def as_map(self) -> dict[str, Any]:
        """The map of R-CHA4, with `models` exactly where there are some (R-AI2)."""
        proofs = self.proofs
        listed = {"models": [model.as_map() for model in self.models]} if self.models else {}
        return {
            **self.statement(),
            **listed,
            "proofs": {
                "clinical": proofs.clinical,
                "consensus": proofs.consensus,
                "policy": proofs.policy,
            },
        }

    def verify_proofs(self, verify: Verifier = verify) -> None:
        """CharterError naming the first key whose holder did not sign this member (R-CHA5)."""
        digest = request_digest(self.statement())
        keys, proofs = self.keys, self.proofs
        claims: list[tuple[Purpose, PublicKey | None, Signature | None]] = [
            (Purpose.CLINICAL, keys.clinical, proofs.clinical),
            (Purpose.CONSENSUS, keys.consensus, proofs.consensus),
            (Purpose.POLICY, keys.policy, proofs.policy),
        ]
        for purpose, key, proof in claims:
            if key is not None and proof is not None and not verify(key, digest, proof):
                raise CharterError(
                    f"R-CHA5: {self.name} does not prove its {purpose.value} key; "
                    "ask for a new request"
                )


def request_digest(statement: dict[str, Any]) -> bytes:
    """What each proof signs: the member without proofs and models (R-CHA5)."""
    return tagged(Kind.REQUEST, b"", canonical.encode(statement))


def check_address(member: Member) -> None:
    """CharterError unless the address is that of the clinical key, as at admission (R-KEY2)."""
    if member.address != address_of(member.keys.clinical):
        raise CharterError("R-KEY2: the address is not that of the member's clinical key")


def check_name(name: str, what: str) -> None:
    """CharterError unless it is 1 to 200 characters without control characters (R-CHA4)."""
    printable = all(ord(letter) >= 0x20 and not 0x7F <= ord(letter) <= 0x9F for letter in name)
    if not 1 <= len(name) <= NAME_BYTES or not printable:
        raise CharterError(
            f"R-CHA4: {what} has 1 to {NAME_BYTES} characters, none of them a control character"
        )


def check_endpoint(endpoint: str) -> None:
    """CharterError unless it is `host:port`, an IPv6 host in brackets (R-CHA4)."""
    host, _, port = endpoint.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        letters, host = _IPV6_LETTERS, host[1:-1]
    else:
        letters = _HOST_LETTERS
    valid_port = port.isascii() and port.isdigit() and port[0] != "0" and int(port[:6]) <= 65_535
    if not host or len(endpoint) > ENDPOINT_BYTES or not set(host) <= letters or not valid_port:
        raise CharterError("R-CHA4: an endpoint is host:port, e.g. node.example.org:7600")


def parse_member(value: object) -> Member:
    """Read a member map; CodecError or CharterError naming the broken rule."""
    added = tuple(name for name in ADDED_FIELDS if isinstance(value, dict) and name in value)
    reader = Reader(value, (*MEMBER_FIELDS, *added), "member")
    return Member(
        name=reader.text("name", NAME_BYTES, 1),
        role=reader.closed("role", Role),
        endpoint=reader.text("endpoint", ENDPOINT_BYTES, 1),
        address=Address(reader.octets("address", DIGEST_BYTES)),
        keys=reader.nested("keys", _parse_keys),
        tls_certificate=reader.opaque("tls_certificate", TLS_CERTIFICATE_BYTES),
        proofs=reader.nested("proofs", _parse_proofs),
        models=_parse_models(reader) if "models" in added else (),
        webauthn=reader.nested("webauthn", parse_enrolment) if "webauthn" in added else None,
    )


def _parse_models(reader: Reader) -> tuple[ApprovedModel, ...]:
    models = reader.listed("models", MODELS, parse_model)
    if not models:
        raise CodecError("R-AI2: a member without models has no field for them; leave it out")
    return models


def _parse_keys(value: object) -> MemberKeys:
    reader = Reader(value, ("clinical", "consensus", "encryption", "policy"), "member.keys")

    def key(name: str) -> PublicKey:
        return PublicKey(reader.octets(name, PUBLIC_KEY_BYTES))

    return MemberKeys(
        key("clinical"), key("consensus"), key("encryption"), reader.optional("policy", key)
    )


def _parse_proofs(value: object) -> MemberProofs:
    reader = Reader(value, ("clinical", "consensus", "policy"), "member.proofs")

    def proof(name: str) -> Signature:
        return Signature(reader.octets(name, SIGNATURE_BYTES))

    return MemberProofs(proof("clinical"), proof("consensus"), reader.optional("policy", proof))
