"""A patient's consultation as far as this node may read it (the phases of the consultation)."""

from __future__ import annotations

from medquorum.ledger.block import Block
from medquorum.ledger.consultation import (
    Assessment,
    Consultation,
    Event,
    Track,
    phase_of,
    subject_of,
)
from medquorum.ledger.contents import (
    PrescriptionKind,
    parse_medical_report,
    parse_prescription,
)
from medquorum.ledger.errors import CodecError
from medquorum.ledger.limits import RECORD
from medquorum.ledger.types import CLINICAL_TYPES, BlockHash, BlockType, PartName, RecordId
from medquorum.node.archive import patient_blocks
from medquorum.node.bodies import Bodies
from medquorum.node.charters import Charters
from medquorum.node.store.engine import Store

_READ = {
    BlockType.PRESCRIPTION: PartName.PRESC,
    BlockType.REPORT: PartName.M_REPORT,
}


class Histories:
    """Consultations of patients, from blocks and the bodies this node has opened."""

    def __init__(self, charters: Charters, store: Store, bodies: Bodies) -> None:
        self._charters = charters
        self._store = store
        self._bodies = bodies
        self._details: dict[RecordId, PrescriptionKind | Assessment] = {}

    async def consultation(self, patient: int) -> Consultation | None:
        """Phase, permitted next steps and trail; the X-ray's own where only X-rays were taken.

        None where this node may not read a prescription or report of the history: which step it
        was stands in the sealed part only, and a guess would be a wrong phase.
        """
        told = await self.told(patient)
        if told is None:
            return None
        events, types = told[1], {block.proposal.core.type for block in told[0]}
        if BlockType.XRAY in types and not {BlockType.CT, BlockType.PET} & types:
            return phase_of(events, Track.XRAY)
        return phase_of(events)

    async def told(self, patient: int) -> tuple[list[Block], list[Event]] | None:
        """The patient's clinical blocks with the events they are; None as `consultation`."""
        blocks = await self._store.read(lambda connection: patient_blocks(connection, patient))
        types: dict[BlockHash, BlockType] = {b.hash: b.proposal.core.type for b in blocks}
        clinical = [block for block in blocks if block.proposal.core.type in CLINICAL_TYPES]
        try:
            return clinical, [await self._event(block, types) for block in clinical]
        except LookupError:
            return None

    async def _event(self, block: Block, types: dict[BlockHash, BlockType]) -> Event:
        core = block.proposal.core
        issuer = self._charters.member(core.issuer)
        referenced = [types[one] for one in core.references if one in types]
        return Event(
            core.type,
            await self._detail(core.record, core.type),
            subject_of(referenced),
            issuer.role if issuer else None,
        )

    async def _detail(
        self, record: RecordId, block_type: BlockType
    ) -> PrescriptionKind | Assessment | None:
        part = _READ.get(block_type)
        if part is None:
            return None
        if record not in self._details:
            pieces = [piece async for piece in self._bodies.read(record, part)]
            detail = _parsed(block_type, b"".join(pieces)[: RECORD.total])
            if detail is None:
                return None
            self._details[record] = detail
        return self._details[record]


def _parsed(block_type: BlockType, content: bytes) -> PrescriptionKind | Assessment | None:
    try:
        if block_type is BlockType.PRESCRIPTION:
            return parse_prescription(content).kind
        report = parse_medical_report(content)
    except CodecError:
        return None
    return Assessment(report.conclusion, report.next_step)
