"""Opening the store: lock the folder, migrate, check the settings, start writer and readers."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection
from sqlalchemy.exc import SQLAlchemyError

from medquorum.node.store.dialects import parse_storage_url, reader_engine, writer_engine
from medquorum.node.store.errors import StoreError, StoreFailure
from medquorum.node.store.folder_lock import FolderLock
from medquorum.node.store.migrate import VERSIONS, upgrade_to_head
from medquorum.node.store.readers import Readers
from medquorum.node.store.writer import Writer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Store:
    """An open store. `writer.submit` changes it, `read` queries it, `close` ends it."""

    writer: Writer
    readers: Readers
    revision: str | None
    """Schema revision reached by the migrations."""
    lock: FolderLock

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query on a read-only connection; see `Readers.read`."""
        return await self.readers.read(query)

    async def close(self) -> None:
        """Readers first, so that the writer's close folds the log into the database."""
        await self.readers.close()
        await self.writer.close()
        self.lock.release()


def default_storage_url(home: Path) -> str:
    """The SQLite file of a node folder."""
    url = URL.create("sqlite", database=str(home.absolute() / "ledger.sqlite"))
    return url.render_as_string()


def open_store(home: Path, storage_url: str, *, versions: Path = VERSIONS) -> Store:
    """Open the store of the node folder `home` (blocking; call it before the loop is busy).

    Raises StoreInUse, StoreTooNew, StoreWeak, or StoreFailure when the database cannot be
    reached; each message says what to do.
    """
    url = parse_storage_url(storage_url)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FolderLock(home)
    try:
        _create_owner_only(url)
        revision = upgrade_to_head(storage_url, versions=versions)
        writer = Writer(writer_engine(url))
        writer.start()
    except (SQLAlchemyError, OSError) as error:
        lock.release()
        raise StoreFailure(f"cannot open the database ({type(error).__name__})") from error
    except StoreError:
        lock.release()
        raise
    return Store(writer, Readers(reader_engine(url, connections=2)), revision, lock)


def _create_owner_only(url: URL) -> None:
    """SQLite gives its log and index files the rights of the database file."""
    if url.get_backend_name() == "sqlite" and url.database is not None:
        descriptor = os.open(url.database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.close(descriptor)
