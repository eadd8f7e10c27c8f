"""A model card in one paragraph: what it is, learnt from what, tested on what, and what not.

Cards are written by several trainings and by hospitals, so every field is optional here but the
absence of a test is said aloud. Real patients and drawn phantoms are never one number.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.explain.reliability import asserted, bins_of, calibration_lines
from medquorum.ai_entity.model_card import read_card
from medquorum.ai_entity.registry import Registry

Card = Mapping[str, Any]

REAL_TESTS: Final = ("test_real", "cross_validation", "held_out_patients", "test_real_films")
SYNTHETIC_TESTS: Final = (
    *("test_synthetic", "test_phantoms", "held_out_phantoms", "phantom_hold_out", "test_phantom"),
)
TESTED: Final = {
    "real": (
        "Tested on real patients",
        "It is not known to have been tested on real patients.",
    ),
    "synthetic": ("Tested on phantoms", "No test on phantoms stands on its card."),
}
FIGURES: Final = {
    "mean_dice": "mean Dice",
    "median_dice": "median Dice",
    "bias_ml": "volume bias in mL",
    "kappa": "quadratic kappa",
    "quadratic_kappa": "quadratic kappa",
    "metastasis_sensitivity": "sensitivity for Metastasis",
    "false_tumour_share": "false tumour in negative organs",
    "auroc": "AUROC",
    "ece": "calibration error",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "brier": "Brier score",
}
COUNTS: Final = ("patients", "cases", "films", "phantoms", "images")
MAX_LIMITS: Final = 3
MAX_CHARACTERS: Final = 400


def read_card_document(models: Path, digest: bytes) -> dict[str, Any]:
    """The whole card, as JSON, of a registered model. Raises ModelError."""
    content = Registry(models).card_bytes(digest)
    read_card(content, digest)
    document: dict[str, Any] = json.loads(content)
    return document


def paragraph(card: Card) -> str:
    """Training and test data in one paragraph, ending with what the model cannot show."""
    head = f"{_text(card.get('name')) or 'This model'} {_text(card.get('version'))}".strip()
    made = _text(card.get("architecture")) or _text(card.get("form"))
    limits = _limits(card)
    sentences = [
        f"{head} is a machine's opinion and not for clinical use.",
        *([f"Built as: {made}."] if made else []),
        _training(card),
        _tested(card, "real", REAL_TESTS),
        _tested(card, "synthetic", SYNTHETIC_TESTS),
        *_calibration(card),
        *(_sentence(limit) for limit in limits[:MAX_LIMITS]),
    ]
    return " ".join(sentences)


def summary(card: Card) -> tuple[str, str, str]:
    """Three sentences for a reader in haste: learnt from what, tested on what, the first limit."""
    real, synthetic = (
        _in_short(_found(card, side, names))
        for side, names in (("real", REAL_TESTS), ("synthetic", SYNTHETIC_TESTS))
    )
    told = card.get("training") or card.get("trained_on")
    if isinstance(told, Mapping):
        learnt = "; made up: ".join(
            _clause(told.get(name)) for name in ("text", "real", "synthetic") if told.get(name)
        )
    else:
        learnt = _clause(told)
    limits = _limits(card)
    return (
        _sentence(f"Trained on {learnt.removeprefix('Trained on ')}")
        if learnt
        else _training(card),
        f"Tested on real patients: {real or 'not known'}. On phantoms: {synthetic or 'not known'}.",
        f"Limits: {_sentence(_clause(limits[0]) if limits else 'none are named on its card')}",
    )


def _in_short(found: Any) -> str:
    """How many, and the first figure."""
    if not isinstance(found, Mapping):
        return _clause(found)
    count = next((f"{found[name]} {name}" for name in COUNTS if name in found), "")
    figure = next(
        (f"{FIGURES[name]} {_figure(found[name])}" for name in FIGURES if name in found), ""
    )
    return ", ".join(part for part in (count, figure) if part)


def _clause(value: object) -> str:
    """The text up to its first full stop, semicolon or bracket."""
    return re.split(r"[.;] | \(", _text(value), maxsplit=1)[0].rstrip(" .;")


def _calibration(card: Card) -> tuple[str, ...]:
    """What the diagram says of a network that mostly answers "no"; else a test's figure stands."""
    bins = bins_of(card)
    if len(asserted(bins)) in (0, len(bins)):
        return ()
    return (_sentence("; ".join(calibration_lines(bins))),)


def _limits(card: Card) -> list[str]:
    return [
        limit
        for limit in _listed(card.get("limits"))
        if not limit.lower().startswith("not for clinical use")
    ]


def _training(card: Card) -> str:
    told = card.get("training") or card.get("trained_on")
    if isinstance(told, Mapping):
        parts = [
            f"{label}{_text(told.get(name))}"
            for name, label in (("text", ""), ("real", "real: "), ("synthetic", "synthetic: "))
            if _text(told.get(name))
        ]
        words = "; ".join(parts)
    else:
        words = _text(told)
    if not words:
        digest = _text(card.get("training_sha256"))[:12]
        return f"What it was trained on is known only by the digest {digest} of a list."
    return _sentence(f"Trained on {words}" if not words.startswith("Trained") else words)


def _tested(card: Card, side: str, names: tuple[str, ...]) -> str:
    start, absent = TESTED[side]
    found = _found(card, side, names)
    if not found:
        return absent
    if not isinstance(found, Mapping):
        return _sentence(f"{start}: {_text(found)}")
    count = next((f"{found[name]} {name}" for name in COUNTS if name in found), "")
    figures = [
        f"{words} {_figure(found[name])}" for name, words in FIGURES.items() if name in found
    ]
    how = _text(found.get("how"))
    told = ", ".join(part for part in (count, how, *figures) if part)
    return _sentence(f"{start}: {told}" if told else f"{start}, figures on its card")


def _found(card: Card, side: str, names: tuple[str, ...]) -> Any:
    """What the card tells of its tests of this side; None without."""
    together = card.get("tested_on")
    found: Any = together.get(side) if isinstance(together, Mapping) else None
    for name in names:
        found = found or card.get(name)
    return found


def _figure(value: Any) -> str:
    """A number, or an estimate with its interval, as text."""
    if isinstance(value, Mapping):
        value = [value.get(name) for name in ("estimate", "low", "high")]
    if isinstance(value, list) and len(value) == 3 and all(_is_number(one) for one in value):
        estimate, low, high = value
        return f"{estimate:.3g} (95 % interval {low:.3g} to {high:.3g})"
    return f"{value:.3g}" if _is_number(value) else _text(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _listed(value: object) -> list[str]:
    return [_text(one) for one in value if _text(one)] if isinstance(value, list) else []


def _text(value: object) -> str:
    """One bounded line."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return ""
    return " ".join(str(value).split())[:MAX_CHARACTERS]


def _sentence(text: str) -> str:
    trimmed = text.rstrip(" .;")
    return f"{trimmed[:1].upper()}{trimmed[1:]}."
