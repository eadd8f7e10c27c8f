"""`medquorum ai analyze`: findings on anybody's files, without a network or a node.

The result goes to stdout, progress and refusals to stderr. Patients' files are parsed in a limited
child process (``analyse``), as for the network.
"""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from medquorum.ai_entity.command_ends import (
    Exit,
    end,
    ended_by_sigterm,
    must_be_file,
    must_be_series,
    must_be_writable,
    one_sentence,
)

if TYPE_CHECKING:
    from medquorum.ai_entity.analyse import Analysed, Wanted
    from medquorum.ai_entity.findings import Findings
    from medquorum.ai_entity.registry import Shelf

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
ExplainOption = Annotated[
    Path | None,
    typer.Option(
        "--explain",
        help="Write one page (.html) with pictures: organs, lesions, and what is known of the "
        "model. It holds the findings: keep it as safe as the images.",
    ),
]
ModelsOption = Annotated[
    Path | None, typer.Option("--models", help="Folder with a registry.json; else those shipped.")
]

ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="SHA-256 of a registered model; else the current of its kind."),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress on stderr; refusals are told.")
]

DIGEST: Final = re.compile("[0-9a-f]{64}")
LABELS_LIMIT: Final = "the overlay is too large for the ledger's form; choose a name ending in .npz"


def analyze(
    *,
    ct: CtOption = None,
    pet: PetOption = None,
    xray: XrayOption = None,
    as_json: JsonOption = False,
    overlay: OverlayOption = None,
    dicom_out: DicomOption = None,
    explain: ExplainOption = None,
    model: ModelOption = None,
    models: ModelsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Findings of a CT (with its PET) or of one X-ray on this machine. Not for clinical use.

    Nothing leaves the machine; no network, node or account is needed. Ctrl-C stops it and leaves
    nothing. An analysis that abstains ends with 0 and says why; images or a model that are refused
    end with 1, wrong options with 2, absent files with 4, Ctrl-C with 130.

    Examples:

    medquorum ai analyze --ct exported/ct --pet exported/pet --overlay findings.png

    medquorum ai analyze --xray wrist.dcm --json > findings.json
    """
    _check_choice(ct, pet, xray)
    must_be_series(ct, "--ct")
    must_be_series(pet, "--pet")
    must_be_file(xray, "--xray")
    for written in (overlay, explain):
        if written is not None:
            must_be_writable(written)
    if dicom_out is not None:
        _check_dicom(dicom_out, xray)
    with one_sentence({"CT": ct, "PET": pet}), ended_by_sigterm():
        from medquorum.ai_entity.analyse import Wanted

        kind = "fracture" if ct is None else "ct" if pet is None else "petct"
        shelf = _shelf(models, model, kind)
        drawn = explain is not None or (overlay is not None and _is_picture(overlay))
        wanted = Wanted(drawn, dicom_out is not None)
        analysed = _analysed((ct, pet, xray), wanted, shelf, quiet)
        if overlay is not None:
            _write_overlay(analysed, overlay)
        if dicom_out is not None:
            _write_dicom(analysed, dicom_out)
        if explain is not None:
            _write_page(analysed, explain, shelf)
        _show(analysed.findings, as_json, shelf)


def _shelf(models: Path | None, model: str | None, kind: str) -> Shelf:
    """The models to choose from: all, or the one asked for."""
    from medquorum.ai_entity.registry import MODELS_FOLDER, Registry, Shelf

    folder = models or MODELS_FOLDER
    if model is None:
        return Shelf(folder)
    if not DIGEST.fullmatch(model):
        end(Exit.USAGE, "--model takes 64 hexadecimal digits; list them with: medquorum ai models")
    found = Registry(folder).card_of(bytes.fromhex(model))
    if found.kind != kind:
        end(Exit.USAGE, f"that model is of kind {found.kind}; these images need one of {kind}")
    return Shelf(folder, frozenset({found.digest}))


def _check_choice(ct: Path | None, pet: Path | None, xray: Path | None) -> None:
    if (ct is None) == (xray is None):
        end(Exit.USAGE, "give either --ct FOLDER (with --pet FOLDER) or --xray FILE")
    if pet is not None and ct is None:
        end(Exit.USAGE, "a PET is read together with its CT; add --ct FOLDER")


def _check_dicom(dicom_out: Path, xray: Path | None) -> None:
    if xray is not None:
        end(Exit.USAGE, "--dicom-out writes lesions of a CT or PET; an X-ray has none")
    if not dicom_out.is_dir():
        end(Exit.NOT_FOUND, f"there is no folder {dicom_out}; make it first")
    if importlib.util.find_spec("highdicom") is None:
        end(Exit.FAILED, "highdicom is missing; run: pip install 'medquorum[ai,dicom]'")


def _is_picture(overlay: Path) -> bool:
    return overlay.suffix.lower() == ".png"


def _analysed(
    images: tuple[Path | None, Path | None, Path | None], wanted: Wanted, shelf: Shelf, quiet: bool
) -> Analysed:
    from medquorum.ai_entity.analyse import Manner, measure_fracture, measure_tumour
    from medquorum.ai_entity.analysis_progress import watched

    ct, pet, xray = images
    if ct is not None:
        step = "reading and analysing CT" + (" and PET" if pet is not None else " alone")
        with watched(step, quiet) as watch:
            return measure_tumour(ct, pet, shelf, wanted, Manner(watch=watch))
    assert xray is not None  # noqa: S101 - one of the two was given, see _check_choice
    with watched("reading and analysing the X-ray", quiet) as watch:
        return measure_fracture(xray, shelf, wanted.picture, Manner(watch=watch))


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
            end(Exit.FAILED, LABELS_LIMIT)
    tell(f"overlay written to {target}")


def _write_dicom(analysed: Analysed, folder: Path) -> None:
    from medquorum.ai_entity.telling import tell

    if not analysed.dicom:
        tell("no DICOM results were written: no lesion was drawn")
    for name, content in analysed.dicom:
        (folder / f"{name}.dcm").write_bytes(content)
        tell(f"DICOM {name} written to {folder / name}.dcm")


def _write_page(analysed: Analysed, target: Path, shelf: Shelf) -> None:
    from medquorum.ai_entity.explain.bundle import explained
    from medquorum.ai_entity.explain.page import explanation_page
    from medquorum.ai_entity.telling import tell

    document = explained(analysed.findings, shelf.folder)
    target.write_text(explanation_page(document, analysed.picture), encoding="utf-8")
    tell(f"explanation written to {target}")


def _show(findings: Findings, as_json: bool, shelf: Shelf) -> None:
    from medquorum.ai_entity.explain.bundle import explained
    from medquorum.ai_entity.published import published, total_volumes

    if as_json:
        document = published(findings) | {"explanation": explained(findings, shelf.folder)}
        typer.echo(json.dumps(document, indent=1))
        return
    typer.echo(f"conclusion: {findings.conclusion.value}")
    for line in findings.lines:
        typer.echo(line)
    for volume in total_volumes(findings.tumour) if findings.tumour is not None else ():
        typer.echo(f"{volume['volume_ml']:10.1f} mL  {volume['method']}")
    typer.echo(f"model {findings.model.digest.hex()}")
    typer.echo("Not for clinical use.")
