"""Every deliberate bug of the table is noticed, and the source without a bug is not accused.

`MEDQUORUM_MUTANT_SEEDS` sends the stories of that many seeds first, whatever the table says: so new
killers are found when the stories have changed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.mutants.command import table_of
from tests.mutants.hunt import hunt
from tests.mutants.mutant import UNMUTATED
from tests.mutants.table import MUTANTS

SEEDS = os.environ.get("MEDQUORUM_MUTANT_SEEDS")


@pytest.mark.timeout(7_200)
def test_every_mutant_is_killed_and_the_source_as_it_is_survives(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts = hunt(repository, [None, *MUTANTS], seeds=int(SEEDS) if SEEDS else None)
    with capsys.disabled():
        print(f"\n{table_of(verdicts)}")
    control, *hunted = verdicts
    assert control.name == UNMUTATED
    assert control.survived, f"{control.killer} accuses the source as it is: {control.reason}"
    assert [one.name for one in hunted if one.survived] == []
