"""`medquorum ai`: the AI entity's own commands, mounted by the command line as an entry point."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from medquorum.ai_entity.analysis_commands import analyze, evaluate

app = typer.Typer(
    help="Analyse images on this machine, or run an AI entity beside its node.",
    no_args_is_help=True,
)
app.command("analyze")(analyze)
app.command("evaluate")(evaluate)

NodeOption = Annotated[
    str, typer.Option("--node", envvar="MEDQUORUM_NODE", help="URL of the AI entity's own node.")
]
TokenOption = Annotated[
    Path,
    typer.Option(
        "--token-file", envvar="MEDQUORUM_TOKEN_FILE", help="File with a token of that node."
    ),
]
ModelsOption = Annotated[
    Path | None, typer.Option("--models", help="Folder with a registry.json; else those shipped.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.command("serve")
def serve(node: NodeOption, token_file: TokenOption, models: ModelsOption = None) -> None:
    """Follow the node's images and propose a report for each, until stopped."""
    from medquorum.ai_entity.node_api import NodeApi
    from medquorum.ai_entity.registry import MODELS_FOLDER
    from medquorum.ai_entity.service import AiService

    try:
        token = token_file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        typer.echo(f"no token at {token_file}; make one with: medquorum token new", err=True)
        raise typer.Exit(4) from None

    async def follow() -> None:
        async with NodeApi(node, token) as api:
            await AiService(api, models or MODELS_FOLDER).run()

    try:
        asyncio.run(follow())
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@app.command("models")
def show_models(models: ModelsOption = None, as_json: JsonOption = False) -> None:
    """List the registered models with digests and what their cards say."""
    from medquorum.ai_entity.registry import MODELS_FOLDER

    folder = models or MODELS_FOLDER
    registry = json.loads((folder / "registry.json").read_text(encoding="utf-8"))["models"]
    cards = {
        digest: entry | {"card": json.loads((folder / entry["card"]).read_text(encoding="utf-8"))}
        for digest, entry in sorted(registry.items(), key=lambda one: str(one[1]["kind"]))
    }
    if as_json:
        typer.echo(json.dumps(cards, indent=1))
        return
    for digest, entry in cards.items():
        typer.echo(f"{entry['kind']}  {digest}")
        for name, value in entry["card"].items():
            shown = value if isinstance(value, str) else json.dumps(value)
            typer.echo(f"  {name}: {shown}")
        typer.echo("")


if __name__ == "__main__":
    app()
