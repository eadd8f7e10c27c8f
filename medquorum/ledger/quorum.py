"""Quorum arithmetic and what it promises (R-CHA8).

Two quorums of q among n doctors share at least 2q-n of them. Safety needs one of these who does not
lie; liveness needs q doctors' nodes that are up and honest. `2f+1` is not a quorum unless n = 3f+1,
which is why q is computed from n alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from medquorum.ledger.errors import CharterError
from medquorum.ledger.types import QuorumMode

SMALLEST_BYZANTINE = 4
"""With fewer doctors floor((n-1)/3) is 0: the mode tolerates no fault at all."""


def quorum_size(mode: QuorumMode, doctors: int) -> int:
    """q of R-CHA8 for n doctors; CharterError for n < 1."""
    if doctors < 1:
        raise CharterError("R-CHA4: a charter has at least one doctor; add one")
    match mode:
        case QuorumMode.MAJORITY:
            return doctors // 2 + 1
        case QuorumMode.BYZANTINE:
            return 2 * doctors // 3 + 1
        case _:
            assert_never(mode)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a network of n doctors with quorum q withstands; counts of doctors' nodes."""

    n: int
    q: int
    liars_for_safety: int
    """So many may sign contradictions and the ledger still cannot fork: 2q-n-1."""
    absences_for_liveness: int
    """So many may be away, or lie, and ordering still goes on: n-q."""

    def words(self) -> str:
        """Both tolerances, as people read them."""
        liars, absences = self.liars_for_safety, self.absences_for_liveness
        return (
            f"{liars} liar{'s' * (liars != 1)} without a fork, "
            f"{absences} absence{'s' * (absences != 1)} without a standstill"
        )


def tolerance(mode: QuorumMode, doctors: int) -> Tolerance:
    """The tolerances of a mode with n doctors (two quorums intersect in 2q-n)."""
    quorum = quorum_size(mode, doctors)
    return Tolerance(doctors, quorum, 2 * quorum - doctors - 1, doctors - quorum)


def promise(mode: QuorumMode, doctors: int) -> str:
    """What the mode promises, in words to be read before anyone signs."""
    withstood = tolerance(mode, doctors)
    match mode:
        case QuorumMode.MAJORITY:
            identified = 2 * withstood.q - doctors
            return (
                "The ledger cannot fork as long as no doctor's node signs two contradicting "
                f"messages; if nodes do and it forks, at least {identified} such "
                f"{'doctor is' if identified == 1 else 'doctors are'} identified by a proof "
                "anyone can check, ordering stops, and no clinically certified content is lost. "
                f"It goes on while at most {withstood.absences_for_liveness} of {doctors} "
                "doctors' nodes are away."
            )
        case QuorumMode.BYZANTINE:
            fault_bound = min(withstood.liars_for_safety, withstood.absences_for_liveness)
            if fault_bound == 0:
                stops = "one node that is away or lies stops ordering"
                also = (
                    "" if withstood.liars_for_safety else ", and one lying node may fork the ledger"
                )
                return (
                    f"With {doctors} doctor{'s' * (doctors > 1)} byzantine mode tolerates no "
                    f"fault: {stops}{also}; use at least {SMALLEST_BYZANTINE} doctors."
                )
            return (
                f"The ledger cannot fork while at most {withstood.liars_for_safety} of {doctors} "
                "doctors' nodes lie, and it goes on while at most "
                f"{withstood.absences_for_liveness} are away or lie."
            )
        case _:
            assert_never(mode)
