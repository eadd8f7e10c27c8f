"""Distributions: from a verdict to its final block, and from the last healed fault to recovery."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from medquorum.simulation.figures.distribution import draw_distribution
from medquorum.simulation.figures.grouping import grouped, in_reading_order
from medquorum.simulation.figures.style import entitle, legend_below, new_figure
from medquorum.simulation.results import RunRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def latency_figure(rows: Sequence[RunRow]) -> Figure | str:
    """Time from a verdict to its final block; or a sentence why there is nothing to draw."""
    groups = _times(rows, lambda row: row.latencies_ms)
    if not groups:
        return "latency: no run made a block"
    figure, (axes,) = new_figure()
    draw_distribution(axes, groups, "from the deciding vote to the final block")
    blocks = sum(len(times) for times in groups.values())
    entitle(
        axes,
        "How long a decided proposal waits for its block",
        f"{blocks:,} blocks of {len(rows):,} simulated runs; virtual time",
    )
    legend_below(figure, axes)
    return figure


def recovery_figure(rows: Sequence[RunRow]) -> Figure | str:
    """Time from the last healed fault until every node had every block."""
    faulty = [row for row in rows if row.faults]
    groups = _times(faulty, lambda row: () if row.recovery_ms is None else (row.recovery_ms,))
    if not groups:
        return "recovery: no run had faults to recover from; try: sweep seven-doctors-swarm"
    figure, (axes,) = new_figure()
    draw_distribution(axes, groups, "from the last healed fault to all work final on all nodes")
    stalls = sum(row.stalled for row in faulty)
    entitle(
        axes,
        "How fast a network recovers from faults",
        f"{len(faulty):,} simulated runs with faults, of which {stalls:,} did not recover in time",
    )
    legend_below(figure, axes)
    return figure


def _times(
    rows: Sequence[RunRow], times_of: Callable[[RunRow], Iterable[int]]
) -> dict[str, list[int]]:
    """Times by label in reading order; the scenario is left out where there is only one."""
    one_scenario = len({row.scenario for row in rows}) == 1
    groups: dict[str, list[int]] = {}
    by_label = grouped(rows, lambda row: row.variant if one_scenario and row.variant else row.label)
    for label in in_reading_order(by_label):
        times = [time_ms for row in by_label[label] for time_ms in times_of(row)]
        if times:
            groups[label] = times
    return groups
