"""`medquorum init` and `medquorum start`: a node's home, and running it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from medquorum.node.cli.member_home import CLINICAL_KEYSTORE, NODE_KEYSTORE
from medquorum.node.cli.outcome import CommandError, Exit, one_sentence
from medquorum.node.cli.passphrases import NODE_VARIABLE

init_app = typer.Typer(add_completion=False)
start_app = typer.Typer(add_completion=False)


MONIKER_CHARACTERS: Final = 64
MONIKER: Final = "node"
"""Of a home whose own name has nothing in it that a moniker may hold."""


def moniker_of(home: Path) -> str:
    """The home folder's name, with what no moniker may hold (see NodeConfig) left out."""
    plain = re.sub(r"[^0-9A-Za-z ._-]+", "-", home.resolve().name)
    return plain.lstrip(" ._-")[:MONIKER_CHARACTERS].rstrip(" ") or MONIKER


@init_app.command()
def init(
    home: Annotated[
        Path,
        typer.Option(
            "--home", envvar="MEDQUORUM_HOME", help="The node's folder, new or with keys."
        ),
    ],
    moniker: Annotated[
        str | None,
        typer.Option(help="Your name for this node; peers do not see it. Else the folder's name."),
    ] = None,
    p2p_listen: Annotated[
        str | None, typer.Option("--p2p-listen", help="HOST:PORT for other nodes.")
    ] = None,
    api_listen: Annotated[
        str | None, typer.Option("--api-listen", help="HOST:PORT for pages and programs.")
    ] = None,
) -> None:
    """Make a node's `node.toml` and the operator's token in its home.

    The keys come from `medquorum keys new`; the signed charter goes to HOME/charter.bin.
    """
    from medquorum.node.account_records import OPERATOR_TOKEN
    from medquorum.node.accounts import create_operator_token
    from medquorum.node.config import API_LISTEN, P2P_LISTEN, ConfigError, write_default_config

    with one_sentence():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        token = home / OPERATOR_TOKEN
        if token.exists():
            raise CommandError(Exit.FAILED, f"{token} exists already; use another home")
        try:
            config = write_default_config(
                home / "node.toml",
                moniker=moniker_of(home) if moniker is None else moniker,
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
        typer.echo(f"Once started, the page is at {config.api.page} (users: medquorum user add)")
        typer.echo(f"Next: {_next_step(home)}")


def _next_step(home: Path) -> str:
    """What this home lacks most."""
    if not (home / NODE_KEYSTORE).exists():
        role = "doctor" if (home / CLINICAL_KEYSTORE).exists() else "ROLE"
        return f"medquorum keys new --home {home} --role {role}, then the charter."
    if not (home / "charter.bin").exists():
        return f"copy the signed charter to {home / 'charter.bin'} (see: medquorum charter --help)."
    return f"medquorum start --home {home}"


@start_app.command()
def start(
    home: Annotated[
        Path, typer.Option("--home", envvar="MEDQUORUM_HOME", help="The node's folder.")
    ] = Path("."),
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--passphrase-file",
            help="File (mode 0600) with the passphrase of the node's keystore; "
            "else MEDQUORUM_PASSPHRASE_FILE, else keys.passphrase_file of node.toml.",
        ),
    ] = None,
) -> None:
    """Run the node until SIGTERM or Ctrl-C; logs are JSON lines on standard error.

    HOME holds node.toml, node-keystore.json and the signed charter, charter.bin.
    """
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
        environment = dict(os.environ)
        if passphrase_file is not None:
            environment[NODE_VARIABLE] = str(passphrase_file)
        try:
            config = load_config(path, environment)
            if sys.stdout.isatty():  # elsewhere the lines go to a log, which is JSON throughout
                typer.echo(f"Page: {config.api.page}")
            run(config)
        except (ConfigError, StartError, StoreError) as error:
            raise CommandError(Exit.FAILED, str(error)) from None
