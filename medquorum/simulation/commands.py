"""`medquorum simulate`: the researcher's commands, mounted as an entry point."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

EXAMPLES: Final = """
Examples:

  medquorum simulate list

  medquorum simulate run one-ward --seed 7

  medquorum simulate sweep seven-doctors-swarm --seeds 1000 --out results

  medquorum simulate sweep messages-against-n --seeds 5 --out results

  medquorum simulate plot results --out figures

  medquorum simulate replay seven-doctors-swarm --seed 7
"""

app = typer.Typer(
    help="Run whole networks in virtual time: faults, sweeps over seeds, figures.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


class Exit(IntEnum):
    """What a program that calls the command can tell apart."""

    OK = 0
    FAILED = 1
    """A rule broke, work stalled, or a file could not be read or written."""
    USAGE = 2
    """The scenario or the options are wrong."""
    NOT_READY = 3
    """No cluster answers."""
    INTERRUPTED = 130


SCENARIO_HELP: Final = "Name of a built-in scenario (see list) or path of a TOML file."
Named = Annotated[str, typer.Argument(metavar="SCENARIO", help=SCENARIO_HELP)]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Chooses the story.")]
VariantChoice = Annotated[
    str,
    typer.Option("--variant", metavar="TEXT", help='Of a study, such as "doctors=7"; the first.'),
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.command("list")
def show_scenarios(as_json: AsJson = False) -> None:
    """Show the built-in scenarios.

    With what each is for. A file of your own: copy one, docs/simulation.md says what may stand in
    it, and give its path: medquorum simulate run mine.toml
    """
    from medquorum.simulation.telling import tell_scenarios

    tell_scenarios(as_json=as_json)


@app.command("run", epilog="Example: medquorum simulate run one-ward --seed 7 --trace story.txt")
def run_scenario(
    scenario: Named,
    seed: Seed = 1,
    variant: VariantChoice = "",
    as_json: AsJson = False,
    trace: Annotated[
        Path | None, typer.Option("--trace", help="Write everything that happened to this file.")
    ] = None,
) -> None:
    """Run a scenario under one seed.

    Says what came of it. Exit code 1: a rule broke or work stalled.
    """
    from medquorum.simulation.run_command import Chosen, run_and_tell

    with one_sentence():
        held = run_and_tell(Chosen.found(scenario, variant, seed), trace, as_json=as_json)
    if not held:
        raise typer.Exit(Exit.FAILED)


@app.command(
    "sweep", epilog="Example: medquorum simulate sweep flaky-clinic-link --seeds 500 --out results"
)
def sweep_scenario(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help=SCENARIO_HELP)] = "",
    *,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=10**9, help="How many.")] = 100,
    first_seed: Annotated[
        int, typer.Option("--first-seed", min=0, max=2**62, help="The first.")
    ] = 1,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=256, help="Processes; else one per core.")
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option("--dask", metavar="ADDRESS", help="Scheduler, such as tcp://HOST:8786."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write a table into this folder, for plot."),
    ] = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Table as CSV, not Parquet; to stdout without --out.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a scenario under many seeds.

    On all cores of this machine, or on a Dask cluster. Without a scenario: seven doctors under
    every kind of fault. A study runs all its variants under each seed. Exit code 1: a rule broke
    or work stalled.
    """
    from medquorum.simulation.catalogue import DEFAULT, find_study
    from medquorum.simulation.sweep_command import Order, sweep_and_tell

    if workers is not None and dask is not None:
        end(Exit.USAGE, "--workers is for this machine and --dask for a cluster; give one of them")
    if as_csv and as_json and out is None:
        end(Exit.USAGE, "--csv and --json both write to stdout; give the table a folder with --out")
    with one_sentence():
        order = Order(
            study=find_study(scenario or DEFAULT),
            seeds=range(first_seed, first_seed + seeds),
            workers=workers,
            dask=dask,
            folder=out,
            as_csv=as_csv,
            as_json=as_json,
        )
        totals = sweep_and_tell(order)
    if totals.interrupted:
        end(Exit.INTERRUPTED, "interrupted; the figures and the table are those of the runs done")
    if totals.failures:
        raise typer.Exit(Exit.FAILED)


@app.command(
    "replay", epilog="Example: medquorum simulate replay four-doctors-liar --seed 12 --shrink"
)
def replay_scenario(
    scenario: Named,
    seed: Seed,
    variant: VariantChoice = "",
    shrink: Annotated[
        bool, typer.Option("--shrink", help="First look for a smaller story that fails alike.")
    ] = False,
) -> None:
    """Tell one seed's story in sentences.

    Faults, blocks, what broke. What several nodes do alike is told once; run with --trace keeps
    every line.
    """
    from medquorum.simulation.run_command import Chosen, replay_and_tell

    with one_sentence():
        held = replay_and_tell(Chosen.found(scenario, variant, seed), shrink=shrink)
    if not held:
        raise typer.Exit(Exit.FAILED)


@app.command("plot", epilog="Example: medquorum simulate plot results --out figures")
def plot_results(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULTS…", help="Tables of sweep, or their folders.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the figures.")],
) -> None:
    """Draw figures from tables of sweeps.

    As SVG and PNG: latency of blocks, messages and bytes against the number of doctors, recovery
    after faults, time to a verdict. What the tables do not show is left out, and said so.
    """
    from medquorum.simulation.figures import draw_figures
    from medquorum.simulation.tables import read_tables

    with one_sentence():
        drawn = draw_figures(read_tables(results), out)
    for path in drawn.files:
        typer.echo(str(path))
    for reason in drawn.left_out:
        typer.echo(f"not drawn: {reason}", err=True)
    if not drawn.files:
        raise typer.Exit(Exit.FAILED)


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn what may go wrong outside of a run into a sentence and an exit code."""
    from medquorum.simulation.cluster import ClusterError
    from medquorum.simulation.results import ResultsError
    from medquorum.simulation.scenario import ScenarioError

    try:
        yield
    except ScenarioError as error:
        end(Exit.USAGE, str(error))
    except ResultsError as error:
        end(Exit.FAILED, str(error))
    except ClusterError as error:
        end(Exit.NOT_READY, str(error))
    except KeyboardInterrupt:
        end(Exit.INTERRUPTED, "interrupted")


def end(code: Exit, advice: str) -> NoReturn:
    """Say what to do on stderr and end."""
    typer.echo(f"error: {advice}", err=True)
    raise typer.Exit(int(code))


if __name__ == "__main__":
    app()
