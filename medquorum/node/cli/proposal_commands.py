"""`medquorum inbox`, `vote` and `why`: a doctor's decisions from the command line."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from medquorum.ledger.types import Decision
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
from medquorum.node.cli.member_home import CLINICAL_KEYSTORE, MemberHome
from medquorum.node.cli.outcome import CommandError, Exit
from medquorum.node.cli.passphrases import clinical_passphrase, node_passphrase
from medquorum.node.cli.show import print_json, print_listed, print_why, proposals_table
from medquorum.node.client import NodeClient
from medquorum.node.clinical import build_vote
from medquorum.node.desk import VoteReceipt
from medquorum.node.private_files import write_private_file
from medquorum.node.sealing import Grantor

inbox_app = typer.Typer(add_completion=False)
vote_app = typer.Typer(add_completion=False)
why_app = typer.Typer(add_completion=False)

SHORTEST_PREFIX: Final = 6
RECENT: Final = 500
"""Proposals among which the beginning of an id is looked for."""

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="A proposal's id, or its beginning.")]
CharterOption = Annotated[
    Path | None,
    typer.Option("--charter", help="The charter file; else that of --home, else the node's."),
]
ClinicalOption = Annotated[
    Path | None,
    typer.Option(
        "--clinical-passphrase-file",
        help="File (mode 0600) with the clinical keystore's passphrase; else a prompt.",
    ),
]


async def full_id(client: NodeClient, given: str) -> str:
    """The id of which the beginning was given; CommandError when none or several begin so."""
    text = given.lower()
    if len(text) == 64:
        return text
    if len(text) < SHORTEST_PREFIX:
        raise CommandError(Exit.USAGE, f"give at least {SHORTEST_PREFIX} digits of the id")
    found = {each.id for each in await client.proposals(limit=RECENT) if each.id.startswith(text)}
    if len(found) != 1:
        problem = "no recent proposal begins" if not found else f"{len(found)} proposals begin"
        raise CommandError(Exit.NOT_FOUND, f"{problem} with {text}; give the whole id")
    return found.pop()


def hand_at(home: Path, clinical_file: Path | None) -> Grantor:
    """A doctor's clinical key, opened; the passphrase comes from file, environment or prompt."""
    keys = MemberHome(home, node_passphrase(None), clinical_passphrase(clinical_file))
    if not keys.clinical_keystore.exists():
        raise CommandError(
            Exit.NOT_FOUND,
            f"{home} is no doctor's home: it has no {CLINICAL_KEYSTORE}; give --home of the "
            "doctor's own keys",
        )
    return Grantor(*keys.clinical_signer())


@inbox_app.command()
def inbox(
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    as_json: JsonOption = False,
) -> None:
    """List the open proposals that wait for this node's doctor."""
    with asking():
        found = ask(Connection(node, token_file, home), lambda client: client.inbox())
        print_listed(found, proposals_table, "Nothing waits for your vote.", as_json=as_json)


@why_app.command()
def why(
    identifier: IdArgument,
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    as_json: JsonOption = False,
) -> None:
    """Say why a proposal is not final: who has not voted, which certificate is missing."""
    with asking():

        async def explain(client: NodeClient):  # type: ignore[no-untyped-def]
            return await client.why(await full_id(client, identifier))

        found = ask(Connection(node, token_file, home), explain)
        print_json(found) if as_json else print_why(found)


@dataclass(frozen=True, slots=True)
class _Choice:
    """What the doctor decided."""

    identifier: str
    decision: Decision
    grade: int | None
    comment: str | None
    charter: Path | None


@vote_app.command()
def vote(
    identifier: IdArgument,
    decision: Annotated[Decision, typer.Argument(help="Irrevocable once cast.")],
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    grade: Annotated[
        int | None, typer.Option("--grade", min=1, max=4, help="RADPEER-like, on reports.")
    ] = None,
    comment: Annotated[
        str | None,
        typer.Option("--comment", help="Kept here; the vote holds its salted hash only."),
    ] = None,
    charter: CharterOption = None,
    clinical_passphrase_file: ClinicalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign and cast a vote with the clinical key of --home, which never leaves this machine."""
    choice = _Choice(identifier, decision, grade, comment, charter)
    connection = Connection(node, token_file, home)
    with asking():
        hand = hand_at(home, clinical_passphrase_file)
        receipt = ask(connection, lambda client: _cast(client, connection, choice, hand))
        if as_json:
            print_json(receipt)
        else:
            typer.echo(f"{decision.value}: vote {receipt.vote} is durable on the node")


async def _cast(
    client: NodeClient, connection: Connection, choice: _Choice, hand: Grantor
) -> VoteReceipt:
    charter = await connection.charter(client, choice.charter)
    identifier = await full_id(client, choice.identifier)
    comment = None if choice.comment is None else _keep_comment(connection, choice, identifier)
    signed = await build_vote(
        client, identifier, choice.decision, choice.grade, hand, charter=charter, comment=comment
    )
    return await client.vote(signed)


def _keep_comment(connection: Connection, choice: _Choice, identifier: str) -> bytes:
    """Keep a comment with its salt beside the keys; the vote carries SHA-256(salt || text)."""
    text, salt = (choice.comment or "").encode(), os.urandom(32)
    path = connection.home / f"comment-{identifier[:16]}.json"
    kept = {"proposal": identifier, "salt": salt.hex(), "comment": choice.comment}
    write_private_file(path, json.dumps(kept).encode(), replace=False)
    return hashlib.sha256(salt + text).digest()
