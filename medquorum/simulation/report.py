"""What a run tells: whether a rule broke, and everything worth measuring. Times in virtual ms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from medquorum.simulation.scenario import FaultKind

STALL: Final = "liveness"
"""The invariant of work that did not end in time: told apart from every broken rule of safety."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that did not hold."""

    invariant: str
    at_ms: int
    """Since the start of the run."""
    detail: str


@dataclass(frozen=True, slots=True)
class RunReport:
    """One seed's story in numbers."""

    scenario: str
    seed: int
    violations: tuple[Violation, ...]
    stalled: bool
    """Whether the healed network did not finish its work in time."""
    halted: bool
    """Whether ordering of an honest node stopped for good (R-SIM2)."""
    trace_hash: str
    """SHA-256, hex, over every event in order: the same for the same scenario and seed."""
    virtual_ms: int
    steps: int
    """Events that replicas took."""
    messages: int
    """Sent, lost ones included."""
    bytes: int
    """Encoded size of the messages sent."""
    blocks: int
    """In the longest honest chain."""
    crashes: int
    restarts: int
    epochs: int
    """Epochs ended by amendments."""
    recovery_ms: int | None
    """From the healing of everything to the same complete chain everywhere; None: not reached."""
    latencies_ms: tuple[int, ...] = field(repr=False)
    """Of each block, from the first verdict on it to its first final copy."""
    verdicts_ms: tuple[int, ...] = field(repr=False)
    """Of each decided proposal, from its submission to the first verdict."""
    message_counts: tuple[tuple[str, int], ...] = field(repr=False)
    """Messages sent by kind, ascending by kind."""
    faults_used: tuple[FaultKind, ...] = ()
    """The kinds this seed drew."""
    largest_queue: int = 0
    """Most votes, certificates and proposals one honest replica's ordering held at once."""

    @property
    def failed(self) -> bool:
        """Whether anything is wrong with the run."""
        return bool(self.violations) or self.stalled or self.halted

    @property
    def reproduction(self) -> str:
        """The command that tells this story again."""
        return f"medquorum simulate replay {self.scenario} --seed {self.seed}"
