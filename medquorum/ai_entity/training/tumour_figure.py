"""Bland-Altman plots as one SVG, drawn from numbers: difference in percent against mean volume.

Volumes span three decades, so the axis of means is logarithmic and differences are shown as a
share of the contour; the table beside the figure has millilitres.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

WIDTH: Final = 420
HEIGHT: Final = 320
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 34, 44
DECADES: Final = (0.5, 3.7)
"""log10 of 3 and 5,000 mL."""
PERCENT: Final = (-110.0, 150.0)

Panel = tuple[str, Mapping[str, Mapping[str, Any]], Mapping[str, Any]]
"""Title, cases, figures over all."""


def bland_altman(panels: list[Panel]) -> str:
    """One panel beside the other."""
    drawn = [
        f'<g transform="translate({index * WIDTH},0)">{_panel(*panel)}</g>'
        for index, panel in enumerate(panels)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH * len(panels)} {HEIGHT}" '
        'font-family="sans-serif" font-size="11">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(drawn)}</svg>\n'
    )


def _panel(title: str, cases: Mapping[str, Mapping[str, Any]], together: Mapping[str, Any]) -> str:
    bias, low, high = together["bias_percent"]
    parts = [
        f'<text x="{WIDTH / 2}" y="18" text-anchor="middle" font-size="13">{title}: network minus '
        "contour</text>",
        f'<rect x="{LEFT}" y="{_y(high):.1f}" width="{WIDTH - LEFT - RIGHT}" '
        f'height="{_y(low) - _y(high):.1f}" fill="#cfe2f3"/>',
        _level(bias, "#1f5f99", ""),
        _level(0.0, "#888888", "4 3"),
        *_axes(),
    ]
    for name in sorted(cases):
        case = cases[name]
        mean = (case["volume_ml"] + case["reference_ml"]) / 2.0
        share = 100.0 * (case["volume_ml"] - case["reference_ml"]) / case["reference_ml"]
        shown = min(max(share, PERCENT[0]), PERCENT[1])
        parts.append(
            f'<circle cx="{_x(mean):.1f}" cy="{_y(shown):.1f}" r="3.2" fill="#b5542b" '
            f'fill-opacity="0.75"><title>{name}: {share:+.0f} %</title></circle>'
        )
    return "".join(parts)


def _axes() -> list[str]:
    parts = []
    for volume in (10, 100, 1000):
        parts.append(
            f'<line x1="{_x(volume):.1f}" y1="{HEIGHT - BOTTOM}" x2="{_x(volume):.1f}" '
            f'y2="{HEIGHT - BOTTOM + 5}" stroke="black"/><text x="{_x(volume):.1f}" '
            f'y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{volume}</text>'
        )
    for percent in (-100, -50, 0, 50, 100, 150):
        parts.append(
            f'<line x1="{LEFT - 5}" y1="{_y(percent):.1f}" x2="{LEFT}" y2="{_y(percent):.1f}" '
            f'stroke="black"/><text x="{LEFT - 8}" y="{_y(percent) + 4:.1f}" '
            f'text-anchor="end">{percent}</text>'
        )
    return [
        *parts,
        f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" '
        f'height="{HEIGHT - TOP - BOTTOM}" fill="none" stroke="black"/>',
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">mean of both volumes, mL'
        "</text>",
        f'<text transform="translate(13,{HEIGHT / 2}) rotate(-90)" text-anchor="middle">'
        "difference, % of the contour</text>",
    ]


def _level(percent: float, colour: str, dashes: str) -> str:
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(percent):.1f}" y2="{_y(percent):.1f}" '
        f'stroke="{colour}" stroke-dasharray="{dashes}"/>'
    )


def _x(volume_ml: float) -> float:
    share = (math.log10(max(volume_ml, 3.2)) - DECADES[0]) / (DECADES[1] - DECADES[0])
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(percent: float) -> float:
    share = (PERCENT[1] - percent) / (PERCENT[1] - PERCENT[0])
    return TOP + share * (HEIGHT - TOP - BOTTOM)
