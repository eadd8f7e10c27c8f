"""Group commit: one thread, one connection, many units of work per fsync.

A unit is a function of the connection. The thread takes every unit that waits (up to a bound),
runs them in one transaction and answers only after COMMIT returned, so an answer means *durable*
(R-SIM10). In a batch of several, each unit has a savepoint: one that fails is undone alone and
gets its own exception. When storage itself fails (COMMIT, disk full, I/O error) every unit of
the batch fails with StoreFailure and the writer stays broken: after a failed fsync nobody knows
what the disk holds, so the node must stop and never retry.
"""

import asyncio
import queue
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from medquorum.node.store.dialects import assert_durable
from medquorum.node.store.errors import StoreBusy, StoreFailure

QUEUE_LIMIT: Final = 4_096
"""Waiting units; at 300 per transaction this is a few milliseconds of work. Beyond: StoreBusy."""

BATCH_LIMIT: Final = 256
"""Units per transaction: past this the fsync is amortised and latency only grows."""

SQLITE_STORAGE_ERRORS: Final = frozenset({7, 8, 10, 11, 13, 14, 26})
"""Primary codes NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB."""

POSTGRES_STORAGE_CLASSES: Final = frozenset({"08", "53", "57", "58", "XX"})
"""SQLSTATE classes: connection, resources, operator intervention, system error, internal."""

T = TypeVar("T")
Unit = Callable[[Connection], T]


@dataclass(frozen=True, slots=True)
class _Job:
    unit: Unit[Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    in_transaction: bool


@dataclass(frozen=True, slots=True)
class _Outcome:
    job: _Job
    result: Any = None
    error: Exception | None = None


class Writer:
    """The only way to change the database. `start` it once, `close` it at the end.

    A unit never commits or rolls back itself, never blocks on anything but the database, and
    still runs when the task that awaits it is cancelled.
    """

    def __init__(
        self, engine: Engine, *, queue_limit: int = QUEUE_LIMIT, batch_limit: int = BATCH_LIMIT
    ) -> None:
        self._engine = engine
        self._queue_limit = queue_limit
        self._batch_limit = batch_limit
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._held: list[_Job | None] = []
        self._failure: StoreFailure | None = None
        self._closed = False
        self._thread: threading.Thread | None = None
        self.commits = 0
        """Transactions made durable since start."""
        self.units = 0
        """Units made durable since start; units / commits is the mean batch."""

    @property
    def failure(self) -> StoreFailure | None:
        """Why the writer is broken, or None."""
        return self._failure

    def start(self) -> None:
        """Open the connection, check its settings (StoreWeak) and start the thread."""
        connection = self._engine.connect()
        try:
            assert_durable(connection)
        except BaseException:
            connection.close()
            raise
        connection.rollback()
        self._thread = threading.Thread(
            target=self._run, args=(connection,), name="store-writer", daemon=True
        )
        self._thread.start()

    def submit_nowait(self, unit: Unit[T]) -> asyncio.Future[T]:
        """Queue a unit and return the future of its durable result.

        Raises StoreBusy when the queue is full and StoreFailure when the writer is broken or
        closed. The future fails with the unit's own exception or with StoreFailure.
        """
        return self._enqueue(unit, in_transaction=True)

    async def submit(self, unit: Unit[T]) -> T:
        """Run a unit and return its result once it is durable; errors as `submit_nowait`."""
        return await self._enqueue(unit, in_transaction=True)

    async def truncate_log(self) -> bool:
        """Move the write-ahead log into the database and empty it, so erased rows leave it too.

        Returns False when a reader held it back (call again later); always True on PostgreSQL.
        """
        return await self._enqueue(_truncate_log, in_transaction=False)

    async def close(self) -> None:
        """Finish what is queued, then close the connection and end the thread."""
        if self._thread is None or self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _enqueue(self, unit: Unit[T], *, in_transaction: bool) -> asyncio.Future[T]:
        if self._failure is not None:
            raise self._failure
        if self._closed or self._thread is None:
            raise StoreFailure("the store is closed")
        if self._jobs.qsize() >= self._queue_limit:
            raise StoreBusy(f"{self._queue_limit} changes are waiting; try again later")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(unit, future, loop, in_transaction))
        return future

    def _run(self, connection: Connection) -> None:
        while True:
            first = self._held.pop() if self._held else self._jobs.get()
            if first is None:
                break
            if self._failure is not None:
                outcomes = [_Outcome(first, error=self._failure)]
            elif first.in_transaction:
                outcomes = self._commit_batch(connection, self._take_batch(first))
            else:
                outcomes = [self._run_alone(connection, first)]
            _deliver(outcomes)
        connection.close()

    def _take_batch(self, first: _Job) -> list[_Job]:
        batch = [first]
        while len(batch) < self._batch_limit:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None or not job.in_transaction:
                self._held.append(job)
                break
            batch.append(job)
        return batch

    def _commit_batch(self, connection: Connection, batch: list[_Job]) -> list[_Outcome]:
        try:
            transaction = connection.begin()
            if len(batch) == 1:
                outcomes = [_run_unit(connection, batch[0])]
            else:
                outcomes = [_run_in_savepoint(connection, job) for job in batch]
            if len(outcomes) == 1 and outcomes[0].error is not None:
                transaction.rollback()
                return outcomes
            transaction.commit()
        except (SQLAlchemyError, StoreFailure) as error:
            return self._break(connection, batch, error)
        self.commits += 1
        self.units += sum(outcome.error is None for outcome in outcomes)
        return outcomes

    def _run_alone(self, connection: Connection, job: _Job) -> _Outcome:
        try:
            return _Outcome(job, result=job.unit(connection))
        except (SQLAlchemyError, sqlite3.Error) as error:
            return self._break(connection, [job], error)[0]

    def _break(self, connection: Connection, batch: list[_Job], error: Exception) -> list[_Outcome]:
        failure = StoreFailure(
            f"storage failed ({_reason(error)}); stop the node and mend the disk"
        )
        failure.__cause__ = error
        self._failure = failure
        connection.invalidate()
        return [_Outcome(job, error=failure) for job in batch]


def _run_unit(connection: Connection, job: _Job) -> _Outcome:
    try:
        return _Outcome(job, result=job.unit(connection))
    # Not silence: like an executor, the writer hands every error of a unit to its submitter.
    except Exception as error:
        if _is_storage_failure(connection, error):
            raise StoreFailure(_reason(error)) from error
        return _Outcome(job, error=error)


def _run_in_savepoint(connection: Connection, job: _Job) -> _Outcome:
    connection.exec_driver_sql("SAVEPOINT unit")
    outcome = _run_unit(connection, job)
    if outcome.error is not None:
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT unit")
    connection.exec_driver_sql("RELEASE SAVEPOINT unit")
    return outcome


def _is_storage_failure(connection: Connection, error: Exception) -> bool:
    """True when the error is the storage's, not the unit's.

    SQLite rolls the whole transaction back by itself on FULL, IOERR and NOMEM: then the
    neighbours' work is gone as well.
    """
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if connection.dialect.name == "sqlite":
        dbapi_connection: Any = connection.connection.dbapi_connection
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        return code in SQLITE_STORAGE_ERRORS or not dbapi_connection.in_transaction
    sqlstate = getattr(error.orig, "sqlstate", None) or "XX"
    return sqlstate[:2] in POSTGRES_STORAGE_CLASSES


def _reason(error: Exception) -> str:
    """Name the failure without its SQL or parameters, which may hold record content."""
    if isinstance(error, DBAPIError):
        name = getattr(error.orig, "sqlite_errorname", None) or getattr(
            error.orig, "sqlstate", None
        )
        return str(name or type(error.orig).__name__)
    if isinstance(error, StoreFailure):
        return str(error)
    return str(getattr(error, "sqlite_errorname", type(error).__name__))


def _truncate_log(connection: Connection) -> bool:
    if connection.dialect.name != "sqlite":
        return True
    dbapi_connection: Any = connection.connection.dbapi_connection
    busy, _, _ = dbapi_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _deliver(outcomes: list[_Outcome]) -> None:
    """Wake each event loop once per batch, however many futures it waits for."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_loop[outcome.job.loop].append(outcome)
    for loop, group in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, group)
        except RuntimeError:
            continue  # The loop was closed: nobody is left to answer.


def _resolve(outcomes: list[_Outcome]) -> None:
    for outcome in outcomes:
        future = outcome.job.future
        if future.done():
            continue
        if outcome.error is None:
            future.set_result(outcome.result)
        else:
            future.set_exception(outcome.error)
