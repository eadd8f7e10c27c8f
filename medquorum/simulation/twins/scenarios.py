"""Every way to lead and to divide the first slots of a network with one pair of twins.

Four doctors in byzantine mode. Doctor 0 is twinned: two machines, places 0 and 4, sign with one key
and know nothing of each other. A scenario chooses for each of three slots who leads it (four
doctors, each slot by itself) and how the five machines are divided in two, one side possibly empty
(sixteen ways); a message about a slot reaches only machines on the sender's side of that slot.
Those are (4 * 16)^3 = 262,144 scenarios. Which doctor is twinned adds nothing: doctors are alike.
For the same reason scenarios that differ only by which of the three honest doctors is which, or by
which twin is which, are one: the first of them in the order of enumeration is played.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import permutations, product
from typing import Final

DOCTORS: Final = 4
TWINNED: Final = 0
MACHINES: Final = DOCTORS + 1
SLOTS: Final = 3
_SIDES: Final = 1 << MACHINES - 1
"""Divisions: machine 0 is on side 0, each other on either."""
_ROUNDS: Final = DOCTORS * _SIDES
ENUMERATED: Final = _ROUNDS**SLOTS
"""All choices, alike or not."""


@dataclass(frozen=True, slots=True)
class TwinsScenario:
    """Who leads each slot, and the mask of machines on the other side than machine 0."""

    number: int
    leaders: tuple[int, ...]
    sides: tuple[int, ...]

    def together(self, slot: int, first: int, second: int) -> bool:
        """Whether a message about the slot passes between two machines; later slots are whole."""
        if not 0 < slot <= SLOTS:
            return True
        side = self.sides[slot - 1]
        return (side >> first & 1) == (side >> second & 1)


def _rounds_of(number: int) -> tuple[int, ...]:
    """The choices of one scenario, first slot first."""
    return tuple(number // _ROUNDS ** (SLOTS - 1 - slot) % _ROUNDS for slot in range(SLOTS))


def scenario(number: int) -> TwinsScenario:
    """The scenario of this place in the enumeration."""
    rounds = _rounds_of(number)
    return TwinsScenario(
        number,
        tuple(one // _SIDES for one in rounds),
        tuple(one % _SIDES << 1 for one in rounds),
    )


def _renamed(one: int, places: tuple[int, ...]) -> int:
    """A round after machine i has become machine places[i]."""
    leader, side = places[one // _SIDES] % DOCTORS, one % _SIDES << 1
    moved = sum(1 << places[place] for place in range(MACHINES) if side >> place & 1)
    if moved & 1:
        moved ^= (1 << MACHINES) - 1
    return leader * _SIDES + (moved >> 1)


@cache
def _renamings() -> tuple[tuple[int, ...], ...]:
    """What every exchange of like machines makes of every round, the identity left out."""
    tables = {
        tuple(_renamed(one, (twins[0], *honest, twins[1])) for one in range(_ROUNDS))
        for honest in permutations(range(1, DOCTORS))
        for twins in ((0, DOCTORS), (DOCTORS, 0))
    }
    return tuple(sorted(tables - {tuple(range(_ROUNDS))}))


@cache
def distinct() -> tuple[int, ...]:
    """The numbers of the scenarios no two of which are alike, ascending."""
    tables = _renamings()
    found = []
    for number, rounds in enumerate(product(range(_ROUNDS), repeat=SLOTS)):
        first, second, third = rounds
        for table in tables:
            if (table[first], table[second], table[third]) < rounds:
                break
        else:
            found.append(number)
    return tuple(found)


def count() -> int:
    """How many scenarios there are, like ones counted once."""
    return len(distinct())


def scenarios() -> Iterator[TwinsScenario]:
    """All of them."""
    return map(scenario, distinct())


def spread(wanted: int) -> Iterator[TwinsScenario]:
    """So many of them, evenly over the enumeration; always the same ones."""
    numbers = distinct()
    return (scenario(numbers[at * len(numbers) // wanted]) for at in range(wanted))
