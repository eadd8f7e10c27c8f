"""Statements of consent that this node holds, and the readings that need one (R-CST1 to R-CST3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from medquorum.ledger.chain import ChainState
from medquorum.ledger.consent import (
    ConsentPurpose,
    parse_signed_consent,
    permits,
    revoked_ids,
    verify_consent,
)
from medquorum.ledger.errors import CodecError
from medquorum.ledger.keys import Address, address_text
from medquorum.ledger.types import ADDRESS_PREFIX
from medquorum.node.account_records import UserRole
from medquorum.node.charters import Charters
from medquorum.node.desk import DeskError, Reader
from medquorum.node.dossier_views import ConsentView
from medquorum.node.store.consent_rows import (
    ConsentRow,
    insert_consent,
    load_consents,
)
from medquorum.node.store.engine import Store

STATEMENTS_OF_ONE_PATIENT: Final = 1_000
"""One a day for almost three years; beyond it somebody fills the disk."""
_ASKED: Final = frozenset(purpose.value for purpose in ConsentPurpose)


def needs_consent(reader: Reader) -> bool:
    """Whether this reading rests on a consent: not the patient's own, not treatment (R-CST3)."""
    return reader.role != UserRole.PATIENT.value and reader.purpose in _ASKED


@dataclass(frozen=True, slots=True)
class Consents:
    """The register of one node."""

    store: Store
    charters: Charters
    own: Address
    state: Callable[[], ChainState]
    """The ledger now, from which patients' keys come."""

    async def accept(self, encoded: bytes, brought_by: str) -> ConsentView:
        """Keep a statement that a registered patient has signed; DeskError otherwise."""
        try:
            consent = parse_signed_consent(encoded)
        except CodecError as error:
            raise DeskError(400, "malformed", str(error)) from None
        state, statement = self.state(), consent.statement
        patient = state.number_of(statement.patient_key)
        if patient is None:
            raise DeskError(
                404, "unknown_patient", "this key registered nobody; the block may not be final yet"
            )
        if not verify_consent(state.network, consent):
            raise DeskError(
                403, "bad_signature", "the patient's own key signs a consent: use her wallet"
            )
        grantee = statement.grantee
        if grantee is not None and self.charters.member(grantee) is None:
            raise DeskError(400, "unknown_member", "the consent names no member of this network")
        row = ConsentRow(
            statement.digest(state.network), consent, brought_by, time.time_ns() // 1_000
        )
        await self._keep(patient, row)
        held = await self._rows(patient)
        return next(view for view in self._views(patient, held) if view.id == row.id.hex())

    async def _keep(self, patient: int, row: ConsentRow) -> None:
        refusal = await self.store.writer.submit(
            lambda connection: _insert(connection, patient, row)
        )
        if refusal is not None:
            raise refusal

    async def _rows(self, patient: int) -> list[ConsentRow]:
        return await self.store.read(lambda connection: load_consents(connection, patient))

    async def listed(self, patient: int) -> tuple[ConsentView, ...]:
        """A patient's statements, newest first."""
        return self._views(patient, await self._rows(patient))

    async def encoded(self, patient: int, identifier: bytes) -> bytes:
        """One statement as it was signed (R-CST2); DeskError 404 when there is none."""
        for row in await self._rows(patient):
            if row.id == identifier:
                return row.consent.encoded()
        raise DeskError(404, "unknown_consent", "this node holds no such statement of the patient")

    def _views(self, patient: int, rows: Sequence[ConsentRow]) -> tuple[ConsentView, ...]:
        gone, now_ms = revoked_ids(row.consent.statement for row in rows), _now_ms()
        return tuple(self._view(patient, row, row.id in gone, now_ms) for row in rows)

    def _view(self, patient: int, row: ConsentRow, revoked: bool, now_ms: int) -> ConsentView:
        said = row.consent.statement
        member = None if said.grantee is None else self.charters.member(said.grantee)
        return ConsentView(
            id=row.id.hex(),
            patient=patient,
            kind="grant" if said.revokes is None else "revocation",
            grantee=None
            if member is None
            else address_text(member.address, ADDRESS_PREFIX[member.role]),
            grantee_name=None if member is None else member.name,
            purposes=tuple(purpose.value for purpose in said.purposes),
            issued_at_ms=said.issued_at_ms,
            from_ms=said.from_ms,
            until_ms=said.until_ms,
            revokes=None if said.revokes is None else said.revokes.hex(),
            revoked=revoked,
            in_force=not revoked and said.from_ms <= now_ms < said.until_ms,
            brought_by=row.brought_by,
            received_at_us=row.received_at_us,
        )

    async def permit(self, patient: int | None, reader: Reader) -> bool:
        """Whether this reading may be (R-CST3)."""
        if not needs_consent(reader):
            return True
        if patient is None:
            return False
        rows = await self._rows(patient)
        gone, purpose = revoked_ids(row.consent.statement for row in rows), reader.purpose
        return any(
            row.id not in gone
            and permits(row.consent.statement, ConsentPurpose(purpose), self.own, _now_ms())
            for row in rows
        )


def _insert(connection: Connection, patient: int, row: ConsentRow) -> DeskError | None:
    """Keep a statement unless it is one too many: each grant has room for one revocation."""
    held, revokes = load_consents(connection, patient), row.consent.statement.revokes
    if any(one.id == row.id for one in held):
        return None
    said = [one.consent.statement for one in held]
    if revokes is None and len(held) >= STATEMENTS_OF_ONE_PATIENT:
        return DeskError(409, "too_many_consents", "revoke what is not needed any more")
    grants = {one.id for one in held if one.consent.statement.revokes is None}
    if revokes is not None and revokes not in grants - revoked_ids(said):
        return DeskError(
            409, "nothing_to_revoke", "this node holds no such consent that is not revoked yet"
        )
    insert_consent(connection, patient, row)
    return None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
