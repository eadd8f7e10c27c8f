"""Read-only queries, away from the event loop and from the writer's connection."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine

from medquorum.node.store.errors import StoreBusy

READERS: Final = 2
"""Reader threads and connections: a query's Python part holds the interpreter lock anyway."""

WAITING_READS_LIMIT: Final = 1_024
"""Beyond this a reader is told StoreBusy instead of waiting for seconds."""

T = TypeVar("T")


class Readers:
    """A small pool of threads, each query in one read transaction (one snapshot)."""

    def __init__(self, engine: Engine, *, threads: int = READERS) -> None:
        self._engine = engine
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="store-reader")
        self._waiting = 0

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` on a read-only connection and return its result.

        A commit acknowledged before this call is visible to it. Raises StoreBusy when too many
        reads wait, and whatever the query raises.
        """
        if self._waiting >= WAITING_READS_LIMIT:
            raise StoreBusy(f"{WAITING_READS_LIMIT} queries are waiting; try again later")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, self._query, query)
        finally:
            self._waiting -= 1

    def _query(self, query: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            return query(connection)

    async def close(self) -> None:
        """Wait for running queries, then close every connection."""
        await asyncio.to_thread(self._executor.shutdown, wait=True)
        self._engine.dispose()
