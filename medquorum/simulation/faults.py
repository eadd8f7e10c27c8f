"""Which faults one seed draws, and when each strikes: a story that can be cut down to its core.

Of the kinds a scenario allows a random subset is drawn (swarm testing): runs with few kinds reach
states that a mixture of everything hides.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from medquorum.simulation.clock import stream
from medquorum.simulation.crypto import Signatures
from medquorum.simulation.scenario import IMPAIRING, FaultKind, Scenario

WEATHER: Final = frozenset(
    {FaultKind.LOSS, FaultKind.DUPLICATE, FaultKind.REORDER, FaultKind.CORRUPT}
)
"""Kinds that befall any message while faults last."""
STRIKING: Final = (
    FaultKind.ONE_WAY_CUT,
    FaultKind.PARTITION,
    FaultKind.SLOW_NODE,
    FaultKind.SLOW_DISK,
    FaultKind.CRASH,
    FaultKind.CRASH_BETWEEN_EFFECTS,
    FaultKind.FSYNC_ERROR,
    FaultKind.OLD_SNAPSHOT,
    FaultKind.WIPED_DISK,
    FaultKind.CLOCK_STEP,
)
"""Kinds that strike one machine, or the network, at a moment."""
_WRITES_MS: Final = (0, 0, 0, 1, 4, 15)
"""How long a write takes, drawn once per run where disks may be slow; else it takes no time."""
_DOWN_MS: Final = (5, 200, 2_000, 15_000)
"""How long a machine stays down, about."""
_STEPS_MS: Final = (50, 1_000, 2_500, 10_000)
"""How far a clock jumps at most."""
_DRIFT_PPM: Final = 20_000
"""Two percent: far worse than any real clock, so that a minute shows it."""
_LEAST_VOTED_EFFECTS: Final = 9


@dataclass(frozen=True, slots=True)
class Fault:
    """One stroke."""

    at_ms: int
    """Since the start."""
    kind: FaultKind
    target: int
    """The machine's place; of a partition a number whose bits say who is on the other side."""
    length_ms: int
    """How long it lasts, or how long the machine is down after it."""
    amount: int
    """Another place, effects until the crash, or milliseconds, as the kind asks."""

    def __str__(self) -> str:
        return (
            f"{self.kind.value} at {self.at_ms} ms on {self.target} "
            f"for {self.length_ms} ms, {self.amount}"
        )


@dataclass(frozen=True, slots=True)
class Story:
    """Everything of a seed's faults; the people and the network's dice come on top."""

    kinds: frozenset[FaultKind]
    schedule: tuple[Fault, ...]
    liars: tuple[int, ...] = ()
    """Places of doctors that lie."""
    twins: tuple[int, ...] = ()
    """Places of doctors with a second machine."""
    silent: tuple[int, ...] = ()
    """Places of doctors that go down for good at some time."""
    outdated: tuple[int, ...] = ()
    """Places of doctors whose disk may be wiped or go back in time."""
    write_ms: int = 0
    atomic: bool = True
    breaks_links: bool = True
    """Whether nodes notice a partition: their connections end."""
    signatures: Signatures = Signatures.FAST

    @property
    def impaired(self) -> frozenset[int]:
        """Doctors that may contradict themselves."""
        return frozenset(self.liars + self.twins + self.outdated)


def draw_story(scenario: Scenario, seed: int) -> Story:
    """The faults of one seed; the same for the same scenario and seed."""
    dice = stream(seed, "faults")
    kinds = frozenset(
        kind
        for kind in FaultKind
        if kind in scenario.faults and dice.random() < scenario.fault_probability
    )
    doctors = list(range(scenario.doctors))
    dice.shuffle(doctors)
    impairing = [kind for kind in FaultKind if kind in kinds & IMPAIRING]
    count = dice.randint(0, scenario.impaired) if impairing else 0
    by_kind: dict[FaultKind, list[int]] = {kind: [] for kind in IMPAIRING}
    for place in doctors[:count]:
        by_kind[dice.choice(impairing)].append(place)
    spare = max(0, scenario.tolerance.absences_for_liveness - count)
    silent = doctors[count : count + dice.randint(0, spare)]
    outdated = by_kind[FaultKind.OLD_SNAPSHOT] + by_kind[FaultKind.WIPED_DISK]
    return Story(
        kinds=kinds,
        schedule=_schedule(scenario, kinds, tuple(outdated), dice),
        liars=tuple(sorted(by_kind[FaultKind.LYING_DOCTOR])),
        twins=tuple(sorted(by_kind[FaultKind.TWIN_DOCTOR])),
        silent=tuple(sorted(silent)) if FaultKind.SILENT_DOCTOR in kinds else (),
        outdated=tuple(sorted(outdated)),
        write_ms=_write_ms(scenario, dice),
        atomic=dice.random() < 0.5,
        breaks_links=dice.random() < 0.5,
        signatures=scenario.signatures(dice.random()),
    )


def _write_ms(scenario: Scenario, dice: random.Random) -> int:
    drawn = dice.choice(_WRITES_MS)
    return drawn if FaultKind.SLOW_DISK in scenario.faults else 0


def _schedule(
    scenario: Scenario, kinds: frozenset[FaultKind], outdated: tuple[int, ...], dice: random.Random
) -> tuple[Fault, ...]:
    striking = [kind for kind in STRIKING if kind in kinds]
    if not striking or not scenario.faults_per_minute:
        return ()
    strokes: list[Fault] = []
    at_ms = 0.0
    while True:
        at_ms += dice.expovariate(scenario.faults_per_minute / 60_000)
        if at_ms >= scenario.duration_ms:
            return tuple(strokes)
        fault = _stroke(int(at_ms), dice.choice(striking), scenario, outdated, dice)
        if fault is not None:
            strokes.append(fault)


def _stroke(
    at_ms: int,
    kind: FaultKind,
    scenario: Scenario,
    outdated: tuple[int, ...],
    dice: random.Random,
) -> Fault | None:
    """One stroke of a kind; None where nobody may be struck by it."""
    machines = scenario.doctors + scenario.followers
    target = dice.randrange(machines)
    length_ms = 1 + int(dice.choice(_DOWN_MS) * (0.5 + dice.random()))
    amount = 0
    match kind:
        case FaultKind.PARTITION:
            target = dice.getrandbits(machines)
        case FaultKind.ONE_WAY_CUT:
            amount = dice.randrange(machines)
        case FaultKind.SLOW_DISK:
            amount = dice.choice((100, 1_000))
        case FaultKind.CRASH_BETWEEN_EFFECTS:
            amount = dice.randrange(_LEAST_VOTED_EFFECTS)
        case FaultKind.CLOCK_STEP:
            furthest_ms = dice.choice(_STEPS_MS)
            amount = dice.randint(-furthest_ms, furthest_ms)
        case FaultKind.OLD_SNAPSHOT | FaultKind.WIPED_DISK:
            allowed = [*outdated, *range(scenario.doctors, machines)]
            if not allowed:
                return None
            target = dice.choice(allowed)
            amount = dice.randint(100, 20_000)
        case _:
            pass
    return Fault(at_ms, kind, target, length_ms, amount)


def drift_ppm(kinds: frozenset[FaultKind], dice: random.Random) -> int:
    """How fast a machine's clock runs ahead, parts per million."""
    return dice.randint(-_DRIFT_PPM, _DRIFT_PPM) if FaultKind.CLOCK_DRIFT in kinds else 0
