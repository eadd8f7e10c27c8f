"""Whose database this is: one row, written at the first start and never changed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from medquorum.node.store.schema import IDENTITY


@dataclass(frozen=True, slots=True)
class StoreIdentity:
    """The network and the member whose journal the database holds."""

    network: bytes
    """32 bytes."""
    member: bytes
    """32 bytes: the member's address."""


def load_identity(connection: Connection) -> StoreIdentity | None:
    """Whose database this is; None before the first start."""
    row = connection.execute(select(IDENTITY)).one_or_none()
    return None if row is None else StoreIdentity(row.network, row.member)


def keep_identity(connection: Connection, identity: StoreIdentity) -> None:
    """Write the one row of a new database."""
    values = {"network": identity.network, "member": identity.member}
    connection.execute(insert(IDENTITY).values(values))
