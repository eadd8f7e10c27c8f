"""How many certified blocks a second four doctors' nodes reach when verdicts queue up."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from medquorum.ledger.proposal import Proposal
from scripts.benchmarks.finality import DOCTORS
from scripts.benchmarks.floors import verifications_per_s
from scripts.benchmarks.machine import use_of
from scripts.benchmarks.report import Figure, Floor, Outcome, Sense, Target
from scripts.benchmarks.stage import STEP_SECONDS, Stage, staged

TARGET_PER_S = 300.0
VOTES = 3
"""Approvals a block needs: more than half of four."""
POLL_S = 0.02
PRELOAD_AT_ONCE = 256
PRELOAD_SECONDS = 600.0


async def measure(*, quick: bool) -> Outcome:
    """Preload open proposals, then send every vote at once."""
    count = 600 if quick else 1_500
    async with staged(DOCTORS) as stage:
        patient = await stage.register_patient()
        before = (await stage.doctors[0].client.status()).n_bc
        proposals = await asyncio.to_thread(
            lambda: [stage.hospital.test_result(patient) for _ in range(count)]
        )
        preload_s = await _preload(stage, proposals)
        votes = [
            doctor.vote(stage.charter, proposal).encoded()
            for proposal in proposals
            for doctor in stage.doctors[:VOTES]
        ]
        limit = await asyncio.to_thread(verifications_per_s)
        used, started = use_of(stage.running), time.perf_counter()
        for vote in votes:
            stage.hospital.spread("vote", vote, stage.doctor_addresses)
        await _until_height(stage, before + count)
        taken_s = time.perf_counter() - started
        cpu_s = use_of(stage.running).cpu_total_s - used.cpu_total_s
        batches = {block.slot for block in await stage.doctors[0].client.blocks(before, 500)}
    run = _Run(count, taken_s, cpu_s, preload_s, len(batches))
    return _outcome(run, limit / (VOTES * len(DOCTORS)))


async def _preload(stage: Stage, proposals: list[Proposal]) -> float:
    """Gossip every proposal and wait until every doctor's node has opened every body."""
    started = time.perf_counter()
    for first in range(0, len(proposals), PRELOAD_AT_ONCE):
        for proposal in proposals[first : first + PRELOAD_AT_ONCE]:
            stage.spread(proposal)
        await asyncio.sleep(0)
    async with asyncio.timeout(PRELOAD_SECONDS):
        for proposal in proposals:
            for doctor in stage.doctors:
                await doctor.follower.when("body", proposal.id.hex(), seconds=PRELOAD_SECONDS)
    return time.perf_counter() - started


async def _until_height(stage: Stage, n_bc: int) -> None:
    deadline = time.monotonic() + 2 * STEP_SECONDS
    for doctor in stage.doctors:
        while (await doctor.client.status()).n_bc < n_bc:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{doctor.member.name} did not get as far as block {n_bc}")
            await asyncio.sleep(POLL_S)


@dataclass(frozen=True, slots=True)
class _Run:
    """What one run took."""

    count: int
    taken_s: float
    cpu_s: float
    preload_s: float
    batches: int
    """Batches that held the first 500 blocks."""


def _outcome(run: _Run, limit: float) -> Outcome:
    words = (
        f"the signature limit: {VOTES} verifications a block at each of {len(DOCTORS)} nodes, "
        "by two threads doing nothing else"
    )
    return Outcome(
        "throughput",
        f"4 doctors, q = 3, {run.count} proposals decided at once, batches of up to 256",
        (
            Figure(
                "certified blocks",
                run.count / run.taken_s,
                "/s",
                Target(Sense.AT_LEAST, TARGET_PER_S),
                Floor(limit, words),
            ),
            Figure("CPU of all four nodes per block", run.cpu_s * 1_000 / run.count, "ms"),
            Figure(
                "proposals taken in, bodies fetched and opened", run.count / run.preload_s, "/s"
            ),
        ),
        (
            "from the first vote sent to the last block final on all four; votes by gossip",
            f"{run.batches} batches held the first {min(run.count, 500)} blocks",
        ),
    )
