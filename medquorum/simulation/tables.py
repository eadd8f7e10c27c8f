"""Tables of runs on disk: Parquet (extra `simulation`) or CSV, written row by row.

A table is written beside its name and renamed when it is whole, so a sweep that is interrupted
leaves either a whole table or none with that name. The format's name stands in Parquet's metadata;
a CSV is known by its header line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

from medquorum.simulation.results import (
    COLUMNS,
    FORMAT,
    ResultsError,
    RunRow,
    row_of_texts,
    row_of_values,
    row_texts,
    row_values,
)

ROW_GROUP: Final = 1_000
"""Rows held in memory before Parquet writes them."""
LONGEST_CELL: Final = 16 * 1024 * 1024
"""Characters of a CSV cell: the latencies of a run of 100,000 blocks stay far below."""
FORMAT_KEY: Final = b"medquorum"
INSTALL: Final = 'install the extra with: pip install "medquorum[simulation]"'


class TableWriter(Protocol):
    """What takes rows one by one."""

    def add(self, row: RunRow) -> None:
        """One more row."""


@contextmanager
def open_table(path: Path) -> Iterator[TableWriter]:
    """A writer for `.parquet` or `.csv`; the file gets its name when the block ends well."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _opened(path.suffix, partial) as writer:
            yield writer
        partial.replace(path)
    except OSError as error:
        raise ResultsError(
            f"cannot write {path}: {error.strerror or error}; name another folder with --out"
        ) from None
    finally:
        with suppress(OSError):
            partial.unlink()


def read_tables(paths: Sequence[Path]) -> list[RunRow]:
    """All rows of files and of the tables in folders, in the order given."""
    rows: list[RunRow] = []
    for path in paths:
        for table in _tables_in(path):
            rows.extend(_read_parquet(table) if table.suffix == ".parquet" else _read_csv(table))
    if not rows:
        raise ResultsError("the tables hold no runs; make some with: medquorum simulate sweep")
    return rows


def _tables_in(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(one for one in path.iterdir() if one.suffix in {".parquet", ".csv"})
        if not found:
            raise ResultsError(f"no .parquet or .csv in {path}; give sweep the same --out first")
        return found
    if path.suffix not in {".parquet", ".csv"}:
        raise ResultsError(f"{path}: results are .parquet or .csv files, or folders of them")
    if not path.is_file():
        raise ResultsError(f"there is no {path}; check the path")
    return [path]


@contextmanager
def _opened(suffix: str, partial: Path) -> Iterator[TableWriter]:
    if suffix == ".csv":
        with partial.open("w", encoding="utf-8", newline="") as stream:
            yield _CsvWriter(stream)
        return
    parquet = arrow_module("pyarrow.parquet")
    schema = arrow_schema()
    with parquet.ParquetWriter(partial, schema, compression="zstd") as writer:
        batch = _ParquetBatch(writer, schema)
        yield batch
        batch.flush()


class _CsvWriter:
    def __init__(self, stream: Any) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def add(self, row: RunRow) -> None:
        self._writer.writerow(row_texts(row))


class _ParquetBatch:
    def __init__(self, writer: Any, schema: Any) -> None:
        self._writer, self._schema = writer, schema
        self._rows: list[dict[str, Any]] = []

    def add(self, row: RunRow) -> None:
        self._rows.append(row_values(row))
        if len(self._rows) == ROW_GROUP:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            table = arrow_module("pyarrow").Table.from_pylist(self._rows, schema=self._schema)
            self._writer.write_table(table)
            self._rows = []


def arrow_module(name: str) -> Any:
    """A module of pyarrow; ResultsError says which extra brings it."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise ResultsError(f"Parquet needs pyarrow; {INSTALL}, or ask for --csv") from None


def arrow_schema() -> Any:
    """The columns as an Arrow schema that carries the format's name."""
    arrow = arrow_module("pyarrow")
    kinds = {
        "string": arrow.string(),
        "int64": arrow.int64(),
        "int64?": arrow.int64(),
        "bool": arrow.bool_(),
        "list<string>": arrow.list_(arrow.string()),
        "list<int64>": arrow.list_(arrow.int64()),
        "map<string,int64>": arrow.map_(arrow.string(), arrow.int64()),
    }
    fields = [
        arrow.field(name, kinds[column.arrow], nullable=column.arrow.endswith("?"))
        for name, column in COLUMNS.items()
    ]
    return arrow.schema(fields, metadata={FORMAT_KEY: FORMAT.encode()})


def _read_parquet(path: Path) -> Iterator[RunRow]:
    parquet, arrow = arrow_module("pyarrow.parquet"), arrow_module("pyarrow")
    try:
        table = parquet.read_table(path)
    except (arrow.ArrowException, OSError):
        raise ResultsError(f"{path} is no Parquet file; write it again") from None
    if (table.schema.metadata or {}).get(FORMAT_KEY) != FORMAT.encode():
        raise _foreign(path)
    if tuple(table.schema.names) != tuple(COLUMNS):
        raise _foreign(path)
    for values in table.to_pylist():
        yield row_of_values(values)


def _read_csv(path: Path) -> Iterator[RunRow]:
    csv.field_size_limit(LONGEST_CELL)
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            if tuple(reader.fieldnames or ()) != tuple(COLUMNS):
                raise _foreign(path)
            for cells in reader:
                if None in cells or None in cells.values():
                    raise ResultsError(f"{path} line {reader.line_num}: not one cell per column")
                yield row_of_texts(cells)
    except (UnicodeDecodeError, csv.Error):
        raise _foreign(path) from None


def _foreign(path: Path) -> ResultsError:
    return ResultsError(
        f"{path} is no table of {FORMAT}; make one with: medquorum simulate sweep --out DIR"
    )
