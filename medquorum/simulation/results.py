"""Results of runs as a flat table: what each column is, in Parquet and in CSV.

One row is one run. The columns are the same in Parquet and in CSV; `COLUMNS` says what each kind
of value becomes in either. A Parquet table carries `FORMAT`, so that a later version can refuse
what it does not know instead of guessing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_type_hints

from medquorum.simulation.report import STALL, RunReport
from medquorum.simulation.toml import Variant

FORMAT: Final = "medquorum/simulation-runs/1"
"""Changes with the meaning of a column."""


class ResultsError(Exception):
    """Results that cannot be read or written; the text says what to do."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of one scenario; times in ms of virtual time unless a name says otherwise."""

    scenario: str
    """The scenario's name; variants of one parameter study share it."""
    variant: str
    """What was varied, such as `doctors=7`; empty without a study."""
    seed: int
    doctors: int
    nodes: int
    """Doctors and followers."""
    panel: str
    """Who decides on a proposal: all doctors or the care team."""
    mode: str
    """The quorum mode of ordering."""
    faults: tuple[str, ...]
    """The kinds of fault this seed had."""
    violations: tuple[str, ...]
    """Names of broken invariants, each once; empty when all held."""
    stalled: bool
    """Work was not final in time after the last fault had healed."""
    halted: bool
    """A node stopped by itself, as it must when it sees a fork."""
    trace_hash: str
    """Hex; the same seed gives the same."""
    virtual_ms: int
    wall_ms: int
    """Real time of the run on the machine that ran it."""
    steps: int
    """Events that replicas took."""
    messages: int
    """Sent, lost ones included."""
    bytes: int
    """Encoded size of the messages sent."""
    blocks: int
    """In the longest honest chain."""
    crashes: int
    restarts: int
    epochs: int
    """Epochs ended by amendments."""
    recovery_ms: int | None
    """From the healing of everything to the same chain everywhere; None: not reached."""
    latencies_ms: tuple[int, ...]
    """Of each block: from the verdict until it was final."""
    verdicts_ms: tuple[int, ...]
    """Of each decided proposal: from its submission until the verdict."""
    largest_queue: int
    """Most votes, certificates and proposals one honest replica's ordering held at once."""
    messages_by_kind: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def label(self) -> str:
        """Scenario and variant, for people."""
        return f"{self.scenario} ({self.variant})" if self.variant else self.scenario

    @property
    def study(self) -> str:
        """The label without the number of doctors: rows that differ in nothing else share it."""
        rest = [part for part in self.variant.split() if not part.startswith("doctors=")]
        return f"{self.scenario} ({' '.join(rest)})" if rest else self.scenario

    @property
    def failed(self) -> bool:
        """Whether anything is wrong with the run."""
        return bool(self.violations) or self.stalled or self.halted


def row_of_report(variant: Variant, report: RunReport, wall_ms: int) -> RunRow:
    """The row of one run of a variant of a study."""
    scenario = variant.scenario
    return RunRow(
        scenario=scenario.name,
        variant=variant.label,
        seed=report.seed,
        doctors=scenario.doctors,
        nodes=scenario.doctors + scenario.followers,
        panel=scenario.panel.value,
        mode=scenario.mode.value,
        faults=tuple(sorted(kind.value for kind in report.faults_used)),
        violations=tuple(sorted({one.invariant for one in report.violations} - {STALL})),
        stalled=report.stalled,
        halted=report.halted,
        trace_hash=report.trace_hash,
        virtual_ms=report.virtual_ms,
        wall_ms=wall_ms,
        steps=report.steps,
        messages=report.messages,
        bytes=report.bytes,
        blocks=report.blocks,
        crashes=report.crashes,
        restarts=report.restarts,
        epochs=report.epochs,
        recovery_ms=report.recovery_ms,
        latencies_ms=report.latencies_ms,
        verdicts_ms=report.verdicts_ms,
        largest_queue=report.largest_queue,
        messages_by_kind=dict(report.message_counts),
    )


@dataclass(frozen=True, slots=True)
class Column:
    """How one kind of value is kept: its Arrow type by name, and whether CSV keeps it as JSON."""

    arrow: str
    as_json: bool = False


_KINDS: Final[Mapping[Any, Column]] = {
    str: Column("string"),
    int: Column("int64"),
    bool: Column("bool"),
    int | None: Column("int64?"),
    tuple[str, ...]: Column("list<string>", as_json=True),
    tuple[int, ...]: Column("list<int64>", as_json=True),
    Mapping[str, int]: Column("map<string,int64>", as_json=True),
}
COLUMNS: Final[Mapping[str, Column]] = {
    name: _KINDS[kind]
    for name, kind in get_type_hints(RunRow, localns={"bytes": bytes, "Mapping": Mapping}).items()
}
"""In the order of the fields of `RunRow`."""


def row_values(row: RunRow) -> dict[str, Any]:
    """The row's values by column."""
    return {name: getattr(row, name) for name in COLUMNS}


def row_texts(row: RunRow) -> list[str]:
    """The row as CSV cells: numbers plain, true/false, lists and maps as JSON, None empty."""
    return [_text(value, COLUMNS[name]) for name, value in row_values(row).items()]


def row_of_texts(cells: Mapping[str, str]) -> RunRow:
    """The row of CSV cells; ResultsError names the column that does not fit."""
    return row_of_values({name: _value(name, cells[name]) for name in COLUMNS})


def row_of_values(values: Mapping[str, Any]) -> RunRow:
    """The row of values as Parquet gives them: lists become tuples, pairs become a map."""
    fitted: dict[str, Any] = {}
    for name, column in COLUMNS.items():
        value = values[name]
        if column.arrow.startswith("list") and value is not None:
            value = tuple(value)
        elif column.arrow.startswith("map") and value is not None:
            value = dict(value)
        if value is None and not column.arrow.endswith("?"):
            raise ResultsError(f"column {name}: a value is missing; write the table again")
        fitted[name] = value
    return RunRow(**fitted)


def _text(value: Any, column: Column) -> str:
    if value is None:
        return ""
    if column.as_json:
        return json.dumps(dict(value) if isinstance(value, Mapping) else list(value))
    if column.arrow == "bool":
        return "true" if value else "false"
    return str(value)


def _value(name: str, cell: str) -> Any:
    column = COLUMNS[name]
    if column.arrow == "string":
        return cell
    if column.arrow == "int64?" and not cell:
        return None
    try:
        value = json.loads(cell)
    except ValueError:
        raise _misfit(name, cell) from None
    if not _fits(value, column.arrow.rstrip("?")):
        raise _misfit(name, cell)
    return value


def _fits(value: Any, arrow: str) -> bool:
    match arrow:
        case "bool":
            return isinstance(value, bool)
        case "int64":
            return isinstance(value, int) and not isinstance(value, bool)
        case "list<string>":
            return isinstance(value, list) and all(isinstance(part, str) for part in value)
        case "list<int64>":
            return isinstance(value, list) and all(_fits(part, "int64") for part in value)
    return isinstance(value, dict) and all(_fits(part, "int64") for part in value.values())


def _misfit(name: str, cell: str) -> ResultsError:
    kind = COLUMNS[name].arrow
    return ResultsError(f"column {name}: {cell[:40]!r} is no {kind}; write the table again")
