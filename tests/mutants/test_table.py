"""The table itself: its texts stand in the source, its hunters belong to the default suite."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from medquorum.simulation.twins.crashes import crash_scenarios
from medquorum.simulation.twins.scenarios import spread
from tests.mutants.hunt import mutated
from tests.mutants.mutant import Crashes, Mutant, Stories, Suite, Twins
from tests.mutants.table import MUTANTS, named
from tests.simulation.test_twins import PLAYED

DEFAULT_SEEDS = 2_000
"""What the sweep plays when nobody says otherwise."""
RULE = re.compile(r"R-[A-Z]+\d+")
EVERY = pytest.mark.parametrize("mutant", MUTANTS, ids=[one.name for one in MUTANTS])


def test_the_table_is_long_and_names_each_once() -> None:
    names = Counter(one.name for one in MUTANTS)
    assert len(names) == len(MUTANTS) >= 28
    assert all(named(name).name == name for name in names)


@EVERY
def test_every_text_stands_once_in_the_source(mutant: Mutant, repository: Path) -> None:
    for edit in mutant.edits:
        text = (repository / edit.file).read_text(encoding="utf-8")
        assert text.count(edit.old) == 1, f"{edit.file} has changed; adapt {mutant.name}"
        assert edit.new != edit.old


@EVERY
def test_every_mutant_can_be_read(mutant: Mutant, repository: Path) -> None:
    for file, text in mutated(repository, mutant).items():
        ast.parse(text, filename=str(file))


@EVERY
def test_every_mutant_breaks_a_rule_of_the_protocol(mutant: Mutant, repository: Path) -> None:
    protocol = (repository / "PROTOCOL.md").read_text(encoding="utf-8")
    rules = RULE.findall(mutant.breaks)
    assert rules and all(re.search(rf"\b{rule}\b", protocol) for rule in rules)


@EVERY
def test_every_hunter_is_of_the_default_suite(mutant: Mutant, repository: Path) -> None:
    for hunter in mutant.hunters:
        match hunter:
            case Stories(seeds):
                assert seeds and all(0 <= seed < DEFAULT_SEEDS for seed in seeds)
            case Twins(numbers):
                assert numbers and set(numbers) <= {one.number for one in spread(PLAYED)}
            case Crashes(scenarios):
                assert scenarios and set(scenarios) <= set(crash_scenarios())
            case Suite(ids):
                assert all((repository / one.partition("::")[0]).exists() for one in ids)
            case _:
                pass
