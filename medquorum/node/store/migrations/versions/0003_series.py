"""Which series of uploads became whose proposals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of proposed series."""
    op.create_table(
        "series",
        sa.Column("record", sa.LargeBinary(32), primary_key=True),
        sa.Column("origin", sa.LargeBinary(32), nullable=False),
        sa.Column("patient", sa.BigInteger(), nullable=False),
        sa.Column("proposal", sa.LargeBinary(32)),
        sa.Column("begun_at_us", sa.BigInteger(), nullable=False),
    )
    op.create_index("series_origin", "series", ["origin"])
