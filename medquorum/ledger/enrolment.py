"""Authenticators that sign a doctor's votes: enrolment and what an assertion must say.

Carries out R-CHA9 and R-VOT6. The client's JSON is compared as bytes and never parsed: two parsers
that differ over one hostile byte would split the ledger. Browsers write type, challenge and origin
first, in one form (WebAuthn Level 2, section 5.8.1.1); what follows is of no account, but for the
claim to stand in another page's frame.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.errors import CharterError, CodecError, KeyMaterialError
from medquorum.ledger.hashing import DIGEST_BYTES
from medquorum.ledger.keys import PUBLIC_KEY_BYTES, PublicKey, parse_public_key
from medquorum.ledger.limits import ORIGINS
from medquorum.ledger.schema import Reader, decoded

ENROLMENT_FIELDS: Final = ("backup", "key", "origins", "rp_id")
BUNDLE_FIELDS: Final = ("authenticator_data", "client_data")
BUNDLE_BYTES: Final = 4_096
"""Room for an authenticator's statement: usually some 300 bytes (R-VOT1)."""
PARTY_BYTES: Final = 253
"""The longest DNS name."""
ORIGIN_BYTES: Final = 267
"""`https://`, a DNS name, a port."""
SHORTEST_STATEMENT: Final = 37
"""Hash of the relying party, flags, counter (WebAuthn Level 2, section 6.1)."""
_LABEL_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_PRESENT, _VERIFIED = 0x01, 0x04
_BACKUPABLE, _BACKED_UP = 0x08, 0x10
_ENCLOSED, _EXTENDED = 0x40, 0x80
_FOREIGN_FRAME: Final = b'"crossOrigin":true'


class AssertionFault(StrEnum):
    """Why an authenticator's statement is not that of a vote (R-VOT6)."""

    FORM = "form"
    """The bundle is not the canonical map of two byte strings."""
    STATEMENT = "statement"
    """The authenticator data is short, long, or encloses a key."""
    PARTY = "party"
    """It was made for another relying party."""
    PRESENCE = "presence"
    """Nobody touched the authenticator."""
    VERIFICATION = "verification"
    """The authenticator did not verify who touched it."""
    BACKUP = "backup"
    """The key is, or can be, in a vendor's cloud, which the enrolment does not allow."""
    TYPE = "type"
    """The client data is of something else than an assertion, or in another form."""
    CHALLENGE = "challenge"
    """It answers something else than this vote."""
    ORIGIN = "origin"
    """It was made in a page of another origin."""
    FRAME = "frame"
    """It was made in a frame of another origin's page."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A doctor's authenticator as the charter knows it (R-CHA9)."""

    key: PublicKey
    rp_id: str
    """The DNS name the credential is bound to."""
    origins: tuple[str, ...]
    """Of the pages where it may be used, ascending."""
    backup: bool
    """Whether a key that is, or can be, synchronised to a vendor's cloud may vote."""

    def __post_init__(self) -> None:
        try:
            parse_public_key(self.key)
        except KeyMaterialError as error:
            raise CharterError(f"R-CHA9: {error}; enrol the authenticator again") from None
        if not _is_host(self.rp_id):
            raise CharterError("R-CHA9: rp_id is a DNS name in lower case, e.g. node.example.org")
        if not 1 <= len(self.origins) <= ORIGINS or any(
            one >= other for one, other in pairwise(self.origins)
        ):
            raise CharterError(f"R-CHA9: 1 to {ORIGINS} origins, ascending, each once")
        for origin in self.origins:
            _check_origin(origin, self.rp_id)

    def as_map(self) -> dict[str, object]:
        """The map of R-CHA9."""
        return {
            "backup": self.backup,
            "key": self.key,
            "origins": list(self.origins),
            "rp_id": self.rp_id,
        }


def _is_host(host: str) -> bool:
    labels = host.split(".")
    return 1 <= len(host) <= PARTY_BYTES and all(
        label and set(label) <= _LABEL_LETTERS and label[0] != "-" and label[-1] != "-"
        for label in labels
    )


def _check_origin(origin: str, rp_id: str) -> None:
    """`https://host` or, of this machine alone, `http://localhost`, with a port unless usual."""
    scheme, _, authority = origin.partition("://")
    host, colon, port = authority.partition(":")
    usual = {"https": "443", "http": "80"}.get(scheme)
    secure = scheme == "https" or (scheme == "http" and host == "localhost")
    numbered = port.isascii() and port.isdigit() and port[0] != "0" and int(port[:6]) <= 65_535
    if (
        not secure
        or not _is_host(host)
        or len(origin) > ORIGIN_BYTES
        or (colon and (not numbered or port == usual))
        or (host != rp_id and not host.endswith("." + rp_id))
    ):
        raise CharterError(
            "R-CHA9: an origin is https://host or https://host:port, or http://localhost with its "
            "port, its host that of rp_id or below it"
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise CodecError("R-CAN5: an origin is not text")
    return value


def parse_enrolment(value: object) -> Enrolment:
    """Read the map of R-CHA9; CodecError or CharterError when malformed."""
    reader = Reader(value, ENROLMENT_FIELDS, "webauthn")
    return Enrolment(
        key=PublicKey(reader.octets("key", PUBLIC_KEY_BYTES)),
        rp_id=reader.text("rp_id", PARTY_BYTES, 1),
        origins=reader.listed("origins", ORIGINS, _text),
        backup=reader.flag("backup"),
    )


def encode_bundle(authenticator_data: bytes, client_data: bytes) -> bytes:
    """A vote's bundle (R-VOT2): both texts exactly as the authenticator and the browser gave."""
    return canonical.encode({"authenticator_data": authenticator_data, "client_data": client_data})


def parse_bundle(bundle: bytes) -> tuple[bytes, bytes]:
    """Authenticator data and client data of a bundle; CodecError when malformed."""
    reader = Reader(decoded(bundle), BUNDLE_FIELDS, "bundle")
    authenticator = reader.opaque("authenticator_data", BUNDLE_BYTES)
    return authenticator, reader.opaque("client_data", BUNDLE_BYTES)


def assertion_fault(enrolment: Enrolment, challenge: bytes, bundle: bytes) -> AssertionFault | None:
    """What keeps a bundle from being this authenticator's answer to `challenge` (R-VOT6).

    The counter is of no account: synchronised keys report 0. The signature is verified apart.
    """
    try:
        authenticator, client = parse_bundle(bundle)
    except CodecError:
        return AssertionFault.FORM
    return _authenticator_fault(enrolment, authenticator) or _client_fault(
        enrolment, challenge, client
    )


def _authenticator_fault(enrolment: Enrolment, statement: bytes) -> AssertionFault | None:
    if len(statement) < SHORTEST_STATEMENT:
        return AssertionFault.STATEMENT
    flags = statement[DIGEST_BYTES]
    extended = len(statement) > SHORTEST_STATEMENT
    if flags & _ENCLOSED or bool(flags & _EXTENDED) != extended:
        return AssertionFault.STATEMENT
    if statement[:DIGEST_BYTES] != hashlib.sha256(enrolment.rp_id.encode()).digest():
        return AssertionFault.PARTY
    if not flags & _PRESENT:
        return AssertionFault.PRESENCE
    if not flags & _VERIFIED:
        return AssertionFault.VERIFICATION
    if flags & (_BACKUPABLE | _BACKED_UP) and not enrolment.backup:
        return AssertionFault.BACKUP
    return None


def _client_fault(enrolment: Enrolment, challenge: bytes, client: bytes) -> AssertionFault | None:
    head = b'{"type":"webauthn.get","challenge":"'
    if not client.startswith(head) or not client.endswith(b"}"):
        return AssertionFault.TYPE
    answered = base64.urlsafe_b64encode(challenge).rstrip(b"=") + b'","origin":"'
    if not client.startswith(answered, len(head)):
        return AssertionFault.CHALLENGE
    start = len(head) + len(answered)
    for origin in enrolment.origins:
        shown = origin.encode() + b'"'
        rest = client[start + len(shown) :]
        if client.startswith(shown, start) and (rest == b"}" or rest.startswith(b",")):
            return AssertionFault.FRAME if _FOREIGN_FRAME in rest else None
    return AssertionFault.ORIGIN


def backed_up(bundle: bytes) -> bool:
    """Whether the authenticator said its key is or can be backed up; False of a malformed bundle.

    Recorded with the vote whatever the enrolment allows (flags BE and BS).
    """
    try:
        statement, _ = parse_bundle(bundle)
    except CodecError:
        return False
    return len(statement) >= SHORTEST_STATEMENT and bool(
        statement[DIGEST_BYTES] & (_BACKUPABLE | _BACKED_UP)
    )


def signed_digest(bundle: bytes) -> bytes:
    """What the authenticator signed: SHA-256(authenticator data || SHA-256(client data))."""
    authenticator, client = parse_bundle(bundle)
    return hashlib.sha256(authenticator + hashlib.sha256(client).digest()).digest()
