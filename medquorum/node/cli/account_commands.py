"""`medquorum user` and `medquorum token`: who may use this node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medquorum.node.account_records import UserRole
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
from medquorum.node.cli.passphrases import Passphrase
from medquorum.node.cli.show import console, moment, print_json, table
from medquorum.node.private_files import write_private_file

user_app = typer.Typer(add_completion=False, help="Users of this node.", no_args_is_help=True)
token_app = typer.Typer(
    add_completion=False, help="Bearer tokens for programs.", no_args_is_help=True
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="a-z 0-9 . _ -, at most 64.")]


@user_app.command()
def add(
    name: NameArgument,
    role: Annotated[UserRole, typer.Argument(metavar="ROLE", help="What the user is.")],
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    password_file: Annotated[
        Path | None,
        typer.Option("--password-file", help="File (mode 0600) with the password; else a prompt."),
    ] = None,
    tokens_only: Annotated[
        bool, typer.Option("--tokens-only", help="No password: a program's user.")
    ] = False,
    patient: Annotated[
        str | None, typer.Option(help="Address of the patient's key; role patient only.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a user."""
    with asking():
        password = None
        if not tokens_only:
            secret = Passphrase(
                "new user", "--password-file", "MEDQUORUM_PASSWORD_FILE", password_file
            )
            password = secret.read(twice=True)
        added = ask(
            Connection(node, token_file, home),
            lambda client: client.add_user(name, role, password=password, patient=patient),
        )
        print_json(added) if as_json else typer.echo(f"{added.name}: {added.role.value}")


@user_app.command("list")
def list_users(
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    as_json: JsonOption = False,
) -> None:
    """List the users."""
    with asking():
        found = ask(Connection(node, token_file, home), lambda client: client.users()).users
        if as_json:
            print_json(found)
            return
        rows = (
            (
                each.name,
                each.role.value,
                "yes" if each.has_password else "tokens only",
                moment(each.created_at_ms),
            )
            for each in found
        )
        console().print(table(("name", "role", "password", "since"), rows))


@token_app.command("new")
def new_token(
    user: NameArgument,
    out: Annotated[Path, typer.Option("--out", help="A new file (mode 0600) for the token.")],
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    label: Annotated[str, typer.Option(help="For your own list.")] = "",
    days: Annotated[int, typer.Option(help="Lifetime.", min=1, max=400)] = 30,
) -> None:
    """Make a bearer token for a user and write it to a file only its owner can read."""
    with asking():
        if out.exists():
            raise CommandError(Exit.FAILED, f"{out} exists already; name another file")
        text = ask(
            Connection(node, token_file, home),
            lambda client: client.new_token(user, label=label, lifetime_days=days),
        )
        write_private_file(out, f"{text}\n".encode("ascii"), replace=False)
        typer.echo(f"{out}: token of {user} for {days} days")


@token_app.command()
def revoke(
    user: NameArgument,
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
) -> None:
    """End every token and session of a user."""
    with asking():
        connection = Connection(node, token_file, home)
        ended = ask(connection, lambda client: client.revoke_tokens(user))
        typer.echo(f"{ended} ended")
