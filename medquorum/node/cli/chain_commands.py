"""`medquorum chain`: blocks, export, proof, and checking without any node (R-EXP1 to R-EXP4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

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
from medquorum.node.cli.outcome import CommandError, Exit, one_sentence
from medquorum.node.cli.show import blocks_table, console, print_json

app = typer.Typer(
    add_completion=False, help="Show, export, prove and verify the chain.", no_args_is_help=True
)

PIECE_BYTES: Final = 1_048_576
CHARTER_BYTES: Final = 67_108_864

OutOption = Annotated[Path, typer.Option("--out", help="A new file.")]


@app.command()
def show(
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    after: Annotated[int, typer.Option(help="Begin after this N BC.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=500)] = 50,
    patient: Annotated[int | None, typer.Option(help="Only this N PB's.", min=1)] = None,
    as_json: JsonOption = False,
) -> None:
    """List blocks in order."""
    with asking():
        blocks = ask(
            Connection(node, token_file, home),
            lambda client: client.blocks(after, limit, patient),
        )
        print_json(blocks) if as_json else console().print(blocks_table(blocks))


@app.command()
def export(
    out: OutOption,
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
) -> None:
    """Write the whole final chain to a file that anyone with the charter can verify."""
    with asking():
        _refuse_existing(out)
        written = ask(Connection(node, token_file, home), lambda client: client.export_to(out))
        typer.echo(f"{out}: {written} bytes")
        typer.echo(f"Check it with: medquorum chain verify {out} --charter charter.bin")


@app.command()
def proof(
    n_bc: Annotated[int, typer.Argument(metavar="N_BC", help="The block's N BC.", min=1)],
    out: OutOption,
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
) -> None:
    """Write the offline proof of one block to a file."""
    with asking():
        _refuse_existing(out)
        content = ask(Connection(node, token_file, home), lambda client: client.proof(n_bc))
        out.write_bytes(content)
        typer.echo(f"{out}: {len(content)} bytes")


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise CommandError(Exit.FAILED, f"{path} exists already; name another file")


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="An export.")],
    charter: Annotated[Path, typer.Option("--charter", help="The signed charter file.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Check an export with nothing but the charter: VALID, or TAMPERED with the first bad height.

    Exit code 5 when it is tampered with.
    """
    from medquorum.consensus.verification import verify_export
    from medquorum.ledger.ceremony import open_charter
    from medquorum.node.cli.files import read_limited

    with one_sentence():
        founded = open_charter(read_limited(charter, CHARTER_BYTES))
        found = verify_export(_pieces(path), founded)
        if as_json:
            print_json(asdict(found))
        elif found.valid:
            typer.echo(f"VALID: {found.blocks} blocks, height {found.height}")
        else:
            typer.echo(f"TAMPERED at height {found.height}: {found.reason}")
        if not found.valid:
            raise typer.Exit(int(Exit.VERIFICATION))


@app.command()
def receipt(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A receipt of a vote.")],
    charter: Annotated[Path, typer.Option("--charter", help="The signed charter file.")],
    *,
    proof_file: Annotated[
        Path | None, typer.Option("--proof", help="The proof of the block it ended in.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a doctor's receipt with nothing but the charter, and whether a block rests on it.

    Exit code 5 when it is not genuine.
    """
    from medquorum.consensus.receipts import check_receipt
    from medquorum.ledger.ceremony import open_charter
    from medquorum.ledger.limits import FRAME, RECORD
    from medquorum.node.cli.files import read_limited

    with one_sentence():
        founded = open_charter(read_limited(charter, CHARTER_BYTES))
        proven = None if proof_file is None else read_limited(proof_file, FRAME.total)
        found = check_receipt(read_limited(path, RECORD.total), founded, proven)
        if as_json:
            print_json(asdict(found))
        elif not found.valid:
            typer.echo(f"NOT GENUINE: {found.reason}")
        else:
            rests = {None: "", True: ", counted in", False: ", not needed by"}[found.counted]
            typer.echo(f"GENUINE{rests}{f' block {found.n_bc}' if rests else ''}")
        if not found.valid:
            raise typer.Exit(int(Exit.VERIFICATION))


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
