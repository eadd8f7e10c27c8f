"""What `simulate run` and `simulate replay` do: one story, told as figures or as sentences."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import typer

from medquorum.simulation.catalogue import find_study, find_variant
from medquorum.simulation.report import RunReport
from medquorum.simulation.results import ResultsError, RunRow, row_of_report, row_values
from medquorum.simulation.run import RunOptions, simulate
from medquorum.simulation.shrink import shrink as find_smaller
from medquorum.simulation.telling import run_lines
from medquorum.simulation.toml import Study, Variant
from medquorum.simulation.transcript import condensed


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which story somebody wants."""

    study: Study
    variant: Variant
    seed: int

    @classmethod
    def found(cls, named: str, label: str, seed: int) -> Chosen:
        """By a scenario's name or path and a variant's label; ScenarioError with advice."""
        study = find_study(named)
        variant = find_variant(study, label)
        if not label and variant.label:
            others = ", ".join(f'"{one.label}"' for one in study.variants[1:])
            typer.echo(
                f'{study.name} is a study; this is "{variant.label}". --variant chooses: {others}',
                err=True,
            )
        return cls(study, variant, seed)


def run_and_tell(chosen: Chosen, trace: Path | None, *, as_json: bool) -> bool:
    """Run the story and say what came of it; whether everything held."""
    row, report, lines = _made(chosen, told=trace is not None)
    if trace is not None:
        _write(trace, lines)
    if as_json:
        violations = [asdict(violation) for violation in report.violations]
        typer.echo(json.dumps(row_values(row) | {"violations": violations}))
    else:
        typer.echo("\n".join(run_lines(row, report)))
    return not row.failed


def replay_and_tell(chosen: Chosen, *, shrink: bool) -> bool:
    """Tell the story in short sentences, then what came of it; whether everything held."""
    if shrink and (smaller := _shrunk(chosen)) is not None:
        row, report, lines = smaller
    else:
        row, report, lines = _made(chosen, told=True)
    typer.echo("\n".join(condensed(lines)))
    typer.echo("\n".join(run_lines(row, report)))
    return not row.failed


def _shrunk(chosen: Chosen) -> tuple[RunRow, RunReport, tuple[str, ...]] | None:
    """A smaller story that breaks the same rule; None, with a word why, if none is broken."""
    started = time.perf_counter()
    typer.echo("looking for a smaller story that breaks the same rule: many runs", err=True)
    found = find_smaller(chosen.variant.scenario, chosen.seed)
    if found is None:
        typer.echo("no rule is broken: there is nothing to shrink. The whole story:", err=True)
        return None
    wall_ms = int((time.perf_counter() - started) * 1_000)
    left = found.story
    typer.echo(
        f"after {found.attempts} runs: {len(left.schedule)} faults left of kinds "
        f"{', '.join(sorted(left.kinds)) or 'none'}",
        err=True,
    )
    smaller = replace(chosen.variant, scenario=found.scenario)
    return row_of_report(smaller, found.report, wall_ms), found.report, found.transcript


def _made(chosen: Chosen, *, told: bool) -> tuple[RunRow, RunReport, tuple[str, ...]]:
    started = time.perf_counter()
    report, lines = simulate(chosen.variant.scenario, chosen.seed, RunOptions(told=told))
    wall_ms = int((time.perf_counter() - started) * 1_000)
    return row_of_report(chosen.variant, report, wall_ms), report, lines


def _write(path: Path, lines: tuple[str, ...]) -> None:
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise ResultsError(f"cannot write {path}: {error.strerror}; name another file") from None
