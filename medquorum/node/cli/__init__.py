"""The command `medquorum`. Commands are imported when they are used, so that help is immediate."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "init": ("node_commands:init_app", "Make a node's home: configuration and operator's token."),
    "start": ("node_commands:start_app", "Run the node of a home until it is told to stop."),
    "status": ("status_commands:app", "Show the node in one glance."),
    "submit": ("submit_commands:app", "Propose images, results, forms, reports, prescriptions."),
    "inbox": ("proposal_commands:inbox_app", "List what waits for this node's doctor."),
    "vote": ("proposal_commands:vote_app", "Sign and cast a vote with the clinical key."),
    "why": ("proposal_commands:why_app", "Say why a proposal is not final."),
    "record": ("record_commands:app", "Read a part of a record, or who has read."),
    "chain": ("chain_commands:app", "Show, export, prove and verify the chain."),
    "patient": ("patient_commands:app", "Wallets, registration, histories."),
    "user": ("account_commands:user_app", "Users of this node."),
    "token": ("account_commands:token_app", "Bearer tokens for programs."),
    "keys": ("keys_commands:app", "Make and look at a member's keys."),
    "charter": ("charter_commands:app", "Found a network; look at its charter, and change it."),
    "absence": ("standin_commands:absence_app", "Declare who stands in while a doctor is away."),
    "delegate": ("standin_commands:delegate_app", "Hand on the decisions on one patient."),
    "opening": ("standin_commands:opening_app", "Let a delegate decide for a silent attending."),
    "attending": ("standin_commands:attending_app", "Give patients another attending physician."),
    "evidence": ("live_charter_commands:evidence_app", "Look at proven contradictions of members."),
}
"""Where each command lives, and what help says of it without importing it."""

PLUGINS: Final = "medquorum.commands"
"""Entry point group of command groups from rooms that this one may not import."""

EPILOG: Final = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 node not ready or not reachable, 4 not found, "
    "5 verification failed."
)


class LazyGroup(TyperGroup):
    """A group that knows its commands by name and imports the one that is used."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of COMMANDS."""
        return [*COMMANDS, *(point.name for point in entry_points(group=PLUGINS))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """What help needs: a name and a sentence."""
        if cmd_name not in COMMANDS:
            return _plugin(cmd_name)
        return TyperCommand(cmd_name, callback=None, help=COMMANDS[cmd_name][1])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command, imported."""
        name, stub, rest = super().resolve_command(ctx, args)
        return name, (load(name) if name is not None and name in COMMANDS else stub), rest


def _plugin(name: str) -> Any:
    """A command group that another room registered, or None."""
    for point in entry_points(group=PLUGINS, name=name):
        command = typer.main.get_command(point.load())
        command.name = name
        return command
    return None


def load(name: str) -> Any:
    """Import one command."""
    module_name, _, attribute = COMMANDS[name][0].partition(":")
    module = import_module(f"medquorum.node.cli.{module_name}")
    command = typer.main.get_command(getattr(module, attribute))
    command.name = name
    return command


app: Final = typer.Typer(
    name="medquorum",
    cls=LazyGroup,
    help="A ledger on which doctors decide what enters patients' records.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def root(
    version: bool = typer.Option(False, "--version", help="Print the version and end."),
) -> None:
    """A ledger on which doctors decide what enters patients' records."""
    if version:
        from medquorum import __version__

        typer.echo(__version__)
        raise typer.Exit()


def main() -> None:
    """The entry point of the command."""
    app()
