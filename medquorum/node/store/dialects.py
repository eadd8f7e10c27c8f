"""Database engines and the settings an acknowledgement rests on.

SQLite: WAL with synchronous=FULL loses nothing acknowledged at a power loss; NORMAL does.
Readers open the file read-only, so the writer's connection is the only one that writes or
checkpoints (SQLite before 3.51.3 can corrupt its WAL when two connections do).
PostgreSQL: fsync, synchronous_commit and full_page_writes must be on.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError as ArgumentError
from sqlalchemy.pool import NullPool, QueuePool

from medquorum.node.store.errors import StoreError, StoreFailure, StoreWeak

BUSY_TIMEOUT_MS: Final = 5_000
"""How long a lock by a backup program is waited for before the commit counts as failed."""

WAL_LIMIT_BYTES: Final = 67_108_864
"""A WAL that grew past this is cut back at the next checkpoint."""

SQLITE_SETTINGS: Final[Mapping[str, str | int]] = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "secure_delete": 1,
}
"""Pragmas set on every connection and read back at start."""

POSTGRES_SETTINGS: Final[Mapping[str, frozenset[str]]] = {
    "fsync": frozenset({"on"}),
    "full_page_writes": frozenset({"on"}),
    "synchronous_commit": frozenset({"on", "remote_write", "remote_apply"}),
}
"""Server settings and the values under which an acknowledged commit survives a power loss."""


def parse_storage_url(storage_url: str) -> URL:
    """Accept sqlite:///FILE or postgresql://…; StoreError for anything else."""
    try:
        url = make_url(storage_url)
    except (ArgumentError, ValueError) as error:
        raise StoreError("storage url is not a database URL; use sqlite:///FILE") from error
    if url.drivername == "sqlite" and url.database not in (None, "", ":memory:"):
        if url.query:
            raise StoreError("storage url for SQLite takes no query parameters; remove them")
        return url
    if url.drivername in ("postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    raise StoreError("storage url must be sqlite:///FILE or postgresql://HOST/DATABASE")


def writer_engine(url: URL) -> Engine:
    """Return the engine whose single connection writes."""
    engine = create_engine(url, poolclass=NullPool)
    if url.get_backend_name() == "sqlite":
        _prepare_sqlite(engine, begin="BEGIN IMMEDIATE", read_only=False)
    return engine


def reader_engine(url: URL, *, connections: int) -> Engine:
    """Return an engine of at most `connections` read-only connections."""
    if url.get_backend_name() == "sqlite":
        file_uri = Path(url.database or "").absolute().as_uri()
        url = url.set(database=file_uri, query={"mode": "ro", "uri": "true"})
        engine = create_engine(url, poolclass=QueuePool, pool_size=connections, max_overflow=0)
        _prepare_sqlite(engine, begin="BEGIN", read_only=True)
        return engine
    return create_engine(
        url,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_pre_ping=True,
        execution_options={"postgresql_readonly": True},
    )


def _prepare_sqlite(engine: Engine, *, begin: str, read_only: bool) -> None:
    """Set pragmas on connect and begin transactions ourselves.

    Python's sqlite3 begins late and not before SAVEPOINT or DDL; with isolation_level None it
    leaves transactions to us.
    """

    @event.listens_for(engine, "connect")
    def set_pragmas(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.isolation_level = None
        dbapi_connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        for pragma, setting in SQLITE_SETTINGS.items():
            if not (read_only and pragma == "journal_mode"):
                dbapi_connection.execute(f"PRAGMA {pragma}={setting}")
        if read_only:
            dbapi_connection.execute("PRAGMA query_only=1")
        else:
            dbapi_connection.execute(f"PRAGMA journal_size_limit={WAL_LIMIT_BYTES}")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        dbapi_connection: Any = connection.connection.dbapi_connection
        try:
            dbapi_connection.execute(begin)
        except sqlite3.Error as error:
            # Raised outside SQLAlchemy's wrapping, so it is given its place here.
            raise StoreFailure(f"cannot begin ({error.sqlite_errorname})") from error


def assert_durable(connection: Connection) -> None:
    """Read the settings back; StoreWeak names every one that is too weak."""
    if connection.dialect.name == "sqlite":
        weak = _weak_sqlite_settings(connection)
    else:
        shown = {
            name: str(connection.exec_driver_sql(f"SHOW {name}").scalar_one())
            for name in POSTGRES_SETTINGS
        }
        weak = weak_postgres_settings(shown)
    if weak:
        raise StoreWeak(
            "the database could lose acknowledged blocks: "
            + ", ".join(weak)
            + "; correct these settings or move the storage to a local disk"
        )


def _weak_sqlite_settings(connection: Connection) -> tuple[str, ...]:
    found = {
        pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one()
        for pragma in SQLITE_SETTINGS
    }
    return tuple(
        f"{pragma} is {found[pragma]}, needs {wanted}"
        for pragma, wanted in SQLITE_SETTINGS.items()
        if (found[pragma] < wanted if pragma == "synchronous" else found[pragma] != wanted)
    )


def weak_postgres_settings(shown: Mapping[str, str]) -> tuple[str, ...]:
    """Return a phrase for each server setting outside POSTGRES_SETTINGS."""
    return tuple(
        f"{name} is {shown[name]}, needs {' or '.join(sorted(allowed))}"
        for name, allowed in POSTGRES_SETTINGS.items()
        if shown[name] not in allowed
    )
