"""The few numbers tables are read by: quantiles, and times in the unit people would use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms"))


def quantile(ascending: Sequence[float], share: float) -> float:
    """Linear interpolation between order statistics (Hyndman and Fan 1996, type 7)."""
    if not ascending:
        raise ValueError("no values")
    place = share * (len(ascending) - 1)
    low = int(place)
    high = min(low + 1, len(ascending) - 1)
    return ascending[low] + (place - low) * (ascending[high] - ascending[low])


def unit_for(longest_ms: float) -> tuple[int, str]:
    """Divisor and name of the largest unit in which this time is 1 or more."""
    for divisor, name in _UNITS:
        if longest_ms >= divisor:
            return divisor, name
    return 1, "ms"


def duration(time_ms: float) -> str:
    """A time for people, such as `340 ms`, `2.5 s`, `3.1 h`."""
    divisor, name = unit_for(time_ms)
    value = time_ms / divisor
    return f"{value:.0f} {name}" if value >= 20 or divisor == 1 else f"{value:.1f} {name}"
