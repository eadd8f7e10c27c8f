"""Reading parts of bodies: consent first, then the log, then the first byte (R-CST3)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from medquorum.ledger.proposal import Proposal
from medquorum.ledger.types import PartName, RecordId
from medquorum.node.bodies import Bodies
from medquorum.node.body_store import BodyStoreError
from medquorum.node.consents import Consents
from medquorum.node.desk import DeskError, Reader
from medquorum.node.store.clinical_rows import insert_access

ABSENT: Final = DeskError(404, "unknown_record", "no such record or part that this node may open")
DAMAGED: Final = DeskError(
    503, "body_damaged", "the stored body cannot be read; run `medquorum scrub`"
)
NO_CONSENT: Final = DeskError(
    403,
    "no_consent",
    "the patient has not consented to reading for this purpose here: ask her for a signed consent",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """Hands out plaintext of opened bodies, and notes who got it or was refused."""

    bodies: Bodies
    consents: Consents

    async def read_part(
        self, record: RecordId, part: PartName, reader: Reader
    ) -> AsyncIterator[bytes]:
        """The plaintext of a part this node may open; logged before the first byte."""
        proposal = self.bodies.proposal(record)
        if proposal is None:
            raise ABSENT
        patient = self._patient_of(proposal)
        if not await self.consents.permit(patient, reader):
            await self._log(proposal, part, reader, granted=False)
            raise NO_CONSENT
        pieces = self.bodies.read(record, part)
        try:
            first = await anext(pieces, b"")
        except LookupError:
            raise ABSENT from None
        except BodyStoreError:
            raise DAMAGED from None
        await self._log(proposal, part, reader, granted=True)
        return _chained(first, pieces)

    async def permits(self, record: RecordId, reader: Reader) -> bool:
        """Whether a part that was opened may be shown further: a consent may be revoked since."""
        proposal = self.bodies.proposal(record)
        return proposal is not None and await self.consents.permit(
            self._patient_of(proposal), reader
        )

    async def _log(
        self, proposal: Proposal, part: PartName, reader: Reader, *, granted: bool
    ) -> None:
        core = proposal.core
        access = {
            "at_us": time.time_ns() // 1_000,
            "organisation": self.consents.own,
            "user_name": reader.user,
            "user_role": reader.role,
            "patient": self._patient_of(proposal),
            "record": core.record,
            "part": part.value,
            "purpose": reader.purpose,
            "origin": core.issuer,
            "granted": granted,
        }
        writer = self.consents.store.writer
        await writer.submit(lambda connection: insert_access(connection, access))

    def _patient_of(self, proposal: Proposal) -> int | None:
        core = proposal.core
        return core.patient or self.consents.state().number_of(core.patient_key)


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in rest:
        yield piece
