"""The writer: an answer means durable, a failing unit fails alone, failing storage ends it."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import IntegrityError, OperationalError

from medquorum.node.store.dialects import parse_storage_url, writer_engine
from medquorum.node.store.engine import Store, default_storage_url
from medquorum.node.store.errors import StoreBusy, StoreFailure
from medquorum.node.store.writer import Writer
from tests.node.store.journal import append, entries


def _hold(store: Store) -> tuple[asyncio.Future[None], threading.Event]:
    """Occupy the writer thread so that later submissions form one batch."""
    gate, entered = threading.Event(), threading.Event()

    def unit(_connection: Connection) -> None:
        entered.set()
        gate.wait(10)

    future = store.writer.submit_nowait(unit)
    assert entered.wait(10)
    return future, gate


async def test_a_result_comes_back_and_is_visible_to_readers(store: Store) -> None:
    assert await store.writer.submit(append(7)) == 7
    assert await store.read(entries) == [7]


async def test_waiting_units_share_one_commit(store: Store) -> None:
    held, gate = _hold(store)
    futures = [store.writer.submit_nowait(append(entry)) for entry in range(100)]
    commits = store.writer.commits
    gate.set()
    await held
    assert await asyncio.gather(*futures) == list(range(100))
    assert store.writer.commits == commits + 2
    assert await store.read(entries) == list(range(100))


async def test_a_failing_unit_of_a_batch_is_undone_alone(store: Store) -> None:
    def half_done(connection: Connection) -> None:
        append(50)(connection)
        raise LookupError("refused")

    held, gate = _hold(store)
    units: list[Callable[[Connection], Any]] = [append(1), half_done, append(1), append(2)]
    futures = [store.writer.submit_nowait(unit) for unit in units]
    gate.set()
    await held
    outcomes = await asyncio.gather(*futures, return_exceptions=True)
    assert outcomes[0] == 1
    assert isinstance(outcomes[1], LookupError)
    assert isinstance(outcomes[2], IntegrityError)
    assert outcomes[3] == 2
    assert await store.read(entries) == [1, 2]


async def test_a_failing_unit_alone_is_undone(store: Store) -> None:
    def half_done(connection: Connection) -> None:
        append(50)(connection)
        raise LookupError("refused")

    with pytest.raises(LookupError, match="refused"):
        await store.writer.submit(half_done)
    assert await store.writer.submit(append(1)) == 1
    assert await store.read(entries) == [1]


async def test_units_run_in_the_order_of_submission(store: Store) -> None:
    seen: list[int] = []

    def note(number: int) -> Callable[[Connection], None]:
        return lambda _connection: seen.append(number)

    held, gate = _hold(store)
    before = [store.writer.submit_nowait(note(number)) for number in range(300)]
    truncation = asyncio.ensure_future(store.writer.truncate_log())
    await asyncio.sleep(0)
    after = [store.writer.submit_nowait(note(number)) for number in range(300, 600)]
    gate.set()
    await held
    await asyncio.gather(*before, truncation, *after)
    assert seen == list(range(600))


async def test_a_full_queue_is_refused(home: Path, store: Store) -> None:
    url = parse_storage_url(default_storage_url(home))
    small = Writer(writer_engine(url), queue_limit=2)
    small.start()
    gate, entered = threading.Event(), threading.Event()

    def wait(_connection: Connection) -> None:
        entered.set()
        gate.wait(10)

    futures: list[asyncio.Future[Any]] = [small.submit_nowait(wait)]
    assert entered.wait(10)
    futures += [small.submit_nowait(append(n)) for n in (1, 2)]
    with pytest.raises(StoreBusy, match="2 changes are waiting"):
        small.submit_nowait(append(3))
    gate.set()
    await asyncio.gather(*futures)
    await small.close()
    assert await store.read(entries) == [1, 2]


async def test_a_failing_commit_fails_its_batch_and_breaks_the_writer(
    home: Path, store: Store
) -> None:
    engine = writer_engine(parse_storage_url(default_storage_url(home)))
    writer = Writer(engine)
    writer.start()
    await writer.submit(append(1))

    def fail_commit(_connection: Connection) -> None:
        raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))

    event.listen(engine, "commit", fail_commit)
    futures = [writer.submit_nowait(append(entry)) for entry in (2, 3)]
    outcomes = await asyncio.gather(*futures, return_exceptions=True)
    assert all(isinstance(outcome, StoreFailure) for outcome in outcomes)
    event.remove(engine, "commit", fail_commit)
    assert writer.failure is not None
    with pytest.raises(StoreFailure, match="stop the node"):
        writer.submit_nowait(append(4))
    await writer.close()
    assert await store.read(entries) == [1]


async def test_storage_errors_inside_a_unit_break_the_writer_too(store: Store) -> None:
    def lose_the_disk(_connection: Connection) -> None:
        cause = sqlite3.OperationalError("database or disk is full")
        cause.sqlite_errorcode = sqlite3.SQLITE_FULL
        cause.sqlite_errorname = "SQLITE_FULL"
        raise OperationalError("INSERT", {"secret": "text"}, cause)

    with pytest.raises(StoreFailure, match="SQLITE_FULL") as caught:
        await store.writer.submit(lose_the_disk)
    assert "secret" not in str(caught.value)
    assert store.writer.failure is not None


async def test_cancelling_the_waiter_does_not_cancel_the_unit(store: Store) -> None:
    held, gate = _hold(store)
    waiter = asyncio.ensure_future(store.writer.submit(append(9)))
    await asyncio.sleep(0)
    waiter.cancel()
    gate.set()
    await held
    await store.writer.submit(append(10))
    assert waiter.cancelled()
    assert await store.read(entries) == [9, 10]


async def test_close_finishes_what_is_queued(home: Path, store: Store) -> None:
    writer = Writer(writer_engine(parse_storage_url(default_storage_url(home))))
    writer.start()
    futures = [writer.submit_nowait(append(entry)) for entry in range(10)]
    await writer.close()
    assert await asyncio.gather(*futures) == list(range(10))
    with pytest.raises(StoreFailure, match="closed"):
        writer.submit_nowait(append(11))


async def test_truncating_the_log_removes_erased_bytes_from_disk(home: Path, store: Store) -> None:
    canary = "canary-of-an-erased-record"
    await store.writer.submit(
        lambda connection: connection.exec_driver_sql(
            "INSERT INTO journal(entry, note) VALUES (1, ?)", (canary,)
        ).close()
    )

    def on_disk() -> bool:
        return any(canary.encode() in path.read_bytes() for path in home.iterdir())

    assert on_disk()
    await store.writer.submit(
        lambda connection: connection.exec_driver_sql("DELETE FROM journal").close()
    )
    assert await store.writer.truncate_log()
    assert not on_disk()
