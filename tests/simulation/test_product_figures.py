"""Figures: which are drawn from which rows, what they say, and that they are made for people."""

import io
import re
from pathlib import Path

import pytest
from matplotlib import rc_context

from medquorum.simulation.figures import FIGURES, draw_figures
from medquorum.simulation.figures.grouping import in_reading_order
from medquorum.simulation.figures.style import COLOURS, LINES, MARKERS, SETTINGS
from medquorum.simulation.measures import duration, quantile
from medquorum.simulation.results import RunRow
from tests.simulation.product_rows import made_up_row, made_up_study

STUDY = made_up_study(4, 7, 10)


def drawn_text(rows: list[RunRow], name: str) -> str:
    """All words of one figure."""
    drawn = io.StringIO()
    with rc_context(SETTINGS):
        figure = FIGURES[name](rows)
        assert not isinstance(figure, str), figure
        figure.savefig(drawn, format="svg")
    return " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", drawn.getvalue()))


def test_a_study_shows_all_four_as_svg_and_png(tmp_path: Path) -> None:
    drawn = draw_figures(STUDY, tmp_path / "new")
    assert drawn.left_out == ()
    assert [path.name for path in drawn.files] == [
        f"{name}.{ending}" for name in FIGURES for ending in ("svg", "png")
    ]
    for path in drawn.files:
        start = path.read_bytes()[:8]
        assert start.startswith(b"<?xml" if path.suffix == ".svg" else b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("latency", ("from the deciding vote to the final block (ms)", "share of all (%)")),
        ("latency", ("doctors=4: half within", "180 blocks of 9 simulated runs")),
        ("traffic", ("messages per block", "KiB per block", "doctors (nodes that order)")),
        ("traffic", ("growth with n²", "growth")),
        ("recovery", ("to all work final on all nodes (s)", "9 simulated runs with faults")),
        ("verdicts", ("from proposal to verdict (s)", "doctors of the network", "180 proposals")),
    ],
)
def test_a_figure_says_what_it_shows_with_units(name: str, words: tuple[str, ...]) -> None:
    text = drawn_text(STUDY, name)
    for word in words:
        assert word in text


def test_many_groups_become_bars_instead_of_a_tangle() -> None:
    rows = made_up_study(*range(3, 14), seeds=1)
    text = drawn_text(rows, "latency")
    assert "middle half" in text
    assert "doctors=13" in text


def test_who_decides_is_told_apart() -> None:
    rows = [
        made_up_row(1, doctors=doctors, panel=panel, variant=f"panel={panel} doctors={doctors}")
        for panel in ("all_doctors", "care_team")
        for doctors in (4, 9)
    ]
    text = drawn_text(rows, "verdicts")
    assert "one-ward (panel=all_doctors)" in text
    assert "one-ward (panel=care_team)" in text


def test_what_cannot_be_drawn_is_said_with_a_way_out(tmp_path: Path) -> None:
    quiet = made_up_row(faults=(), recovery_ms=0)
    drawn = draw_figures([quiet], tmp_path)
    assert [path.stem for path in drawn.files] == ["latency", "latency"]
    assert len(drawn.left_out) == 3
    assert all("sweep " in reason for reason in drawn.left_out)
    empty = made_up_row(latencies_ms=(), verdicts_ms=(), recovery_ms=None, blocks=0)
    assert draw_figures([empty], tmp_path / "none").files == ()


def test_runs_that_did_not_recover_are_counted() -> None:
    rows = [made_up_row(1), made_up_row(2, stalled=True, recovery_ms=None)]
    assert "of which 1 did not recover in time" in drawn_text(rows, "recovery")


def test_the_same_rows_give_the_same_svg(tmp_path: Path) -> None:
    quick = [made_up_row(faults=(), recovery_ms=0)]
    first, second = (draw_figures(quick, tmp_path / name).files for name in "ab")
    assert first[0].suffix == ".svg"
    assert first[0].read_bytes() == second[0].read_bytes()


def test_series_differ_in_more_than_colour() -> None:
    assert len(COLOURS) == len(set(map(str, LINES))) == len(set(MARKERS))


def test_labels_are_in_the_order_people_count() -> None:
    assert in_reading_order(["a=10", "a=9", "a=9 b", "b"]) == ["a=9", "a=9 b", "a=10", "b"]


@pytest.mark.parametrize(
    ("time_ms", "words"),
    [(0, "0 ms"), (340, "340 ms"), (1_500, "1.5 s"), (90_000, "1.5 min"), (86_400_000, "1.0 d")],
)
def test_times_are_told_in_the_unit_people_use(time_ms: int, words: str) -> None:
    assert duration(time_ms) == words


def test_quantiles_interpolate() -> None:
    assert quantile([1, 2, 3, 4], 0.5) == 2.5
    assert (quantile([5], 0.95), quantile([1, 3], 0), quantile([1, 3], 1)) == (5, 1, 3)
