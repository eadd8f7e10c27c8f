"""`medquorum ai`: the AI entity's own commands, mounted by the command line as an entry point."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from medquorum.ai_entity.adapters.commands import adopt_model
from medquorum.ai_entity.analysis_commands import analyze
from medquorum.ai_entity.evaluation_commands import evaluate
from medquorum.ai_entity.learning.chain_commands import drift, promote, withdraw
from medquorum.ai_entity.learning.commands import card, dataset, train
from medquorum.ai_entity.serve_commands import serve, show_status

app = typer.Typer(
    help="Analyse images on this machine, or run an AI entity beside its node.",
    no_args_is_help=True,
)
app.command("analyze")(analyze)
app.command("evaluate")(evaluate)
app.command("serve")(serve)
app.command("status")(show_status)
for learning in (dataset, train, card, promote, withdraw, drift):
    app.command(learning.__name__)(learning)
app.command("adopt")(adopt_model)

ModelsOption = Annotated[
    Path | None, typer.Option("--models", help="Folder with a registry.json; else those shipped.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.command("models")
def show_models(models: ModelsOption = None, as_json: JsonOption = False) -> None:
    """List the registered models with digests and what their cards say."""
    from medquorum.ai_entity.errors import AnalysisError
    from medquorum.ai_entity.explain.card_words import read_card_document
    from medquorum.ai_entity.registry import MODELS_FOLDER, REGISTRY_FILE

    folder = models or MODELS_FOLDER
    try:
        registry = json.loads((folder / REGISTRY_FILE).read_text(encoding="utf-8"))["models"]
        cards = {
            digest: entry | {"card": read_card_document(folder, bytes.fromhex(digest))}
            for digest, entry in sorted(registry.items(), key=lambda one: str(one[1]["kind"]))
        }
    except AnalysisError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from error
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
