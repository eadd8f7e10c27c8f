"""What a benchmark found: figures with targets and floors, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from rich.console import Console
from rich.table import Table


class Sense(StrEnum):
    """Which side of a target is good."""

    AT_MOST = "≤"
    AT_LEAST = "≥"


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should reach."""

    sense: Sense
    value: float

    def met(self, measured: float) -> bool:
        """Whether the figure reaches it."""
        if self.sense is Sense.AT_MOST:
            return measured <= self.value
        return measured >= self.value


@dataclass(frozen=True, slots=True)
class Floor:
    """What this machine sets as the limit, measured in the same run, in the figure's unit."""

    value: float
    what: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure."""

    name: str
    measured: float
    unit: str
    target: Target | None = None
    floor: Floor | None = None

    @property
    def verdict(self) -> str:
        """In words; empty where there is no target."""
        if self.target is None:
            return ""
        return "pass" if self.target.met(self.measured) else "falls short"

    @property
    def ratio(self) -> float | None:
        """Measured through floor."""
        return self.measured / self.floor.value if self.floor and self.floor.value else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one benchmark found."""

    benchmark: str
    setting: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run."""

    environment: dict[str, str | int | float]
    outcomes: list[Outcome] = field(default_factory=list)

    def as_json(self) -> str:
        """Everything, with verdicts and ratios spelt out."""
        outcomes = [
            {
                **asdict(outcome),
                "figures": [
                    {**asdict(one), "verdict": one.verdict, "ratio_to_floor": one.ratio}
                    for one in outcome.figures
                ],
            }
            for outcome in self.outcomes
        ]
        return json.dumps({"environment": self.environment, "outcomes": outcomes}, indent=2)


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of ascending values; `share` in [0, 1]."""
    if not sorted_values:
        raise ValueError("no values")
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def show(console: Console, outcome: Outcome) -> None:
    """One benchmark as a table with its notes."""
    table = Table(
        title=f"{outcome.benchmark}: {outcome.setting}", title_justify="left", expand=False
    )
    table.add_column("figure")
    for column in ("measured", "target", "floor", "× floor"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for figure in outcome.figures:
        table.add_row(*_row(figure))
    console.print(table)
    floors = {one.floor.what for one in outcome.figures if one.floor is not None}
    for note in (*(f"floor: {what}" for what in sorted(floors)), *outcome.notes):
        console.print(f"  {note}", highlight=False)


def _row(figure: Figure) -> tuple[str, ...]:
    target, floor, ratio = figure.target, figure.floor, figure.ratio
    style = {"pass": "[green]pass[/]", "falls short": "[red]falls short[/]"}
    return (
        figure.name,
        f"{_number(figure.measured)} {figure.unit}",
        f"{target.sense.value} {_number(target.value)}" if target else "",
        _number(floor.value) if floor else "",
        f"{ratio:.2f}" if ratio is not None else "",
        style.get(figure.verdict, ""),
    )


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1_000_000:
        return str(int(value))
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
