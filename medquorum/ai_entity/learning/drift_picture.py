"""A model's history as one SVG: accepted share with its interval, confidence, no conclusions.

Plain shapes and text, no script, no foreign font: it opens anywhere and asks no other host.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

from medquorum.ai_entity.learning.drift import ModelHistory, Window
from medquorum.ledger.maturity import PPM

WIDTH, ROW, TOP, LEFT, PLOT = 960, 210, 64, 64, 150
STEP_MOST: Final = 90.0
COLOURS: Final = {"accepted": "#1b7f4d", "confidence": "#2a5db0", "none": "#b06a1b"}
SHIFT_COLOUR: Final = "#c62828"


def drift_svg(histories: Sequence[ModelHistory], threshold_ppm: int) -> str:
    """The picture of every model's windows, one row per model."""
    height = TOP + ROW * max(len(histories), 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="13" role="img">',
        "<title>Reports of AI entities through time</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _legend(),
    ]
    for row, history in enumerate(histories):
        parts.append(_row(history, TOP + row * ROW, threshold_ppm))
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> str:
    words = (
        ("accepted", "share accepted, 95 % interval"),
        ("confidence", "mean confidence"),
        ("none", "share without a conclusion"),
    )
    marks = [
        f'<circle cx="{LEFT + place * 250}" cy="24" r="5" fill="{COLOURS[name]}"/>'
        f'<text x="{LEFT + 10 + place * 250}" y="28">{said}</text>'
        for place, (name, said) in enumerate(words)
    ]
    shift = f'<text x="{LEFT}" y="48" fill="{SHIFT_COLOUR}">▲ confidences have moved</text>'
    return "".join([*marks, shift])


def _row(history: ModelHistory, top: int, threshold_ppm: int) -> str:
    bottom = top + 24 + PLOT
    step = min((WIDTH - LEFT - 40) / max(len(history.windows), 1), STEP_MOST)
    places = [LEFT + step * (index + 0.5) for index in range(len(history.windows))]
    parts = [
        f'<text x="{LEFT}" y="{top + 14}" font-weight="bold">model {history.model[:16]}… '
        f"of {escape(history.issuer[:16])}…</text>",
        *(_level(share, bottom) for share in (0, PPM // 2, PPM)),
        _threshold(threshold_ppm, bottom),
        _line(places, [_accepted(one) for one in history.windows], bottom, "accepted"),
        _line(places, [one.mean_confidence_ppm for one in history.windows], bottom, "confidence"),
        _line(places, [_abstained(one) for one in history.windows], bottom, "none"),
    ]
    for x, window in zip(places, history.windows, strict=True):
        low, high = (_y(share, bottom) for share in window.interval_ppm)
        parts.append(
            f'<line x1="{x:.1f}" y1="{low:.1f}" x2="{x:.1f}" y2="{high:.1f}" '
            f'stroke="{COLOURS["accepted"]}" stroke-width="6" stroke-opacity="0.25"/>'
        )
        if window.shifted:
            parts.append(
                f'<text x="{x:.1f}" y="{bottom + 16}" fill="{SHIFT_COLOUR}" '
                f'text-anchor="middle">▲</text>'
            )
    return "".join(parts)


def _level(share_ppm: int, bottom: int) -> str:
    y = _y(share_ppm, bottom)
    return (
        f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - 40}" y2="{y:.1f}" stroke="#d8d8d8"/>'
        f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share_ppm // 10_000} %</text>'
    )


def _threshold(share_ppm: int, bottom: int) -> str:
    y = _y(share_ppm, bottom)
    return (
        f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - 40}" y2="{y:.1f}" stroke="#888888" '
        f'stroke-dasharray="5 4"/>'
        f'<text x="{WIDTH - 44}" y="{y - 4:.1f}" text-anchor="end">mature</text>'
    )


def _line(places: Sequence[float], shares: Sequence[int], bottom: int, name: str) -> str:
    points = [f"{x:.1f},{_y(share, bottom):.1f}" for x, share in zip(places, shares, strict=True)]
    dots = "".join(
        f'<circle cx="{point.partition(",")[0]}" cy="{point.partition(",")[2]}" r="4" '
        f'fill="{COLOURS[name]}"/>'
        for point in points
    )
    drawn = " ".join(points)
    return f'<polyline points="{drawn}" fill="none" stroke="{COLOURS[name]}"/>{dots}'


def _accepted(window: Window) -> int:
    return round(window.accepted / window.reports * PPM)


def _abstained(window: Window) -> int:
    return round(window.abstained / window.reports * PPM)


def _y(share_ppm: int, bottom: int) -> float:
    return bottom - share_ppm / PPM * PLOT
