"""What the nodes acknowledged and showed, noted from outside: the checks compare chains with it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from medquorum.ledger.types import PartName


@dataclass(frozen=True, slots=True)
class Submission:
    """A proposal its issuer's node answered 2xx for."""

    member: str
    proposal: str
    record: str
    part: PartName
    digest: bytes
    """SHA-256 of the part's plaintext."""


@dataclass(frozen=True, slots=True)
class Cast:
    """A vote the doctor's node answered 2xx for, or said it holds already."""

    voter: str
    proposal: str
    decision: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """The end of the final chain as a node showed it."""

    member: str
    n_bc: int
    block: str


@dataclass(slots=True)
class History:
    """Everything that must stand at the end."""

    started_s: float = field(default_factory=time.monotonic)
    submissions: list[Submission] = field(default_factory=list)
    votes: list[Cast] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    """Writes that were refused, by rule; a refusal promises nothing."""
    unanswered: int = 0
    """Requests that broke off: what they asked for may or may not have happened."""
    violations: list[str] = field(default_factory=list)
    """What was seen to be wrong already while the run went on."""

    def now_s(self) -> float:
        """Seconds since the first consultation."""
        return time.monotonic() - self.started_s

    def accuse(self, sentence: str) -> None:
        """Note a violation, once."""
        if sentence not in self.violations:
            self.violations.append(sentence)

    def say(self, text: str) -> None:
        """One line of progress."""
        print(f"[{self.now_s():7.1f} s] {text}", flush=True)

    def counts(self) -> str:
        """What was acknowledged so far."""
        height = max((one.n_bc for one in self.sightings), default=0)
        return f"blocks {height}, submissions {len(self.submissions)}, votes {len(self.votes)}"
