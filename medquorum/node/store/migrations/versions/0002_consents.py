"""Statements of consent that patients have signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of consents."""
    op.create_table(
        "consents",
        sa.Column("id", sa.LargeBinary(32), primary_key=True),
        sa.Column("patient", sa.BigInteger(), nullable=False),
        sa.Column("encoded", sa.LargeBinary(), nullable=False),
        sa.Column("brought_by", sa.String(80), nullable=False),
        sa.Column("received_at_us", sa.BigInteger(), nullable=False),
    )
    op.create_index("consents_patient", "consents", ["patient"])
