"""How much a peer may send and how often it may err: token buckets and scores, time handed in.

A flood is slowed, not punished: the reader stops until the bucket has room again, and TCP makes the
sender wait, which costs the other peers nothing. Offences cost points that grow back with time; a
member without points is let back after a while, because a doctor's node must be able to return.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from medquorum.ledger.keys import Address


class TokenBucket:
    """`rate` tokens a second, at most `burst` of them; a charge may run into debt."""

    __slots__ = ("_burst", "_filled_at_s", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now_s: float) -> None:
        if rate <= 0 or burst <= 0:
            raise ValueError("a bucket needs a positive rate and burst")
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled_at_s = now_s

    def charge(self, tokens: float, now_s: float) -> float:
        """Take tokens and return the seconds to wait until the debt is paid, 0 without debt."""
        elapsed_s = max(0.0, now_s - self._filled_at_s)
        self._filled_at_s = max(now_s, self._filled_at_s)
        self._tokens = min(self._burst, self._tokens + elapsed_s * self._rate) - tokens
        return max(0.0, -self._tokens / self._rate)


class Offence(StrEnum):
    """What lowers a peer's score."""

    MALFORMED_FRAME = "malformed_frame"
    OVERSIZE_FRAME = "oversize_frame"
    REJECTED_OBJECT = "rejected_object"
    """It sent an object that breaks a rule of the ledger."""
    WRONG_BODY = "wrong_body"
    """It served a manifest or chunk that does not hash to the part root (R-NET4)."""
    UNRELIABLE = "unreliable"
    """It did not serve what it announced or was asked for."""


POINTS: Final = {
    Offence.MALFORMED_FRAME: 40.0,
    Offence.OVERSIZE_FRAME: 40.0,
    Offence.REJECTED_OBJECT: 10.0,
    Offence.WRONG_BODY: 40.0,
    Offence.UNRELIABLE: 1.0,
}
FULL_SCORE: Final = 100.0
RECOVERY_PER_S: Final = 1.0
"""A member that erred to the limit has a clean record after 100 seconds."""


class PeerScore:
    """The standing of one member over all its links."""

    __slots__ = ("_changed_at_s", "_points")

    def __init__(self, now_s: float) -> None:
        self._points = FULL_SCORE
        self._changed_at_s = now_s

    def points(self, now_s: float) -> float:
        """Points at this time, at most FULL_SCORE."""
        elapsed_s = max(0.0, now_s - self._changed_at_s)
        return min(FULL_SCORE, self._points + elapsed_s * RECOVERY_PER_S)

    def penalise(self, offence: Offence, now_s: float) -> bool:
        """Take the offence's points; whether none are left."""
        self._points = self.points(now_s) - POINTS[offence]
        self._changed_at_s = max(now_s, self._changed_at_s)
        return self._points <= 0.0


class Standings:
    """Scores and bans of all members."""

    def __init__(self, ban_s: float) -> None:
        self._ban_s = ban_s
        self._scores: dict[Address, PeerScore] = {}
        self._banned_until_s: dict[Address, float] = {}

    def penalise(self, peer: Address, offence: Offence, now_s: float) -> bool:
        """Lower a member's score; whether it is banned now, to return with a clean record."""
        score = self._scores.setdefault(peer, PeerScore(now_s))
        if not score.penalise(offence, now_s):
            return False
        del self._scores[peer]
        self._banned_until_s[peer] = now_s + self._ban_s
        return True

    def banned(self, peer: Address, now_s: float) -> bool:
        """Whether a member must stay out at this time."""
        until_s = self._banned_until_s.get(peer)
        if until_s is not None and until_s <= now_s:
            del self._banned_until_s[peer]
            return False
        return until_s is not None
