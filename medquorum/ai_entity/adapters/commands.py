"""`medquorum ai adopt`: take a model that a hospital has into a registry."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class AdoptedKind(StrEnum):
    """What the model reads."""

    PETCT = "petct"
    CT = "ct"


class StoredAs(StrEnum):
    """How training images lay on disk."""

    LPS = "LPS"
    RAS = "RAS"


def adopt_model(
    folder: Annotated[Path, typer.Argument(help="nnU-Net export or MONAI bundle with ONNX.")],
    *,
    kind: Annotated[AdoptedKind, typer.Option("--kind", help="What it reads.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the registry to add it to.")],
    lesion: Annotated[
        list[str] | None, typer.Option("--lesion", help="Label that is lesion; may be repeated.")
    ] = None,
    configuration: Annotated[
        str, typer.Option("--configuration", help="Of nnU-Net's plans.")
    ] = "3d_fullres",
    stored_as: Annotated[
        StoredAs | None, typer.Option("--stored-as", help="For readers that keep orientation.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Register a hospital's own tumour model. Nothing of it is run but its ONNX graph."""
    from medquorum.ai_entity.adapters.adopt import adopt, description
    from medquorum.ai_entity.adapters.foreign import Wishes
    from medquorum.ai_entity.errors import AnalysisError

    wishes = Wishes(tuple(lesion or ()), configuration, None if stored_as is None else stored_as)
    try:
        adopted = adopt(folder, kind.value, out, wishes)
    except AnalysisError as error:
        typer.echo(f"error: {error.message}", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"error: {error.filename or 'the system'}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    lines = description(adopted.understood)
    if as_json:
        card = json.loads(adopted.card_file.read_text(encoding="utf-8"))
        typer.echo(json.dumps({"digest": adopted.digest, "card": card}, indent=1))
        return
    for line in lines:
        typer.echo(line)
    typer.echo(f"registered  {adopted.digest} as current model of kind {kind.value} in {out}")
    typer.echo("Not tested by anybody here. Not for clinical use.")
