"""Units and queries over the example table, and a child process that writes until it dies."""

import asyncio
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from medquorum.node.store.engine import default_storage_url, open_store
from medquorum.node.store.errors import StoreFailure


def append(entry: int) -> Callable[[Connection], int]:
    """Return a unit that inserts one row and answers its number."""

    def unit(connection: Connection) -> int:
        connection.exec_driver_sql("INSERT INTO journal(entry) VALUES (?)", (entry,))
        return entry

    return unit


def entries(connection: Connection) -> list[int]:
    """Return every row, ascending."""
    rows = connection.exec_driver_sql("SELECT entry FROM journal ORDER BY entry")
    return [row[0] for row in rows]


async def _write_until_death(home: Path, versions: Path, first: int) -> None:
    """Print each number after its commit was acknowledged; four submitters share batches."""
    store = open_store(home, default_storage_url(home), versions=versions)

    async def submitter(lane: int) -> None:
        entry = first + lane
        while True:
            print(await store.writer.submit(append(entry)), flush=True)
            entry += 4

    try:
        await asyncio.gather(*[submitter(lane) for lane in range(4)])
    except StoreFailure as failure:
        print(f"failure {failure}", flush=True)
        sys.exit(3)


if __name__ == "__main__":
    if int(sys.argv[4]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), int(sys.argv[4])))
    asyncio.run(_write_until_death(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
