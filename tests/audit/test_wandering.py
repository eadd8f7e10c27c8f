"""Both verifiers go the same way through governance at random (R-GOV1 to R-GOV9, R-EXP2)."""

import pytest

from .judging import VALID, verdict_of, verdict_on_proof_of
from .wandering import Wanderer

STEPS = 16


@pytest.mark.parametrize("seed", range(10))
def test_both_say_the_same_of_what_was_drawn(seed: int) -> None:
    """`verdict_of` compares; of what stands every block is proved as well."""
    *refused, last = Wanderer(seed).wander(STEPS)
    for ledger in refused:
        assert verdict_of(ledger) != VALID
    assert verdict_of(last) == VALID
    for n_bc in range(1, len(last.blocks) + 1):
        assert verdict_on_proof_of(last, n_bc) == VALID
