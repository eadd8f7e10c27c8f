"""The table of mutants: every deliberate bug the default suite must find.

Where a rule is kept twice a mutant breaks it in both places. Left out, because nothing comes of
them: a node that forgets its final votes alone, or its certificates alone (either follows from the
other and its notar votes); proposals without a justification message (STATUS repairs that); a
leader's `compose` that does not stop at an amendment (what it composes is judged before it is
taken). SQLite itself makes a new file's folder durable, so no code here could forget to.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.clinical import CLINICAL
from tests.mutants.encodings import ENCODINGS
from tests.mutants.governing import GOVERNING
from tests.mutants.memory import MEMORY
from tests.mutants.mutant import Crashes, Explored, Hunter, Mutant, Stories, Suite, Twins
from tests.mutants.quorums import QUORUMS
from tests.mutants.repairs import REPAIRS
from tests.mutants.voting import VOTING

MUTANTS: Final[tuple[Mutant, ...]] = (
    *QUORUMS,
    *MEMORY,
    *VOTING,
    *REPAIRS,
    *GOVERNING,
    *CLINICAL,
    *ENCODINGS,
)


def named(name: str) -> Mutant:
    """The mutant of that name; LookupError for another."""
    for mutant in MUTANTS:
        if mutant.name == name:
            return mutant
    raise LookupError(f"no mutant is called {name}; list them")


def every_hunter() -> tuple[Hunter, ...]:
    """All that is ever sent, each once: what the source as it is must survive."""
    every = [hunter for mutant in MUTANTS for hunter in mutant.hunters]
    explored = [one for one in every if isinstance(one, Explored)]
    return (
        Stories(
            tuple(sorted({seed for one in every if isinstance(one, Stories) for seed in one.seeds}))
        ),
        Twins(
            tuple(
                sorted(
                    {number for one in every if isinstance(one, Twins) for number in one.numbers}
                )
            )
        ),
        Crashes(
            tuple(
                dict.fromkeys(
                    scenario
                    for one in every
                    if isinstance(one, Crashes)
                    for scenario in one.scenarios
                )
            )
        ),
        *dict.fromkeys(explored),
        Suite(tuple(sorted({node for one in every if isinstance(one, Suite) for node in one.ids}))),
    )
