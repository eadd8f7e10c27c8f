"""`medquorum status`: the node in one glance, once or as it changes."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

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
from medquorum.node.cli.outcome import Exit
from medquorum.node.cli.show import console, print_json, status_table
from medquorum.node.client import NodeClient

app = typer.Typer(add_completion=False)
CALM_SECONDS = 0.2
"""Changes shown together: a batch of blocks is one redrawing."""


@app.command()
def status(
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Redraw at every change.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the node in one glance; exit code 3 while it is not ready."""
    connection = Connection(node, token_file, home)
    with asking():
        if watch:
            try:
                ask(connection, _watch)
            except KeyboardInterrupt:
                return
        view = ask(connection, lambda client: client.status())
        if as_json:
            print_json(view)
        else:
            console().print(status_table(view))
        if not view.ready:
            raise typer.Exit(int(Exit.NOT_READY))


async def _watch(client: NodeClient) -> None:
    from rich.live import Live

    with Live(status_table(await client.status()), console=console()) as live:
        async for _ in client.events():
            live.update(status_table(await client.status()))
            await asyncio.sleep(CALM_SECONDS)
