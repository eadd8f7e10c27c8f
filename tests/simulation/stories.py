"""The scenarios of the sweep: every seed has its own size, mode, distances and pace."""

from __future__ import annotations

from medquorum.ledger.types import Panel, QuorumMode
from medquorum.simulation.clock import stream
from medquorum.simulation.scenario import Latency, Scenario, Timing, Weather, Workload

SIZES = range(1, 11)
DISTANCES = (
    Latency(),
    Latency(("north", "south"), ((2.0, 25.0), (25.0, 2.0)), 0.4),
    Latency(("east", "west", "far"), ((3, 60, 150), (60, 3, 90), (150, 90, 3)), 0.8),
)


def scenario_for(seed: int) -> Scenario:
    """Every size and mode once in twenty seeds; the rest is drawn."""
    dice = stream(seed, "scenario")
    doctors = SIZES[seed % len(SIZES)]
    mode = list(QuorumMode)[seed // len(SIZES) % 2]
    return Scenario(
        name=f"sweep {mode.value} {doctors}",
        doctors=doctors,
        followers=dice.choice((0, 1, 2)),
        mode=mode,
        panel=dice.choice((Panel.ALL_DOCTORS, Panel.ALL_DOCTORS, Panel.CARE_TEAM)),
        timing=Timing(batch_blocks=dice.choice((1, 2, 256))),
        latency=dice.choice(DISTANCES),
        weather=Weather(
            loss_rate=dice.choice((0.02, 0.1, 0.3)),
            duplicate_rate=dice.choice((0.02, 0.2)),
            corrupt_rate=dice.choice((0.01, 0.1)),
        ),
        workload=Workload(
            consultations=dice.choice((1, 3, 8)),
            blocks_per_minute=dice.choice((10.0, 20.0, 40.0)),
            vote_delay_ms=dice.choice((100.0, 1_000.0)),
            lifetime_ms=dice.choice((12_000, 86_400_000, 86_400_000)),
        ),
        fault_probability=dice.choice((0.2, 0.4, 0.7)),
        faults_per_minute=dice.choice((6.0, 20.0, 60.0)),
        duration_ms=20_000,
        beyond_liveness=dice.random() < 0.3,
        real_signature_share=0.02 if doctors <= 4 else 0.0,
    )
