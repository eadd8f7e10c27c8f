"""`medquorum ai evaluate`: a model held against expert contours, case by case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medquorum.ai_entity.command_ends import Exit, end, must_be_file, one_sentence
from medquorum.ai_entity.evaluation_tables import nema_table, phantom_table

if TYPE_CHECKING:
    from medquorum.ai_entity.evaluation import CaseResult
    from medquorum.ai_entity.registry import LoadedModel

JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
ModelsOption = Annotated[
    Path | None, typer.Option("--models", help="Folder with a registry.json; else those shipped.")
]


class SeedFamily(StrEnum):
    """Names of ``phantom.scanner.Family``, known without numpy."""

    HOLD_OUT = "hold-out"
    VALIDATION = "validation"


def evaluate(
    *,
    petct: Annotated[
        Path | None,
        typer.Option("--petct", help=".npz with <case>_suv, _ct, _gtv and _spacing_zyx per case."),
    ] = None,
    ct_only: Annotated[
        bool, typer.Option("--ct-only", help="The model for CT alone; the PET is not shown to it.")
    ] = False,
    phantoms: Annotated[
        int | None,
        typer.Option("--phantoms", min=1, max=1_000, help="Judge organ levels on made-up bodies."),
    ] = None,
    seed_family: Annotated[
        SeedFamily,
        typer.Option("--seed-family", help="Whose seeds: hold-out is never used to choose."),
    ] = SeedFamily.HOLD_OUT,
    nema: Annotated[
        bool, typer.Option("--nema", help="Volumes of the NEMA IEC phantom's spheres by method.")
    ] = False,
    fracture_phantoms: Annotated[
        int | None,
        typer.Option(
            "--fracture-phantoms", min=20, max=10_000, help="Judge fractures on made-up X-rays."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="SHA-256 of a registered model; else the current.")
    ] = None,
    as_json: JsonOption = False,
    models: ModelsOption = None,
) -> None:
    """Hold a model against expert contours: Dice, volumes by method, levels, case by case.

    Real cases (--petct) and made-up ones (--phantoms, --nema, --fracture-phantoms) are judged
    apart.

    Example: medquorum ai evaluate --petct cases.npz --json > figures.json
    """
    asked = (petct is not None, phantoms is not None, nema, fracture_phantoms is not None)
    if sum(asked) != 1:
        end(
            Exit.USAGE,
            "give one of --petct FILE, --phantoms COUNT, --nema or --fracture-phantoms COUNT",
        )
    if petct is not None:
        must_be_file(petct, "--petct")
    with one_sentence({}):
        from medquorum.ai_entity.evaluation import evaluated_model
        from medquorum.ai_entity.registry import MODELS_FOLDER, Registry

        folder = models or MODELS_FOLDER
        if fracture_phantoms is not None:
            _fractures(fracture_phantoms, model, folder, as_json)
            return
        loaded = evaluated_model(Registry(folder), model, ct_only=ct_only)
        if petct is not None:
            document, table = _cases(petct, loaded, folder), _table
        elif phantoms is not None:
            document, table = _phantoms(phantoms, seed_family, loaded), phantom_table
        else:
            document, table = _nema(loaded), nema_table
    typer.echo(json.dumps(document, indent=1) if as_json else "\n".join(table(document)))


def _cases(petct: Path, model: LoadedModel, folder: Path) -> dict[str, Any]:
    from medquorum.ai_entity.case_archive import CaseArchive
    from medquorum.ai_entity.evaluation import evaluate_cases, seen_cases, summary
    from medquorum.ai_entity.telling import tell

    archive = CaseArchive(petct)
    results = []
    for result in evaluate_cases(archive, model, seen_cases(model, folder, petct)):
        results.append(result)
        tell(f"case {len(results)} of {len(archive.names)}: {_case_line(result)}")
    for reason in sorted({one.unknown_because for one in results if one.unknown_because}):
        cases = ", ".join(one.case for one in results if one.unknown_because == reason)
        tell(f"warning: not known whether the model has seen {cases}: {reason}")
    return summary(results, model)


def _phantoms(count: int, family: SeedFamily, model: LoadedModel) -> dict[str, Any]:
    from medquorum.ai_entity.evaluation_phantoms import judge_trials, phantom_summary
    from medquorum.ai_entity.phantom.scanner import Family
    from medquorum.ai_entity.phantom_trials import trials
    from medquorum.ai_entity.telling import tell

    results = []
    for result in judge_trials(model, trials(Family(family.value), count)):
        results.append(result)
        wrong = sum(one.truth != one.found for one in result.observations)
        tell(
            f"phantom {len(results)} of {count}: {result.story}, {wrong} of "
            f"{len(result.observations)} organs wrong"
        )
    return phantom_summary(results, model) | {"seed_family": family.value}


def _fractures(count: int, model: str | None, folder: Path, as_json: bool) -> None:
    from medquorum.ai_entity.fracture.evaluation import evaluate_phantoms
    from medquorum.ai_entity.fracture.evaluation_table import fracture_table
    from medquorum.ai_entity.fracture.fused import load_models
    from medquorum.ai_entity.registry import Registry
    from medquorum.ai_entity.telling import tell

    try:
        approved = None if model is None else frozenset({bytes.fromhex(model)})
    except ValueError:
        end(Exit.USAGE, "a model is named by the 64 hexadecimal digits of its SHA-256")
    document = evaluate_phantoms(load_models(Registry(folder, approved)), count, tell)
    typer.echo(json.dumps(document, indent=1) if as_json else "\n".join(fracture_table(document)))


def _nema(model: LoadedModel) -> dict[str, Any]:
    from medquorum.ai_entity.evaluation_nema import nema_summary
    from medquorum.ai_entity.telling import tell

    return nema_summary(model, tell)


def _case_line(result: CaseResult) -> str:
    if result.dice is None:
        return f"{result.case} abstained: {result.abstained}"
    notes = {True: "  (fitted on)", None: "  (perhaps fitted on)", False: ""}
    seen = notes[result.seen_in_training]
    if result.member is not None:
        seen = f"  (by member {result.member}, which has not seen it)"
    return f"{result.case} Dice {result.dice:.3f}{seen}"


def _table(document: dict[str, Any]) -> Iterator[str]:
    yield f"{'case':16s} {'Dice':>6s} {'network':>9s} {'SUV>=4':>9s} {'41 %':>9s} {'expert':>9s} mL"
    for case in document["cases"]:
        volumes = [case["volume_ml"][by] for by in ("network", "suv_4", "suv_41pct", "reference")]
        shown = " ".join(f"{'-':>9s}" if one is None else f"{one:9.1f}" for one in volumes)
        dice = "-" if case["dice"] is None else f"{case['dice']:.3f}"
        note = {True: "  fitted on", None: "  perhaps fitted on"}.get(case["seen_in_training"], "")
        yield f"{case['case']:16s} {dice:>6s} {shown}{note}"
    yield f"mean Dice {document['mean_dice']} over {document['judged']} judged cases"
    if document["cross_validated"]:
        yield "cross-validated: each case by the member that has not seen it"
    unseen = document["mean_dice_not_seen_in_training"]
    if unseen is None and document["judged"]:
        yield "no judged case is known not to have been fitted on"
    elif unseen != document["mean_dice"]:
        yield f"mean Dice of cases not fitted on: {unseen}"
    yield f"abstained: {document['abstained']}"
    yield f"model {document['model']} {document['model_digest']}"
    yield "Not for clinical use."
