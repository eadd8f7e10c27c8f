"""Patients' records as wholes: consultations, consents, and the download with its proofs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from medquorum.ledger.ceremony import CharterFile
from medquorum.ledger.errors import CodecError
from medquorum.ledger.types import IMAGE_PARTS, PartName, RecordId
from medquorum.node.desk import DeskError, Reader
from medquorum.node.dossier_views import ConsentView, TimelineView
from medquorum.node.fhir.access import access_entry, consent_entry
from medquorum.node.fhir.bundle import bundle_text
from medquorum.node.fhir.contents import Told, clinical_entries
from medquorum.node.fhir.forms import Names, Resource
from medquorum.node.fhir.people import patient_entry, people_entries, provenance_entry
from medquorum.node.histories import Histories
from medquorum.node.queries import MOST, Queries
from medquorum.node.reading import NO_CONSENT, Reading
from medquorum.node.structured_parts import PARSERS
from medquorum.node.timelines import timeline_of
from medquorum.node.views import BlockView, PatientView
from medquorum.node.zip_stream import zip_stream

_ABOUT: Final = """This archive is one patient's record as one node of the network holds it.

fhir/bundle.json   an HL7 FHIR R4 bundle: the accepted contents, whose word they rest on
                   (Provenance, with the hash of each block), consents, and who has read what
proofs/            one file for each block; with charter.mqc each can be checked offline:
                   scripts/audit --proof proofs/block-1.mqp --charter charter.mqc
charter.mqc        the signed founding charter; compare its fingerprint with what is read aloud
consents/          the patient's signed statements
images/            images as they were handed in, where they were asked for
missing.txt        what could not be read or proved here, and why

The patient is named by number and key only.
"""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One download under way."""

    names: Names
    patient: PatientView
    blocks: Sequence[BlockView]
    reader: Reader
    images: bool
    missing: list[str]


@dataclass(frozen=True, slots=True)
class NodeDossiers:
    """The records of one node."""

    charter_file: CharterFile
    queries: Queries
    reading: Reading
    histories: Histories

    async def timeline(self, patient: int) -> TimelineView:
        """The patient's consultations."""
        await self.queries.patient(patient)
        return await timeline_of(self.histories, patient)

    async def consents(self, patient: int) -> tuple[ConsentView, ...]:
        """Statements of consent held here, newest first."""
        return await self.reading.consents.listed(patient)

    async def consent(self, patient: int, identifier: bytes) -> bytes:
        """One statement as it was signed."""
        return await self.reading.consents.encoded(patient, identifier)

    async def accept_consent(self, encoded: bytes, brought_by: str) -> ConsentView:
        """Keep a statement that its patient has signed."""
        return await self.reading.consents.accept(encoded, brought_by)

    async def download(self, patient: int, reader: Reader, *, images: bool) -> AsyncIterator[bytes]:
        """The whole record as one zip; every reading in it is logged."""
        shown = await self.queries.patient(patient)
        if not await self.reading.consents.permit(patient, reader):
            raise NO_CONSENT
        blocks = await self._blocks(patient)
        names = Names(self.charter_file.charter.network_id.hex())
        asked = _Asked(names, shown, blocks, reader, images, [])
        named = [_image_name(*one) for one in _images(asked)]
        return zip_stream(self._members(asked), stored=named)

    async def _blocks(self, patient: int) -> list[BlockView]:
        found: list[BlockView] = []
        while page := await self.queries.blocks(found[-1].n_bc if found else 0, MOST, patient):
            found.extend(page)
        return found

    async def _members(self, asked: _Asked) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        yield "README.txt", _once(_ABOUT.encode())
        yield "charter.mqc", _once(self.charter_file.encoded())
        now_ms = time.time_ns() // 1_000_000
        yield "fhir/bundle.json", bundle_text(self._entries(asked), now_ms)
        for block in asked.blocks:
            proof = await self._proof(asked, block)
            if proof is not None:
                yield f"proofs/block-{block.n_bc}.mqp", _once(proof)
        for consent in await self.consents(asked.patient.n_pb):
            signed = await self.consent(asked.patient.n_pb, bytes.fromhex(consent.id))
            yield f"consents/{consent.id}.mqs", _once(signed)
        for block, part in _images(asked):
            pieces = await self._part(asked, block, part)
            if pieces is not None:
                yield _image_name(block, part), pieces
        if asked.missing:
            yield "missing.txt", _once("\n".join([*asked.missing, ""]).encode())

    async def _entries(self, asked: _Asked) -> AsyncIterator[Resource]:
        names, patient = asked.names, asked.patient
        yield patient_entry(names, patient)
        accepted = [block for block in asked.blocks if block.outcome == "accepted"]
        for entry in people_entries(names, patient, accepted):
            yield entry
        for block in accepted:
            told = Told(names, block, await self._structured(asked, block))
            entries = self._clinical(asked, told)
            provenance = provenance_entry(names, block, entries)
            for entry in (*entries, *([provenance] if provenance else [])):
                yield entry
        for consent in await self.consents(patient.n_pb):
            granted = consent_entry(names, consent)
            if granted is not None:
                yield granted
        for access in await self.queries.accesses(patient.n_pb):
            yield access_entry(names, access, patient.n_pb)

    def _clinical(self, asked: _Asked, told: Told) -> list[Resource]:
        try:
            return clinical_entries(told)
        except CodecError:
            asked.missing.append(f"block {told.block.n_bc}: a part is malformed")
            return []

    async def _structured(self, asked: _Asked, block: BlockView) -> dict[PartName, bytes]:
        parts = {}
        for name in block.parts:
            part = PartName(name)
            if part in PARSERS and (pieces := await self._part(asked, block, part)) is not None:
                parts[part] = b"".join([piece async for piece in pieces])
        return parts

    async def _part(
        self, asked: _Asked, block: BlockView, part: PartName
    ) -> AsyncIterator[bytes] | None:
        record = RecordId(bytes.fromhex(block.record))
        try:
            return await self.reading.read_part(record, part, asked.reader)
        except DeskError as error:
            asked.missing.append(f"block {block.n_bc}, {part.value}: {error.advice}")
            return None

    async def _proof(self, asked: _Asked, block: BlockView) -> bytes | None:
        try:
            return await self.queries.proof(block.n_bc)
        except DeskError as error:
            asked.missing.append(f"block {block.n_bc}, proof: {error.advice}")
            return None


def _images(asked: _Asked) -> list[tuple[BlockView, PartName]]:
    if not asked.images:
        return []
    return [
        (block, PartName(name))
        for block in asked.blocks
        if block.outcome == "accepted"
        for name in block.parts
        if PartName(name) in IMAGE_PARTS
    ]


def _image_name(block: BlockView, part: PartName) -> str:
    return f"images/block-{block.n_bc}-{part.value}.bin"


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
