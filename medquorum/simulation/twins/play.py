"""Playing a twins scenario: divided slots, healing, and what must hold (R-SIM2, R-SIM11, R-ORD17).

Everybody greets everybody, then the divisions apply; four verdicts are open, which the second twin
knows in the opposite order, so that it composes other batches. After `DIVIDED_MS` everything is
whole again. Then, within `HEALING_MS`, every honest machine must have all four verdicts final.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from medquorum.consensus.effects import Convict
from medquorum.consensus.messages import Message
from medquorum.ledger.quorum import quorum_size
from medquorum.ledger.types import QuorumMode
from medquorum.simulation.twins.arena import Arena, slot_of_message
from medquorum.simulation.twins.machine import Machine, electorate_of
from medquorum.simulation.twins.scenarios import DOCTORS, MACHINES, TWINNED, TwinsScenario

GREETING_MS: Final = 10
DIVIDED_MS: Final = 1_500
"""Long enough for three slots to be skipped one after another: 100 + 150 + 225 ms, and STATUS."""
HEALING_MS: Final = 20_000
VERDICTS: Final = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a scenario; times are virtual."""

    faults: tuple[str, ...]
    """What must not happen; empty when every rule held."""
    convicted: frozenset[int]
    """Doctors against whom some machine holds evidence."""
    final_slot: int
    messages: int
    recovery_ms: int
    """From healing until every honest machine had everything; 0 when it was so before."""


def twins_arena(scenario: TwinsScenario) -> Arena:
    """The five machines, not yet started."""
    electorate = electorate_of(
        DOCTORS, quorum_size(QuorumMode.BYZANTINE, DOCTORS), scenario.leaders
    )
    machines = [
        Machine(place, place % DOCTORS, liar=place % DOCTORS == TWINNED)
        for place in range(MACHINES)
    ]
    return Arena(electorate, machines)


def play(scenario: TwinsScenario) -> Played:
    """Run one scenario to its end."""
    arena = twins_arena(scenario)
    arena.start()
    arena.run(arena.now_ms + GREETING_MS)

    def divided(sender: Machine, receiver: Machine, message: Message) -> bool:
        slot = slot_of_message(message, sender)
        return scenario.together(slot, sender.place, receiver.place)

    def complete() -> bool:
        return arena.quiet and all(one.ward.blocks == len(VERDICTS) for one in arena.honest)

    arena.delivers, whole = divided, arena.delivers
    for machine in arena.machines:
        arena.submit(machine, VERDICTS if machine.place < DOCTORS else VERDICTS[::-1])
    healed_ms = arena.now_ms + DIVIDED_MS
    arena.run(healed_ms, complete)
    arena.delivers = whole
    if not complete():
        arena.connect()
        arena.run(healed_ms + HEALING_MS, complete)
    if not complete():
        arena.faults.append("no progress after healing")
    return played(arena, max(0, arena.now_ms - healed_ms))


def played(arena: Arena, recovery_ms: int) -> Played:
    """What an arena has to tell at the end."""
    told = [one for machine in arena.machines for one in machine.told]
    return Played(
        tuple(dict.fromkeys(arena.faults)),
        frozenset(one.evidence.signer for one in told if isinstance(one, Convict)),
        max(one.ordering.final_slot for one in arena.honest if one.ordering is not None),
        arena.messages,
        recovery_ms,
    )
