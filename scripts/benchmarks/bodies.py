"""How fast a CT of 300 slices is taken in, and fetched and opened by four doctors' nodes."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from medquorum.ledger.types import BlockType, PartName, Role
from medquorum.node.account_records import UserRole
from medquorum.node.client import FileSubmission, NodeClient
from scripts.benchmarks.ct_series import write_ct_archive
from scripts.benchmarks.finality import DOCTORS
from scripts.benchmarks.load_member import Patient
from scripts.benchmarks.machine import MIB, synced_write_mb_s, use_of
from scripts.benchmarks.report import Figure, Floor, Outcome, Sense, Target
from scripts.benchmarks.stage import Stage, staged
from scripts.local_network import LocalMember

TARGET_MB_S = 60.0
SLICES = 300
RADIOLOGY = ("Radiology", Role.RADIOLOGIST)


async def measure(*, quick: bool) -> Outcome:
    """Submit, fetch and open a series once, or three times where there is time."""
    async with staged((*DOCTORS, RADIOLOGY)) as stage:
        patient = await stage.register_patient()
        archive = stage.folder / "ct.tar"
        await asyncio.to_thread(write_ct_archive, archive, SLICES)
        megabytes = archive.stat().st_size / 1e6
        disk = await asyncio.to_thread(synced_write_mb_s, stage.folder, int(megabytes))
        radiology = stage.network.member(RADIOLOGY[0])
        fetching = [doctor.member for doctor in stage.doctors]
        used = use_of(fetching).cpu_total_s
        runs = [await _run(stage, radiology, patient, archive) for _ in range(1 if quick else 3)]
        fetched_cpu_s = use_of(fetching).cpu_total_s - used
        peak = max(use_of(stage.running).peak_rss_bytes) / MIB
    taken_in = sorted(megabytes / submit_s for submit_s, _, _ in runs)
    slowest = sorted(megabytes / each_s for _, each_s, _ in runs)
    together = sorted(len(DOCTORS) * megabytes / all_s for _, _, all_s in runs)
    middle = len(runs) // 2
    floor = Floor(disk, "writing one file of this size to the same disk and syncing it, MB/s")
    target = Target(Sense.AT_LEAST, TARGET_MB_S)
    return Outcome(
        "body",
        f"a CT of {SLICES} slices, {megabytes:.0f} MB, median of {len(runs)}",
        (
            Figure("taken in: POST to durable receipt", taken_in[middle], "MB/s", target, floor),
            Figure("fetched and opened, slowest node", slowest[middle], "MB/s", target, floor),
            Figure("fetched and opened, four together", together[middle], "MB/s", None, floor),
            Figure(
                "fetched and opened, by one core of a node's own",
                len(runs) * len(fetching) * megabytes / fetched_cpu_s,
                "MB/s",
            ),
            Figure("memory peak, largest node", peak, "MiB"),
        ),
        ("fetching counts from the proposal's arrival at a node to the body checked and opened",),
    )


async def _run(
    stage: Stage, radiology: LocalMember, patient: Patient, archive: Path
) -> tuple[float, float, float]:
    """Seconds to submit, to fetch on the slowest node, and until all four have it."""
    async with await _radiologist(radiology) as client:
        submission = FileSubmission(
            BlockType.CT, patient=patient.number, files={PartName.IMG_CT: archive}
        )
        started = time.perf_counter()
        receipt = await client.submit_files(submission)
        submit_s = time.perf_counter() - started
    arrived = [await one.follower.when("proposal", receipt.proposal) for one in stage.doctors]
    opened = [await one.follower.when("body", receipt.proposal) for one in stage.doctors]
    each_us = [done - began for began, done in zip(arrived, opened, strict=True)]
    return submit_s, max(each_us) / 1e6, (max(opened) - min(arrived)) / 1e6


async def _radiologist(member: LocalMember) -> NodeClient:
    """A client with the rights of a radiologist at her node."""
    name = f"radiologist-{time.monotonic_ns()}"
    async with member.client() as operator:
        await operator.add_user(name, UserRole.RADIOLOGIST)
        token = await operator.new_token(name)
    return NodeClient(member.url, token)
