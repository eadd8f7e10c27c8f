"""`medquorum simulate`: the researcher's commands, mounted as an entry point."""

from __future__ import annotations

import typer

app = typer.Typer(
    help="Run whole networks in virtual time: faults, sweeps over seeds, figures.",
    no_args_is_help=True,
)


@app.command("list")
def show_scenarios() -> None:
    """The built-in scenarios and what each shows."""


@app.command("run")
def run_scenario() -> None:
    """One scenario under one seed."""
