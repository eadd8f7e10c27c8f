"""`medquorum patient`: wallets, registration, histories."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medquorum.ledger.keys import Address, parse_address
from medquorum.ledger.types import BlockType, NetworkId, PartName
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
from medquorum.node.cli.outcome import CommandError, Exit, one_sentence
from medquorum.node.cli.passphrases import Passphrase
from medquorum.node.cli.proposal_commands import CharterOption, ClinicalOption
from medquorum.node.cli.show import blocks_table, console, patients_table, print_json
from medquorum.node.cli.submit_commands import (
    Draft,
    Signing,
    print_receipt,
    propose,
    read_content,
)
from medquorum.node.client import NodeClient
from medquorum.node.desk import Receipt, Registration
from medquorum.node.keystore import Keystore
from medquorum.node.patient_wallet import (
    create_wallet,
    make_registration,
    open_wallet,
    read_wallet_public,
    wallet_address,
)

app = typer.Typer(
    add_completion=False, help="Wallets, registration, histories.", no_args_is_help=True
)

NAME_BYTES = 1_024

WalletOption = Annotated[Path, typer.Option("--wallet", help="The patient's wallet file.")]
WalletPassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--wallet-passphrase-file",
        help="File (mode 0600) with the wallet's passphrase; "
        "else MEDQUORUM_WALLET_PASSPHRASE_FILE, else a prompt.",
    ),
]


def _passphrase(file: Path | None) -> Passphrase:
    variable = "MEDQUORUM_WALLET_PASSPHRASE_FILE"
    return Passphrase("patient's wallet", "--wallet-passphrase-file", variable, file)


@app.command()
def new(wallet: WalletOption, wallet_passphrase_file: WalletPassphraseOption = None) -> None:
    """Make a patient's keys, on the patient's own device."""
    with one_sentence():
        public = create_wallet(wallet, _passphrase(wallet_passphrase_file).read(twice=True))
        typer.echo(f"address  {wallet_address(public)}")
        typer.echo(f"{wallet}: whoever has it and its passphrase reads and is the patient")


@app.command()
def register(
    wallet: WalletOption,
    doctor: Annotated[str, typer.Option(help="The attending physician, mqdoc1…")],
    form: Annotated[Path, typer.Option(help="JSON file with the vital signs of R-CON1.")],
    node: NodeOption = None,
    token_file: TokenOption = None,
    *,
    home: HomeOption = HERE,
    name_file: Annotated[
        Path | None,
        typer.Option("--name-file", help="File with the patient's name; else a prompt."),
    ] = None,
    wallet_passphrase_file: WalletPassphraseOption = None,
    charter: CharterOption = None,
    clinical_passphrase_file: ClinicalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose a patient's registration: her first medical form, naming the attending.

    The name is never an option's value, which other users of the machine could see.
    """
    connection = Connection(node, token_file, home)
    with asking():
        content = read_content(form)
        name = _name(name_file)
        keys = open_wallet(wallet, _passphrase(wallet_passphrase_file).read())

        async def registered(client: NodeClient) -> Receipt:
            draft = Draft(
                type=BlockType.MEDICAL_FORM,
                patient=None,
                structured={PartName.V_IND: content},
                doctor=doctor,
                registration=await _registration(client, keys, name),
            )
            signing = Signing(charter, clinical_passphrase_file)
            return await propose(client, connection, draft, signing)

        print_receipt(ask(connection, registered), as_json=as_json)


async def _registration(client: NodeClient, keys: Keystore, name: str) -> Registration:
    status = await client.status()
    issuer = Address(parse_address(status.address)[0])
    return make_registration(keys, NetworkId(bytes.fromhex(status.network)), issuer, name)


def _name(path: Path | None) -> str:
    if path is None:
        typed: str = typer.prompt("The patient's name", err=True)
    else:
        with path.open("rb") as file:
            typed = file.read(NAME_BYTES).decode("utf-8", "replace")
    name = typed.strip()
    if not name or "\n" in name:
        raise CommandError(Exit.USAGE, "the name is one line of text")
    return name


@app.command("list")
def list_patients(
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    as_json: JsonOption = False,
) -> None:
    """List the registered patients by number; names are not known here."""
    with asking():
        found = ask(Connection(node, token_file, home), lambda client: client.patients())
        print_json(found) if as_json else console().print(patients_table(found))


@app.command()
def history(
    number: Annotated[int, typer.Argument(metavar="N_PB", help="N PB.", min=1)],
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    after: Annotated[int, typer.Option(help="Begin after this N BC.", min=0)] = 0,
    as_json: JsonOption = False,
) -> None:
    """List a patient's blocks in order."""
    with asking():
        found = ask(
            Connection(node, token_file, home),
            lambda client: client.history(number, after, 500),
        )
        print_json(found) if as_json else console().print(blocks_table(found))


@app.command()
def number(
    wallet: WalletOption,
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    as_json: JsonOption = False,
) -> None:
    """Say which number N PB the owner of a wallet has got."""
    with asking():
        address = wallet_address(read_wallet_public(wallet))
        found = ask(
            Connection(node, token_file, home),
            lambda client: client.patient_by_address(address),
        )
        print_json(found) if as_json else typer.echo(str(found.n_pb))
