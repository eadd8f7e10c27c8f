"""An honest desk in memory, for the HTTP layer only: no ledger, no crypto, fixed small views."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from medquorum.ledger.ceremony import CharterFile
from medquorum.ledger.charter import Charter
from medquorum.ledger.types import PartName, RecordId
from medquorum.node.desk import DeskError, Reader, Receipt, Submission, VoteReceipt
from medquorum.node.views import (
    BlockView,
    EventView,
    PatientView,
    PeerView,
    ProposalView,
    StatusView,
    VerdictView,
    VoteView,
    WhyView,
)
from tests.ledger.charter_kit import make_charter
from tests.node.api.fake_dossiers import FakeDossiers, FakeStatistics
from tests.node.api.fake_governance import FakeGovernance

PATIENT_ADDRESS = "mqpat1" + "q" * 58
OTHER_ADDRESS = "mqpat1" + "p" * 58
RECORD = "ab" * 32
OTHER_RECORD = "cd" * 32
PROPOSAL = "11" * 32
CANARY = "Canary-Patient-Name"
"""Stands for patient content: nothing but the answer to its reader may ever hold it."""


def verdict() -> VerdictView:
    return VerdictView("pending", 4, 1, 0, 0, "mqdoc1x", False, (), ("Dr. Chen",))


def proposal(identifier: str = PROPOSAL) -> ProposalView:
    return ProposalView(
        id=identifier,
        type="ct",
        state="open",
        reason=None,
        issuer="mqrad1x",
        issuer_name="Radiology Center",
        issuer_role="radiologist",
        patient=1,
        doctor="mqdoc1x",
        record=RECORD,
        parts=("IMG_CT",),
        body="opened",
        issued_at_ms=1,
        expires_at_ms=2,
        received_at_us=3,
        references=(),
        replaces=None,
        ai=None,
        n_bc=None,
        verdict=verdict(),
        votes=(VoteView("mqdoc1x", "Dr. Amara", "approve", "peer", "human", None),),
    )


def block(n_bc: int, patient: int) -> BlockView:
    return BlockView(
        n_bc=n_bc,
        hash=f"{n_bc:064x}",
        hprevious=f"{n_bc - 1:064x}",
        type="ct",
        proposal_type="ct",
        outcome="accepted",
        n_pb=patient,
        n_pa=n_bc,
        hpatient="00" * 32,
        proposal=PROPOSAL,
        issuer="mqrad1x",
        issuer_name="Radiology Center",
        issuer_role="radiologist",
        doctor="mqdoc1x",
        record=RECORD if patient == 1 else OTHER_RECORD,
        parts=("IMG_CT",),
        body_root="22" * 32,
        references=(),
        ai=None,
        epoch=0,
        slot=n_bc,
        batch_time_ms=5,
        finalised_at_us=6,
        verdict=verdict(),
        votes=(),
    )


def patient(number: int) -> PatientView:
    return PatientView(
        n_pb=number,
        address=PATIENT_ADDRESS if number == 1 else OTHER_ADDRESS,
        public_key="02" * 33,
        encryption_key="03" * 33,
        patient_name="44" * 32,
        attending="mqdoc1x",
        attending_name="Dr. Amara",
        head="55" * 32,
        length=3,
        phase="registered",
        next_steps=("form",),
    )


def _absent(what: str) -> DeskError:
    return DeskError(404, "not_found", f"no such {what} here")


@dataclass
class FakeDesk:
    """Answers like a node with eight blocks of two patients."""

    charter_file: CharterFile = field(default_factory=lambda: CharterFile(make_charter()))
    ready: bool = True
    refusal: Exception | None = None
    """Raised by every write, when set."""
    broken_after: int | None = None
    """Bytes after which a part stops with an error."""
    part_bytes: int = 3_000_000
    submitted: list[Submission] = field(default_factory=list)
    contents: list[dict[PartName, bytes]] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    """How submitted proposals stand that are not open."""
    sealed: list[tuple[bytes, tuple[bytes, ...]]] = field(default_factory=list)
    votes: list[bytes] = field(default_factory=list)
    chunks: dict[tuple[bytes, PartName, int], bytes] = field(default_factory=dict)
    readers: list[Reader] = field(default_factory=list)
    log: list[EventView] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    asked_after: list[int] = field(default_factory=list)
    governance: FakeGovernance = field(default_factory=FakeGovernance)
    dossiers: FakeDossiers = field(default_factory=FakeDossiers)
    statistics: FakeStatistics = field(default_factory=FakeStatistics)

    charter: Charter = field(init=False)

    def __post_init__(self) -> None:
        self.charter = self.charter_file.charter

    def status(self) -> StatusView:
        member = self.charter.doctors[0]
        return StatusView(
            name=member.name,
            role="doctor",
            address=member.address_text,
            network=self.charter.network_id.hex(),
            network_name="Kit network",
            charter_version=0,
            doctors=4,
            quorum=3,
            mode="byzantine",
            n_bc=8,
            tip_hash=f"{8:064x}",
            patients=2,
            epoch=0,
            slot=9,
            final_slot=8,
            leader="Dr. Amara",
            open_proposals=1,
            peers=(PeerView("Dr. Chen", "doctor", "mqdoc1y", True, 0),),
            ready=self.ready,
            not_ready=() if self.ready else ("peers 0 (min 1)",),
            ordering="idle",
        )

    def _refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def submit(self, submission: Submission) -> Receipt:
        self._refuse()
        self.submitted.append(submission)
        self.contents.append({part: path.read_bytes() for part, path in submission.parts.items()})
        return Receipt(f"{len(self.submitted):064x}", RECORD, "33" * 32)

    async def accept_sealed(self, proposal: bytes, wraps: Sequence[bytes]) -> Receipt:
        self._refuse()
        self.sealed.append((proposal, tuple(wraps)))
        return Receipt(PROPOSAL, RECORD, "33" * 32)

    async def put_chunk(self, record: RecordId, part: PartName, index: int, sealed: bytes) -> None:
        self._refuse()
        self.chunks[record, part, index] = sealed

    async def vote(self, encoded: bytes) -> VoteReceipt:
        self._refuse()
        self.votes.append(encoded)
        return VoteReceipt(hashlib.sha256(encoded).hexdigest(), PROPOSAL, 7)

    async def inbox(self) -> tuple[ProposalView, ...]:
        return (proposal(),)

    async def proposals(self, state: str | None, limit: int) -> tuple[ProposalView, ...]:
        return (proposal(),)[:limit] if state in (None, "open") else ()

    async def proposal(self, identifier: str) -> ProposalView:
        made = {f"{number:064x}" for number in range(1, len(self.submitted) + 1)}
        if identifier in made:
            state = self.states.get(identifier, "open")
            n_bc = 7 if state == "accepted" else None
            return replace(proposal(identifier), state=state, n_bc=n_bc)
        if identifier != PROPOSAL:
            raise _absent("proposal")
        return proposal()

    async def proposal_bytes(self, identifier: str) -> bytes:
        await self.proposal(identifier)
        return b"proposal bytes"

    async def why(self, identifier: str) -> WhyView:
        await self.proposal(identifier)
        return WhyView(
            identifier, "open", ("Dr. Chen has not voted.",), ("Dr. Chen",), None, 9, "Dr. Amara"
        )

    async def blocks(self, after: int, limit: int, patient: int | None) -> tuple[BlockView, ...]:
        every = (block(n, 1 + n % 2) for n in range(after + 1, 9))
        return tuple(each for each in every if patient in (None, each.n_pb))[:limit]

    async def block(self, n_bc: int) -> BlockView:
        if n_bc > 8:
            raise _absent("block")
        return block(n_bc, 1 + n_bc % 2)

    async def block_by_hash(self, hashed: str) -> BlockView:
        number = int(hashed, 16)
        if not 1 <= number <= 8:
            raise _absent("block")
        return await self.block(number)

    async def patients(self) -> tuple[PatientView, ...]:
        return (patient(1), patient(2))

    async def patient(self, number: int) -> PatientView:
        if number > 2:
            raise _absent("patient")
        return patient(number)

    async def patient_by_address(self, address: str) -> PatientView:
        for each in await self.patients():
            if each.address == address:
                return each
        raise _absent("patient")

    async def read_part(
        self, record: RecordId, part: PartName, reader: Reader
    ) -> AsyncIterator[bytes]:
        if record.hex() not in (RECORD, OTHER_RECORD) or part is not PartName.IMG_CT:
            raise _absent("part")
        self.readers.append(reader)
        return self._part()

    async def _part(self) -> AsyncIterator[bytes]:
        sent = 0
        while sent < self.part_bytes:
            if self.broken_after is not None and sent >= self.broken_after:
                raise OSError(CANARY)
            piece = b"c" * min(1_048_576, self.part_bytes - sent)
            sent += len(piece)
            yield piece

    async def permits(self, record: RecordId, reader: Reader) -> bool:
        return True

    def holds(self, record: RecordId) -> bool:
        return record.hex() in (RECORD, OTHER_RECORD)

    async def proof(self, n_bc: int) -> bytes:
        return b"proof of %d" % n_bc

    async def export(self) -> AsyncIterator[bytes]:
        for n in range(3):
            yield b"frame %d;" % n

    def happen(self, kind: str) -> None:
        """Let one more thing happen."""
        self.log.append(EventView(len(self.log) + 1, kind, 1, "66" * 32, {}))
        self.changed.set()

    async def events(self, after: int) -> AsyncIterator[EventView]:
        self.asked_after.append(after)
        while True:
            for event in tuple(self.log[after:]):
                after = event.sequence
                yield event
            self.changed.clear()
            await self.changed.wait()

    async def accesses(self, patient: int | None) -> tuple[Mapping[str, object], ...]:
        every = ({"patient": 1, "user": "ada"}, {"patient": 2, "user": "ben"})
        return tuple(each for each in every if patient in (None, each["patient"]))
