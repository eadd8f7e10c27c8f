"""The founding ceremony: requests, and everybody's signature of the charter (R-CHA5, R-CHA6).

Each member makes a *request* (its member map with proofs of its keys). One coordinator builds the
charter of them (`founding`). Every member compares the fingerprint aloud and signs. The charter
file is complete when all have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.approved_model import ApprovedModel, in_order
from medquorum.ledger.charter import Charter, parse_charter
from medquorum.ledger.charter_members import check_newcomer
from medquorum.ledger.enrolment import Enrolment
from medquorum.ledger.errors import CharterError
from medquorum.ledger.hashing import DIGEST_BYTES, Kind, tagged
from medquorum.ledger.keys import Address, address_of
from medquorum.ledger.limits import CHARTER, MEMBERS
from medquorum.ledger.member import Member, MemberKeys, MemberProofs, parse_member, request_digest
from medquorum.ledger.schema import Reader, decoded
from medquorum.ledger.signature import SIGNATURE_BYTES, Signature, Signer, verify
from medquorum.ledger.types import Role

_UNSIGNED: Final = Signature(bytes(SIGNATURE_BYTES))


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a member says of itself in its request."""

    name: str
    role: Role
    endpoint: str
    keys: MemberKeys
    tls_certificate: bytes
    models: tuple[ApprovedModel, ...] = ()
    """Of an AI entity: those it asks to report with, in any order (R-AI2)."""
    webauthn: Enrolment | None = None


@dataclass(frozen=True, slots=True)
class RequestSigners:
    """The capabilities to sign with each key a request proves (R-CHA5)."""

    clinical: Signer
    consensus: Signer
    policy: Signer | None = None


def make_request(candidate: Candidate, signers: RequestSigners) -> Member:
    """The member with proofs of its keys; CharterError when a signer is not its key's."""
    keys = candidate.keys
    if (keys.policy is None) != (signers.policy is None):
        raise CharterError("R-CHA5: hand in a policy signer exactly where there is a policy key")
    form = Member(
        name=candidate.name,
        role=candidate.role,
        endpoint=candidate.endpoint,
        address=address_of(keys.clinical),
        keys=keys,
        tls_certificate=candidate.tls_certificate,
        proofs=MemberProofs(_UNSIGNED, _UNSIGNED, None if keys.policy is None else _UNSIGNED),
        models=in_order(candidate.models),
        webauthn=candidate.webauthn,
    )
    digest = request_digest(form.statement())
    proofs = MemberProofs(
        signers.clinical(digest),
        signers.consensus(digest),
        None if signers.policy is None else signers.policy(digest),
    )
    return parse_request(encode_request(replace(form, proofs=proofs)))


def encode_request(member: Member) -> bytes:
    """The bytes of a request file: `enc` of the member map of R-CHA4."""
    return canonical.encode(member.as_map())


def parse_request(encoded: bytes) -> Member:
    """Read and check a request: schema, address, distinct keys, TLS leaf, proofs.

    CodecError or CharterError naming the broken rule.
    """
    member = parse_member(decoded(encoded))
    check_newcomer(member)
    member.verify_proofs()
    return member


@dataclass(frozen=True, slots=True)
class CharterSignature:
    """One member's signature of the charter, the condition of access (R-CHA6)."""

    address: Address
    signature: Signature

    def as_map(self) -> dict[str, bytes]:
        """The entry of R-CHA6."""
        return {"address": self.address, "signature": self.signature}

    def encoded(self) -> bytes:
        """The bytes of a signature file."""
        return canonical.encode(self.as_map())


def _read_signature(value: object) -> CharterSignature:
    reader = Reader(value, ("address", "signature"), "charter signature")
    return CharterSignature(
        Address(reader.octets("address", DIGEST_BYTES)),
        Signature(reader.octets("signature", SIGNATURE_BYTES)),
    )


def parse_signature(encoded: bytes) -> CharterSignature:
    """Read a signature file; CodecError when malformed. The signature is not verified here."""
    return _read_signature(decoded(encoded))


def charter_digest(charter: Charter) -> bytes:
    """What every member signs (R-CHA6)."""
    return tagged(Kind.CHARTER_SIGNATURE, charter.network_id, charter.encoded())


def sign_charter(charter: Charter, address: Address, signer: Signer) -> CharterSignature:
    """Sign as a member; CharterError for a stranger or a key that is not its clinical key."""
    member = charter.member(address)
    if member is None:
        raise CharterError("R-CHA6: these keys are of no member of this charter; use another home")
    digest = charter_digest(charter)
    signature = signer(digest)
    if not verify(member.keys.clinical, digest, signature):
        raise CharterError(
            f"R-CHA6: that is not the clinical key of {member.name}; use the right keystore"
        )
    return CharterSignature(address, signature)


class Problem(StrEnum):
    """What is wrong with a member's signature."""

    MISSING = "missing"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class SignatureFault:
    """A member whose signature the charter file lacks."""

    member: Member
    problem: Problem

    def __str__(self) -> str:
        return f"{self.member.name} ({self.member.role.value}): signature {self.problem.value}"


@dataclass(frozen=True, slots=True)
class CharterFile:
    """A charter with the signatures gathered so far, ascending by address (R-CHA6)."""

    charter: Charter
    signatures: tuple[CharterSignature, ...] = ()

    def __post_init__(self) -> None:
        addresses = [signature.address for signature in self.signatures]
        if addresses != sorted(set(addresses)):
            raise CharterError("R-CHA6: signatures ascend by address, each once")
        if any(self.charter.member(address) is None for address in addresses):
            raise CharterError("R-CHA6: a signature of somebody who is not a member; remove it")

    def encoded(self) -> bytes:
        """The bytes of the charter file."""
        return canonical.encode(
            {
                "charter": self.charter.encoded(),
                "signatures": [signature.as_map() for signature in self.signatures],
            },
            CHARTER,
        )

    @property
    def complete(self) -> bool:
        """Whether every member has signed, validly: the condition of starting (R-CHA6)."""
        return not verify_charter_file(self)


def parse_charter_file(encoded: bytes) -> CharterFile:
    """Read a charter file, complete or not; proofs and signatures are not verified here."""
    reader = Reader(decoded(encoded, CHARTER), ("charter", "signatures"), "charter file")
    charter = parse_charter(reader.opaque("charter", CHARTER.total))
    return CharterFile(charter, reader.listed("signatures", MEMBERS, _read_signature))


def verify_charter_file(charter_file: CharterFile) -> tuple[SignatureFault, ...]:
    """Every member whose signature is missing or invalid, in order of address."""
    given = {entry.address: entry.signature for entry in charter_file.signatures}
    digest = charter_digest(charter_file.charter)
    faults = []
    for member in charter_file.charter.members:
        signature = given.get(member.address)
        if signature is None:
            faults.append(SignatureFault(member, Problem.MISSING))
        elif not verify(member.keys.clinical, digest, signature):
            faults.append(SignatureFault(member, Problem.INVALID))
    return tuple(faults)


def add_signatures(
    charter_file: CharterFile, signatures: Sequence[CharterSignature]
) -> CharterFile:
    """The file with more signatures; CharterError for one that is not a member's of this charter.

    A valid signature replaces an invalid one of the same member; signing twice is harmless.
    """
    charter = charter_file.charter
    digest = charter_digest(charter)
    gathered = {entry.address: entry for entry in charter_file.signatures}
    for entry in signatures:
        member = charter.member(entry.address)
        if member is None:
            raise CharterError("R-CHA6: a signature of somebody who is not a member; remove it")
        if not verify(member.keys.clinical, digest, entry.signature):
            raise CharterError(
                f"R-CHA6: the signature of {member.name} is not of this charter by its clinical "
                "key; compare fingerprints and sign again"
            )
        gathered[entry.address] = entry
    return CharterFile(charter, tuple(gathered[address] for address in sorted(gathered)))


def open_charter(encoded: bytes) -> Charter:
    """The charter of a complete charter file, everything verified: what a node starts on.

    CodecError or CharterError; the latter names every member whose signature lacks.
    """
    charter_file = parse_charter_file(encoded)
    charter_file.charter.verify_proofs()
    if faults := verify_charter_file(charter_file):
        raise CharterError(
            "R-CHA6: the charter is not complete; gather these signatures:\n  "
            + "\n  ".join(str(fault) for fault in faults)
        )
    return charter_file.charter
