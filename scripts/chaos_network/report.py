"""The numbers of a run, for people and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Report:
    """What happened and whether everything held."""

    seed: int
    fault_seconds: float
    faults: dict[str, int]
    starts: dict[str, int]
    """Starts of each node's process."""
    submissions: int
    votes: int
    unanswered: int
    refusals: dict[str, int]
    blocks: int
    rejected: int
    patients: int
    bodies: int
    """Acknowledged bodies read back at another doctor's node."""
    audits: dict[str, str]
    longest_gap_s: float
    """The longest time without a final block, faults included."""
    longest_calm_gap_s: float
    """The same while a quorum of doctors' nodes was struck by nothing but delays."""
    recovery_s: float | None
    """From the end of the last fault to the next final block; None where none came."""
    equal_s: float | None
    """From the end of the last fault until everything was decided and all chains were equal."""
    violations: tuple[str, ...]

    @property
    def held(self) -> bool:
        """Whether nothing was violated."""
        return not self.violations

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self) | {"held": self.held}, indent=2) + "\n")

    def show(self) -> None:
        """As lines, violations last."""
        faults = ", ".join(f"{count} {kind}" for kind, count in sorted(self.faults.items()))
        refused = ", ".join(f"{count} {rule}" for rule, count in sorted(self.refusals.items()))
        print()
        print(f"faults        {sum(self.faults.values())} in {self.fault_seconds:.0f} s: {faults}")
        print(f"processes     {sum(self.starts.values())} starts of {len(self.starts)} nodes")
        print(f"acknowledged  {self.submissions} submissions, {self.votes} votes")
        print(f"unanswered    {self.unanswered} requests, sent again; refused: {refused or 'none'}")
        print(
            f"chain         {self.blocks} blocks ({self.rejected} rejections), "
            f"{self.patients} patients, {self.bodies} bodies read back"
        )
        print(f"longest time without a final block   {self.longest_gap_s:.1f} s")
        print(f"the same while a quorum was unharmed  {self.longest_calm_gap_s:.1f} s")
        print(f"next final block after the last fault {_seconds(self.recovery_s)}")
        print(f"all decided, all chains equal after   {_seconds(self.equal_s)}")
        for sentence in self.violations:
            print(f"VIOLATED      {sentence}")
        print(f"\n{'HELD' if self.held else 'VIOLATED'} (seed {self.seed})")


def _seconds(value: float | None) -> str:
    return "none" if value is None else f"{value:.1f} s"
