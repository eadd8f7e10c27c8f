"""Many runs at once: on this machine's cores, or on a Dask cluster by its scheduler's address.

Both are executors in the sense of `concurrent.futures`, so a sweep is one loop. Results come in the
order of the jobs, wherever and whenever they were made: tables do not depend on who computed them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from medquorum.simulation.results import RunRow, row_of_report
from medquorum.simulation.toml import Variant

WAITING_PER_SLOT: Final = 3
"""Jobs handed out ahead of each worker: nobody waits, and little is lost when one stops."""
MOST_WORKERS: Final = 256
CONNECT_S: Final = 10
INSTALL: Final = 'pip install "medquorum[cluster]"'


class ClusterError(Exception):
    """The workers cannot be had; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run to be made."""

    variant: Variant
    seed: int


@dataclass(frozen=True, slots=True)
class Crew:
    """Who does the jobs."""

    executor: Executor | None
    """None: this process does them itself."""
    slots: int
    """Jobs they do at the same time."""
    where: str
    """For people, such as `2 processes`."""


def perform(job: Job) -> RunRow:
    """Make one run here; an error of the program itself names scenario and seed."""
    from medquorum.simulation.run import run

    started = time.perf_counter()
    try:
        report = run(job.variant.scenario, job.seed)
    except Exception as error:
        place = " ".join(filter(None, (job.variant.scenario.name, job.variant.label)))
        error.add_note(f"in {place} seed {job.seed}")
        raise
    return row_of_report(job.variant, report, int((time.perf_counter() - started) * 1_000))


def perform_all(
    jobs: Iterable[Job], crew: Crew, work: Callable[[Job], RunRow] = perform
) -> Iterator[RunRow]:
    """The rows of the jobs in their order; at most a few per slot are handed out at a time."""
    if crew.executor is None:
        yield from map(work, jobs)
        return
    waiting: deque[Future[RunRow]] = deque()
    try:
        for job in jobs:
            waiting.append(crew.executor.submit(work, job))
            if len(waiting) >= WAITING_PER_SLOT * crew.slots:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def cores() -> int:
    """The cores this process may use."""
    return min(len(os.sched_getaffinity(0)), MOST_WORKERS)


@contextmanager
def local_crew(workers: int) -> Iterator[Crew]:
    """This machine: so many processes, or this one when it is one."""
    if workers == 1:
        yield Crew(None, 1, "1 process")
        return
    pool = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_leave_to_parent
    )
    try:
        yield Crew(pool, workers, f"{workers} processes")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _leave_to_parent() -> None:
    """Ctrl-C reaches every process of a terminal; only the one that talks to people answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def dask_crew(address: str) -> Iterator[Crew]:
    """The workers of a Dask scheduler; ClusterError when there is none or it has no workers."""
    client = _connected(address)
    try:
        slots = sum(client.nthreads().values())
        if not slots:
            raise ClusterError(
                f"the scheduler {address} has no workers; start some: dask worker {address}"
            )
        yield Crew(client.get_executor(), slots, f"{slots} threads of the Dask cluster {address}")
    finally:
        client.close()


def _connected(address: str) -> Any:
    try:
        distributed = import_module("distributed")
    except ModuleNotFoundError:
        raise ClusterError(f"a Dask cluster needs the extra cluster; {INSTALL}") from None
    try:
        return distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({reason:.120}); it is given as "
            "tcp://HOST:8786, and started with: dask scheduler"
        ) from None
