"""Reading the JSON of a folder that somebody else made: bounded, plain, and refused by name."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.adapters.names import shown
from medquorum.ai_entity.adapters.plan import AdaptedPlan, check_plan
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.regular_file import read_regular

MAX_JSON_BYTES: Final = 8 * 1024 * 1024
"""nnU-Net's plans with the fingerprint of a large set are some hundred kilobytes."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person who adopts a model says beyond its own files."""

    lesion: tuple[str, ...] = ()
    """Labels that are lesion."""
    configuration: str = "3d_fullres"
    """Of nnU-Net's plans."""
    stored_as: str | None = None
    """RAS or LPS: how the training images lay on disk, where the reader kept that."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A foreign model as it is understood here."""

    form: str
    name: str
    version: str
    plan: AdaptedPlan
    model_file: Path
    sources: tuple[Path, ...]
    """The JSON files it was read from; their digest stands on the card."""
    training: str
    """What its files say it was trained on."""
    remarks: tuple[str, ...]
    """What is done differently here than where it comes from."""


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises ModelError."""
    try:
        found = json.loads(read_regular(path, MAX_JSON_BYTES))
    except OSError as error:
        raise ModelError(Reason.UNKNOWN_MODEL, f"{path.name} cannot be read") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(Reason.MALFORMED_MODEL, f"{path.name} is not JSON") from error
    if not isinstance(found, dict):
        raise ModelError(Reason.MALFORMED_MODEL, f"{path.name} is not a JSON object")
    return found


def unsupported(what: str) -> ModelError:
    """A refusal that names what is not carried out."""
    return ModelError(Reason.UNSUPPORTED_MODEL, what)


def field(owner: dict[str, Any], name: str, kind: type, where: str) -> Any:
    """A field of the expected JSON type. Raises ModelError."""
    value = owner.get(name)
    wrong = not isinstance(value, kind) or (kind is not bool and isinstance(value, bool))
    if wrong:
        raise ModelError(Reason.MALFORMED_MODEL, f"{where} lacks {name} or has it of another type")
    return value


def numbers(value: object, count: int, what: str) -> list[float]:
    """A list of ``count`` numbers. Raises ModelError."""
    plain = isinstance(value, list) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in value
    )
    if not plain or not isinstance(value, list) or len(value) != count:
        raise ModelError(Reason.MALFORMED_MODEL, f"{what} is not a list of {count} numbers")
    return [float(one) for one in value]


def checked(plan: AdaptedPlan) -> AdaptedPlan:
    """The plan, when it can be run here. Raises ModelError."""
    try:
        check_plan(plan)
    except ValueError as error:
        raise unsupported(str(error)) from error
    return plan


def said(value: object) -> str:
    """A foreign text for the card: one line, short."""
    text = str(value) if isinstance(value, str | int | float) else ""
    return " ".join(shown(text[:60]).strip('"').split())
