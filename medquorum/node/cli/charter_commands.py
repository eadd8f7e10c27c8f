"""`medquorum charter`: the founding ceremony step by step, and the charter since (R-CHA5 to 8).

request → build → sign → collect → verify. Nothing of the ceremony talks to a network: the files
travel by whatever means the founders trust, and the fingerprint is compared by voice. Afterwards
`show`, `history` and `amend` ask a node.
"""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Annotated

import typer

from medquorum.ledger import ceremony
from medquorum.ledger.ceremony import CharterFile
from medquorum.ledger.charter_source import SOURCE_BYTES, parse_charter_source
from medquorum.ledger.errors import CharterError, LedgerError
from medquorum.ledger.fingerprint import fingerprint, same_fingerprint
from medquorum.ledger.founding import build_charter
from medquorum.ledger.limits import CHARTER, RECORD
from medquorum.ledger.member import Member
from medquorum.ledger.types import Role
from medquorum.node.cli.amend_commands import app as amend_app
from medquorum.node.cli.charter_view import charter_facts, print_charter
from medquorum.node.cli.connection import (
    HERE,
    Connection,
    NodeOption,
    TokenOption,
    asking,
)
from medquorum.node.cli.connection import HomeOption as LiveHomeOption
from medquorum.node.cli.enrolment_wishes import read_enrolment
from medquorum.node.cli.files import file_stem, read_limited, write_whole
from medquorum.node.cli.keys_commands import (
    ClinicalPassphraseOption,
    HomeOption,
    JsonOption,
    PassphraseOption,
    member_home,
)
from medquorum.node.cli.live_charter_commands import history, maturity, show_live
from medquorum.node.cli.model_wishes import read_models
from medquorum.node.cli.outcome import CommandError, Exit, one_sentence

app = typer.Typer(
    add_completion=False,
    help="Found a network; look at its charter, and change it.",
    no_args_is_help=True,
)

CharterArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The charter file.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Where to write.")]


@app.command()
def request(
    home: HomeOption,
    name: Annotated[str, typer.Option(help="The name agreed on in the charter's source.")],
    role: Annotated[Role, typer.Option(help="The role agreed on.")],
    endpoint: Annotated[str, typer.Option(help="host:port where peers reach the node.")],
    *,
    models: Annotated[
        Path | None, typer.Option(help="Of an AI entity: JSON of the models it reports with.")
    ] = None,
    webauthn: Annotated[
        Path | None,
        typer.Option(help="Of a doctor: the enrolment of her authenticator, from the page."),
    ] = None,
    out: OutOption = None,
    passphrase_file: PassphraseOption = None,
    clinical_passphrase_file: ClinicalPassphraseOption = None,
) -> None:
    """Make this member's request: public keys, with proof that it holds the private ones."""
    with one_sentence():
        keys = member_home(home, passphrase_file, clinical_passphrase_file)
        listed = () if models is None else read_models(models)
        enrolment = None if webauthn is None else read_enrolment(webauthn)
        called = unicodedata.normalize("NFC", name)
        member = keys.request(called, role, endpoint, listed, enrolment)
        path = out or Path(f"{file_stem(member.name)}.request")
        write_whole(path, ceremony.encode_request(member), replace=False)
        typer.echo(f"{path}: {member.name}, {member.address_text}")
        typer.echo("Send it to the coordinator; it holds no secret.")


@app.command()
def build(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="The agreed source, network.toml.")
    ],
    requests: Annotated[
        list[Path], typer.Argument(metavar="REQUEST", help="Every member's request file.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Where to write.")] = Path("charter.bin"),
) -> None:
    """Build the charter from source and requests; everybody who repeats it gets the same bytes."""
    with one_sentence():
        agreed = parse_charter_source(_text(source))
        members = [_read_request(path) for path in requests]
        charter_file = CharterFile(build_charter(agreed, members))
        write_whole(out, charter_file.encoded(), replace=False)
        print_charter(charter_file)
        typer.echo(f"{out}: send it to every member, who compares the fingerprint and signs.")


def _text(path: Path) -> str:
    try:
        return read_limited(path, SOURCE_BYTES).decode("utf-8")
    except UnicodeDecodeError:
        raise CharterError(f"{path} is not UTF-8 text; save it as UTF-8") from None


def _read_request(path: Path) -> Member:
    try:
        return ceremony.parse_request(read_limited(path, RECORD.total))
    except LedgerError as error:
        raise CharterError(f"{path}: {error}") from None


def _read_charter(path: Path) -> CharterFile:
    """A charter file with all rules and proofs verified; signatures may still be missing."""
    charter_file = ceremony.parse_charter_file(read_limited(path, CHARTER.total))
    charter_file.charter.verify_proofs()
    return charter_file


@app.command()
def sign(
    path: CharterArgument,
    home: HomeOption,
    words: Annotated[
        str | None,
        typer.Option("--fingerprint", help="The eight words heard from the others."),
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
    out: OutOption = None,
    passphrase_file: PassphraseOption = None,
    clinical_passphrase_file: ClinicalPassphraseOption = None,
) -> None:
    """Sign the charter with the member's clinical key, after comparing the fingerprint."""
    with one_sentence():
        charter = _read_charter(path).charter
        if words is not None and not same_fingerprint(words, charter.network_id):
            raise CommandError(
                Exit.VERIFICATION,
                f"the fingerprint is {fingerprint(charter.network_id)}, not the words given: "
                "this is another charter, do not sign it",
            )
        print_charter(CharterFile(charter))
        if words is None and not yes and not typer.confirm("Same words, and agreed?", err=True):
            raise CommandError(Exit.FAILED, "not signed")
        keys = member_home(home, passphrase_file, clinical_passphrase_file)
        address, signer = keys.clinical_signer()
        signature = ceremony.sign_charter(charter, address, signer)
        member = charter.member(address)
        stem = file_stem(member.name) if member else "member"
        target = out or path.parent / f"{stem}.signature"
        write_whole(target, signature.encoded(), replace=False)
        typer.echo(f"{target}: send it to the coordinator.")


@app.command()
def collect(
    path: CharterArgument,
    signatures: Annotated[
        list[Path], typer.Argument(metavar="SIGNATURE", help="Members' signature files.")
    ],
) -> None:
    """Add members' signatures to the charter file; bad ones change nothing."""
    with one_sentence():
        gathered = []
        for signature_path in signatures:
            try:
                gathered.append(
                    ceremony.parse_signature(read_limited(signature_path, RECORD.total))
                )
            except LedgerError as error:
                raise CharterError(f"{signature_path}: {error}") from None
        charter_file = ceremony.add_signatures(_read_charter(path), gathered)
        write_whole(path, charter_file.encoded(), replace=True)
        missing = ceremony.verify_charter_file(charter_file)
        for fault in missing:
            typer.echo(str(fault))
        typer.echo(f"{path}: " + (f"{len(missing)} to come" if missing else "complete"))


@app.command()
def verify(path: CharterArgument, as_json: JsonOption = False) -> None:
    """Check everything a node checks before it starts; exit 5 when it would not start."""
    with one_sentence():
        charter_file = _read_charter(path)
        faults = ceremony.verify_charter_file(charter_file)
        words = fingerprint(charter_file.charter.network_id)
        if as_json:
            missing = [fault.member.name for fault in faults]
            typer.echo(json.dumps({"complete": not faults, "fingerprint": words, "lacks": missing}))
        else:
            typer.echo(f"fingerprint  {words}")
        if faults:
            raise CommandError(
                Exit.VERIFICATION,
                "R-CHA6: not complete, no node starts on it; gather and collect:\n  "
                + "\n  ".join(str(fault) for fault in faults),
            )
        if not as_json:
            typer.echo(f"{path}: complete, every member has signed")


@app.command()
def show(
    path: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A charter file; without, the node's.")
    ] = None,
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: LiveHomeOption = HERE,
    *,
    version: Annotated[
        int | None, typer.Option("--version", min=0, help="An earlier version of the node's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the charter in force: members, quorum, what it withstands, who stands in for whom.

    With a file: the founding charter in it, and who has not signed.
    """
    with asking():
        if path is None:
            show_live(Connection(node, token_file, home), version, as_json=as_json)
            return
        charter_file = _read_charter(path)
        if as_json:
            typer.echo(json.dumps(charter_facts(charter_file), indent=1, ensure_ascii=False))
        else:
            print_charter(charter_file)


app.command()(history)
app.command()(maturity)
app.add_typer(amend_app, name="amend")
