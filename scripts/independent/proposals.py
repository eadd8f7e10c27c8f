"""What an issuer signed: the core, its parts, its registration, its AI provenance.

Carries out R-PRO1 to R-PRO9, R-AI4, R-BLK1 to R-BLK3, R-BOD1 to R-BOD3 as far as the core alone
shows them; what depends on the patient's history is in `blocks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from .acts import LIFETIME_MAX_MS, GovernanceCore, read_governance_core
from .canonical import NUMBER_MAX, RECORD, TIME_MAX_MS, Fault, Fields, Value, decode, encode
from .charter import BLOCK_TYPES, Charter
from .crypto import ZERO, Signatures, check_key, leaf_hash, merkle_root, tagged
from .members import Member
from .models import KINDS, Provenance, check_report

ISSUERS: Final = {
    "medical_form": frozenset({"hospital", "doctor"}),
    "ct": frozenset({"radiologist", "hospital"}),
    "pet": frozenset({"radiologist", "hospital"}),
    "xray": frozenset({"radiologist", "hospital"}),
    "test_result": frozenset({"laboratory", "hospital"}),
    "report": frozenset({"doctor", "radiologist", "ai_entity"}),
    "prescription": frozenset({"doctor"}),
    "attending": frozenset({"hospital", "doctor"}),
}
PATIENT_TYPES: Final = (*BLOCK_TYPES, "attending")
REQUIRED_PART: Final = {
    "medical_form": "V_IND",
    "ct": "IMG_CT",
    "pet": "IMM_PET",
    "xray": "IMG_XRAY",
    "test_result": "TEST_RES",
    "report": "M_REPORT",
    "prescription": "PRESC",
}
IMAGE_TYPES: Final = frozenset({"ct", "pet", "xray"})
PARTS_MAX: Final = 8
REFERENCES_MAX: Final = 64
PROVENANCE_TEXT_MAX: Final = 200
PART_BYTES_MAX: Final = 2 * 1024**3
BODY_BYTES_MAX: Final = 4 * 1024**3
CHUNK_BYTES: Final = 1_048_576

CORE_FIELDS: Final = (
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
PART_FIELDS: Final = ("bytes", "chunks", "commitment", "name", "root")
AI_FIELDS: Final = (
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


@dataclass(frozen=True, slots=True)
class Registration:
    """The keys a new patient brings, and the patient's own signature (R-PRO4)."""

    encryption_key: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class Core:
    """A proposal's core (R-PRO1); times in ms."""

    type: str
    network: bytes
    issuer: bytes
    doctor: bytes
    issued_at_ms: int
    expires_at_ms: int
    patient: int | None
    patient_key: bytes
    patient_name: bytes
    record: bytes
    references: tuple[bytes, ...]
    replaces: bytes | None
    seen_head: bytes
    registration: Registration | None
    provenance: Provenance | None
    part_names: tuple[str, ...]
    part_bytes: tuple[int, ...]
    part_chunks: tuple[int, ...]
    parts_root: bytes
    body_root: bytes


def read_core(encoded: bytes) -> Core | GovernanceCore:
    """Return the core held by canonical bytes; raise `Fault` for any other bytes."""
    decoded = decode(encoded, RECORD)
    if isinstance(decoded, dict) and "act" in decoded:
        return read_governance_core(decoded)
    return _read_patient_core(decoded)


def _read_patient_core(decoded: Value) -> Core:
    fields = Fields(decoded, "the core", CORE_FIELDS)
    fields.integer("version", 1, 1)
    block_type = fields.text("type")
    if block_type not in PATIENT_TYPES:
        raise Fault("R-BLK1", "a block type that this version does not define")
    if len(fields.entries("parts")) > PARTS_MAX:
        raise Fault("R-BOD1", f"more than {PARTS_MAX} parts")
    if len(fields.entries("references")) > REFERENCES_MAX:
        raise Fault("R-PRO1", f"more than {REFERENCES_MAX} references")
    parts = [_read_part(Fields(part, "a part", PART_FIELDS)) for part in fields.entries("parts")]
    return Core(
        type=block_type,
        network=fields.binary("network", 32),
        issuer=fields.binary("issuer", 32),
        doctor=fields.binary("doctor", 32),
        issued_at_ms=fields.integer("issued_at_ms", high=TIME_MAX_MS),
        expires_at_ms=fields.integer("expires_at_ms", high=TIME_MAX_MS),
        patient=fields.optional_integer("patient", 1, NUMBER_MAX),
        patient_key=fields.binary("patient_key", 33),
        patient_name=fields.binary("patient_name", 32),
        record=fields.binary("record", 32),
        references=fields.binaries("references", 32),
        replaces=fields.optional_binary("replaces", 32),
        seen_head=fields.binary("seen_head", 32),
        registration=_read_registration(fields),
        provenance=_read_ai(fields),
        part_names=tuple(name for name, _, _ in parts),
        part_bytes=tuple(size for _, size, _ in parts),
        part_chunks=tuple(chunks for _, _, chunks in parts),
        parts_root=merkle_root([leaf_hash(encode(part)) for part in fields.entries("parts")]),
        body_root=fields.binary("body_root", 32),
    )


def _read_part(fields: Fields) -> tuple[str, int, int]:
    fields.binary("commitment", 32)
    fields.binary("root", 32)
    return fields.text("name"), fields.integer("bytes"), fields.integer("chunks")


def _read_registration(fields: Fields) -> Registration | None:
    if fields.is_none("registration"):
        return None
    names = ("encryption_key", "proof")
    registration = Fields(fields.value("registration"), "the registration", names)
    return Registration(registration.binary("encryption_key", 33), registration.binary("proof", 64))


def _read_ai(fields: Fields) -> Provenance | None:
    if fields.is_none("ai"):
        return None
    provenance = Fields(fields.value("ai"), "the AI provenance", AI_FIELDS)
    provenance.integer("confidence_ppm", high=1_000_000)
    for name in ("model_name", "model_version", "preprocessing"):
        provenance.text(name, PROVENANCE_TEXT_MAX)
    if not provenance.boolean("machine_generated"):
        raise Fault("R-PRO9", "an AI report that does not say it is machine generated")
    return Provenance(
        kind=provenance.choice("kind", KINDS),
        model_digest=provenance.binary("model_digest", 32),
        training_digest=provenance.binary("training_digest", 32),
        inputs=provenance.binaries("inputs", 32),
    )


def check_proposal(
    core: Core, encoded: bytes, signature: bytes, charter: Charter, signatures: Signatures
) -> bytes:
    """Return the proposal's id after every check that needs no history; raise `Fault`."""
    proposal = tagged("proposal", charter.network, encoded)
    check_core(core, charter, signatures)
    issuer = charter.members[core.issuer]
    what = "the issuer"
    signatures.check(issuer.clinical, proposal, signature, rule="R-PRO2", what=what)
    return proposal


def check_core(core: Core, charter: Charter, signatures: Signatures) -> None:
    """Raise `Fault` for what the core and the charter alone show to be wrong."""
    if core.network != charter.network:
        raise Fault("R-PRO1", "the proposal is of another network")
    if not core.issued_at_ms < core.expires_at_ms <= core.issued_at_ms + LIFETIME_MAX_MS:
        raise Fault("R-PRO8", "the proposal's times do not lie at most 90 days apart")
    issuer = charter.active(core.issuer)
    if issuer is None or issuer.role not in ISSUERS[core.type]:
        raise Fault("R-BLK2", f"the issuer of a {core.type} may not issue it")
    if charter.doctor(core.doctor) is None:
        raise Fault("R-PRO6", "the responsible doctor is not an active doctor of the charter")
    _check_ai(core, issuer)
    _check_parts(core)
    check_key(core.patient_key, "the patient's key")
    _check_registration(core, charter, signatures)


def _check_ai(core: Core, issuer: Member) -> None:
    if (core.provenance is not None) != (issuer.role == "ai_entity"):
        raise Fault("R-PRO9", "AI provenance stands exactly in an AI entity's reports")
    if core.provenance is None:
        return
    if core.provenance.inputs != core.references:
        raise Fault("R-PRO9", "the inputs of an AI report are not its references")
    check_report(issuer.models, core.provenance)


def _check_parts(core: Core) -> None:
    names = core.part_names
    if any(later <= earlier for earlier, later in pairwise(names)):
        raise Fault("R-BOD1", "the parts do not ascend by name")
    required = set() if core.type == "attending" else {REQUIRED_PART[core.type]}
    if core.patient is None:
        required.add("PAT_NAME")
    optional = set() if core.type == "attending" else {"ATTACHMENT"}
    if set(names) - optional != required:
        raise Fault("R-BLK3", f"a {core.type} with a part missing or not allowed")
    for size, chunks in zip(core.part_bytes, core.part_chunks, strict=True):
        if not 0 < size <= PART_BYTES_MAX or padded(size) != size:
            raise Fault("R-BOD3", "a part's size is no padded size")
        if chunks != -(-size // CHUNK_BYTES):
            raise Fault("R-BOD4", "a part's number of chunks does not follow from its size")
    if sum(core.part_bytes) > BODY_BYTES_MAX:
        raise Fault("R-BOD3", "the body is larger than 4 GiB")
    if core.parts_root != core.body_root:
        raise Fault("R-BOD2", "body_root is not the root of the parts")


def padded(size: int) -> int:
    """Return the padded size of a stream of `size` bytes (R-BOD3)."""
    if size <= 65_536:
        return 4_096 if size <= 4_096 else 65_536
    step = 1 << (size.bit_length() - 1 - 3)
    return -(-size // step) * step


def _check_registration(core: Core, charter: Charter, signatures: Signatures) -> None:
    """Raise `Fault` unless registration, number, type and seen head fit together (R-PRO4)."""
    registration = core.registration
    if (registration is None) != (core.patient is not None):
        raise Fault("R-PRO4", "a registration has no patient number, and only a registration")
    if registration is None:
        return
    if core.type != "medical_form" or core.seen_head != ZERO:
        raise Fault("R-PRO4", "a registration is a medical form that has seen nothing")
    check_key(registration.encryption_key, "the patient's encryption key")
    if registration.encryption_key == core.patient_key:
        raise Fault("R-PRO4", "the patient's encryption key is the patient's key")
    signed = encode(
        {
            "encryption_key": registration.encryption_key,
            "issuer": core.issuer,
            "patient_key": core.patient_key,
        }
    )
    digest = tagged("registration", charter.network, signed)
    proof, what = registration.proof, "the patient's registration"
    signatures.check(core.patient_key, digest, proof, rule="R-PRO4", what=what)
