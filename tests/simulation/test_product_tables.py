"""Tables of runs: what is written is read again, and anything else is refused by name."""

from pathlib import Path

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

from medquorum.simulation.results import COLUMNS, ResultsError, RunRow
from medquorum.simulation.tables import ROW_GROUP, open_table, read_tables
from tests.simulation.product_rows import made_up_row

ROWS = [
    made_up_row(1),
    made_up_row(2, faults=(), recovery_ms=None, latencies_ms=(), messages_by_kind={}),
    made_up_row(3, violations=("agreement", "no, really"), stalled=True, variant="a=1 b=2"),
]
FORMATS = pytest.mark.parametrize("ending", ["parquet", "csv"])


def written(path: Path, rows: list[RunRow]) -> Path:
    with open_table(path) as writer:
        for row in rows:
            writer.add(row)
    return path


@FORMATS
def test_what_is_written_is_read_again(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path / "deep" / f"runs.{ending}", ROWS)
    assert read_tables([path]) == ROWS
    assert read_tables([path.parent]) == ROWS
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_csv_and_parquet_hold_the_same(tmp_path: Path) -> None:
    both = [written(tmp_path / f"runs.{ending}", ROWS) for ending in ("csv", "parquet")]
    assert read_tables(both[:1]) == read_tables(both[1:])
    assert read_tables([tmp_path]) == ROWS + ROWS


@FORMATS
def test_the_same_rows_give_the_same_bytes(tmp_path: Path, ending: str) -> None:
    first, second = (written(tmp_path / f"{name}.{ending}", ROWS) for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_parquet_is_written_in_groups_and_opens_in_other_programs(tmp_path: Path) -> None:
    path = written(tmp_path / "runs.parquet", [ROWS[0]] * (ROW_GROUP + 1))
    table = parquet.ParquetFile(path)
    assert (table.num_row_groups, table.metadata.num_rows) == (2, ROW_GROUP + 1)
    assert table.schema_arrow.field("latencies_ms").type == arrow.list_(arrow.int64())
    assert tuple(table.schema_arrow.names) == tuple(COLUMNS)


@FORMATS
def test_a_sweep_that_fails_leaves_no_table(tmp_path: Path, ending: str) -> None:
    with pytest.raises(RuntimeError), open_table(tmp_path / f"runs.{ending}") as writer:
        writer.add(ROWS[0])
        raise RuntimeError("the program failed")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("runs.txt", b"", "results are .parquet or .csv files"),
        ("runs.csv", b"", "is no table of medquorum/simulation-runs/1"),
        ("runs.csv", b"a,b\n1,2\n", "is no table of"),
        ("runs.csv", b"\xff\xfe", "is no table of"),
        ("runs.parquet", b"PAR1 and then nothing", "is no Parquet file"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ResultsError, match=words):
        read_tables([path])


def test_a_parquet_table_of_somebody_else_is_refused(tmp_path: Path) -> None:
    parquet.write_table(arrow.table({"seed": [1, 2]}), tmp_path / "runs.parquet")
    with pytest.raises(ResultsError, match="is no table of"):
        read_tables([tmp_path])


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [
        ("seed", "one", "column seed: 'one' is no int64"),
        ("seed", "true", "column seed: 'true' is no int64"),
        ("stalled", "1", "column stalled: '1' is no bool"),
        ("latencies_ms", '"[1, ""2""]"', "column latencies_ms"),
        ("messages_by_kind", "[]", "column messages_by_kind"),
        ("blocks", "", "column blocks: '' is no int64"),
    ],
)
def test_a_cell_that_does_not_fit_is_named(
    tmp_path: Path, column: str, cell: str, words: str
) -> None:
    row = made_up_row(latencies_ms=(), verdicts_ms=(), messages_by_kind={}, faults=())
    lines = written(tmp_path / "runs.csv", [row]).read_text(encoding="utf-8").splitlines()
    cells = lines[1].split(",")
    cells[list(COLUMNS).index(column)] = cell
    (tmp_path / "runs.csv").write_text(f"{lines[0]}\n{','.join(cells)}\n", encoding="utf-8")
    with pytest.raises(ResultsError) as refused:
        read_tables([tmp_path])
    assert words in str(refused.value)


def test_a_short_line_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "runs.csv", ROWS[:1])
    path.write_text(path.read_text(encoding="utf-8").rsplit(",", 3)[0], encoding="utf-8")
    with pytest.raises(ResultsError, match="line 2: not one cell per column"):
        read_tables([path])


def test_empty_places_say_what_to_do_first(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="give sweep the same --out first"):
        read_tables([tmp_path])
    with pytest.raises(ResultsError, match="check the path"):
        read_tables([tmp_path / "absent.csv"])
    with pytest.raises(ResultsError, match="hold no runs"):
        read_tables([written(tmp_path / "runs.csv", [])])


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(ResultsError, match="name another folder with --out"),
        open_table(tmp_path / "file" / "runs.csv"),
    ):
        pass
