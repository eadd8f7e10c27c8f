"""What grows with the number of doctors: messages and bytes for a block, time to a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from medquorum.simulation.figures.grouping import grouped, in_reading_order
from medquorum.simulation.figures.style import (
    COLOURS,
    GREY,
    GUIDE,
    LINES,
    MARKERS,
    MOST_SERIES,
    entitle,
    legend_below,
    new_figure,
    number_axis,
)
from medquorum.simulation.measures import quantile, unit_for
from medquorum.simulation.results import RunRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


BESIDE: Final = 0.025
"""Share of n by which series stand apart, so that their bars do not hide each other."""


@dataclass(frozen=True, slots=True)
class Point:
    """Median and middle 80 % at one size."""

    size: int
    low: float
    middle: float
    high: float


def traffic_figure(rows: Sequence[RunRow]) -> Figure | str:
    """Messages and KiB per block against the number of doctors; or a sentence why not."""
    made = [row for row in rows if row.blocks]
    messages = _series(made, lambda row: [row.messages / row.blocks])
    kibibytes = _series(made, lambda row: [row.bytes / row.blocks / 1_024])
    if not messages:
        return (
            "traffic: needs runs with two or more numbers of doctors; try: sweep messages-against-n"
        )
    figure, (left, right) = new_figure(columns=2)
    for axes, series, title, unit in (
        (left, messages, "Messages for one block", "messages per block"),
        (right, kibibytes, "Traffic for one block", "KiB per block"),
    ):
        _draw(axes, series)
        _guide(axes, next(iter(series.values())))
        axes.set_xscale("log")
        axes.set_yscale("log")
        number_axis(axes.yaxis)
        _size_ticks(axes, series)
        axes.set_xlabel("doctors (nodes that order)")
        axes.set_ylabel(unit)
        entitle(axes, title, "all nodes together; median, bars 10 % to 90 % of runs")
    legend_below(figure, left)
    return figure


def verdict_figure(rows: Sequence[RunRow]) -> Figure | str:
    """Time from a proposal to its verdict, by who decides; or a sentence why not."""
    series = _series(rows, lambda row: row.verdicts_ms)
    if not series:
        return (
            "verdicts: needs runs with two or more numbers of doctors; try: sweep panel-size-study"
        )
    figure, (axes,) = new_figure()
    divisor, unit = unit_for(max(point.middle for line in series.values() for point in line))
    scaled = {
        label: [
            Point(one.size, one.low / divisor, one.middle / divisor, one.high / divisor)
            for one in line
        ]
        for label, line in series.items()
    }
    _draw(axes, scaled)
    axes.set_ylim(bottom=0)
    _size_ticks(axes, scaled)
    axes.set_xlabel("doctors of the network")
    axes.set_ylabel(f"from proposal to verdict ({unit})")
    proposals = sum(len(row.verdicts_ms) for row in rows)
    entitle(
        axes,
        "How long a panel takes to decide",
        f"{proposals:,} proposals; median, bars 10 % to 90 % of proposals; virtual time",
    )
    legend_below(figure, axes)
    return figure


def _series(
    rows: Sequence[RunRow], values_of: Callable[[RunRow], Sequence[float]]
) -> dict[str, list[Point]]:
    """Points by study, ascending by number of doctors; only studies with two numbers or more."""
    by_study = grouped(rows, lambda row: row.study)
    series: dict[str, list[Point]] = {}
    for study in in_reading_order(by_study):
        points = []
        for size, alike in sorted(grouped(by_study[study], lambda row: row.doctors).items()):
            values = sorted(float(value) for row in alike for value in values_of(row))
            if values:
                low, middle, high = (quantile(values, share) for share in (0.1, 0.5, 0.9))
                points.append(Point(size, low, middle, high))
        if len(points) > 1 and len(series) < MOST_SERIES:
            series[study] = points
    return series


def _draw(axes: Axes, series: Mapping[str, Sequence[Point]]) -> None:
    for place, (label, points) in enumerate(series.items()):
        middles = [point.middle for point in points]
        below = [point.middle - point.low for point in points]
        above = [point.high - point.middle for point in points]
        aside = 1 + BESIDE * (place - (len(series) - 1) / 2)
        axes.errorbar(
            [point.size * aside for point in points],
            middles,
            yerr=[below, above],
            color=COLOURS[place],
            linestyle=LINES[place],
            marker=MARKERS[place],
            capsize=3,
            elinewidth=1,
            label=label,
        )


def _guide(axes: Axes, points: Sequence[Point]) -> None:
    """A line that grows with the square of n, from the first point."""
    sizes = [point.size for point in points]
    start = points[0].middle
    axes.plot(
        sizes,
        [start * (size / sizes[0]) ** 2 for size in sizes],
        color=GREY,
        linewidth=1,
        linestyle=":",
        label=GUIDE,
    )


def _size_ticks(axes: Axes, series: Mapping[str, Sequence[Point]]) -> None:
    sizes = sorted({point.size for points in series.values() for point in points})
    shown = [size for place, size in enumerate(sizes) if _apart(sizes, place)]
    axes.set_xticks(shown, labels=[str(size) for size in shown])
    axes.set_xticks([], minor=True)


def _apart(sizes: Sequence[int], place: int) -> bool:
    """Whether a tick's number has room beside the one before it."""
    return place == 0 or len(sizes) <= 8 or place % (1 + len(sizes) // 8) == 0
