"""A store with one small table, brought by an example migration."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from medquorum.node.store.engine import Store, default_storage_url, open_store

EXAMPLE_REVISION = '''
"""Example: one table."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    entry = sa.Column("entry", sa.Integer, primary_key=True)
    op.create_table("journal", entry, sa.Column("note", sa.Text))


def downgrade() -> None:
    op.drop_table("journal")
'''


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "0001_example.py").write_text(EXAMPLE_REVISION)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home 100%?"


@pytest.fixture
async def store(home: Path, versions: Path) -> AsyncIterator[Store]:
    opened = open_store(home, default_storage_url(home), versions=versions)
    yield opened
    await opened.close()
