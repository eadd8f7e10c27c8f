"""Figures from tables of runs: latency, traffic, recovery, verdicts; SVG and PNG of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from medquorum.simulation.figures.growth import traffic_figure, verdict_figure
from medquorum.simulation.figures.style import RASTER_DPI, SETTINGS, plotting
from medquorum.simulation.figures.times import latency_figure, recovery_figure
from medquorum.simulation.results import ResultsError, RunRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES: Final[Mapping[str, Callable[[Sequence[RunRow]], Figure | str]]] = {
    "latency": latency_figure,
    "traffic": traffic_figure,
    "recovery": recovery_figure,
    "verdicts": verdict_figure,
}
"""By file name; each draws, or says in a sentence why these rows do not show it."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What `draw_figures` made."""

    files: tuple[Path, ...]
    left_out: tuple[str, ...]
    """Why a figure was not drawn, a sentence each."""


def draw_figures(rows: Sequence[RunRow], folder: Path) -> Drawn:
    """Write every figure these rows can show into a folder, as SVG and as PNG."""
    plotting()
    files, left_out = [], []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with import_module("matplotlib").rc_context(SETTINGS):
            for name, draw in FIGURES.items():
                figure = draw(rows)
                if isinstance(figure, str):
                    left_out.append(figure)
                    continue
                files += _written(figure, folder / name)
    except OSError as error:
        raise ResultsError(
            f"cannot write into {folder}: {error.strerror or error}; name another with --out"
        ) from None
    return Drawn(tuple(files), tuple(left_out))


def _written(figure: Figure, stem: Path) -> list[Path]:
    svg, png = stem.with_suffix(".svg"), stem.with_suffix(".png")
    figure.savefig(svg, metadata={"Date": None, "Creator": "medquorum simulate plot"})
    figure.savefig(png, dpi=RASTER_DPI)
    return [svg, png]
