"""Whether an AI entity's reports have been good enough for long enough (R-GOV10).

The lower bound of Wilson's score interval (Wilson 1927, "Probable inference, the law of
succession, and statistical inference", J. Am. Stat. Assoc. 22) in whole numbers only, so that
every reader gets the same parts per million. It is shown and decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Final

from medquorum.ledger.charter_rules import MaturityRule

PPM: Final = 1_000_000
Z_CENTI: Final = 196
"""z in hundredths: 95 in 100 intervals hold the true share."""


@dataclass(frozen=True, slots=True)
class Maturity:
    """How an AI entity's latest reports were judged."""

    reports: int
    """Reports looked back on: at most `window`."""
    approved: int
    """Of these, accepted ones."""
    lower_ppm: int
    """Lower bound of the accepted share, parts per million."""
    threshold_ppm: int
    window: int
    mature: bool


def maturity(outcomes: Sequence[bool], rule: MaturityRule) -> Maturity:
    """The maturity after these outcomes, the newest last, True for accepted."""
    latest = outcomes[-rule.window :]
    approved = sum(latest)
    lower_ppm = wilson_lower_ppm(approved, len(latest))
    return Maturity(
        reports=len(latest),
        approved=approved,
        lower_ppm=lower_ppm,
        threshold_ppm=rule.threshold_ppm,
        window=rule.window,
        mature=lower_ppm >= rule.threshold_ppm,
    )


def wilson_lower_ppm(successes: int, trials: int) -> int:
    """Lower bound for a of m, rounded down, exact; 0 where there was no trial.

    (2a + z^2 - z sqrt(z^2 + 4a(m-a)/m)) / (2(m + z^2)), made whole by taking z in hundredths and
    bringing m under the root: the bound is (b - sqrt(c)) / d with whole b, c and d.
    """
    if trials == 0:
        return 0
    square = Z_CENTI * Z_CENTI
    rest = successes * (trials - successes)
    offset = trials * (2 * successes * 10_000 + square) * PPM
    radicand = square * trials * (square * trials + 40_000 * rest) * PPM * PPM
    divisor = 2 * trials * (trials * 10_000 + square)
    root = isqrt(radicand)
    # Rounded down as a whole: what is taken off is rounded up.
    return (offset - root - (root * root < radicand)) // divisor
