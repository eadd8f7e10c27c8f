"""What the API, the page and the command line may ask of the running node.

The HTTP layer knows only this protocol; the node's service carries it out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from medquorum.ledger.ceremony import CharterFile
from medquorum.ledger.charter import Charter
from medquorum.ledger.types import BlockType, PartName, RecordId
from medquorum.node.desk_dossier import DossierDesk, StatisticsDesk
from medquorum.node.desk_governance import GovernanceDesk
from medquorum.node.views import (
    BlockView,
    EventView,
    PatientView,
    ProposalView,
    StatusView,
    WhyView,
)


class DeskError(Exception):
    """A request the node refuses: `rule` is a stable reason, the text says what to do.

    `status` is the HTTP status a caller gets: 400 bad request, 403 not yours, 404 not here,
    409 not now, 413 too large, 429 too many, 503 not ready.
    """

    def __init__(self, status: int, rule: str, advice: str) -> None:
        super().__init__(f"{rule}: {advice}")
        self.status = status
        self.rule = rule
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Registration:
    """A patient's public half, made on the patient's own device (R-PRO4)."""

    public_key: bytes
    encryption_key: bytes
    proof: bytes
    """The patient key's signature of the registration payload naming this issuer."""
    name_salt: bytes
    name: str


@dataclass(frozen=True, slots=True)
class Submission:
    """Plain parts that the node seals and signs with its issuing key (institutions)."""

    type: BlockType
    patient: int | None
    """N PB; None on registration."""
    doctor: bytes | None
    """Address of the responsible doctor; None means the patient's attending."""
    parts: Mapping[PartName, Path]
    """Files spooled by the caller; the node reads and does not keep them."""
    references: Sequence[bytes] = ()
    replaces: bytes | None = None
    registration: Registration | None = None
    provenance: Mapping[str, object] | None = None
    """The fields of R-PRO9 but inputs and machine_generated, digests as hex; AI entities only."""
    lifetime_ms: int = 7 * 86_400_000
    record: bytes | None = None
    """The record's 32 random bytes, if they were drawn before; the same again is submitted once."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a submitter keeps."""

    proposal: str
    record: str
    body_root: str


@dataclass(frozen=True, slots=True)
class VoteReceipt:
    """What a voter keeps: the vote is durable on this node."""

    vote: str
    proposal: str
    accepted_at_us: int


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks to read a body part, for the access log."""

    user: str
    role: str
    purpose: str = "treatment"
    detail: Mapping[str, str] = field(default_factory=dict)


class Desk(Protocol):
    """The running node."""

    charter_file: CharterFile
    """The signed founding charter."""

    @property
    def charter(self) -> Charter:
        """The charter in force."""

    @property
    def governance(self) -> GovernanceDesk:
        """The governance side."""

    @property
    def dossiers(self) -> DossierDesk:
        """Patients' records as wholes: consultations, consents, downloads."""

    @property
    def statistics(self) -> StatisticsDesk:
        """How long decisions take and who takes part."""

    def status(self) -> StatusView:
        """The node in one glance."""

    async def submit(self, submission: Submission) -> Receipt:
        """Seal, sign, store durably and gossip; DeskError when refused, nothing half-written."""

    async def accept_sealed(self, proposal: bytes, wraps: Sequence[bytes]) -> Receipt:
        """Take a proposal sealed and signed elsewhere (a doctor's CLI or browser).

        Its chunks must have been put before; 409 `body_incomplete` names what is missing.
        """

    async def put_chunk(self, record: RecordId, part: PartName, index: int, sealed: bytes) -> None:
        """Store one sealed chunk of a body that is to be submitted."""

    async def vote(self, encoded: bytes) -> VoteReceipt:
        """Take a signed vote of this node's own doctor; durable before it returns (R-VOT5)."""

    async def inbox(self) -> tuple[ProposalView, ...]:
        """Open proposals where this node's doctor's vote counts and is not cast yet."""

    async def proposals(self, state: str | None, limit: int) -> tuple[ProposalView, ...]:
        """Proposals, newest first."""

    async def proposal(self, identifier: str) -> ProposalView:
        """One proposal by hex id; 404 when unknown."""

    async def proposal_bytes(self, identifier: str) -> bytes:
        """Its canonical bytes, from which a voter builds what she signs."""

    async def why(self, identifier: str) -> WhyView:
        """Why it is not final: who has not voted, which certificate is missing."""

    async def blocks(self, after: int, limit: int, patient: int | None) -> tuple[BlockView, ...]:
        """Blocks with N BC greater than `after`, ascending."""

    async def block(self, n_bc: int) -> BlockView:
        """One block; 404 when there is none yet."""

    async def block_by_hash(self, block: str) -> BlockView:
        """One block by hex hash."""

    async def patients(self) -> tuple[PatientView, ...]:
        """Every registered patient."""

    async def patient(self, number: int) -> PatientView:
        """One patient by N PB."""

    async def patient_by_address(self, address: str) -> PatientView:
        """One patient by the address of the patient's key (a wallet's owner asks for N PB)."""

    async def read_part(
        self, record: RecordId, part: PartName, reader: Reader
    ) -> AsyncIterator[bytes]:
        """The plaintext of a part this node may open, verified; logged before the first byte.

        404 both where it does not exist and where this node is not entitled.
        """

    async def permits(self, record: RecordId, reader: Reader) -> bool:
        """Whether the patient's consent, where the purpose needs one, is in force now (R-CST3)."""

    def holds(self, record: RecordId) -> bool:
        """Whether the chunks of a body are here: what was made of it goes when they do."""

    async def proof(self, n_bc: int) -> bytes:
        """The offline proof of one block (R-EXP3)."""

    def export(self) -> AsyncIterator[bytes]:
        """The frames of an export of the whole final chain (R-EXP1)."""

    def events(self, after: int) -> AsyncIterator[EventView]:
        """Live changes with a sequence greater than `after`; never ends by itself.

        Below zero: only those from now on.
        """

    async def accesses(self, patient: int | None) -> tuple[Mapping[str, object], ...]:
        """The access log: who read which record and part when, and for what."""
