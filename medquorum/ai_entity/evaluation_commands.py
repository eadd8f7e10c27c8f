"""`medquorum ai evaluate`: a model held against expert contours, case by case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medquorum.ai_entity.command_ends import must_be_file, one_sentence

if TYPE_CHECKING:
    from medquorum.ai_entity.evaluation import CaseResult

JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
ModelsOption = Annotated[
    Path | None, typer.Option("--models", help="Folder with a registry.json; else those shipped.")
]


def evaluate(
    petct: Annotated[
        Path,
        typer.Option("--petct", help=".npz with <case>_suv, _ct, _gtv and _spacing_zyx per case."),
    ],
    model: Annotated[
        str | None, typer.Option("--model", help="SHA-256 of a registered model; else the current.")
    ] = None,
    as_json: JsonOption = False,
    models: ModelsOption = None,
) -> None:
    """Hold a model against expert contours: Dice, volumes by method, levels, case by case.

    Example: medquorum ai evaluate --petct cases.npz --json > figures.json
    """
    must_be_file(petct, "--petct")
    with one_sentence({}):
        from medquorum.ai_entity.case_archive import CaseArchive
        from medquorum.ai_entity.evaluation import (
            evaluate_cases,
            evaluated_model,
            fitted_cases,
            summary,
        )
        from medquorum.ai_entity.registry import MODELS_FOLDER, Registry
        from medquorum.ai_entity.telling import tell

        folder = models or MODELS_FOLDER
        archive = CaseArchive(petct)
        loaded = evaluated_model(Registry(folder), model)
        fitted_on = fitted_cases(loaded, folder, petct)
        results = []
        for count, result in enumerate(evaluate_cases(archive, loaded, fitted_on), start=1):
            results.append(result)
            tell(f"case {count} of {len(archive.names)}: {_case_line(result)}")
        document = summary(results, loaded)
    typer.echo(json.dumps(document, indent=1) if as_json else "\n".join(_table(document)))


def _case_line(result: CaseResult) -> str:
    if result.dice is None:
        return f"{result.case} abstained: {result.abstained}"
    seen = "  (fitted on)" if result.seen_in_training else ""
    return f"{result.case} Dice {result.dice:.3f}{seen}"


def _table(document: dict[str, Any]) -> Iterator[str]:
    yield f"{'case':16s} {'Dice':>6s} {'network':>9s} {'SUV>=4':>9s} {'41 %':>9s} {'expert':>9s} mL"
    for case in document["cases"]:
        volumes = [case["volume_ml"][by] for by in ("network", "suv_4", "suv_41pct", "reference")]
        shown = " ".join(f"{'-':>9s}" if one is None else f"{one:9.1f}" for one in volumes)
        dice = "-" if case["dice"] is None else f"{case['dice']:.3f}"
        note = "  fitted on" if case["seen_in_training"] else ""
        yield f"{case['case']:16s} {dice:>6s} {shown}{note}"
    yield f"mean Dice {document['mean_dice']} over {document['judged']} judged cases"
    if document["mean_dice_not_seen_in_training"] != document["mean_dice"]:
        yield f"mean Dice of cases not fitted on: {document['mean_dice_not_seen_in_training']}"
    yield f"abstained: {document['abstained']}"
    yield f"model {document['model']} {document['model_digest']}"
    yield "Not for clinical use."
