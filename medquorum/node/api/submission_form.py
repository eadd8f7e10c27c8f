"""The multipart form of a submission: which fields, which parts, read as they stream past.

Parts are named by the closed set of part names; a file name that came along is not looked at, so
nothing a caller sends becomes a path.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medquorum.ledger.contents import PatientName
from medquorum.ledger.errors import KeyMaterialError
from medquorum.ledger.keys import parse_address
from medquorum.ledger.limits import PROPOSAL_LIFETIME_MS, REFERENCES
from medquorum.ledger.types import CLINICAL_TYPES, BlockType, PartName
from medquorum.node.api.answers import adapter_of
from medquorum.node.api.bodies import Pace, spool_part
from medquorum.node.api.idempotency import key_of
from medquorum.node.api.limits import BODY_SECONDS, FIELD_BYTES, FORM_FIELDS, PIECE_BYTES
from medquorum.node.api.operation import MULTIPART, Services
from medquorum.node.api.phrases import unknown_field
from medquorum.node.api.problems import Problem, from_validation
from medquorum.node.api.schemas import Hex32, Number, ProvenanceForm, RegistrationForm
from medquorum.node.desk import Registration, Submission
from medquorum.node.structured_parts import PARSERS, encode_structured_json

_PARTS: Final = {part.value: part for part in PartName if part is not PartName.PAT_NAME}
"""The name's part is built from the registration."""
_JSON_FIELDS: Final = frozenset({"references", "registration", "provenance"})


class SubmissionFields(BaseModel):
    """The text fields of a submission; the parts stand beside them under their names."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    type: BlockType
    patient: Number | None = None
    """N PB; absent on registration."""
    doctor: Annotated[str, Field(max_length=90)] | None = None
    """bech32m address of the responsible doctor; absent: the patient's attending."""
    references: Annotated[tuple[Hex32, ...], Field(max_length=REFERENCES)] = ()
    """JSON list of block hashes."""
    replaces: Hex32 | None = None
    registration: RegistrationForm | None = None
    """JSON."""
    provenance: ProvenanceForm | None = None
    """JSON; AI entities only."""
    lifetime_ms: Annotated[int, Field(ge=1_000, le=PROPOSAL_LIFETIME_MS)] = 7 * 86_400_000


_FIELD_NAMES: Final = frozenset(
    {
        *SubmissionFields.model_fields,
        *RegistrationForm.model_fields,
        *ProvenanceForm.model_fields,
    }
)
"""What a fault may name."""


class SubmissionSchema(SubmissionFields):
    """A submission as OpenAPI describes it: fields, and parts as files or JSON."""

    V_IND: dict[str, object] | None = None
    """The map of R-CON1 as JSON."""
    TEST_RES: dict[str, object] | None = None
    """The map of R-CON2 as JSON."""
    M_REPORT: dict[str, object] | None = None
    """The map of R-CON3 as JSON."""
    PRESC: dict[str, object] | None = None
    """The map of R-CON4 as JSON."""
    IMG_CT: Annotated[bytes, Field(description="File of R-BOD10")] | None = None
    IMM_PET: Annotated[bytes, Field(description="File of R-BOD10")] | None = None
    IMG_XRAY: Annotated[bytes, Field(description="File of R-BOD10")] | None = None
    ATTACHMENT: Annotated[bytes, Field(description="File")] | None = None


@dataclass(slots=True)
class _Form:
    """What has been read so far."""

    folder: Path
    hashed: bool
    texts: dict[str, bytes] = field(default_factory=dict)
    parts: dict[PartName, Path] = field(default_factory=dict)
    digests: dict[str, bytes] = field(default_factory=dict)

    def fingerprint(self) -> bytes:
        """What stands for the content of the whole form (idempotency)."""
        hashes = {name: hashlib.sha256(text).digest() for name, text in self.texts.items()}
        entries = sorted({**hashes, **self.digests}.items())
        return b"".join(name.encode() + b"\0" + digest for name, digest in entries)


async def read_submission(
    request: web.Request, services: Services, folder: Path
) -> tuple[Submission, bytes]:
    """The submission with its parts spooled into `folder`, and what stands for its content.

    Problem 400 for anything but the documented form, 413 past a limit.
    """
    if request.content_type != MULTIPART:
        raise Problem(400, "media", "send it as multipart/form-data")
    form = _Form(folder, hashed=key_of(request) is not None)
    try:
        await _read_form(await request.multipart(), form, services)
    except (ValueError, AssertionError, KeyError, HttpProcessingError):
        # What the library raises for a form that breaks off or has no form at all.
        raise Problem(400, "multipart", "the form is broken off or malformed") from None
    return _submission(form), form.fingerprint()


async def _read_form(reader: MultipartReader, form: _Form, services: Services) -> None:
    pace = Pace()
    for _ in range(FORM_FIELDS + 1):
        async with asyncio.timeout(BODY_SECONDS):
            field_reader = await reader.next()
        if field_reader is None:
            return
        if not isinstance(field_reader, BodyPartReader):
            raise Problem(400, "multipart", "no form within the form")
        await _read_field(field_reader, form, services, pace)
    raise Problem(400, "multipart", f"at most {FORM_FIELDS} fields")


async def _read_field(reader: BodyPartReader, form: _Form, services: Services, pace: Pace) -> None:
    name = reader.name or ""
    known = name in SubmissionFields.model_fields or name in _PARTS
    if not known:
        raise Problem(400, "field", f"{unknown_field(name)}; see /docs")
    if name in form.texts or _PARTS.get(name) in form.parts:
        raise Problem(400, "field", f"the field {name} is there twice; send it once")
    if reader.headers.get("Content-Transfer-Encoding", "binary").lower() not in ("binary", "8bit"):
        raise Problem(400, "multipart", "send fields without a transfer encoding")
    part = _PARTS.get(name)
    if part is None:
        form.texts[name] = await _read_text(reader, pace)
    elif part in PARSERS and reader.filename is None:
        encoded = encode_structured_json(part, await _read_text(reader, pace))
        form.parts[part] = form.folder / part.value
        form.parts[part].write_bytes(encoded)
        form.digests[name] = hashlib.sha256(encoded).digest()
    else:
        form.parts[part] = target = form.folder / part.value
        form.digests[name] = await spool_part(
            _pieces(reader, pace), target, services.writers, hashed=form.hashed
        )


async def _pieces(reader: BodyPartReader, pace: Pace) -> AsyncIterator[bytes]:
    while True:
        async with asyncio.timeout(BODY_SECONDS):
            piece = await reader.read_chunk(PIECE_BYTES)
        if not piece:
            return
        pace.took(len(piece))
        yield piece


async def _read_text(reader: BodyPartReader, pace: Pace) -> bytes:
    gathered = bytearray()
    async for piece in _pieces(reader, pace):
        gathered += piece
        if len(gathered) > FIELD_BYTES:
            raise Problem(413, "too_large", f"a field has at most {FIELD_BYTES} bytes")
    return bytes(gathered)


def _fields(texts: Mapping[str, bytes]) -> SubmissionFields:
    """The fields, checked; those marked as JSON are spliced in as such."""
    try:
        decoded = {name: text.decode() for name, text in texts.items()}
    except UnicodeDecodeError:
        raise Problem(400, "field", "fields are UTF-8") from None
    try:
        parsed: dict[str, object] = {
            name: _read_json(name, text) if name in _JSON_FIELDS else text
            for name, text in decoded.items()
        }
        return SubmissionFields.model_validate(parsed)
    except ValidationError as error:
        raise from_validation(error, _FIELD_NAMES, "field") from None


def _read_json(name: str, text: str) -> object:
    match name:
        case "registration":
            return RegistrationForm.model_validate_json(text)
        case "provenance":
            return ProvenanceForm.model_validate_json(text)
        case _:
            return adapter_of(tuple[str, ...]).validate_json(text)


def _submission(form: _Form) -> Submission:
    fields = _fields(form.texts)
    if fields.type not in CLINICAL_TYPES:
        raise Problem(400, "type", "R-BLK1: this type is reserved")
    if (fields.patient is None) != (fields.registration is not None):
        raise Problem(400, "patient", "R-PRO4: name a patient, or register one; not both")
    if fields.registration is not None:
        _add_name(form, fields.registration)
    return Submission(
        type=fields.type,
        patient=fields.patient,
        doctor=None if fields.doctor is None else _doctor(fields.doctor),
        parts=form.parts,
        references=tuple(bytes.fromhex(each) for each in fields.references),
        replaces=None if fields.replaces is None else bytes.fromhex(fields.replaces),
        registration=None if fields.registration is None else _registration(fields.registration),
        provenance=None if fields.provenance is None else fields.provenance.model_dump(),
        lifetime_ms=fields.lifetime_ms,
    )


def _add_name(form: _Form, registration: RegistrationForm) -> None:
    """The part PAT_NAME of a registration (R-BLK3, R-CON5)."""
    name = PatientName(registration.name, bytes.fromhex(registration.name_salt))
    form.parts[PartName.PAT_NAME] = target = form.folder / PartName.PAT_NAME.value
    target.write_bytes(name.encoded())


def _doctor(text: str) -> bytes:
    try:
        address, prefix = parse_address(text)
    except KeyMaterialError as error:
        raise Problem(400, "doctor", str(error)) from None
    if prefix != "mqdoc":
        raise Problem(400, "doctor", "R-PRO6: the address is not a doctor's (mqdoc1…)")
    return address


def _registration(form: RegistrationForm) -> Registration:
    return Registration(
        public_key=bytes.fromhex(form.public_key),
        encryption_key=bytes.fromhex(form.encryption_key),
        proof=bytes.fromhex(form.proof),
        name_salt=bytes.fromhex(form.name_salt),
        name=form.name,
    )
