"""What stands on a model's card: who made it, from what, and how it is to be run.

A card is JSON beside the model. ``kind`` says what the model is for, ``form`` which ports its graph
has (``registry.PORTS``). A card without ``form`` is of the oldest form of its kind. Every
number is checked here, because a hospital may write a card by hand; so is every text, because it
is printed in reports: a line break in a name could look like a conclusion.
"""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.adapters.plan import AdaptedPlan, plan_from_card
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.tumour.mirrors import UNMIRRORED, mirrors_from

VOXELS: Final = "voxels"
"""One probability per voxel of the whole grid."""
MULTITASK: Final = "multitask"
"""Lesion and organ logits of a window."""
EDGES: Final = "edges"
"""A probability of six edge measures of a radiograph."""
TILES: Final = "tiles"
"""Logit, activation map and features of square tiles of a radiograph."""
FUSION: Final = "fusion"
"""A probability of two logits; the file names the two models they come from by digest."""
ADAPTED: Final = ("nnunet", "monai")
"""A hospital's own network, run by the plan on its card."""
OLDEST_FORM: Final[Mapping[str, str]] = {"petct": VOXELS, "ct": VOXELS, "fracture": EDGES}

PPM: Final = 1_000_000
WINDOW_MULTIPLE: Final = 8
MAX_WINDOW: Final = 160
"""160^3 voxels with some hundred planes of activations stay below 2 GB."""
MAX_OVERLAP: Final = 0.75
"""Every voxel is then read 64 times."""
MAX_MEMBERS: Final = 16
TEMPERATURES_PPM: Final = (10_000, 100 * PPM)
MAX_NAME: Final = 200
"""Characters of a name or version (R-PRO9)."""
UNSEEN: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories that no text of a card has: controls, directions, surrogates, line breaks."""
MAX_DEPTH: Final = 32
"""Lists and maps inside each other; a card has about five."""


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that belongs to the card, by name and SHA-256."""

    file: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Multitask:
    """How a windowed network is run."""

    window: tuple[int, int, int]
    """Voxels z, y, x; multiples of 8."""
    overlap: float
    """Share of a window that the next one covers again, 0..0.75."""
    temperature: float
    """Divides the mean lesion logit."""
    members: int
    """Channels of the lesion output, one per fold of the training."""
    folds: str | None
    """File that says which case each member has not seen."""
    levels: Attached | None
    """The fitted probabilities of the four levels."""
    whole_body: int | None = None
    """The member that speaks, instead of all others, where the lungs are in view."""
    whole_body_temperature: float | None = None
    """Divides that member's logit; None: what divides the others'."""
    mirrors: tuple[str, ...] = UNMIRRORED
    """The passes whose mean is the network's word: the axes that each mirrors, e.g. "", "x"."""
    whole_body_mirrors: tuple[str, ...] = UNMIRRORED
    """Those of the member for whole bodies."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a report says about the model behind it."""

    name: str
    version: str
    kind: str
    digest: bytes
    training_digest: bytes
    threshold_ppm: int
    limits: tuple[str, ...]
    form: str = VOXELS
    multitask: Multitask | None = None
    """Set exactly when the form is ``multitask``."""
    adapted: AdaptedPlan | None = None
    """Set exactly when the form is one of ADAPTED."""


def read_card(content: bytes, digest: bytes) -> ModelCard:
    """The card of the model with this digest. Raises ModelError."""
    try:
        card = json.loads(content)
        if bytes.fromhex(card["sha256"]) != digest:
            raise ModelError(Reason.DIGEST_MISMATCH, "the card belongs to another model")
        _expect_plain(card)
        kind = str(card["kind"])
        form = str(card.get("form", OLDEST_FORM.get(kind, VOXELS)))
        return ModelCard(
            name=_short(card["name"]),
            version=_short(card["version"]),
            kind=kind,
            digest=digest,
            training_digest=bytes.fromhex(card["training_sha256"]),
            threshold_ppm=_within(int(card["threshold_ppm"]), 0, PPM),
            limits=tuple(str(limit) for limit in card["limits"]),
            form=form,
            multitask=_multitask(card) if form == MULTITASK else None,
            adapted=plan_from_card(card["plan"]) if form in ADAPTED else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            Reason.MALFORMED_MODEL, "the model card is malformed; write it again"
        ) from error


def _expect_plain(value: Any, depth: int = 0) -> None:
    """ModelError when a text anywhere in the card has characters that are not seen."""
    if isinstance(value, str):
        if any(unicodedata.category(one) in UNSEEN for one in value):
            raise ModelError(
                Reason.MALFORMED_MODEL,
                "the model card has control characters or line breaks in its texts; write it again",
            )
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise ValueError("a card is not nested that deep")
        for one in (*value.keys(), *value.values()) if isinstance(value, dict) else value:
            _expect_plain(one, depth + 1)


def _short(text: object) -> str:
    if not isinstance(text, str) or not 0 < len(text) <= MAX_NAME:
        raise ValueError(f"a name has 1 to {MAX_NAME} characters")
    return text


def _multitask(card: Mapping[str, Any]) -> Multitask:
    z, y, x = (_within(int(side), WINDOW_MULTIPLE, MAX_WINDOW) for side in card["window"])
    if z % WINDOW_MULTIPLE or y % WINDOW_MULTIPLE or x % WINDOW_MULTIPLE:
        raise ValueError("a window's sides are multiples of 8")
    overlap = float(card["overlap"])
    if not 0.0 <= overlap <= MAX_OVERLAP:
        raise ValueError("an overlap is a share of the window")
    folds, levels = card.get("folds"), card.get("levels")
    members, whole = _within(int(card["members"]), 1, MAX_MEMBERS), card.get("whole_body_member")
    softer = card.get("whole_body_temperature_ppm")
    return Multitask(
        window=(z, y, x),
        overlap=overlap,
        temperature=_within(int(card["temperature_ppm"]), *TEMPERATURES_PPM) / PPM,
        members=members,
        folds=None if folds is None else plain_name(folds),
        levels=None
        if levels is None
        else Attached(plain_name(levels["file"]), bytes.fromhex(levels["sha256"])),
        whole_body=None if whole is None else _within(int(whole), 0, members - 1),
        whole_body_temperature=None
        if softer is None
        else _within(int(softer), *TEMPERATURES_PPM) / PPM,
        mirrors=_mirrors(card.get("mirrors")),
        whole_body_mirrors=_mirrors(card.get("whole_body_mirrors")),
    )


def _mirrors(stated: object) -> tuple[str, ...]:
    return UNMIRRORED if stated is None else mirrors_from(stated)


def _within(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise ValueError(f"a number is not within {low} to {high}")
    return value


def plain_name(name: object) -> str:
    """``name``, when it is that of a file in the folder itself. Raises ValueError."""
    if not isinstance(name, str) or Path(name).name != name or name in ("", ".", ".."):
        raise ValueError("a file name must not lead out of the folder")
    return name
