"""Authenticators of doctors: what enrols one, and what its statement about a vote must say.

Carries out R-CHA9 and R-VOT6. Nothing here parses JSON: what a browser writes first is compared
byte by byte, and the rest is searched for one claim.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from .canonical import RECORD, Fault, Fields, Value, decode
from .crypto import check_key, sha256

ORIGINS_MAX: Final = 8
PARTY_MAX: Final = 253
ORIGIN_MAX: Final = 267
LABEL: Final = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
HOST: Final = re.compile(rf"{LABEL}(?:\.{LABEL})*", re.ASCII)
ORIGIN: Final = re.compile(r"(https|http)://([^:/]*)(?::([1-9][0-9]{0,4}))?", re.ASCII)
USUAL_PORTS: Final = {"https": "443", "http": "80"}
PRESENT, VERIFIED, CLOUD, ENCLOSED, EXTENDED = 0x01, 0x04, 0x18, 0x40, 0x80
SHORTEST: Final = 37


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The authenticator a doctor votes with."""

    key: bytes
    rp_id: str
    origins: tuple[str, ...]
    backup: bool


def read_enrolment(value: Value) -> Enrolment:
    """Return the enrolment a map describes; raise `Fault` for any other (R-CHA9)."""
    fields = Fields(value, "an enrolment", ("backup", "key", "origins", "rp_id"))
    enrolment = Enrolment(
        key=fields.binary("key", 33),
        rp_id=fields.text("rp_id", PARTY_MAX),
        origins=fields.texts("origins"),
        backup=fields.boolean("backup"),
    )
    check_key(enrolment.key, "an authenticator's key")
    if HOST.fullmatch(enrolment.rp_id) is None:
        raise Fault("R-CHA9", "an rp_id that is no DNS name in lower case")
    origins = enrolment.origins
    if not 1 <= len(origins) <= ORIGINS_MAX or any(a >= b for a, b in pairwise(origins)):
        raise Fault("R-CHA9", f"origins that are not 1 to {ORIGINS_MAX}, ascending")
    if not all(_is_origin(origin, enrolment.rp_id) for origin in origins):
        raise Fault("R-CHA9", "an origin that is not one of the relying party's pages")
    return enrolment


def _is_origin(origin: str, rp_id: str) -> bool:
    parts = ORIGIN.fullmatch(origin)
    if parts is None or len(origin) > ORIGIN_MAX:
        return False
    scheme, host, port = parts.groups()
    if HOST.fullmatch(host) is None or len(host) > PARTY_MAX:
        return False
    if port is not None and (int(port) > 65_535 or port == USUAL_PORTS[scheme]):
        return False
    secure = scheme == "https" or host == "localhost"
    return secure and (host == rp_id or host.endswith(f".{rp_id}"))


def answered_digest(enrolment: Enrolment, challenge: bytes, bundle: bytes) -> bytes:
    """Return what the authenticator signed to answer `challenge`; raise `Fault` (R-VOT6)."""
    names = ("authenticator_data", "client_data")
    fields = Fields(decode(bundle, RECORD), "the bundle of a vote", names)
    statement, client = fields.binary("authenticator_data"), fields.binary("client_data")
    _check_statement(statement, enrolment)
    _check_client(client, challenge, enrolment.origins)
    return sha256(statement + sha256(client))


def _check_statement(statement: bytes, enrolment: Enrolment) -> None:
    flags = statement[32] if len(statement) >= SHORTEST else ENCLOSED
    if flags & ENCLOSED or (flags & EXTENDED != 0) != (len(statement) > SHORTEST):
        raise Fault("R-VOT6", "authenticator data of another shape than an assertion's")
    if statement[:32] != sha256(enrolment.rp_id.encode()):
        raise Fault("R-VOT6", "an assertion for another relying party")
    if flags & PRESENT == 0 or flags & VERIFIED == 0:
        raise Fault("R-VOT6", "an assertion without a person, or one who was not verified")
    if flags & CLOUD and not enrolment.backup:
        raise Fault("R-VOT6", "an assertion by a key that may be in a cloud")


def _check_client(client: bytes, challenge: bytes, origins: tuple[str, ...]) -> None:
    answered = urlsafe_b64encode(challenge).decode().rstrip("=")
    for origin in origins:
        head = f'{{"type":"webauthn.get","challenge":"{answered}","origin":"{origin}"'.encode()
        rest = client.removeprefix(head)
        if rest != client and (rest == b"}" or (rest[:1] == b"," and rest[-1:] == b"}")):
            if b'"crossOrigin":true' in rest:
                raise Fault("R-VOT6", "an assertion made in a frame of another page")
            return
    raise Fault("R-VOT6", "client data that does not answer this vote in an enrolled page")
