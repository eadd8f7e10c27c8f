"""Rows of runs that were never made: what tables and figures are tested with."""

import random

from medquorum.simulation.results import RunRow


def made_up_row(
    seed: int = 1, *, scenario: str = "one-ward", doctors: int = 3, **changed: object
) -> RunRow:
    """A row of plausible numbers; the same arguments give the same row."""
    dice = random.Random(f"{scenario} {doctors} {seed}")
    values: dict[str, object] = {
        "scenario": scenario,
        "variant": "",
        "seed": seed,
        "doctors": doctors,
        "nodes": doctors + 2,
        "panel": "all_doctors",
        "mode": "byzantine",
        "faults": ("crash", "loss"),
        "violations": (),
        "stalled": False,
        "halted": False,
        "trace_hash": f"{seed:064x}",
        "virtual_ms": 90_000,
        "wall_ms": 120,
        "steps": 5_000,
        "messages": 20 * doctors * doctors * 3 + dice.randrange(50),
        "bytes": 20 * doctors * doctors * 900 + dice.randrange(9_000),
        "blocks": 20,
        "crashes": 2,
        "restarts": 2,
        "epochs": 0,
        "recovery_ms": dice.randrange(500, 9_000),
        "latencies_ms": tuple(dice.randrange(20, 900) for _ in range(20)),
        "verdicts_ms": tuple(dice.randrange(2_000, 90_000) for _ in range(20)),
        "largest_queue": 40,
        "messages_by_kind": {"notar": 40, "status": 7},
    }
    return RunRow(**(values | changed))  # type: ignore[arg-type]


def made_up_study(*sizes: int, seeds: int = 3, scenario: str = "growth") -> list[RunRow]:
    """Rows of a study over numbers of doctors."""
    return [
        made_up_row(seed, scenario=scenario, doctors=doctors, variant=f"doctors={doctors}")
        for doctors in sizes
        for seed in range(seeds)
    ]
