"""The hunt can fail: it tells a mutant that lives from one that does not end or does not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import hunt as hunting
from tests.mutants.hunt import HuntError, hunt, mutated
from tests.mutants.mutant import LEDGER, Edit, Mutant

SIGNATURE = f"{LEDGER}signature.py"
KNOWN = "high-s"
"""A mutant of the table, whose hunters are sent."""
FORM = "return 0 < r < CURVE_ORDER and 0 < s <= HALF_ORDER"


def instead(new: str, old: str = FORM) -> Mutant:
    """Another bug under the known name, or none."""
    return Mutant(KNOWN, (Edit(SIGNATURE, old, new),), "", ())


def test_a_text_that_is_gone_is_named(repository: Path) -> None:
    with pytest.raises(HuntError, match=f"signature.py has changed: adapt the text of {KNOWN}"):
        mutated(repository, instead("", old="no such text"))


@pytest.mark.timeout(600)
def test_what_changes_nothing_lives_and_what_does_not_end_is_dead(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also: an edit does not outlive its hunt."""
    monkeypatch.setattr(hunting, "CPU_SECONDS", 6)
    harmless, endless = instead(f"{FORM}  # as it was"), instead("while True:\n        pass")
    lives, hangs, again = hunt(repository, [harmless, endless, harmless], workers=1)
    assert lives.survived and again.survived
    assert (hangs.killer, hangs.reason) == ("the clock", "did not end")


@pytest.mark.timeout(600)
def test_a_mutant_that_does_not_run_is_no_kill(repository: Path) -> None:
    with pytest.raises(HuntError, match=f"{KNOWN} cannot be hunted"):
        hunt(repository, [instead("return HALF_ODER > 0")], workers=1)
