"""The reliability diagram: when the model says 70 %, how often is it so?

Drawn by hand as one SVG without script or style sheet, so that a page under a strict policy can
show it; colours are chosen for a dark reading room and keep their contrast on their own panel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

PPM: Final = 1_000_000
MAX_BINS: Final = 50
ASSERTED: Final = 0.1
"""Answers that state less are mostly background: so many that they hide what the others err."""
SIDE: Final = 220.0
LEFT, TOP = 58.0, 58.0
WIDTH, HEIGHT = 310.0, 344.0
PANEL, GRID, WORDS, LINE, AREA = "#12161c", "#38424f", "#c3cedb", "#6cb6ff", "#2a4a6b"
IDEAL: Final = "#8b98a8"
LARGEST_DOT, SMALLEST_DOT = 6.5, 2.0
FONT: Final = 'font-family="system-ui, sans-serif" font-size="11"'


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about one stated probability."""

    count: int
    stated: float
    observed: float


def bins_of(card: Mapping[str, Any]) -> tuple[Bin, ...]:
    """The bins of a card's ``reliability``: a list, or a map with ``bins``; shares or ``_ppm``.

    Bins that are no such thing are left out.
    """
    told = card.get("reliability")
    listed = told.get("bins") if isinstance(told, Mapping) else told
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        return ()
    found = [_bin(one) for one in listed[:MAX_BINS]]
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.stated))


def bins_measured_on(card: Mapping[str, Any]) -> str:
    """What the bins were measured on, as the card says, or that it does not."""
    told = card.get("reliability")
    on = told.get("on") if isinstance(told, Mapping) else None
    return " ".join(str(on).split())[:200] if isinstance(on, str) else "set not named on the card"


def _bin(told: object) -> Bin | None:
    if not isinstance(told, Mapping):
        return None
    stated, observed = _share(told, "stated"), _share(told, "observed")
    count = told.get("count")
    if stated is None or observed is None or not isinstance(count, int) or count < 1:
        return None
    return Bin(count, stated, observed)


def _share(told: Mapping[str, Any], name: str) -> float | None:
    value = told.get(name)
    if value is None and isinstance(told.get(f"{name}_ppm"), int):
        value = told[f"{name}_ppm"] / PPM
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        return None
    return float(value)


def calibration_error(bins: Sequence[Bin]) -> float:
    """Mean gap between stated and observed share, weighted by count."""
    total = sum(one.count for one in bins)
    gaps = sum(one.count * abs(one.stated - one.observed) for one in bins)
    return gaps / total if total else 0.0


def asserted(bins: Sequence[Bin]) -> tuple[Bin, ...]:
    """The bins that state ASSERTED and more."""
    return tuple(one for one in bins if one.stated >= ASSERTED)


def calibration_lines(bins: Sequence[Bin]) -> tuple[str, ...]:
    """The calibration error where something is stated, and what it is of all answers."""
    told, total = asserted(bins), sum(one.count for one in bins)
    if not told or len(told) == len(bins):
        return (f"calibration error {calibration_error(bins):.3f} of {total} answers",)
    low = 1.0 - sum(one.count for one in told) / total
    return (
        f"calibration error {calibration_error(told):.3f} where 10 % or more is stated",
        f"{calibration_error(bins):.3f} over all answers, {100.0 * low:.0f} % of which state less",
    )


def reliability_svg(bins: Sequence[Bin], measured_on: str = "") -> str:
    """The diagram with a title and a description for those who do not see it; "" without bins."""
    if not bins:
        return ""
    summary = calibration_lines(bins)
    spoken = "; ".join(
        f"stated {one.stated:.0%}, true {one.observed:.0%} of {one.count}" for one in bins
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" '
            f'width="{WIDTH:.0f}" height="{HEIGHT:.0f}" role="img" '
            'aria-labelledby="reliability-title reliability-description">',
            '<title id="reliability-title">Reliability diagram</title>',
            f'<desc id="reliability-description">{escape("; ".join(summary))}. {escape(spoken)}.'
            "</desc>",
            f'<rect width="{WIDTH:.0f}" height="{HEIGHT:.0f}" rx="6" fill="{PANEL}"/>',
            f'<text x="14" y="20" {FONT} font-weight="600" fill="{WORDS}">When it says so, is it '
            "so?</text>",
            *(
                f'<text x="14" y="{35 + 14 * row}" {FONT} fill="{IDEAL}">{escape(line)}</text>'
                for row, line in enumerate(summary)
            ),
            *_axes(),
            *_marks(bins),
            f'<text x="14" y="{HEIGHT - 10:.0f}" {FONT} fill="{IDEAL}">'
            f"{escape(_short(measured_on))}</text>",
            "</svg>",
        ]
    )


def _axes() -> list[str]:
    drawn = []
    for tenth in range(0, 11, 2):
        share = tenth / 10.0
        x, y = _place(share, share)
        drawn += [
            f'<path d="M{x:.1f} {TOP:.1f}V{TOP + SIDE:.1f}M{LEFT:.1f} {y:.1f}H{LEFT + SIDE:.1f}" '
            f'stroke="{GRID}" stroke-width="1"/>',
            f'<text x="{x:.1f}" y="{TOP + SIDE + 15:.1f}" {FONT} fill="{WORDS}" '
            f'text-anchor="middle">{share:.0%}</text>',
            f'<text x="{LEFT - 6:.1f}" y="{y + 4:.1f}" {FONT} fill="{WORDS}" '
            f'text-anchor="end">{share:.0%}</text>',
        ]
    middle = LEFT + SIDE / 2.0
    (x0, y0), (x1, y1) = _place(0.0, 0.0), _place(1.0, 1.0)
    upright = f"rotate(-90 16 {TOP + SIDE / 2:.1f})"
    return [
        *drawn,
        f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" stroke="{IDEAL}" stroke-dasharray="4 4"/>',
        f'<text x="{middle:.1f}" y="{TOP + SIDE + 33:.1f}" {FONT} fill="{WORDS}" '
        'text-anchor="middle">stated probability</text>',
        f'<text x="16" y="{TOP + SIDE / 2:.1f}" {FONT} fill="{WORDS}" text-anchor="middle" '
        f'transform="{upright}">share that was true</text>',
    ]


def _marks(bins: Sequence[Bin]) -> list[str]:
    places = [_place(one.stated, one.observed) for one in bins]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    most = max(one.count for one in bins)
    gaps = [
        f'<path d="M{x:.1f} {y:.1f}V{_place(0.0, one.stated)[1]:.1f}" stroke="{AREA}" '
        'stroke-width="5"/>'
        for one, (x, y) in zip(bins, places, strict=True)
    ]
    dots = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_radius(one.count, most):.1f}" fill="{LINE}"/>'
        for one, (x, y) in zip(bins, places, strict=True)
    ]
    return [*gaps, f'<path d="M{path}" fill="none" stroke="{LINE}" stroke-width="1.5"/>', *dots]


def _place(stated: float, observed: float) -> tuple[float, float]:
    return LEFT + SIDE * stated, TOP + SIDE * (1.0 - observed)


def _radius(count: int, most: int) -> float:
    """Area by count."""
    return SMALLEST_DOT + (LARGEST_DOT - SMALLEST_DOT) * float((count / most) ** 0.5)


def _short(text: str) -> str:
    return text if len(text) <= 50 else f"{text[:48]}…"
