"""Scenarios, runs and sweeps in words for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import typer

from medquorum.simulation.catalogue import built_in, built_in_names
from medquorum.simulation.measures import duration, quantile
from medquorum.simulation.report import RunReport
from medquorum.simulation.results import RunRow
from medquorum.simulation.sweeping import Totals
from medquorum.simulation.toml import Study

FAILURES_SHOWN: Final = 20
KINDS_SHOWN: Final = 5
MEBIBYTE: Final = 1_048_576


def tell_scenarios(*, as_json: bool) -> None:
    """Every built-in scenario with its sentence."""
    studies = [built_in(name) for name in built_in_names()]
    if as_json:
        listed = [
            {
                "name": study.name,
                "shows": study.shows,
                "variants": [one.label for one in study.variants if one.label],
            }
            for study in studies
        ]
        typer.echo(json.dumps(listed))
        return
    widest = max(len(study.name) for study in studies)
    for study in studies:
        typer.echo(f"{study.name:<{widest}}  {study.shows}")
    typer.echo("\nRun one: medquorum simulate run NAME --seed 1")


def run_lines(row: RunRow, report: RunReport) -> Iterator[str]:
    """What came of one run."""
    outcome = "every rule held and all work became final"
    if row.failed:
        outcome = "FAILED"
    yield f"{row.label}, seed {row.seed}: {outcome}"
    for violation in report.violations:
        yield (
            f"  broken   {violation.invariant} after {duration(violation.at_ms)}: "
            f"{violation.detail}"
        )
    if row.stalled:
        yield "  stalled  after healing, work was still not final everywhere"
    if row.halted:
        yield "  halted   an honest node stopped ordering for good"
    yield (
        f"  story    {row.doctors} doctors of {row.nodes} nodes, {duration(row.virtual_ms)} of "
        f"their time in {duration(row.wall_ms)}"
    )
    drawn = ", ".join(row.faults) or "none"
    yield f"  faults   {drawn}; {row.crashes} crashes, {row.epochs} charters replaced"
    yield f"  blocks   {row.blocks:,}{_spread(row.latencies_ms, ', final')}"
    yield f"  verdicts {len(row.verdicts_ms):,}{_spread(row.verdicts_ms, ', decided')}"
    if row.recovery_ms is not None and row.faults:
        yield f"  recovery {duration(row.recovery_ms)} after everything had healed"
    kinds = sorted(row.messages_by_kind.items(), key=lambda pair: (-pair[1], pair[0]))
    most = ", ".join(f"{kind} {count:,}" for kind, count in kinds[:KINDS_SHOWN])
    yield f"  messages {row.messages:,} ({row.bytes / MEBIBYTE:,.1f} MiB): {most}"
    yield f"  trace    {row.trace_hash}"


def sweep_lines(study: Study, totals: Totals, where: str, table: Path | None) -> Iterator[str]:
    """What came of a sweep."""
    yield (
        f"{study.name}: {totals.runs:,} runs in {duration(totals.seconds * 1_000)} on {where}, "
        f"{totals.seeds_per_second:.1f} runs/s; {totals.blocks:,} blocks"
    )
    yield f"violations {totals.violations:,}, stalls {totals.stalls:,}"
    for failure in totals.failures[:FAILURES_SHOWN]:
        yield f"  seed {failure.seed}: {failure.invariant}; {failure.replay}"
    if len(totals.failures) > FAILURES_SHOWN:
        yield f"  and {len(totals.failures) - FAILURES_SHOWN} more; --json lists them all"
    if table is not None:
        yield f"table {table}; draw it: medquorum simulate plot {table.parent} --out figures"


def _spread(times_ms: Sequence[int], verb: str) -> str:
    if not times_ms:
        return ""
    ascending = sorted(times_ms)
    half, most = duration(quantile(ascending, 0.5)), duration(quantile(ascending, 0.95))
    return f"{verb} within {half} (half of them) and {most} (95 %)"
