"""`medquorum ai analyze` and `evaluate`: findings on anybody's files, without a network or a node.

The result goes to stdout, progress and refusals to stderr. Patients' files are parsed in a limited
child process (``analyse``), as for the network.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

if TYPE_CHECKING:
    from medquorum.ai_entity.analyse import Analysed, Wanted
    from medquorum.ai_entity.evaluation import CaseResult
    from medquorum.ai_entity.findings import Findings

CtOption = Annotated[Path | None, typer.Option("--ct", help="Folder with one CT series.")]
PetOption = Annotated[Path | None, typer.Option("--pet", help="Folder with the PET of the same.")]
XrayOption = Annotated[
    Path | None, typer.Option("--xray", help="One X-ray: DICOM CR or DX, PNG or JPEG.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
OverlayOption = Annotated[
    Path | None,
    typer.Option(
        "--overlay",
        help="Write what was found: .png a picture with contours, .npz label map and affine, "
        "any other name the map as the ledger carries it.",
    ),
]
DicomOption = Annotated[
    Path | None,
    typer.Option(
        "--dicom-out",
        help="Folder for the lesions as DICOM: segmentation.dcm (SEG) and report.dcm (SR, TID "
        "1500). They repeat the patient's attributes of the series. Needs the extra dicom.",
    ),
]
ModelsOption = Annotated[
    Path | None, typer.Option("--models", help="Folder with a registry.json; else those shipped.")
]

LABELS_LIMIT: Final = "the overlay is too large for the ledger's form; choose a name ending in .npz"


class Exit(IntEnum):
    """The numbers that `medquorum`'s other commands end with, too."""

    FAILED = 1
    USAGE = 2
    NOT_FOUND = 4


def analyze(
    *,
    ct: CtOption = None,
    pet: PetOption = None,
    xray: XrayOption = None,
    as_json: JsonOption = False,
    overlay: OverlayOption = None,
    dicom_out: DicomOption = None,
    models: ModelsOption = None,
) -> None:
    """Findings of a CT (with its PET) or of one X-ray on this machine. Not for clinical use."""
    _check_choice(ct, pet, xray)
    for path in (ct, pet, xray):
        _must_exist(path)
    if overlay is not None and not overlay.resolve().parent.is_dir():
        _end(Exit.NOT_FOUND, f"there is no folder {overlay.parent}; make it first")
    if dicom_out is not None:
        _check_dicom(dicom_out, xray)
    with _one_sentence({"CT": ct, "PET": pet}):
        from medquorum.ai_entity.analyse import Wanted

        wanted = Wanted(overlay is not None and _is_picture(overlay), dicom_out is not None)
        analysed = _analysed(ct, pet, xray, wanted, models)
        if overlay is not None:
            _write_overlay(analysed, overlay)
        if dicom_out is not None:
            _write_dicom(analysed, dicom_out)
        _show(analysed.findings, as_json)


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
    """Hold a model against expert contours: Dice, volumes by method, levels, case by case."""
    _must_exist(petct)
    with _one_sentence({}):
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


def _check_choice(ct: Path | None, pet: Path | None, xray: Path | None) -> None:
    if (ct is None) == (xray is None):
        _end(Exit.USAGE, "give either --ct FOLDER (with --pet FOLDER) or --xray FILE")
    if pet is not None and ct is None:
        _end(Exit.USAGE, "a PET is read together with its CT; add --ct FOLDER")


def _check_dicom(dicom_out: Path, xray: Path | None) -> None:
    if xray is not None:
        _end(Exit.USAGE, "--dicom-out writes lesions of a CT or PET; an X-ray has none")
    if not dicom_out.is_dir():
        _end(Exit.NOT_FOUND, f"there is no folder {dicom_out}; make it first")
    if importlib.util.find_spec("highdicom") is None:
        _end(Exit.FAILED, "highdicom is missing; run: pip install 'medquorum[ai,dicom]'")


def _is_picture(overlay: Path) -> bool:
    return overlay.suffix.lower() == ".png"


def _analysed(
    ct: Path | None, pet: Path | None, xray: Path | None, wanted: Wanted, models: Path | None
) -> Analysed:
    from medquorum.ai_entity.analyse import measure_fracture, measure_tumour
    from medquorum.ai_entity.registry import MODELS_FOLDER
    from medquorum.ai_entity.telling import telling

    folder = models or MODELS_FOLDER
    if ct is not None:
        with telling("reading and analysing CT" + (" and PET" if pet is not None else " alone")):
            return measure_tumour(ct, pet, folder, wanted=wanted)
    assert xray is not None  # noqa: S101 - one of the two was given, see _check_choice
    with telling("reading and analysing the X-ray"):
        return measure_fracture(xray, folder, picture=wanted.picture)


def _write_overlay(analysed: Analysed, target: Path) -> None:
    import numpy as np

    from medquorum.ai_entity.telling import tell
    from medquorum.ledger.canonical import encode
    from medquorum.ledger.errors import CodecError
    from medquorum.ledger.limits import FRAME

    overlay = analysed.findings.overlay
    if _is_picture(target):
        target.write_bytes(analysed.picture or b"")
    elif overlay is None:
        tell("no overlay was written: the analysis abstained before it drew anything")
        return
    elif target.suffix.lower() == ".npz":
        np.savez_compressed(target, labels=overlay.labels(), affine_mm=overlay.affine())
    else:
        try:
            target.write_bytes(encode(overlay.to_content(), FRAME))
        except CodecError:
            _end(Exit.FAILED, LABELS_LIMIT)
    tell(f"overlay written to {target}")


def _write_dicom(analysed: Analysed, folder: Path) -> None:
    from medquorum.ai_entity.telling import tell

    if not analysed.dicom:
        tell("no DICOM results were written: no lesion was drawn")
    for name, content in analysed.dicom:
        (folder / f"{name}.dcm").write_bytes(content)
        tell(f"DICOM {name} written to {folder / name}.dcm")


def _show(findings: Findings, as_json: bool) -> None:
    from medquorum.ai_entity.published import published, total_volumes

    if as_json:
        typer.echo(json.dumps(published(findings), indent=1))
        return
    typer.echo(f"conclusion: {findings.conclusion.value}")
    for line in findings.lines:
        typer.echo(line)
    for volume in total_volumes(findings.tumour) if findings.tumour is not None else ():
        typer.echo(f"{volume['volume_ml']:10.1f} mL  {volume['method']}")
    typer.echo(f"model {findings.model.digest.hex()}")
    typer.echo("Not for clinical use.")


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


def _must_exist(path: Path | None) -> None:
    if path is not None and not path.exists():
        _end(Exit.NOT_FOUND, f"there is no {path}; check the path")


@contextmanager
def _one_sentence(folders: dict[str, Path | None]) -> Iterator[None]:
    """Turn refusals into one sentence that names the file, and an exit code."""
    try:
        from medquorum.ai_entity.errors import AnalysisError
        from medquorum.ai_entity.telling import with_file_names
    except ImportError:
        _end(Exit.FAILED, "the AI entity is not installed; run: pip install 'medquorum[ai]'")
    try:
        yield
    except AnalysisError as error:
        series = error.message.partition(":")[0]
        _end(Exit.FAILED, with_file_names(error.message, folders.get(series)))
    except ImportError as error:
        _end(Exit.FAILED, f"{error.name} is missing; run: pip install 'medquorum[ai]'")
    except OSError as error:
        _end(Exit.FAILED, f"{error.filename or 'the system'}: {error.strerror}")


def _end(code: Exit, advice: str) -> NoReturn:
    print(f"error: {advice}", file=sys.stderr)
    raise typer.Exit(int(code))
