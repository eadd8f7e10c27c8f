"""A patient's signed statements on who may read her records for what (R-CST1 to R-CST3).

They stand beside the chain: block types for consent are reserved (R-BLK1), and a statement proves
itself wherever it is shown, because the patient's own key has signed it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import DIGEST_BYTES, Kind, tagged
from medquorum.ledger.keys import PUBLIC_KEY_BYTES, Address, PublicKey
from medquorum.ledger.limits import DAY_MS, RECORD
from medquorum.ledger.schema import Reader, decoded
from medquorum.ledger.signature import SIGNATURE_BYTES, Signature, Signer, Verifier
from medquorum.ledger.signature import verify as verify_signature
from medquorum.ledger.types import NetworkId

LONGEST_CONSENT_MS: Final = 3_660 * DAY_MS
"""Ten years: who is asked again after that may have changed her mind."""
_FIELDS: Final = (
    "from_ms",
    "grantee",
    "issued_at_ms",
    "patient_key",
    "purposes",
    "revokes",
    "until_ms",
    "version",
)
_LATEST_MS: Final = 2**53


class ConsentPurpose(StrEnum):
    """What reading needs a consent for; treatment and emergency need none (R-CST3)."""

    QUALITY = "quality"
    """Quality assurance of the institution."""
    REQUEST = "request"
    """A request of somebody else, such as an insurer."""
    RESEARCH = "research"


@dataclass(frozen=True, slots=True)
class ConsentStatement:
    """What a patient says: a grant, or the revocation of one (R-CST1).

    Raises CodecError when it is neither.
    """

    patient_key: PublicKey
    issued_at_ms: int
    purposes: tuple[ConsentPurpose, ...] = ()
    """Ascending, each once; none in a revocation."""
    grantee: Address | None = None
    """The member that may read; None for every member."""
    from_ms: int = 0
    until_ms: int = 0
    """The first moment at which it holds no more."""
    revokes: bytes | None = None
    """Id of the grant that is taken back."""

    def __post_init__(self) -> None:
        if any(later <= earlier for earlier, later in pairwise(self.purposes)):
            raise CodecError("R-CST1: purposes ascend, each once")
        span_ms = self.until_ms - self.from_ms
        if self.revokes is None:
            if not self.purposes or not 0 < span_ms <= LONGEST_CONSENT_MS:
                raise CodecError("R-CST1: a grant names purposes and a time of at most ten years")
        elif self.purposes or self.grantee is not None or self.from_ms or self.until_ms:
            raise CodecError("R-CST1: a revocation names nothing but the grant it takes back")

    def encoded(self) -> bytes:
        """`enc` of R-CST1."""
        return canonical.encode(
            {
                "from_ms": self.from_ms,
                "grantee": self.grantee,
                "issued_at_ms": self.issued_at_ms,
                "patient_key": self.patient_key,
                "purposes": [purpose.value for purpose in self.purposes],
                "revokes": self.revokes,
                "until_ms": self.until_ms,
                "version": 1,
            }
        )

    def digest(self, network: NetworkId) -> bytes:
        """Its id, which is what the patient's key signs (R-CST2)."""
        return tagged(Kind.CONSENT, network, self.encoded())


@dataclass(frozen=True, slots=True)
class SignedConsent:
    """A statement with the signature of the patient's key (R-CST2)."""

    statement: ConsentStatement
    signature: Signature

    def encoded(self) -> bytes:
        """`enc` of R-CST2."""
        return canonical.encode(
            {"signature": self.signature, "statement": self.statement.encoded()}
        )


def sign_consent(network: NetworkId, statement: ConsentStatement, sign: Signer) -> SignedConsent:
    """Sign a statement with the patient's key."""
    return SignedConsent(statement, sign(statement.digest(network)))


def parse_signed_consent(encoded: bytes) -> SignedConsent:
    """Read a signed statement; CodecError when malformed. Verifies no signature."""
    reader = Reader(decoded(encoded), ("signature", "statement"), "consent")
    return SignedConsent(
        _parse_statement(reader.opaque("statement", RECORD.total)),
        Signature(reader.octets("signature", SIGNATURE_BYTES)),
    )


def _parse_statement(encoded: bytes) -> ConsentStatement:
    reader = Reader(decoded(encoded), _FIELDS, "consent statement")
    reader.integer("version", 1, 1)
    return ConsentStatement(
        patient_key=PublicKey(reader.octets("patient_key", PUBLIC_KEY_BYTES)),
        issued_at_ms=reader.integer("issued_at_ms", 0, _LATEST_MS),
        purposes=reader.listed("purposes", len(ConsentPurpose), _parse_purpose),
        grantee=reader.optional("grantee", lambda name: Address(reader.octets(name, DIGEST_BYTES))),
        from_ms=reader.integer("from_ms", 0, _LATEST_MS),
        until_ms=reader.integer("until_ms", 0, _LATEST_MS),
        revokes=reader.optional("revokes", lambda name: reader.octets(name, DIGEST_BYTES)),
    )


def _parse_purpose(value: object) -> ConsentPurpose:
    try:
        return ConsentPurpose(str(value))
    except ValueError:
        expected = ", ".join(purpose.value for purpose in ConsentPurpose)
        raise CodecError(f"R-CST1: a purpose is one of {expected}") from None


def verify_consent(
    network: NetworkId, consent: SignedConsent, verify: Verifier = verify_signature
) -> bool:
    """Whether the key that the statement names has signed it for this network (R-CST2)."""
    statement = consent.statement
    return verify(statement.patient_key, statement.digest(network), consent.signature)


def revoked_ids(statements: Iterable[ConsentStatement]) -> frozenset[bytes]:
    """The ids that one patient's statements take back; when they were made does not matter."""
    return frozenset(one.revokes for one in statements if one.revokes is not None)


def permits(
    statement: ConsentStatement, purpose: ConsentPurpose, reader: Address, now_ms: int
) -> bool:
    """Whether a grant lets a member read for a purpose now, if it is not revoked (R-CST3)."""
    return (
        purpose in statement.purposes
        and statement.grantee in (None, reader)
        and statement.from_ms <= now_ms < statement.until_ms
    )
