"""Times per group: curves while they can be told apart, else bars of quantiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from medquorum.simulation.figures.style import (
    COLOURS,
    GREY,
    LINES,
    MOST_SERIES,
    number_axis,
)
from medquorum.simulation.measures import duration, quantile, unit_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS: Final = 24
"""Rows of a bar chart that are still readable at the figure's height."""
CURVE_POINTS: Final = 400
"""Points of one curve; more only make the file larger."""
WIDE: Final = 30.0
"""From this ratio of largest to smallest time on, the axis is logarithmic."""

Groups = Mapping[str, Sequence[int]]
"""Times in ms by label; no group is empty."""


def draw_distribution(axes: Axes, groups: Groups, what: str) -> None:
    """Cumulative curves for up to seven groups, otherwise bars of quantiles; `what` names the x."""
    ordered = {label: sorted(times) for label, times in groups.items()}
    divisor, unit = unit_for(max(quantile(times, 0.99) for times in ordered.values()))
    if len(ordered) <= MOST_SERIES:
        _curves(axes, ordered, divisor)
        axes.set_ylabel("share of all (%)")
        axes.set_ylim(0, 101)
        axes.set_yticks((0, 25, 50, 75, 95), labels=("0", "25", "50", "75", "95"))
    else:
        _bars(axes, dict(list(ordered.items())[:MOST_BARS]), divisor)
    axes.set_xlabel(f"{what} ({unit})")
    low = max(1.0, min(quantile(times, 0.02) for times in ordered.values()))
    high = max(quantile(times, 0.995) for times in ordered.values())
    if high / low >= WIDE:
        axes.set_xscale("log")
        number_axis(axes.xaxis)
        axes.set_xlim(0.8 * low / divisor, 1.3 * high / divisor)
    else:
        axes.set_xlim(0, 1.05 * high / divisor)


def _curves(axes: Axes, ordered: Mapping[str, Sequence[int]], divisor: int) -> None:
    shares = [place / CURVE_POINTS for place in range(CURVE_POINTS + 1)]
    for place, (label, times) in enumerate(ordered.items()):
        axes.plot(
            [max(quantile(times, share), 0.5) / divisor for share in shares],
            [100 * share for share in shares],
            color=COLOURS[place],
            linestyle=LINES[place],
            label=f"{label}: half within {duration(quantile(times, 0.5))}, "
            f"95 % within {duration(quantile(times, 0.95))}",
        )


def _bars(axes: Axes, ordered: Mapping[str, Sequence[int]], divisor: int) -> None:
    places = range(len(ordered), 0, -1)
    for place, times in zip(places, ordered.values(), strict=True):
        at = [max(quantile(times, share), 0.5) / divisor for share in (0.05, 0.25, 0.5, 0.75, 0.95)]
        axes.plot([at[0], at[4]], [place, place], color=GREY, linewidth=1.2)
        axes.plot(
            [at[1], at[3]], [place, place], color=COLOURS[0], linewidth=6, solid_capstyle="butt"
        )
        axes.plot(at[2], place, "o", color=COLOURS[1], markeredgecolor="white", zorder=3)
    axes.set_yticks(list(places), labels=list(ordered))
    axes.set_ylim(0.3, len(ordered) + 0.7)
    axes.grid(False, axis="y")
    axes.plot([], [], "o", color=COLOURS[1], label="median")
    axes.plot([], [], color=COLOURS[0], linewidth=6, label="middle half")
    axes.plot([], [], color=GREY, linewidth=1.2, label="5 % to 95 %")
