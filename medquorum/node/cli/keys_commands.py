"""`medquorum keys`: a member makes its keys at home and looks at their public halves (R-KEY4)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from medquorum.ledger.keys import Address, address_text
from medquorum.ledger.types import ADDRESS_PREFIX, Role
from medquorum.node.cli.member_home import CLINICAL_KEYSTORE, MemberHome
from medquorum.node.cli.outcome import one_sentence
from medquorum.node.cli.passphrases import (
    clinical_passphrase,
    node_passphrase,
    page_passphrase,
)
from medquorum.node.cli.rotation import swap_keystores
from medquorum.node.private_files import write_private_file

app = typer.Typer(
    add_completion=False, help="Make and look at a member's keys.", no_args_is_help=True
)

HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="MEDQUORUM_HOME", help="The member's folder of keys."),
]
PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help="File (mode 0600) with the passphrase of the node's keystore; "
        "else MEDQUORUM_PASSPHRASE_FILE, else a prompt.",
    ),
]
ClinicalPassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--clinical-passphrase-file",
        help="The same for a doctor's clinical keystore; "
        "else MEDQUORUM_CLINICAL_PASSPHRASE_FILE, else a prompt.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def member_home(home: Path, node: Path | None = None, clinical: Path | None = None) -> MemberHome:
    """The home with its passphrases still to be read."""
    return MemberHome(home, node_passphrase(node), clinical_passphrase(clinical))


@app.command("new")
def new(
    home: HomeOption,
    role: Annotated[Role, typer.Option(help="What this member is in the charter.")],
    passphrase_file: PassphraseOption = None,
    clinical_passphrase_file: ClinicalPassphraseOption = None,
    policy_key: Annotated[
        bool, typer.Option("--policy-key", help="Also a key for automatic votes (doctors).")
    ] = False,
) -> None:
    """Make a member's keys; the private halves never leave the folder."""
    with one_sentence():
        keys = member_home(home, passphrase_file, clinical_passphrase_file)
        keys.create(role, with_policy=policy_key)
        owner = next(iter(keys.keystores().values())).owner
        typer.echo(f"address  {address_text(Address(owner), ADDRESS_PREFIX[role])}")
        for name, public in keys.keystores().items():
            typer.echo(f"{home / name}: {', '.join(sorted(public.public_keys))}")
        typer.echo("Keep a copy of these files and their passphrases in two safe places.")


@app.command("list")
def show(home: HomeOption, as_json: JsonOption = False) -> None:
    """List the public halves; no passphrase is needed."""
    with one_sentence():
        keystores = member_home(home).keystores()
        if as_json:
            typer.echo(
                json.dumps(
                    {
                        name: {
                            "address": public.owner.hex(),
                            "public_keys": dict(sorted(public.public_keys.items())),
                        }
                        for name, public in keystores.items()
                    },
                    indent=1,
                )
            )
            return
        table = Table("file", "purpose", "public key")
        for name, public in keystores.items():
            for purpose, point in sorted(public.public_keys.items()):
                table.add_row(name, purpose, point)
        owner = Address(next(iter(keystores.values())).owner)
        prefix = ADDRESS_PREFIX[Role.DOCTOR] if CLINICAL_KEYSTORE in keystores else None
        typer.echo(f"address  {address_text(owner, prefix) if prefix else owner.hex()}")
        Console(width=120).print(table)


@app.command("page-file")
def page_file(
    home: HomeOption,
    out: Annotated[Path, typer.Option(help="Where the key file goes; it must not exist yet.")],
    clinical_passphrase_file: ClinicalPassphraseOption = None,
    page_passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--page-passphrase-file",
            help="File (mode 0600) with another passphrase for the key file; "
            "else the clinical keystore's.",
        ),
    ] = None,
) -> None:
    """Write a doctor's clinical key as a file that the node's page opens in the browser.

    It is encrypted; the page asks for its passphrase and never sends key or passphrase anywhere.
    """
    with one_sentence():
        keys = member_home(home, None, clinical_passphrase_file)
        other = page_passphrase(page_passphrase_file) if page_passphrase_file else None
        write_private_file(out, keys.page_keys(other), replace=False)
        typer.echo(f"{out}: choose it in the page, at your own workplace, to sign votes")


@app.command("swap")
def swap(home: HomeOption) -> None:
    """Put the keystore of `charter amend rotate-key` in place, once the amendment is in force.

    Stop the node before, start it after. The old keystore is kept beside it under its date.
    """
    with one_sentence():
        for now, kept in swap_keystores(member_home(home)):
            typer.echo(f"{now}: the new keys; the old ones are kept as {kept.name}")
        typer.echo(f"Start the node: medquorum start --home {home}")
