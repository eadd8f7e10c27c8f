"""Taking a hospital's model into a registry: understand, check, copy, write a card, register.

The graph passes the same checks as every model (closed, standard operators, the ports its plan
promises) and is then known by its SHA-256. The card says where its plan came from, by the digest of
the files it was read from, and that nobody here has tested it.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.adapters.foreign import Understood, Wishes
from medquorum.ai_entity.adapters.monai_bundle import METADATA, understand_monai
from medquorum.ai_entity.adapters.nnunet import DATASET, understand_nnunet
from medquorum.ai_entity.adapters.plan import Source
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.limits import MAX_MODEL_BYTES
from medquorum.ai_entity.model_card import read_card
from medquorum.ai_entity.model_output import open_session
from medquorum.ai_entity.onnx_wire import inspect_model
from medquorum.ai_entity.registry import check_ports, register_model
from medquorum.ai_entity.regular_file import TooLargeError, read_regular

THRESHOLD_PPM: Final = 500_000
STEM_DIGITS: Final = 12
KIND_SOURCES: Final = {
    "ct": frozenset({Source.CT}),
    "petct": frozenset({Source.CT, Source.PET}),
}
LIMITS: Final = (
    "Not for clinical use here: brought in by its owner, not trained and not tested by this "
    "project.",
    "Run it against cases with known contours (medquorum ai evaluate) before anybody relies on it.",
)


@dataclass(frozen=True, slots=True)
class Adopted:
    """What was registered."""

    understood: Understood
    digest: str
    card_file: Path


def understand(folder: Path, wishes: Wishes) -> Understood:
    """Which of the two kinds a folder is, and what it declares. Raises ModelError."""
    if (folder / METADATA).exists():
        return understand_monai(folder, wishes)
    if (folder / DATASET).exists():
        return understand_nnunet(folder, wishes)
    raise ModelError(
        Reason.UNKNOWN_MODEL,
        f"the folder has neither {DATASET} (nnU-Net export) nor {METADATA} (MONAI bundle)",
    )


def adopt(folder: Path, kind: str, out: Path, wishes: Wishes, *, current: bool = True) -> Adopted:
    """Register the model of ``folder`` as ``kind`` in the registry ``out``. Raises ModelError.

    Nothing is written before everything is checked.
    """
    understood = understand(folder, wishes)
    _check_kind(understood, kind)
    content = _read_model(understood.model_file)
    digest = hashlib.sha256(content)
    card = _card(understood, kind, digest.hexdigest())
    text = json.dumps(card, indent=1, sort_keys=True) + "\n"
    check_ports(inspect_model(content), read_card(text.encode(), digest.digest()))
    open_session(content)
    stem = f"{understood.form}-{digest.hexdigest()[:STEM_DIGITS]}"
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{stem}.onnx").write_bytes(content)
    (out / f"{stem}.json").write_text(text)
    register_model(out, stem, current=current)
    return Adopted(understood, digest.hexdigest(), out / f"{stem}.json")


def _check_kind(understood: Understood, kind: str) -> None:
    sources = {channel.source for channel in understood.plan.channels}
    if kind not in KIND_SOURCES:
        raise ModelError(Reason.UNSUPPORTED_MODEL, "kinds that can be adopted are petct and ct")
    if kind == "petct" and Source.PET not in sources:
        raise ModelError(Reason.UNSUPPORTED_MODEL, "the model reads no PET; adopt it as --kind ct")
    if not sources <= KIND_SOURCES[kind]:
        raise ModelError(Reason.UNSUPPORTED_MODEL, "the model reads a PET; adopt it as petct")


def _read_model(path: Path) -> bytes:
    try:
        return read_regular(path, MAX_MODEL_BYTES)
    except TooLargeError as error:
        raise ModelError(
            Reason.OVERSIZE, f"{path.name} is larger than {MAX_MODEL_BYTES}"
        ) from error
    except OSError as error:
        raise ModelError(
            Reason.UNKNOWN_MODEL, f"{path.name} cannot be read; export the network to ONNX there"
        ) from error


def _card(understood: Understood, kind: str, digest: str) -> dict[str, Any]:
    sources = hashlib.sha256()
    for path in understood.sources:
        sources.update(hashlib.sha256(path.read_bytes()).digest())
    return {
        "form": understood.form,
        "kind": kind,
        "limits": [*LIMITS, *understood.remarks],
        "name": understood.name,
        "not_for_clinical_use": True,
        "plan": understood.plan.to_card(),
        "sha256": digest,
        "tested_on": {"real": None, "synthetic": None},
        "threshold_ppm": THRESHOLD_PPM,
        "training": {"text": f"Trained elsewhere: {understood.training}."},
        "training_sha256": sources.hexdigest(),
        "version": understood.version,
    }


def description(understood: Understood) -> list[str]:
    """What was understood, line by line, for the person who adopts."""
    plan = understood.plan
    lines = [
        f"form        {understood.form}",
        f"name        {understood.name}, version {understood.version}",
        f"training    {understood.training}",
    ]
    for index, channel in enumerate(plan.channels):
        steps = ", ".join(
            f"{step.kind.value} {step.first:g} {step.second:g}".removesuffix(" 0 0")
            for step in channel.steps
        )
        named = f'"{channel.name}" = {channel.source.value.upper()}'
        lines.append(f"channel {index}   {named}: {steps or 'as it is'}")
    spacing = " x ".join(f"{one:g}" for one in plan.spacing_mm)
    window = " x ".join(str(side) for side in plan.window)
    names = [f'"{name}"' for name in plan.classes]
    when = "before" if plan.intensity_first else "after"
    lines += [
        f"grid        {spacing} mm, axes {plan.axes}, spline of order {plan.interpolation}; "
        f"intensities {when} resampling",
        f"windows     {window}, overlap {plan.overlap:g}, {plan.blend.value} weight",
        f"outputs     {', '.join(names)} by {plan.activation.value}",
        f"lesion      {' + '.join(names[one] for one in plan.lesion)}",
    ]
    return [*lines, *(f"differently {remark}" for remark in understood.remarks)]
