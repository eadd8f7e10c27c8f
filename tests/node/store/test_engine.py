"""Opening the store: one process, durable settings, known schema."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool

from medquorum.node.store import dialects
from medquorum.node.store.engine import Store, default_storage_url, open_store
from medquorum.node.store.errors import StoreError, StoreFailure, StoreInUse, StoreTooNew, StoreWeak
from medquorum.node.store.folder_lock import FolderLock
from medquorum.node.store.migrate import VERSIONS, upgrade_to_head
from tests.node.store.journal import append


async def test_the_writer_has_every_durable_setting(store: Store) -> None:
    def pragmas(connection: Connection) -> dict[str, object]:
        return {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in dialects.SQLITE_SETTINGS
        }

    assert await store.writer.submit(pragmas) == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "secure_delete": 1,
    }


@pytest.mark.parametrize(
    ("pragma", "weaker"),
    [
        ("journal_mode", "delete"),
        ("synchronous", 1),
        ("foreign_keys", 0),
        ("trusted_schema", 1),
        ("cell_size_check", 0),
        ("secure_delete", 0),
    ],
)
def test_each_weaker_setting_is_refused_by_name(
    tmp_path: Path, pragma: str, weaker: object
) -> None:
    engine = dialects.writer_engine(dialects.parse_storage_url(f"sqlite:///{tmp_path}/x"))
    with engine.connect() as connection:
        dialects.assert_durable(connection)
        connection.rollback()
        connection.connection.cursor().execute(f"PRAGMA {pragma}={weaker}")
        with pytest.raises(StoreWeak, match=f"{pragma} is"):
            dialects.assert_durable(connection)


def test_weak_postgres_settings_are_named() -> None:
    strong = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
    assert dialects.weak_postgres_settings(strong) == ()
    assert dialects.weak_postgres_settings({**strong, "synchronous_commit": "local"}) == (
        "synchronous_commit is local, needs on or remote_apply or remote_write",
    )
    assert len(dialects.weak_postgres_settings(dict.fromkeys(strong, "off"))) == 3


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///:memory:", "mysql://h/d", "nonsense", "sqlite:////x?mode=memory"],
)
def test_other_storage_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="storage url"):
        dialects.parse_storage_url(url)


def test_postgres_urls_get_the_maintained_driver() -> None:
    url = dialects.parse_storage_url("postgresql://node@db/ledger")
    assert url.drivername == "postgresql+psycopg"


async def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises(OperationalError, match="readonly"):
        await store.read(append(1))


async def test_files_are_owner_only(store: Store, home: Path) -> None:
    await store.writer.submit(append(1))
    names = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
    assert names["ledger.sqlite-wal"] == 0o600
    assert set(names.values()) == {0o600}


def test_a_second_process_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    held = FolderLock(tmp_path)
    program = (
        "import sys; from pathlib import Path; "
        "from medquorum.node.store.folder_lock import FolderLock; FolderLock(Path(sys.argv[1]))"
    )
    child = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert child.returncode != 0
    assert f"is in use by process {os.getpid()}" in child.stderr
    with pytest.raises(StoreInUse, match="choose another home"):
        open_store(tmp_path, default_storage_url(tmp_path))
    held.release()


def test_the_lock_ends_with_its_holder(tmp_path: Path) -> None:
    first = FolderLock(tmp_path)
    first.release()
    first.release()
    FolderLock(tmp_path).release()


def test_a_failed_start_gives_the_folder_back(tmp_path: Path) -> None:
    with pytest.raises(StoreFailure, match="cannot open the database"):
        open_store(tmp_path, f"sqlite:///{tmp_path}/absent/ledger.sqlite")
    FolderLock(tmp_path).release()


def test_migrations_are_applied_once_and_reported(tmp_path: Path, versions: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.sqlite"
    assert upgrade_to_head(url, versions=versions) == "0001"
    assert upgrade_to_head(url, versions=versions) == "0001"


def test_a_database_with_rows_gets_the_table_of_series_and_keeps_its_rows(tmp_path: Path) -> None:
    """As a node's that ran before uploads were remembered."""
    before, url = tmp_path / "before", f"sqlite:///{tmp_path}/x.sqlite"
    before.mkdir()
    for revision in ("0001_ledger.py", "0002_consents.py"):
        shutil.copy(VERSIONS / revision, before)
    assert upgrade_to_head(url, versions=before) == "0002"
    row = (b"id", 1, b"encoded", "ana", 2)
    with closing(sqlite3.connect(tmp_path / "x.sqlite")) as database, database:
        database.execute("INSERT INTO consents VALUES (?, ?, ?, ?, ?)", row)
    upgrade_to_head(url)
    with closing(sqlite3.connect(tmp_path / "x.sqlite")) as database:
        assert database.execute("SELECT * FROM consents").fetchall() == [row]
        assert database.execute("SELECT * FROM series").fetchall() == []


def test_a_newer_database_is_refused(tmp_path: Path, versions: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.sqlite"
    upgrade_to_head(url, versions=versions)
    with sqlite3.connect(tmp_path / "x.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num='9999'")
    connection.close()
    with pytest.raises(StoreTooNew, match="9999, newer than this program"):
        upgrade_to_head(url, versions=versions)


def test_a_failing_migration_leaves_nothing_behind(tmp_path: Path, versions: Path) -> None:
    second = (
        (versions / "0001_example.py")
        .read_text()
        .replace('"0001"', '"0002"')
        .replace("down_revision = None", 'down_revision = "0001"')
        .replace('"journal"', '"second"', 1)
        .replace("sa.Text))\n", 'sa.Text))\n    raise LookupError("half way")\n')
    )
    (versions / "0002_second.py").write_text(second)
    with pytest.raises(LookupError, match="half way"):
        upgrade_to_head(f"sqlite:///{tmp_path}/x.sqlite", versions=versions)
    engine = create_engine(f"sqlite:///{tmp_path}/x.sqlite", poolclass=StaticPool)
    with engine.connect() as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_master").fetchall()
    engine.dispose()
    assert tables == []
