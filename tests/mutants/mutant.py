"""What a mutant is: a rule broken on purpose, and who is sent to find it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from medquorum.ledger.types import QuorumMode
from medquorum.simulation.twins.crashes import CrashScenario

LEDGER: Final = "medquorum/ledger/"
CONSENSUS: Final = "medquorum/consensus/"
ORDERING: Final = "medquorum/consensus/ordering/"
NODE: Final = "medquorum/node/"
SIMULATION: Final = "medquorum/simulation/"
UNMUTATED: Final = "unmutated"
"""The source as it is, which every hunter must let live."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One text of the source and what stands there instead."""

    file: str
    """From the root of the repository."""
    old: str
    """Occurs exactly once in the file."""
    new: str


@dataclass(frozen=True, slots=True)
class Stories:
    """Seeds of the default sweep: whole stories under random faults."""

    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Twins:
    """Numbers of scenarios in the default spread: one doctor's key on two machines."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Crashes:
    """Crash points of the default enumeration: three doctors, three slots."""

    scenarios: tuple[CrashScenario, ...]


@dataclass(frozen=True, slots=True)
class Explored:
    """One exhaustive exploration of votes within a small scope."""

    mode: QuorumMode
    doctors: int
    liars: int
    slots: int
    rivals: int


@dataclass(frozen=True, slots=True)
class Suite:
    """Node ids of the default suite."""

    ids: tuple[str, ...]


Hunter = Stories | Twins | Crashes | Explored | Suite


@dataclass(frozen=True, slots=True)
class Mutant:
    """A deliberate bug; it is killed by the first hunter that notices anything."""

    name: str
    edits: tuple[Edit, ...]
    """Where a rule is kept in two places, both are broken: each alone would be harmless."""
    breaks: str
    """What the program does wrong now, and the rule that forbids it."""
    hunters: tuple[Hunter, ...]


def stories(*seeds: int) -> Stories:
    """Seeds, the cheapest first."""
    return Stories(seeds)


def twins(*numbers: int) -> Twins:
    """Scenarios by number."""
    return Twins(numbers)


def crashes(*scenarios: CrashScenario) -> Crashes:
    """Crash points."""
    return Crashes(scenarios)


def suite(*ids: str) -> Suite:
    """Node ids below `tests/`."""
    return Suite(tuple(f"tests/{one}" for one in ids))
