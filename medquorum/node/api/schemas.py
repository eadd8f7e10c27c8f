"""What requests and answers hold beyond the node's own views (`views.py`, `desk.py`)."""

from __future__ import annotations

import base64
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from medquorum.ledger.types import PartName
from medquorum.node.account_records import UserRole
from medquorum.node.api.limits import PAGE_DEFAULT, PAGE_LONGEST
from medquorum.node.api.parameters import Parameters
from medquorum.node.views import BlockView, PatientView, ProposalView


def _octets(text: object) -> bytes:
    """Bytes of base64 in its one form: the library's own type skips what is no base64."""
    if not isinstance(text, str):
        raise ValueError("base64 text")
    return base64.b64decode(text, validate=True)


Base64Octets = Annotated[
    bytes,
    BeforeValidator(_octets),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="32 bytes, lower-case hex")]
Hex33 = Annotated[str, Field(pattern=r"^[0-9a-f]{66}$", description="33 bytes, lower-case hex")]
Hex64 = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$", description="64 bytes, lower-case hex")]
AddressText = Annotated[str, Field(pattern=r"^mq[a-z]{2,4}1[a-z0-9]{58}$")]
Number = Annotated[int, Field(ge=1, le=2**53)]
UserName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Purpose = Literal["treatment", "emergency", "quality", "research", "request"]
"""What a record is read for."""
Limit = Annotated[int, Field(ge=1, le=PAGE_LONGEST)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class BlockQuery(Parameters):
    """Which blocks."""

    after: Annotated[int, Field(ge=0, le=2**53)] = 0
    """N BC after which to begin."""
    limit: Limit = PAGE_DEFAULT
    patient: Number | None = None
    """Only this N PB's."""


class BlockNumber(Parameters):
    """A block by N BC."""

    n_bc: Number


class BlockHashPath(Parameters):
    """A block by its hash."""

    hash: Hex32


class PatientNumber(Parameters):
    """A patient by N PB."""

    n_pb: Number


class HistoryQuery(PatientNumber):
    """A patient's blocks."""

    after: Annotated[int, Field(ge=0, le=2**53)] = 0
    limit: Limit = PAGE_DEFAULT


class PatientAddress(Parameters):
    """A patient by the address of the patient's key."""

    address: AddressText


class PatientQuery(Parameters):
    """Which patients."""

    after: Annotated[int, Field(ge=0, le=2**53)] = 0
    limit: Limit = PAGE_DEFAULT


class ProposalQuery(Parameters):
    """Which proposals, newest first."""

    state: Literal["open", "accepted", "rejected", "expired", "stale"] | None = None
    limit: Limit = PAGE_DEFAULT


class ProposalPath(Parameters):
    """A proposal by its id."""

    id: Hex32


class ChunkPath(Parameters):
    """One sealed chunk of one part of a record."""

    record: Hex32
    part: PartName
    index: Annotated[int, Field(ge=0, le=2_047)]


class RecordQuery(Parameters):
    """A part of a record, and what it is read for."""

    record: Hex32
    part: PartName
    purpose: Purpose = "treatment"
    """Goes into the access log; the last three need a consent unless the patient herself asks."""


class AccessQuery(Parameters):
    """Which accesses."""

    patient: Number | None = None
    limit: Limit = PAGE_DEFAULT


class EventQuery(Parameters):
    """Where to begin; the Last-Event-ID header wins."""

    after: Annotated[int, Field(ge=0, le=2**53)] = 0
    live: bool = False
    """Nothing that happened before: a page has just asked for how things stand."""


class ReadyQuery(Parameters):
    """Say why."""

    verbose: str | None = None


class UserPath(Parameters):
    """A user by name."""

    name: UserName


class BlockPage(BaseModel):
    """Blocks, ascending; ask again with `after` until it is null."""

    blocks: tuple[BlockView, ...]
    next_after: int | None


class PatientPage(BaseModel):
    """Patients, ascending; ask again with `after` until it is null."""

    patients: tuple[PatientView, ...]
    next_after: int | None


class ProposalList(BaseModel):
    """Proposals, newest first."""

    proposals: tuple[ProposalView, ...]


class AccessList(BaseModel):
    """Who read what, when and for what."""

    accesses: tuple[dict[str, object], ...]


class SealedSubmission(_Body):
    """A proposal sealed and signed elsewhere; its chunks were put before."""

    proposal: Base64Octets
    """Canonical bytes of R-PRO2."""
    wraps: Annotated[tuple[Base64Octets, ...], Field(min_length=1, max_length=10_001)]
    """Canonical bytes of R-BOD7, one for each recipient."""


class RegistrationForm(_Body):
    """A patient's public half (R-PRO4, R-PRO5)."""

    public_key: Hex33
    encryption_key: Hex33
    proof: Hex64
    name_salt: Hex32
    name: Annotated[str, Field(min_length=1, max_length=200)]


class ProvenanceForm(_Body):
    """Which model made a report (R-PRO9)."""

    kind: Literal["tumour", "fracture"]
    model_name: Annotated[str, Field(max_length=200)]
    model_version: Annotated[str, Field(max_length=200)]
    model_digest: Hex32
    training_digest: Hex32
    preprocessing: Annotated[str, Field(max_length=200)]
    confidence_ppm: Annotated[int, Field(ge=0, le=1_000_000)]


class Login(_Body):
    """A login."""

    name: UserName
    password: Annotated[str, Field(min_length=1, max_length=1_024)]
    kind: Literal["session", "bearer"] = "session"
    """`session` sets the cookie, `bearer` answers a token."""


class LoginAnswer(BaseModel):
    """Who has logged in."""

    user: str
    role: UserRole
    expires_at_ms: int
    token: str | None = None
    """Only for `bearer`; shown this once."""


class SessionAnswer(BaseModel):
    """Who a session or token speaks for, and what a page needs to serve her."""

    user: str | None
    role: UserRole | None
    patient: str | None
    """Address of the patient's key; role patient only."""
    rights: tuple[str, ...]
    """What the role may do, wholly or for its own record."""
    idle_lock_ms: int
    """A page locks itself after this long without a hand on it."""


class NewUser(_Body):
    """A user to be added."""

    name: UserName
    role: UserRole
    password: Annotated[str, Field(min_length=12, max_length=1_024)] | None = None
    """None: tokens only."""
    patient: AddressText | None = None
    """Address of the patient's key; exactly for role patient."""


class UserAnswer(BaseModel):
    """A user."""

    name: str
    role: UserRole
    created_at_ms: int
    has_password: bool
    patient: str | None
    active: bool


class UserList(BaseModel):
    """All users, by name."""

    users: tuple[UserAnswer, ...]


class NewToken(_Body):
    """A bearer token to be made."""

    user: UserName
    label: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9 ._-]*$")] = ""
    lifetime_days: Annotated[int, Field(ge=1, le=400)] = 30


class Revoked(BaseModel):
    """How many tokens and sessions ended."""

    ended: int


class Readiness(BaseModel):
    """Whether the node can serve."""

    ready: bool
    reasons: tuple[str, ...] = ()
    """What is missing, when asked for with `verbose`."""


class Liveness(BaseModel):
    """The process answers."""

    alive: bool = True
