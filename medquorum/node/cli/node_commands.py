"""`medquorum init` and `medquorum start`: a node's home, and running it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medquorum.node.cli.outcome import CommandError, Exit, one_sentence

init_app = typer.Typer()
start_app = typer.Typer()


@init_app.command()
def init(
    home: Annotated[Path, typer.Option("--home", envvar="MEDQUORUM_HOME", help="A new folder.")],
    moniker: Annotated[str, typer.Option(help="Your name for this node; peers do not see it.")],
    p2p_listen: Annotated[
        str | None, typer.Option("--p2p-listen", help="HOST:PORT for other nodes.")
    ] = None,
    api_listen: Annotated[
        str | None, typer.Option("--api-listen", help="HOST:PORT for pages and programs.")
    ] = None,
) -> None:
    """Make a node's home: `node.toml` and the operator's token; keys come from `medquorum keys`."""
    from medquorum.node.accounts import create_operator_token
    from medquorum.node.config import API_LISTEN, P2P_LISTEN, ConfigError, write_default_config

    with one_sentence():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        token = home / "operator.token"
        if token.exists():
            raise CommandError(Exit.FAILED, f"{token} exists already; use another home")
        try:
            config = write_default_config(
                home / "node.toml",
                moniker=moniker,
                p2p_listen=p2p_listen or P2P_LISTEN,
                api_listen=api_listen or API_LISTEN,
            )
        except ConfigError as error:
            raise CommandError(Exit.FAILED, str(error)) from None
        create_operator_token(token)
        typer.echo(
            f"{home / 'node.toml'}: peers on {config.p2p.listen}, API on {config.api.listen}"
        )
        typer.echo(f"{token}: the operator's token; keep it to yourself")
        typer.echo(f"Next: medquorum keys new --home {home} --role ROLE, then the charter.")


@start_app.command()
def start(
    home: Annotated[
        Path, typer.Option("--home", envvar="MEDQUORUM_HOME", help="The node's folder.")
    ] = Path("."),
) -> None:
    """Run the node until SIGTERM or Ctrl-C; logs are JSON lines on standard error."""
    from medquorum.node.config import ConfigError, load_config
    from medquorum.node.service import run
    from medquorum.node.startup import StartError
    from medquorum.node.store.errors import StoreError

    with one_sentence():
        path = home / "node.toml"
        if not path.exists():
            raise CommandError(
                Exit.NOT_FOUND, f"there is no {path}; run: medquorum init --home {home}"
            )
        try:
            run(load_config(path))
        except (ConfigError, StartError, StoreError) as error:
            raise CommandError(Exit.FAILED, str(error)) from None
