"""How every figure looks: size, colours anybody can tell apart, units people read.

Colours are those of Okabe and Ito (2008), told apart with every common form of colour blindness;
line style and marker repeat what the colour says, for print in grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from medquorum.simulation.results import ResultsError
from medquorum.simulation.tables import INSTALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES: Final[tuple[Any, ...]] = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
MOST_SERIES: Final = len(COLOURS)
"""Beyond so many lines nobody reads a figure."""
GREY: Final = "#666666"
GUIDE: Final = "growth with n²"
"""Label of a line that is no measurement; it comes last in a legend."""
WIDTH_INCHES, HEIGHT_INCHES = 7.2, 4.2
RASTER_DPI: Final = 150

SETTINGS: Final[dict[str, Any]] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.labelsize": 10,
    "figure.dpi": RASTER_DPI,
    "font.size": 9.5,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "savefig.bbox": "tight",
    "svg.fonttype": "none",
    "svg.hashsalt": "medquorum",
}
"""Text stays text in SVG, and the same rows give the same bytes."""


def plotting() -> Any:
    """matplotlib.figure; ResultsError says which extra brings it."""
    try:
        return import_module("matplotlib.figure")
    except ModuleNotFoundError:
        raise ResultsError(f"figures need matplotlib; {INSTALL}") from None


def new_figure(columns: int = 1) -> tuple[Figure, Sequence[Axes]]:
    """A figure with that many axes side by side."""
    size = (WIDTH_INCHES if columns == 1 else 1.35 * WIDTH_INCHES, HEIGHT_INCHES)
    figure = plotting().Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    return figure, tuple(axes)


def entitle(axes: Axes, title: str, note: str) -> None:
    """A title that says what is shown, and a smaller line of what it was made from."""
    axes.set_title(f"{title}\n", pad=4)
    axes.text(
        0.0, 1.02, note, transform=axes.transAxes, fontsize=8.5, color=GREY, va="bottom", ha="left"
    )


def legend_below(figure: Figure, axes: Axes) -> None:
    """One legend for the figure, under it, in as many columns as fit."""
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        order = sorted(range(len(labels)), key=lambda place: labels[place] == GUIDE)
        handles, labels = [handles[place] for place in order], [labels[place] for place in order]
        longest = max(len(label) for label in labels)
        columns = max(1, min(len(labels), 100 // (longest + 8)))
        figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def number_axis(axis: Axis) -> None:
    """Plain numbers at 1, 2 and 5 of every power of ten on a logarithmic axis."""
    ticker = import_module("matplotlib.ticker")
    axis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:,g}")
    axis.set_minor_formatter(ticker.NullFormatter())
