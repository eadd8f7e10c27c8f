"""`scripts/mutants list|run`: the table, and the hunt outside the suite."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.mutants.arguments import parse
from tests.mutants.hunt import HuntError, Verdict, hunt
from tests.mutants.mutant import UNMUTATED, Mutant
from tests.mutants.table import MUTANTS, named

ROOT = Path(__file__).resolve().parents[2]


def table_of(verdicts: Sequence[Verdict]) -> str:
    """One line for each mutant: its name, who killed it and why, and how long that took."""
    width = max(len(one.name) for one in verdicts)
    return "\n".join(line_of(one, width) for one in verdicts)


def line_of(verdict: Verdict, width: int = 38) -> str:
    """What became of one mutant, for people."""
    fate = "SURVIVED" if verdict.survived else f"{verdict.killer}: {verdict.reason}"
    if verdict.name == UNMUTATED:
        fate = "survives every hunter, as it must" if verdict.survived else f"DIED BY {fate}"
    return f"{verdict.name:<{width}} {verdict.seconds:6.1f} s  {fate}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 1 when a mutant survives or the source as it is does not; 2 when nothing is said."""
    asked = parse(sys.argv[1:] if arguments is None else arguments)
    if asked.do == "list":
        _list(asked.json)
        return 0
    try:
        mutants: list[Mutant | None] = [named(name) for name in asked.names]
        chosen = mutants or [None, *MUTANTS]
        tell = (lambda verdict: None) if asked.json else (lambda one: print(line_of(one)))
        verdicts = hunt(ROOT, chosen, seeds=asked.seeds, workers=asked.workers, told=tell)
    except (HuntError, LookupError) as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    if asked.json:
        print(json.dumps([asdict(one) for one in verdicts], indent=2))
    wrong = [one for one in verdicts if one.survived == (one.name != UNMUTATED)]
    if not asked.json:
        print(f"{len(verdicts) - len(wrong)} of {len(verdicts)} as it should be")
    return 1 if wrong else 0


def _list(as_json: bool) -> None:
    if as_json:
        rows = [{"name": one.name, "breaks": one.breaks} for one in MUTANTS]
        print(json.dumps(rows, indent=2))
        return
    for one in MUTANTS:
        print(f"{one.name:<38} {one.breaks}")


if __name__ == "__main__":
    sys.exit(main())
