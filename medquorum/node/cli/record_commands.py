"""`medquorum record`: reading a part of a record, and who has read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medquorum.ledger.types import PartName
from medquorum.node.cli.connection import (
    HERE,
    Connection,
    HomeOption,
    JsonOption,
    NodeOption,
    TokenOption,
    ask,
    asking,
)
from medquorum.node.cli.outcome import CommandError, Exit
from medquorum.node.cli.show import console, print_json, table

app = typer.Typer(
    add_completion=False, help="Read a part of a record, or who has read.", no_args_is_help=True
)


@app.command()
def get(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="The record, 64 hex digits.")],
    part: Annotated[PartName, typer.Argument(help="The part.")],
    out: Annotated[Path, typer.Option("--out", help="A new file for the content.")],
    node: NodeOption = None,
    token_file: TokenOption = None,
    *,
    home: HomeOption = HERE,
    purpose: Annotated[str, typer.Option(help="What it is read for; logged.")] = "treatment",
) -> None:
    """Write the content of a part to a file; the node logs who read it and for what."""
    with asking():
        if out.exists():
            raise CommandError(Exit.FAILED, f"{out} exists already; name another file")
        written = ask(
            Connection(node, token_file, home),
            lambda client: client.part_to(record.lower(), part, out, purpose),
        )
        typer.echo(f"{out}: {written} bytes")


@app.command()
def accesses(
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    patient: Annotated[int | None, typer.Option(help="Only this N PB's.", min=1)] = None,
    as_json: JsonOption = False,
) -> None:
    """List who read which record, when and for what."""
    with asking():
        connection = Connection(node, token_file, home)
        found = ask(connection, lambda client: client.accesses(patient))
        if as_json:
            print_json(found)
            return
        columns = list(dict.fromkeys(name for row in found for name in row))
        console().print(table(columns, ([row.get(name) for name in columns] for row in found)))
