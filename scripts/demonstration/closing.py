"""The end of the demonstration: are all chains the same, and does an outsider believe them?"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from medquorum.ledger.types import Role
from medquorum.node.views import StatusView
from scripts.demonstration.cast import Cast
from scripts.demonstration.report import Ending
from scripts.demonstration.timeline import Timeline
from scripts.local_network import REPOSITORY


async def close(cast: Cast, timeline: Timeline, folder: Path) -> Ending:
    """Compare the nodes' tips and run the independent audit on an export."""
    timeline.heading("Afterwards: do all nodes hold the same, and can an outsider check it?")
    statuses = await same_height(cast)
    tips = {(status.n_bc, status.tip_hash) for status in statuses.values()}
    for name, status in statuses.items():
        member = cast.people[name].member
        again = "  (killed and restarted)" if member.restarted else ""
        timeline.detail(f"{name:<20} block {status.n_bc:>3}  {status.tip_hash[:24]}…{again}")
    equal = len(tips) == 1
    verdict = "[green]all chains are equal[/]" if equal else "[bold red]the chains differ[/]"
    timeline.note(f"{len(statuses)} nodes compared: {verdict}")
    audit = await _audit(cast, folder)
    colour = "green" if audit["result"] == "VALID" else "bold red"
    timeline.note(
        f"independent audit of {audit['blocks']} blocks from the export alone: "
        f"[{colour}]{audit['result']}[/]"
    )
    return Ending(statuses, equal, audit)


async def same_height(cast: Cast) -> dict[str, StatusView]:
    """Every node's status, once all have reached the highest tip (or time is up)."""
    tries = 0
    while True:
        members = [one for one in cast.people.values() if one.name not in cast.gone]
        statuses = {one.name: await one.client.status() for one in members}
        if len({status.n_bc for status in statuses.values()}) == 1 or tries == 200:
            return statuses
        tries += 1
        await asyncio.sleep(0.05)


async def _audit(cast: Cast, folder: Path) -> dict[str, Any]:
    """Run `scripts/audit` as a separate process on an export."""
    export = folder / "chain.export"
    export.unlink(missing_ok=True)
    await cast.of(Role.DOCTOR).client.export_to(export)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(REPOSITORY / "scripts" / "audit"),
        str(export),
        "--charter",
        str(cast.network.charter_path),
        "--json",
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError:
        return {"result": "FAILED", "blocks": 0, "reason": "the audit gave no answer"}
    return {**answer, "result": answer.get("verdict", "FAILED"), "blocks": answer.get("blocks", 0)}
