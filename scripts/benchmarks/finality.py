"""How long a decided proposal takes to be final at the slowest of four doctors' nodes."""

from __future__ import annotations

import time

from medquorum.ledger.types import Role
from scripts.benchmarks.floors import PathFloor, measure_path, middle
from scripts.benchmarks.load_member import Patient
from scripts.benchmarks.machine import use_of
from scripts.benchmarks.report import Figure, Floor, Outcome, Sense, Target, percentile
from scripts.benchmarks.stage import Stage, staged

TARGET_MS = 15.0
DOCTORS = tuple((f"Dr. {name}", Role.DOCTOR) for name in ("Amara", "Bianchi", "Chen", "Diallo"))
PARTS = 4
"""The floor is measured before each of as many parts of the run, so that it sees the same load."""


async def measure(*, quick: bool) -> Outcome:
    """Decide blocks one after another; the last needed vote starts the clock."""
    count = 40 if quick else 120
    async with staged(DOCTORS) as stage:
        patient = await stage.register_patient()
        for _ in range(5):
            await _decide(stage, patient, 0)
        used = use_of(stage.running).cpu_total_s
        taken_ms: list[float] = []
        floors: list[PathFloor] = []
        for number in range(count):
            if number % (count // PARTS) == 0:
                floors.append(await measure_path(stage.folder))
            taken_ms.append(await _decide(stage, patient, number))
        cpu_ms = (use_of(stage.running).cpu_total_s - used) * 1_000 / count
    return _outcome(sorted(taken_ms), middle(floors), cpu_ms)


async def _decide(stage: Stage, patient: Patient, number: int) -> float:
    """One block; milliseconds from the deciding vote's POST to the slowest node's block event."""
    proposal = stage.hospital.test_result(patient)
    stage.spread(proposal)
    await stage.everywhere("body", proposal)
    attending, *others = stage.doctors
    peers = [others[(number + offset) % len(others)] for offset in range(2)]
    early, deciding = (attending, peers[0]), peers[1]
    for doctor in early:
        await doctor.client.vote(doctor.vote(stage.charter, proposal))
    await stage.everywhere("vote", proposal, count=len(early))
    vote = deciding.vote(stage.charter, proposal)
    started_us = time.time_ns() // 1_000
    await deciding.client.vote(vote)
    return (await stage.everywhere("block", proposal) - started_us) / 1_000


def _outcome(taken_ms: list[float], path: PathFloor, cpu_ms: float) -> Outcome:
    floor = Floor(path.total_ms, path.in_words())
    target = Target(Sense.AT_MOST, TARGET_MS)
    return Outcome(
        "finality",
        f"4 doctors, q = 3, {len(taken_ms)} blocks one after another",
        (
            Figure("p50", percentile(taken_ms, 0.50), "ms", target, floor),
            Figure("p90", percentile(taken_ms, 0.90), "ms", None, floor),
            Figure("p99", percentile(taken_ms, 0.99), "ms", None, floor),
            Figure("CPU of all four nodes per block, its body included", cpu_ms, "ms"),
        ),
        ("from the POST of the deciding vote at its doctor's node to the block on the last node",),
    )
