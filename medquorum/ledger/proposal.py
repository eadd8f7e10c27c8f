"""A proposal: what an issuer signs before any doctor has looked (R-PRO1 to R-PRO10, R-GOV1)."""

from __future__ import annotations

from dataclasses import dataclass, field

from medquorum.ledger import canonical, merkle
from medquorum.ledger.body import PartDescriptor, parse_descriptor
from medquorum.ledger.errors import CodecError
from medquorum.ledger.governance import ACT_TYPES, Act, parse_act
from medquorum.ledger.hashing import DIGEST_BYTES, ZERO, Kind, tagged
from medquorum.ledger.keys import PUBLIC_KEY_BYTES, Address, PublicKey
from medquorum.ledger.limits import PARTS, RECORD
from medquorum.ledger.provenance import Provenance, block_hashes, parse_provenance
from medquorum.ledger.schema import Reader, decoded
from medquorum.ledger.signature import SIGNATURE_BYTES, Signature, Signer
from medquorum.ledger.types import (
    GOVERNANCE_TYPES,
    BlockHash,
    BlockType,
    NetworkId,
    ProposalId,
    RecordId,
)

CORE_FIELDS = (
    "ai",
    "body_root",
    "doctor",
    "expires_at_ms",
    "issued_at_ms",
    "issuer",
    "network",
    "parts",
    "patient",
    "patient_key",
    "patient_name",
    "record",
    "references",
    "registration",
    "replaces",
    "seen_head",
    "type",
    "version",
)
GOVERNANCE_FIELDS = (
    "act",
    "expires_at_ms",
    "issued_at_ms",
    "issuer",
    "network",
    "record",
    "type",
    "version",
)
_NO_BODY = merkle.root([])


@dataclass(frozen=True, slots=True)
class Registration:
    """How a patient enters the ledger: with keys, and proof of holding them (R-PRO4)."""

    encryption_key: PublicKey
    proof: Signature


@dataclass(frozen=True, slots=True)
class Core:
    """The signed content of a proposal; fields as R-PRO1.

    With an `act` it is a governance core (R-GOV1): only the act, the type, the issuer, the network,
    the record and the times are said and signed; the clinical fields hold nothing.
    """

    type: BlockType
    network: NetworkId
    issuer: Address
    doctor: Address
    patient: int | None
    patient_key: PublicKey
    patient_name: bytes
    record: RecordId
    parts: tuple[PartDescriptor, ...]
    body_root: bytes
    seen_head: BlockHash
    issued_at_ms: int
    expires_at_ms: int
    references: tuple[BlockHash, ...] = ()
    replaces: BlockHash | None = None
    registration: Registration | None = None
    ai: Provenance | None = None
    act: Act | None = None

    def encoded(self) -> bytes:
        """`enc(core)`."""
        return canonical.encode(self._clinical() if self.act is None else self._governance())

    def _governance(self) -> dict[str, object]:
        return {
            "act": self.act and self.act.as_map(),
            "expires_at_ms": self.expires_at_ms,
            "issued_at_ms": self.issued_at_ms,
            "issuer": self.issuer,
            "network": self.network,
            "record": self.record,
            "type": self.type.value,
            "version": 1,
        }

    def _clinical(self) -> dict[str, object]:
        registration = self.registration and {
            "encryption_key": self.registration.encryption_key,
            "proof": self.registration.proof,
        }
        return {
            "ai": self.ai and self.ai.as_map(),
            "body_root": self.body_root,
            "doctor": self.doctor,
            "expires_at_ms": self.expires_at_ms,
            "issued_at_ms": self.issued_at_ms,
            "issuer": self.issuer,
            "network": self.network,
            "parts": [part.as_map() for part in self.parts],
            "patient": self.patient,
            "patient_key": self.patient_key,
            "patient_name": self.patient_name,
            "record": self.record,
            "references": list(self.references),
            "registration": registration,
            "replaces": self.replaces,
            "seen_head": self.seen_head,
            "type": self.type.value,
            "version": 1,
        }


@dataclass(frozen=True, slots=True)
class GovernanceIssue:
    """Who asks for an act, where and for how long (R-GOV1)."""

    network: NetworkId
    issuer: Address
    record: RecordId
    """Any 32 bytes: two proposals of one act differ by it."""
    issued_at_ms: int
    expires_at_ms: int


def governance_core(act: Act, asked: GovernanceIssue) -> Core:
    """The core of a governance proposal; its type is the act's (R-GOV1)."""
    return Core(
        type=next(kind for kind, form in ACT_TYPES.items() if isinstance(act, form)),
        network=asked.network,
        issuer=asked.issuer,
        doctor=asked.issuer,
        patient=None,
        patient_key=PublicKey(b""),
        patient_name=ZERO,
        record=asked.record,
        parts=(),
        body_root=_NO_BODY,
        seen_head=BlockHash(ZERO),
        issued_at_ms=asked.issued_at_ms,
        expires_at_ms=asked.expires_at_ms,
        act=act,
    )


@dataclass(frozen=True, slots=True)
class Proposal:
    """A core with its issuer's signature; the encoded core and the id are kept beside it."""

    core: Core
    signature: Signature
    core_bytes: bytes = field(repr=False)
    id: ProposalId

    def encoded(self) -> bytes:
        """The wire form of R-PRO2."""
        return canonical.encode({"core": self.core_bytes, "signature": self.signature})


def proposal_id(network: NetworkId, core_bytes: bytes) -> ProposalId:
    """`tagged("proposal", network, enc(core))`."""
    return ProposalId(tagged(Kind.PROPOSAL, network, core_bytes))


def issue(core: Core, sign: Signer) -> Proposal:
    """Sign a core with the issuer's clinical key."""
    core_bytes = core.encoded()
    identifier = proposal_id(core.network, core_bytes)
    return Proposal(core, sign(identifier), core_bytes, identifier)


def parse_proposal(encoded: bytes) -> Proposal:
    """Read a proposal from canonical bytes; CodecError when malformed. Verifies no signature."""
    reader = Reader(decoded(encoded), ("core", "signature"), "proposal")
    signature = Signature(reader.octets("signature", SIGNATURE_BYTES))
    return assemble(reader.opaque("core", RECORD.binary), signature)


def assemble(core_bytes: bytes, signature: Signature) -> Proposal:
    """A proposal from the bytes of its core and its signature."""
    core = parse_core(core_bytes)
    return Proposal(core, signature, core_bytes, proposal_id(core.network, core_bytes))


def _parse_registration(value: object) -> Registration:
    reader = Reader(value, ("encryption_key", "proof"), "registration")
    return Registration(
        PublicKey(reader.octets("encryption_key", PUBLIC_KEY_BYTES)),
        Signature(reader.octets("proof", SIGNATURE_BYTES)),
    )


def parse_core(encoded: bytes) -> Core:
    """Read a core, clinical or of governance, from canonical bytes; CodecError when malformed."""
    value = decoded(encoded)
    if isinstance(value, dict) and "act" in value:
        return _parse_governance(value)
    return _parse_clinical(value)


def _parse_governance(value: object) -> Core:
    reader = Reader(value, GOVERNANCE_FIELDS, "governance core")
    reader.integer("version", 1, 1)
    block_type = reader.closed("type", BlockType)
    asked = GovernanceIssue(
        network=NetworkId(reader.octets("network", DIGEST_BYTES)),
        issuer=Address(reader.octets("issuer", DIGEST_BYTES)),
        record=RecordId(reader.octets("record", DIGEST_BYTES)),
        issued_at_ms=reader.integer("issued_at_ms", 0, 2**53),
        expires_at_ms=reader.integer("expires_at_ms", 0, 2**53),
    )
    return governance_core(reader.nested("act", lambda act: parse_act(block_type, act)), asked)


def _parse_clinical(value: object) -> Core:
    reader = Reader(value, CORE_FIELDS, "core")
    reader.integer("version", 1, 1)
    block_type = reader.closed("type", BlockType)
    if block_type in GOVERNANCE_TYPES:
        raise CodecError(f"R-GOV1: {block_type.value} is said by an act")
    return Core(
        type=block_type,
        network=NetworkId(reader.octets("network", DIGEST_BYTES)),
        issuer=Address(reader.octets("issuer", DIGEST_BYTES)),
        doctor=Address(reader.octets("doctor", DIGEST_BYTES)),
        patient=reader.optional("patient", lambda name: reader.integer(name, 1, 2**53)),
        patient_key=PublicKey(reader.octets("patient_key", PUBLIC_KEY_BYTES)),
        patient_name=reader.octets("patient_name", DIGEST_BYTES),
        record=RecordId(reader.octets("record", DIGEST_BYTES)),
        parts=reader.listed("parts", PARTS, parse_descriptor),
        body_root=reader.octets("body_root", DIGEST_BYTES),
        seen_head=BlockHash(reader.octets("seen_head", DIGEST_BYTES)),
        issued_at_ms=reader.integer("issued_at_ms", 0, 2**53),
        expires_at_ms=reader.integer("expires_at_ms", 0, 2**53),
        references=block_hashes(reader, "references"),
        replaces=reader.optional(
            "replaces", lambda name: BlockHash(reader.octets(name, DIGEST_BYTES))
        ),
        registration=reader.optional(
            "registration", lambda name: reader.nested(name, _parse_registration)
        ),
        ai=reader.optional("ai", lambda name: reader.nested(name, parse_provenance)),
    )
