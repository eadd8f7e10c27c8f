"""The lower bound of Wilson's interval, in whole numbers, against its textbook form."""

from decimal import ROUND_FLOOR, Decimal, getcontext, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.ledger.charter_rules import MaturityRule
from medquorum.ledger.maturity import maturity, wilson_lower_ppm


def textbook(successes: int, trials: int) -> Decimal:
    """The bound as Wilson wrote it, in ppm, to sixty places."""
    with localcontext(getcontext()) as context:
        context.prec = 60
        z, share = Decimal("1.96"), Decimal(successes) / trials
        spread = (share * (1 - share) / trials + z * z / (4 * trials * trials)).sqrt()
        return (share + z * z / (2 * trials) - z * spread) / (1 + z * z / trials) * 1_000_000


@given(st.integers(1, 1_000_000).flatmap(lambda m: st.tuples(st.integers(1, m), st.just(m))))
def test_the_bound_is_the_textbooks_rounded_down(drawn: tuple[int, int]) -> None:
    """R-GOV10: z = 1.96, parts per million, never a float."""
    successes, trials = drawn
    expected = textbook(successes, trials).to_integral_value(ROUND_FLOOR)
    assert wilson_lower_ppm(successes, trials) == expected


@pytest.mark.parametrize(
    ("successes", "trials", "ppm"),
    [(0, 0, 0), (0, 10, 0), (1, 1, 206_543), (95, 100, 888_248), (100, 100, 963_005)],
)
def test_known_bounds(successes: int, trials: int, ppm: int) -> None:
    """R-GOV10: as any table of the interval gives them; nothing where nothing was reported."""
    assert wilson_lower_ppm(successes, trials) == ppm


def test_only_the_window_counts() -> None:
    """R-GOV10: the last `window` reports, accepted and rejected alike."""
    rule = MaturityRule(threshold_ppm=600_000, window=8)
    early, late = [False] * 20, [True] * 7
    judged = maturity([*early, *late], rule)
    assert (judged.reports, judged.approved) == (8, 7)
    assert judged.lower_ppm == wilson_lower_ppm(7, 8) < 600_000
    assert not judged.mature
    grown = maturity([*early, *late, True], rule)
    assert (grown.reports, grown.approved) == (8, 8)
    assert grown.lower_ppm >= grown.threshold_ppm == 600_000
    assert grown.mature
    assert maturity([True], rule).reports == 1
    assert not maturity([], rule).mature


def test_mature_from_the_threshold_on() -> None:
    """R-GOV10: at least the threshold."""
    exact = wilson_lower_ppm(95, 100)
    outcomes = [True] * 95 + [False] * 5
    assert maturity(outcomes, MaturityRule(exact, 100)).mature
    assert not maturity(outcomes, MaturityRule(exact + 1, 100)).mature
