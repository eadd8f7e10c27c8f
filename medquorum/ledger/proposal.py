"""A proposal: what an issuer signs before any doctor has looked (R-PRO1 to R-PRO10)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from medquorum.ledger import canonical
from medquorum.ledger.body import PartDescriptor, parse_descriptor
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import DIGEST_BYTES, Kind, tagged
from medquorum.ledger.keys import PUBLIC_KEY_BYTES, Address, PublicKey
from medquorum.ledger.limits import PARTS, RECORD, REFERENCES
from medquorum.ledger.schema import Reader, decoded, octets_of
from medquorum.ledger.signature import SIGNATURE_BYTES, Signature, Signer
from medquorum.ledger.types import BlockHash, BlockType, NetworkId, ProposalId, RecordId

PROVENANCE_FIELDS = (
    "confidence_ppm",
    "inputs",
    "kind",
    "machine_generated",
    "model_digest",
    "model_name",
    "model_version",
    "preprocessing",
    "training_digest",
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


class FindingKind(StrEnum):
    """What an AI entity looked for (R-PRO9)."""

    TUMOUR = "tumour"
    FRACTURE = "fracture"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which model made a report, from which blocks (R-PRO9)."""

    kind: FindingKind
    model_name: str
    model_version: str
    model_digest: bytes
    training_digest: bytes
    preprocessing: str
    confidence_ppm: int
    inputs: tuple[BlockHash, ...]

    def as_map(self) -> dict[str, object]:
        """The canonical map of R-PRO9."""
        return {
            "confidence_ppm": self.confidence_ppm,
            "inputs": list(self.inputs),
            "kind": self.kind.value,
            "machine_generated": True,
            "model_digest": self.model_digest,
            "model_name": self.model_name,
            "model_version": self.model_version,
            "preprocessing": self.preprocessing,
            "training_digest": self.training_digest,
        }


@dataclass(frozen=True, slots=True)
class Registration:
    """How a patient enters the ledger: with keys, and proof of holding them (R-PRO4)."""

    encryption_key: PublicKey
    proof: Signature


@dataclass(frozen=True, slots=True)
class Core:
    """The signed content of a proposal; fields as R-PRO1."""

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

    def encoded(self) -> bytes:
        """`enc(core)`."""
        registration = self.registration and {
            "encryption_key": self.registration.encryption_key,
            "proof": self.registration.proof,
        }
        return canonical.encode(
            {
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


def _parse_provenance(value: object) -> Provenance:
    reader = Reader(value, PROVENANCE_FIELDS, "ai")
    if not reader.flag("machine_generated"):
        raise CodecError("R-PRO9: machine_generated is true for every AI report")
    return Provenance(
        kind=reader.closed("kind", FindingKind),
        model_name=reader.text("model_name"),
        model_version=reader.text("model_version"),
        model_digest=reader.octets("model_digest", DIGEST_BYTES),
        training_digest=reader.octets("training_digest", DIGEST_BYTES),
        preprocessing=reader.text("preprocessing"),
        confidence_ppm=reader.integer("confidence_ppm", 0, 1_000_000),
        inputs=_hashes(reader, "inputs"),
    )


def _parse_registration(value: object) -> Registration:
    reader = Reader(value, ("encryption_key", "proof"), "registration")
    return Registration(
        PublicKey(reader.octets("encryption_key", PUBLIC_KEY_BYTES)),
        Signature(reader.octets("proof", SIGNATURE_BYTES)),
    )


def _hashes(reader: Reader, name: str) -> tuple[BlockHash, ...]:
    read = octets_of(DIGEST_BYTES, name)
    return reader.listed(name, REFERENCES, lambda entry: BlockHash(read(entry)))


def parse_core(encoded: bytes) -> Core:
    """Read a core from canonical bytes; CodecError when malformed."""
    reader = Reader(decoded(encoded), CORE_FIELDS, "core")
    reader.integer("version", 1, 1)
    return Core(
        type=reader.closed("type", BlockType),
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
        references=_hashes(reader, "references"),
        replaces=reader.optional(
            "replaces", lambda name: BlockHash(reader.octets(name, DIGEST_BYTES))
        ),
        registration=reader.optional(
            "registration", lambda name: reader.nested(name, _parse_registration)
        ),
        ai=reader.optional("ai", lambda name: reader.nested(name, _parse_provenance)),
    )
