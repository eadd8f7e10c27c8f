"""`scripts/chaos`: start seven nodes, torment them, judge what stands afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from scripts.chaos_network.arguments import parse
from scripts.chaos_network.havoc import Havoc
from scripts.chaos_network.inspection import Findings, inspect, settle
from scripts.chaos_network.practice import Practice
from scripts.chaos_network.report import Report
from scripts.chaos_network.schedule import plan
from scripts.chaos_network.voting import Doctor
from scripts.chaos_network.ward import Ward, open_ward
from scripts.chaos_network.watch import Watch

RECOVER_S: Final = 120.0
"""Longest wait for a final block after the last fault."""
FINISH_S: Final = 120.0
"""Longest wait for the consultations under way to end."""


def main() -> int:
    """Run; 0 when everything held, 1 otherwise."""
    chosen = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="medquorum-chaos-"))
    held = False
    try:
        report = asyncio.run(_run(folder, chosen.seed, 60.0 * chosen.minutes))
        report.show()
        if chosen.json is not None:
            report.write(chosen.json)
        held = report.held
    except RuntimeError as error:
        print(f"scripts/chaos could not be carried out: {error}", file=sys.stderr)
    finally:
        if chosen.keep or not held:
            print(f"homes, logs and exports are kept in {folder}")
        else:
            shutil.rmtree(folder)
    return 0 if held else 1


async def _run(folder: Path, seed: int, seconds: float) -> Report:
    def say(text: str) -> None:
        print(text, flush=True)

    say("seven nodes are made and started")
    async with open_ward(folder, seed, say) as ward:
        faults = plan(seed, seconds, ward.members)
        tolerance = ward.charter.tolerance
        ward.history.say(
            f"{len(ward.network.members)} nodes, {tolerance.n} doctors, q = {tolerance.q}; "
            f"{len(faults)} faults in {seconds:.0f} s from seed {seed}"
        )
        watch, practice, havoc = Watch(ward), Practice(ward), Havoc(ward)
        doctors = [Doctor(ward, name) for name in ward.members.doctors]
        async with _meanwhile(watch.run(), *(doctor.run() for doctor in doctors)) as group:
            consultations = group.create_task(practice.run())
            await havoc.run(faults)
            recovered_s = await _recovered(watch, havoc)
            practice.close.set()
            await _finish(ward, consultations)
            settled = await settle(ward)
            equal_s = ward.history.now_s() - havoc.healed_s if settled else None
        findings = await inspect(ward, folder)
        return _report(ward, watch, havoc, findings, (seconds, recovered_s, equal_s))


@asynccontextmanager
async def _meanwhile(*works: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.TaskGroup]:
    """Work that goes on until the block ends; a failure of it ends the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        yield group
        for task in tasks:
            task.cancel()


async def _recovered(watch: Watch, havoc: Havoc) -> float | None:
    """Seconds from the last healing to the next final block; None when none comes."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(RECOVER_S):
            while True:
                grown = watch.first_growth_after(havoc.healed_s)
                if grown is not None:
                    return grown[0] - havoc.healed_s
                await asyncio.sleep(0.1)
    return None


async def _finish(ward: Ward, consultations: asyncio.Task[None]) -> None:
    """Let what is under way be decided; what is not decided in time is found by the checks."""
    ward.history.say(f"{'closing':<12} consultations under way are finished")
    try:
        async with asyncio.timeout(FINISH_S):
            await consultations
    except TimeoutError:
        ward.history.accuse(f"{FINISH_S:.0f} s after the last fault something is undecided")


def _report(
    ward: Ward,
    watch: Watch,
    havoc: Havoc,
    findings: Findings,
    times_s: tuple[float, float | None, float | None],
) -> Report:
    history = ward.history
    seconds, recovered_s, equal_s = times_s
    if recovered_s is None:
        history.accuse(f"no final block within {RECOVER_S:.0f} s of the last fault")
    return Report(
        seed=ward.seed,
        fault_seconds=seconds,
        faults=dict(havoc.counts),
        starts={member.name: member.starts for member in ward.network.members},
        submissions=len(history.submissions),
        votes=len(history.votes),
        unanswered=history.unanswered,
        refusals=dict(history.refusals),
        blocks=findings.blocks,
        rejected=findings.rejected,
        patients=findings.patients,
        bodies=findings.bodies,
        audits=findings.audits,
        longest_gap_s=round(watch.longest_gap_s(), 1),
        longest_calm_gap_s=round(watch.longest_gap_s(havoc.calm), 1),
        recovery_s=None if recovered_s is None else round(recovered_s, 1),
        equal_s=None if equal_s is None else round(equal_s, 1),
        violations=tuple(history.violations),
    )


if __name__ == "__main__":
    sys.exit(main())
