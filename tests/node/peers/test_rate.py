"""Token buckets, scores and bans with time handed in (R-NET1)."""

from __future__ import annotations

import pytest

from medquorum.ledger.keys import Address
from medquorum.node.peers.dialling import backoff_s
from medquorum.node.peers.rate import FULL_SCORE, Offence, PeerScore, Standings, TokenBucket

PEER = Address(bytes(32))


def test_a_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    bucket = TokenBucket(rate=10, burst=20, now_s=0.0)
    assert [bucket.charge(10, 0.0), bucket.charge(10, 0.0)] == [0.0, 0.0]
    assert bucket.charge(5, 0.0) == pytest.approx(0.5)
    assert bucket.charge(0, 0.5) == 0.0
    assert bucket.charge(20, 100.0) == 0.0
    assert bucket.charge(1, 100.0) == pytest.approx(0.1)


def test_a_clock_that_steps_back_gives_no_tokens() -> None:
    bucket = TokenBucket(rate=1, burst=1, now_s=10.0)
    assert bucket.charge(1, 10.0) == 0.0
    assert bucket.charge(1, 5.0) == pytest.approx(1.0)
    assert bucket.charge(0, 10.0) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="positive"):
        TokenBucket(0, 1, 0.0)


def test_a_score_falls_with_offences_and_grows_back() -> None:
    score = PeerScore(now_s=0.0)
    assert not score.penalise(Offence.MALFORMED_FRAME, 0.0)
    assert not score.penalise(Offence.OVERSIZE_FRAME, 0.0)
    assert score.points(0.0) == FULL_SCORE - 80
    assert score.points(50.0) == FULL_SCORE - 30
    assert score.points(1e6) == FULL_SCORE


def test_a_member_without_points_is_out_for_a_while_and_comes_back_clean() -> None:
    standings = Standings(ban_s=30.0)
    outcomes = [standings.penalise(PEER, Offence.WRONG_BODY, 0.0) for _ in range(3)]
    assert outcomes == [False, False, True]
    assert standings.banned(PEER, 29.9)
    assert not standings.banned(PEER, 30.0)
    assert not standings.penalise(PEER, Offence.WRONG_BODY, 31.0)


def test_backoff_doubles_to_its_cap_and_is_spread() -> None:
    full = [backoff_s(attempt, 0.2, 5.0, 0.999_999) for attempt in range(7)]
    assert full == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0], rel=1e-3)
    assert backoff_s(0, 0.2, 5.0, 0.0) == pytest.approx(0.1)
    assert backoff_s(10**6, 0.2, 5.0, 0.5) == pytest.approx(3.75)
