"""`ai train`: a training set and the model in use to a candidate that has met its gate.

A fracture model has its head refitted, in seconds and without torch. A tumour network is fine-tuned
with torch (extra ``train``). Either is then held against the model in use on the fixed hold-out,
and the result stands on the candidate's card whether it passed or not.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.learning.candidate import (
    Lineage,
    finished_card,
    training_list,
    write_candidate,
)
from medquorum.ai_entity.learning.fracture_learning import (
    HOLD_OUT_FILMS,
    FilmEvidence,
    FractureEyes,
    film_of,
    hold_out_films,
)
from medquorum.ai_entity.learning.gate import GateResult, HeldOutCase, fracture_score, judge
from medquorum.ai_entity.learning.lessons import StudyKind
from medquorum.ai_entity.learning.training_set import Split, TrainingSet

MIN_SAMPLES: Final = 8
"""Fewer validated studies move no model."""

Tell = Callable[[str], None]


class TrainingRefused(Exception):
    """No candidate is made; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train."""

    steps: int
    """Of a tumour network's fine-tuning."""
    prior_films: float | None = None
    """Weight of the fracture model in use; None: by its kind and by left-out films."""
    hold_out: int | None = None
    """Phantoms of the gate; None: the fixed number of the kind."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a run."""

    folder: Path
    card: dict[str, Any]
    gate: GateResult


def train_candidate(
    source: TrainingSet, kind: StudyKind, models: Path, out: Path, recipe: Recipe, *, tell: Tell
) -> Trained:
    """Continue the current model of a kind. Raises TrainingRefused, ModelError."""
    require_samples(source, kind)
    if kind is StudyKind.FRACTURE:
        return train_fracture(source, models, out, recipe, tell)
    from medquorum.ai_entity.learning.tumour_learning import train_tumour

    return train_tumour(source, kind, models, out, recipe, tell=tell)


def train_fracture(
    source: TrainingSet, models: Path, out: Path, recipe: Recipe, tell: Tell
) -> Trained:
    """Refit the current fracture model's head. Raises TrainingRefused, ModelError."""
    eyes = FractureEyes(models)
    with_step(tell, "looking at the films of the training set")
    seen = list(films_of(source, Split.TRAINING, eyes))
    try:
        fitted = eyes.refitted(seen, recipe.prior_films)
    except ValueError as error:
        raise TrainingRefused(f"the head cannot be refitted: {error}") from None
    except ImportError as absent:
        raise TrainingRefused(_missing(absent, "onnx")) from None
    lineage = Lineage(
        StudyKind.FRACTURE,
        eyes.reported.card.digest.hex(),
        eyes.reported.card.training_digest.hex(),
        f"a refit of the head with a prior of {fitted.prior_films:g} films",
        len(seen),
    )
    with_step(tell, "judging both models on the hold-out")
    shipped = eyes.shipped()
    cases = [
        HeldOutCase(
            one.patient,
            one.synthetic,
            fracture_score(shipped.probability(one), one.fractured),
            fracture_score(fitted.probability(one), one.fractured),
        )
        for one in _held_out(source, eyes, recipe.hold_out)
    ]
    gate = judge(cases, StudyKind.FRACTURE)
    card = finished_card(fitted.card, source, lineage, gate)
    write_candidate(out, fitted.model, card, training_list(source, lineage), fitted.parts)
    return Trained(out, card, gate)


def films_of(source: TrainingSet, split: Split, eyes: FractureEyes) -> Iterator[FilmEvidence]:
    """What the model in use sees on each film of one purpose that its guard lets through."""
    for sample in source.of(StudyKind.FRACTURE, split):
        film = film_of(source.arrays(sample), sample)
        fractured = bool(sample.facts["label"]["fracture"])
        seen = eyes.look(film, fractured, str(sample.facts["patient"]), False)
        if not seen.refused:
            yield seen


def _held_out(
    source: TrainingSet, eyes: FractureEyes, phantoms: int | None
) -> Iterator[FilmEvidence]:
    yield from films_of(source, Split.HOLD_OUT, eyes)
    count = HOLD_OUT_FILMS if phantoms is None else phantoms
    for name, film, fractured in hold_out_films(count):
        yield eyes.look(film, fractured, name, True)


def require_samples(source: TrainingSet, kind: StudyKind) -> None:
    """TrainingRefused where there is too little to learn from."""
    count = len(source.of(kind, Split.TRAINING))
    if count < MIN_SAMPLES:
        raise TrainingRefused(
            f"the training set has {count} {kind.value} studies to train on; "
            f"{MIN_SAMPLES} are needed"
        )


def with_step(tell: Tell, words: str) -> None:
    """Say what begins."""
    tell(f"{words} ...")


def _missing(absent: ImportError, package: str) -> str:
    name = (absent.name or package).partition(".")[0]
    return f"the package {name} is not installed; install medquorum[train]"
