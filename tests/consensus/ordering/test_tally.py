"""R-SIM11: which pairs of votes convict, and that memory stays bounded."""

import pytest

from medquorum.consensus.ordering.evidence import Contradiction, contradiction
from medquorum.consensus.ordering.tally import Tally
from medquorum.ledger.types import BatchHash, OrderingKind
from tests.consensus.ordering.bench import FINAL, NOTAR, SKIP, vote

A, B, C = (BatchHash(letter * 32) for letter in (b"a", b"b", b"c"))
Said = tuple[OrderingKind, BatchHash | None]


@pytest.mark.parametrize(
    "first, second, expected",
    [
        ((NOTAR, A), (NOTAR, B), Contradiction.TWO_NOTARS),
        ((SKIP, None), (FINAL, A), Contradiction.SKIP_AND_FINAL),
        ((FINAL, A), (SKIP, None), Contradiction.SKIP_AND_FINAL),
        ((FINAL, A), (FINAL, B), Contradiction.TWO_FINALS),
        ((NOTAR, A), (FINAL, B), Contradiction.NOTAR_AND_FINAL),
        ((FINAL, B), (NOTAR, A), Contradiction.NOTAR_AND_FINAL),
        ((NOTAR, A), (SKIP, None), None),
        ((SKIP, None), (NOTAR, A), None),
        ((NOTAR, A), (FINAL, A), None),
        ((NOTAR, A), (NOTAR, A), None),
    ],
)
def test_pairs(first: Said, second: Said, expected: Contradiction | None) -> None:
    tally = Tally()
    one, other = vote(first[0], 1, first[1], 2), vote(second[0], 1, second[1], 2)
    assert tally.add(one) == ()
    found = tally.add(other)
    assert [each.contradiction for each in found] == ([expected] if expected else [])
    assert contradiction(one, other) is expected
    for each in found:
        assert {each.first, each.second} == {one, other}


def test_votes_of_two_slots_or_two_doctors_are_no_contradiction() -> None:
    assert contradiction(vote(NOTAR, 1, A, 2), vote(NOTAR, 2, B, 2)) is None
    assert contradiction(vote(NOTAR, 1, A, 2), vote(NOTAR, 1, B, 3)) is None


def test_a_contradiction_is_told_once() -> None:
    tally = Tally()
    tally.add(vote(FINAL, 1, A, 2))
    assert len(tally.add(vote(NOTAR, 1, B, 2))) == 1
    assert tally.add(vote(NOTAR, 1, C, 2))[0].contradiction is Contradiction.TWO_NOTARS
    assert tally.add(vote(NOTAR, 1, A, 2)) == ()


def test_two_votes_of_a_kind_are_kept_and_no_third() -> None:
    tally = Tally()
    for digest in (A, B):
        assert tally.takes(vote(NOTAR, 1, digest, 2))
        tally.add(vote(NOTAR, 1, digest, 2))
    assert not tally.takes(vote(NOTAR, 1, C, 2))
    assert not tally.takes(vote(NOTAR, 1, A, 2))
    assert tally.takes(vote(FINAL, 1, C, 2))
    assert tally.takes(vote(NOTAR, 1, C, 3))
    assert len(tally.votes_of(2, 0)) == 2


def test_settled_slots_are_forgotten() -> None:
    tally = Tally()
    tally.add(vote(NOTAR, 1, A, 2))
    tally.add(vote(NOTAR, 2, A, 2))
    tally.forget(2)
    assert [one.statement.slot for one in tally.votes_of(2, 0)] == [2]
    assert tally.signed(2, 2, NOTAR)
    assert not tally.signed(2, 1, NOTAR)
    assert not tally.signed(1, 2, NOTAR)
    assert not tally.signed(2, 2, FINAL)
