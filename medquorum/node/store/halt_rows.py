"""Why ordering stopped on this node: both certificates, or the own vote it does not remember.

They are kept so that everybody can read them, after a start as well (R-SIM2, R-SIM10).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, insert, select

from medquorum.ledger import canonical
from medquorum.ledger.limits import FRAME, RECORD
from medquorum.ledger.schema import decoded, opaque_of
from medquorum.node.store.schema import HALTS

CEASED_VOTING: Final = "ceased_voting"
"""Reason of a row with a vote and no certificate."""
SHOWN: Final = 100
"""Rows told at once, the newest first: each start may add one."""


@dataclass(frozen=True, slots=True)
class HaltRow:
    """One stop of ordering."""

    reason: str
    certificates: tuple[bytes, ...]
    """`enc` of R-ORD11 each: those on two branches, or of the batch that breaks the rules."""
    vote: bytes | None
    """`enc` of R-ORD10: an own vote that the journal does not hold."""
    found_at_us: int


def insert_halt(connection: Connection, halt: HaltRow) -> None:
    """Keep why ordering stopped."""
    certificates = canonical.encode(list(halt.certificates), FRAME)
    connection.execute(
        insert(HALTS).values(
            reason=halt.reason,
            certificates=certificates,
            vote=halt.vote,
            found_at_us=halt.found_at_us,
        )
    )


def load_halts(connection: Connection) -> list[HaltRow]:
    """Every stop that is kept, newest first."""
    query = select(HALTS).order_by(HALTS.c.sequence.desc()).limit(SHOWN)
    return [
        HaltRow(row.reason, _certificates(row.certificates), row.vote, row.found_at_us)
        for row in connection.execute(query)
    ]


def _certificates(encoded: bytes) -> tuple[bytes, ...]:
    read = opaque_of(RECORD.total, "certificates")
    found = decoded(encoded, FRAME)
    return tuple(read(one) for one in found) if isinstance(found, list) else ()
