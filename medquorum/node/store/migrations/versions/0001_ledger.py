"""The first schema: journal, chain, open proposals, bodies, accounts, access log."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG = sa.BigInteger
_BYTES = sa.LargeBinary


def _required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    """Create every table of schema.py."""
    _create_chain()
    _create_clinical()
    _create_accounts()


def _create_chain() -> None:
    op.create_table(
        "identity",
        sa.Column("network", _BYTES(32), primary_key=True),
        _required("member", _BYTES(32)),
    )
    op.create_table(
        "journal",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
        _required("epoch", _BIG()),
        _required("slot", _BIG()),
        _required("kind", sa.String(16)),
        _required("record", _BYTES()),
        sa.Index("journal_slot", "epoch", "slot"),
    )
    op.create_table(
        "batches",
        sa.Column("log_index", _BIG, primary_key=True, autoincrement=False),
        _required("epoch", _BIG()),
        _required("slot", _BIG()),
        sa.Column("hash", _BYTES(32), nullable=False, unique=True),
        _required("first_nbc", _BIG()),
        _required("count", sa.Integer()),
        _required("time_ms", _BIG()),
        _required("header", _BYTES()),
        _required("body", _BYTES()),
        sa.Column("certificate", _BYTES),
        _required("tail", sa.Integer()),
        _required("finalised_at_us", _BIG()),
    )
    op.create_table(
        "tails",
        sa.Column("log_index", _BIG, primary_key=True, autoincrement=False),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        _required("header", _BYTES()),
        _required("body", _BYTES()),
    )
    op.create_table(
        "blocks",
        sa.Column("n_bc", _BIG, primary_key=True, autoincrement=False),
        sa.Column("hash", _BYTES(32), nullable=False, unique=True),
        _required("n_pb", _BIG()),
        _required("n_pa", _BIG()),
        _required("type", sa.String(20)),
        _required("outcome", sa.String(10)),
        sa.Column("proposal", _BYTES(32), nullable=False, unique=True),
        _required("log_index", _BIG()),
        sa.Index("blocks_patient", "n_pb", "n_pa"),
    )


def _create_clinical() -> None:
    op.create_table(
        "proposals",
        sa.Column("id", _BYTES(32), primary_key=True),
        _required("type", sa.String(20)),
        sa.Column("patient", _BIG),
        _required("record", _BYTES(32)),
        _required("encoded", _BYTES()),
        _required("state", sa.String(10)),
        sa.Column("reason", sa.String(40)),
        _required("received_at_us", _BIG()),
        sa.Index("proposals_state", "state", "received_at_us"),
        sa.Index("proposals_record", "record"),
    )
    op.create_table(
        "votes",
        sa.Column("proposal", _BYTES(32), primary_key=True),
        sa.Column("voter", _BYTES(32), primary_key=True),
        _required("encoded", _BYTES()),
        _required("received_at_us", _BIG()),
    )
    op.create_table(
        "wraps",
        sa.Column("record", _BYTES(32), primary_key=True),
        sa.Column("recipient", _BYTES(32), primary_key=True),
        _required("encoded", _BYTES()),
    )
    op.create_table(
        "bodies",
        sa.Column("record", _BYTES(32), primary_key=True),
        _required("proposal", _BYTES(32)),
        _required("state", sa.String(10)),
        sa.Column("reason", sa.String(40)),
        _required("changed_at_us", _BIG()),
    )
    op.create_table(
        "evidence",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
        _required("kind", sa.String(20)),
        _required("culprit", _BYTES(32)),
        _required("first", _BYTES()),
        _required("second", _BYTES()),
        _required("found_at_us", _BIG()),
    )
    op.create_table(
        "halts",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
        _required("reason", sa.String(20)),
        _required("certificates", _BYTES()),
        sa.Column("vote", _BYTES),
        _required("found_at_us", _BIG()),
    )


def _create_accounts() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.String(80), primary_key=True),
        _required("role", sa.String(20)),
        sa.Column("password_phc", sa.String(400)),
        sa.Column("patient", sa.String(120)),
        _required("active", sa.Boolean()),
        _required("created_at_ms", _BIG()),
    )
    op.create_table(
        "tokens",
        sa.Column("digest", _BYTES(32), primary_key=True),
        _required("user", sa.String(80)),
        _required("role", sa.String(20)),
        _required("kind", sa.String(10)),
        _required("label", sa.String(200)),
        _required("created_at_ms", _BIG()),
        _required("expires_at_ms", _BIG()),
        sa.Index("tokens_user", "user"),
    )
    op.create_table(
        "answers",
        sa.Column("user", sa.String(80), primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        _required("request", _BYTES(32)),
        _required("status", sa.Integer()),
        _required("body", _BYTES()),
        _required("expires_at_ms", _BIG()),
    )
    op.create_table(
        "accesses",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
        _required("at_us", _BIG()),
        _required("organisation", _BYTES(32)),
        _required("user_name", sa.String(80)),
        _required("user_role", sa.String(20)),
        sa.Column("patient", _BIG),
        _required("record", _BYTES(32)),
        _required("part", sa.String(16)),
        _required("purpose", sa.String(40)),
        _required("origin", _BYTES(32)),
        _required("granted", sa.Boolean()),
        sa.Index("accesses_patient", "patient"),
    )


def downgrade() -> None:
    """Drop everything: for a node that never held anything worth keeping."""
    for name in (
        "accesses",
        "answers",
        "tokens",
        "users",
        "halts",
        "evidence",
        "bodies",
        "wraps",
        "votes",
        "proposals",
        "blocks",
        "tails",
        "batches",
        "journal",
        "identity",
    ):
        op.drop_table(name)
