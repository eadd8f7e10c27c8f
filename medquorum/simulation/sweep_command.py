"""What `simulate sweep` does: workers, a bar that shows where it is, a table, a summary."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from medquorum.simulation.cluster import Crew, cores, dask_crew, local_crew
from medquorum.simulation.results import COLUMNS, RunRow, row_texts
from medquorum.simulation.sweeping import Totals, sweep
from medquorum.simulation.tables import TableWriter, open_table
from medquorum.simulation.telling import sweep_lines
from medquorum.simulation.toml import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a sweep was asked for."""

    study: Study
    seeds: range
    workers: int | None = None
    """Processes of this machine; None: one per core."""
    dask: str | None = None
    """A scheduler's address instead."""
    folder: Path | None = None
    as_csv: bool = False
    as_json: bool = False

    @property
    def table(self) -> Path | None:
        """The table's file: seeds are in its name, so that further sweeps go beside it."""
        if self.folder is None:
            return None
        ending = "csv" if self.as_csv else "parquet"
        last = self.seeds[-1]
        return self.folder / f"{self.study.name}-{self.seeds[0]}-{last}.{ending}"

    @property
    def runs(self) -> int:
        """How many it makes."""
        return len(self.seeds) * len(self.study.variants)


def sweep_and_tell(order: Order) -> Totals:
    """Make the runs, write the table, print the summary; the totals."""
    with _crew(order) as crew, _writer(order) as writer, _bar(order, crew) as progress:

        def take(row: RunRow, totals: Totals) -> None:
            writer.add(row)
            progress.update(
                progress.task_ids[0],
                completed=totals.runs,
                rate=totals.seeds_per_second,
                failed=len(totals.failures),
            )

        totals = sweep(order.study, order.seeds, crew, take)
    if order.as_json:
        typer.echo(totals.as_json())
    else:
        lines = sweep_lines(order.study, totals, crew.where, order.table)
        typer.echo("\n".join(lines), err=order.as_csv and order.folder is None)
    return totals


def _crew(order: Order) -> AbstractContextManager[Crew]:
    if order.dask is not None:
        return dask_crew(order.dask)
    return local_crew(min(order.workers or cores(), order.runs))


def _bar(order: Order, crew: Crew) -> Progress:
    progress = Progress(
        TextColumn(f"{order.study.name} on {crew.where}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.1f} runs/s, {task.fields[failed]} failed"),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    progress.add_task("runs", total=order.runs, rate=0.0, failed=0)
    return progress


class _Nothing:
    def add(self, row: RunRow) -> None:
        """No table was asked for."""


class _ToStdout:
    def __init__(self) -> None:
        self._writer = csv.writer(sys.stdout, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def add(self, row: RunRow) -> None:
        """One line."""
        self._writer.writerow(row_texts(row))


@contextmanager
def _writer(order: Order) -> Iterator[TableWriter]:
    if order.table is not None:
        with open_table(order.table) as writer:
            yield writer
    elif order.as_csv:
        yield _ToStdout()
    else:
        yield _Nothing()
