"""Rows of consent statements (R-CST2)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from medquorum.ledger.consent import SignedConsent, parse_signed_consent
from medquorum.node.store.schema import CONSENTS


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """A statement with who brought it here and when."""

    id: bytes
    consent: SignedConsent
    brought_by: str
    received_at_us: int


def insert_consent(connection: Connection, patient: int, row: ConsentRow) -> None:
    """Keep a statement; one that is kept already stays as it is."""
    known = select(CONSENTS.c.id).where(CONSENTS.c.id == row.id)
    if connection.execute(known).one_or_none() is not None:
        return
    connection.execute(
        insert(CONSENTS).values(
            id=row.id,
            patient=patient,
            encoded=row.consent.encoded(),
            brought_by=row.brought_by,
            received_at_us=row.received_at_us,
        )
    )


def load_consents(connection: Connection, patient: int) -> list[ConsentRow]:
    """A patient's statements, newest first."""
    query = (
        select(CONSENTS)
        .where(CONSENTS.c.patient == patient)
        .order_by(CONSENTS.c.received_at_us.desc())
    )
    return [
        ConsentRow(row.id, parse_signed_consent(row.encoded), row.brought_by, row.received_at_us)
        for row in connection.execute(query)
    ]
