"""Quorums intersect where safety needs it, and fit into who is up (R-CHA8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.ledger.errors import CharterError
from medquorum.ledger.quorum import promise, quorum_size, tolerance
from medquorum.ledger.types import QuorumMode

COUNTS = range(1, 5001)


def naive_quorum(mode: QuorumMode, doctors: int) -> int:
    """The smallest q that is more than half, or more than two thirds, by trying."""
    numerator, denominator = {QuorumMode.MAJORITY: (1, 2), QuorumMode.BYZANTINE: (2, 3)}[mode]
    return next(q for q in range(doctors + 2) if q * denominator > doctors * numerator)


@pytest.mark.parametrize("mode", QuorumMode)
def test_R_CHA8_any_two_quorums_share_a_doctor_and_one_quorum_fits(mode: QuorumMode) -> None:
    for doctors in COUNTS:
        q = quorum_size(mode, doctors)
        assert 2 * q - doctors >= 1
        assert q <= doctors


def test_R_CHA8_byzantine_quorums_share_an_honest_doctor_while_f_lie() -> None:
    for doctors in COUNTS:
        faulty = (doctors - 1) // 3
        withstood = tolerance(QuorumMode.BYZANTINE, doctors)
        assert withstood.liars_for_safety >= faulty
        assert withstood.absences_for_liveness == faulty
        assert withstood.q == doctors - faulty


def test_R_CHA8_majority_goes_on_without_the_smaller_half() -> None:
    for doctors in COUNTS:
        withstood = tolerance(QuorumMode.MAJORITY, doctors)
        assert withstood.absences_for_liveness == (doctors - 1) // 2
        assert withstood.liars_for_safety == (doctors + 1) % 2


@given(mode=st.sampled_from(QuorumMode), doctors=st.integers(1, 5000))
def test_R_CHA8_the_quorum_is_the_smallest_beyond_its_share(mode: QuorumMode, doctors: int) -> None:
    assert quorum_size(mode, doctors) == naive_quorum(mode, doctors)


@pytest.mark.parametrize(
    ("doctors", "majority", "byzantine"),
    [(1, 1, 1), (3, 2, 3), (4, 3, 3), (5, 3, 4), (6, 4, 5), (7, 4, 5), (10, 6, 7), (100, 51, 67)],
)
def test_the_published_table(doctors: int, majority: int, byzantine: int) -> None:
    # n = 6 is where 2*floor((n-1)/3)+1 = 3 would give two disjoint quorums.
    assert quorum_size(QuorumMode.MAJORITY, doctors) == majority
    assert quorum_size(QuorumMode.BYZANTINE, doctors) == byzantine


@pytest.mark.parametrize("doctors", [0, -1])
def test_R_CHA4_no_doctors_no_quorum(doctors: int) -> None:
    with pytest.raises(CharterError, match="R-CHA4: a charter has at least one doctor"):
        quorum_size(QuorumMode.MAJORITY, doctors)


def test_promises_say_what_the_numbers_say() -> None:
    assert "at least 1 such doctor is identified" in promise(QuorumMode.MAJORITY, 5)
    assert "at least 2 such doctors are identified" in promise(QuorumMode.MAJORITY, 6)
    assert "tolerates no fault" in promise(QuorumMode.BYZANTINE, 3)
    assert "at most 1 of 4 doctors' nodes lie" in promise(QuorumMode.BYZANTINE, 4)
