"""What a simulated story may contain: network, people, faults, and how long they last.

A scenario is the frame; the seed chooses the story inside it. Times are virtual milliseconds,
shares and rates lie in [0, 1]. A constructor refuses what makes no sense with `ScenarioError`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from medquorum.ledger.limits import DOCTORS
from medquorum.ledger.quorum import Tolerance, tolerance
from medquorum.ledger.types import Panel, QuorumMode
from medquorum.simulation.crypto import Signatures


class ScenarioError(ValueError):
    """A scenario that cannot be run; the text names the field and what it may be."""


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ScenarioError(f"{name} is {value}; it lies between {low} and {high}")


class FaultKind(StrEnum):
    """Everything that can go wrong; a seed draws a subset of what its scenario allows."""

    LOSS = "loss"
    """Messages vanish."""
    DUPLICATE = "duplicate"
    """Messages arrive twice."""
    REORDER = "reorder"
    """Messages are held up and overtaken."""
    CORRUPT = "corrupt"
    """Bytes change on the way."""
    ONE_WAY_CUT = "one_way_cut"
    """One direction of a link is dead and nobody notices."""
    PARTITION = "partition"
    """The network falls into two parts."""
    SLOW_NODE = "slow_node"
    """Everything from and to one node takes much longer."""
    SLOW_DISK = "slow_disk"
    """Writes take seconds."""
    CRASH = "crash"
    """A process dies at any moment; what was not synced is lost, or half of it."""
    CRASH_BETWEEN_EFFECTS = "crash_between_effects"
    """A process dies between two effects of one step."""
    FSYNC_ERROR = "fsync_error"
    """A write fails: the process must end, and may find it done or undone."""
    OLD_SNAPSHOT = "old_snapshot"
    """An operator restores a disk of some time ago (R-SIM10)."""
    WIPED_DISK = "wiped_disk"
    """A disk is replaced by an empty one (R-SIM10)."""
    CLOCK_STEP = "clock_step"
    """A clock jumps."""
    CLOCK_DRIFT = "clock_drift"
    """A clock runs fast or slow."""
    SILENT_DOCTOR = "silent_doctor"
    """A doctor's node goes down and stays down."""
    LYING_DOCTOR = "lying_doctor"
    """A doctor's node signs and sends whatever it likes."""
    TWIN_DOCTOR = "twin_doctor"
    """Two machines run with one doctor's key."""
    DOUBLE_SUBMISSION = "double_submission"
    """One proposal is submitted twice, also at two nodes."""
    STALE_SUBMISSION = "stale_submission"
    """A proposal is made from an outdated view of the patient's history."""
    DOUBLE_VOTE = "double_vote"
    """A doctor votes twice, and differently (R-VOT3)."""
    CHARTER_CHANGE = "charter_change"
    """The charter is amended while everything else goes on."""


IMPAIRING: Final = frozenset(
    {
        FaultKind.LYING_DOCTOR,
        FaultKind.TWIN_DOCTOR,
        FaultKind.OLD_SNAPSHOT,
        FaultKind.WIPED_DISK,
    }
)
"""Each doctor touched by one of these counts as a liar: 2q-n-1 of them are withstood (R-CHA8).

A node that lost its journal may sign what contradicts a vote nobody shows it any more.
"""
EVERY_FAULT: Final = frozenset(FaultKind)


@dataclass(frozen=True, slots=True)
class Latency:
    """One-way delays between regions; nodes are dealt to the regions in turn."""

    regions: tuple[str, ...] = ("campus",)
    median_ms: tuple[tuple[float, ...], ...] = ((5.0,),)
    """Row: sender's region, column: receiver's."""
    jitter: float = 0.3
    """Sigma of the lognormal factor around the median."""

    def __post_init__(self) -> None:
        count = len(self.regions)
        square = len(self.median_ms) == count and all(len(row) == count for row in self.median_ms)
        if not count or not square:
            raise ScenarioError("latency.median_ms has one row and column for each region")
        if any(not 0 < one <= 60_000 for row in self.median_ms for one in row):
            raise ScenarioError("latency.median_ms lies above 0 and up to 60000")
        _check_range("latency.jitter", self.jitter, 0, 3)


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad the network is while faults last; a kind must be drawn to have any effect."""

    loss_rate: float = 0.1
    duplicate_rate: float = 0.05
    reorder_rate: float = 0.1
    corrupt_rate: float = 0.01
    slow_factor: float = 40.0
    """How much longer messages of a slow node take."""

    def __post_init__(self) -> None:
        for name in ("loss_rate", "duplicate_rate", "reorder_rate", "corrupt_rate"):
            _check_range(f"weather.{name}", getattr(self, name), 0, 1)
        _check_range("weather.slow_factor", self.slow_factor, 1, 10_000)


@dataclass(frozen=True, slots=True)
class Workload:
    """What people do: consultations, steps of which become proposals, and votes on them."""

    consultations: int = 4
    """Patients registered over the run."""
    blocks_per_minute: float = 20.0
    """Proposals submitted per virtual minute in the whole network."""
    vote_delay_ms: float = 1_500.0
    """Median time from seeing a proposal to voting on it."""
    vote_spread: float = 0.8
    """Sigma of the lognormal factor around it."""
    reject_share: float = 0.05
    abstain_share: float = 0.05
    double_share: float = 0.2
    """Of submissions and votes, where a fault kind that doubles them was drawn."""
    lifetime_ms: int = 86_400_000
    """Until a proposal expires."""

    def __post_init__(self) -> None:
        _check_range("workload.consultations", self.consultations, 0, 100_000)
        _check_range("workload.blocks_per_minute", self.blocks_per_minute, 0, 60_000)
        _check_range("workload.vote_delay_ms", self.vote_delay_ms, 0, 86_400_000)
        _check_range("workload.vote_spread", self.vote_spread, 0, 3)
        for name in ("reject_share", "abstain_share", "double_share"):
            _check_range(f"workload.{name}", getattr(self, name), 0, 1)
        _check_range("workload.lifetime_ms", self.lifetime_ms, 1, 90 * 86_400_000)


@dataclass(frozen=True, slots=True)
class Timing:
    """The charter's times of ordering (R-CHA2)."""

    slot_timeout_ms: int = 1_000
    slot_timeout_max_ms: int = 8_000
    idle_status_ms: int = 10_000
    retransmit_ms: int = 2_500
    batch_blocks: int = 256


@dataclass(frozen=True, slots=True)
class Scenario:
    """The frame of a story; a seed does the rest."""

    name: str = "default"
    doctors: int = 7
    followers: int = 2
    """Nodes without a seat: hospitals, laboratories, radiologists, AI entities in turn."""
    mode: QuorumMode = QuorumMode.BYZANTINE
    panel: Panel = Panel.ALL_DOCTORS
    timing: Timing = Timing()
    latency: Latency = Latency()
    weather: Weather = Weather()
    workload: Workload = Workload()
    faults: frozenset[FaultKind] = EVERY_FAULT
    """Kinds a seed may draw from."""
    fault_probability: float = 0.5
    """With which each allowed kind is drawn (swarm testing); 1 draws them all."""
    faults_per_minute: float = 12.0
    """Crashes, cuts, steps and so on while faults last."""
    duration_ms: int = 60_000
    """How long faults and submissions last."""
    healing_ms: int = 180_000
    """How long a healed network may take to have everything final everywhere."""
    byzantine_share: float = 1.0
    """Share of the withstood liars that may lie, at most."""
    beyond_liveness: bool = False
    """Whether more may lie than ordering goes on with (n-q): then only safety is asked."""
    real_signature_share: float = 0.0
    """Share of seeds that use real ECDSA."""
    charter_changes: int = 2
    """Amendments submitted over the run, where the kind is drawn."""
    follower_gossip: bool = True
    """Whether followers take part in gossip; without it they learn from final batches alone."""

    def __post_init__(self) -> None:
        _check_range("doctors", self.doctors, 1, DOCTORS)
        _check_range("followers", self.followers, 0, 5_000)
        _check_range("duration_ms", self.duration_ms, 0, 86_400_000)
        _check_range("healing_ms", self.healing_ms, 1_000, 86_400_000)
        _check_range("faults_per_minute", self.faults_per_minute, 0, 6_000)
        _check_range("charter_changes", self.charter_changes, 0, 1_000)
        for name in ("fault_probability", "byzantine_share", "real_signature_share"):
            _check_range(name, getattr(self, name), 0, 1)

    @property
    def tolerance(self) -> Tolerance:
        """What its doctors withstand."""
        return tolerance(self.mode, self.doctors)

    @property
    def impaired(self) -> int:
        """How many doctors may lie, be doubled or lose their journal at most."""
        withstood = self.tolerance
        most = withstood.liars_for_safety
        if not self.beyond_liveness:
            most = min(most, withstood.absences_for_liveness)
        return int(most * self.byzantine_share)

    def signatures(self, draw: float) -> Signatures:
        """Which signatures a seed uses that drew this number in [0, 1)."""
        return Signatures.REAL if draw < self.real_signature_share else Signatures.FAST


def field_names(part: type[Scenario | Latency | Weather | Workload | Timing]) -> tuple[str, ...]:
    """The fields of a scenario or one of its parts, for readers of files."""
    return tuple(field.name for field in fields(part))
