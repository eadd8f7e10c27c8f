"""How well a model grades organs of phantoms whose truth is known: confusion, kappa, false alarms.

Every organ of every phantom is one observation: its level by the written rule on what the model
drew against its level by the same rule on what was put in. An organ that the model does not see is
called Negative by it; one that it sees where there is none counts as Negative in truth. Figures on
phantoms say how a model does on the bodies it was taught with, and nothing about patients.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.calibration import (
    bootstrap_interval,
    confusion_matrix,
    expected_calibration_error,
    quadratic_kappa,
)
from medquorum.ai_entity.evaluation import dice_of
from medquorum.ai_entity.findings import PPM, Findings, Level
from medquorum.ai_entity.phantom.organs import PHYSIOLOGIC_HOT, Organ
from medquorum.ai_entity.phantom_conspicuity import (
    Conspicuity,
    Shown,
    conspicuity_of,
    conspicuity_tables,
)
from medquorum.ai_entity.phantom_trials import Trial
from medquorum.ai_entity.registry import LoadedModel
from medquorum.ai_entity.tumour.inference import predict
from medquorum.ai_entity.tumour.lesions import organ_name
from medquorum.ai_entity.tumour.pipeline import findings_of, placed

Counts = npt.NDArray[np.int64]
LEVELS: Final = tuple(Level)
DIGITS: Final = 4
NEGATIVE: Final = LEVELS.index(Level.NEGATIVE)
METASTASIS: Final = LEVELS.index(Level.METASTASIS)


@dataclass(frozen=True, slots=True)
class Observation:
    """One organ of one phantom."""

    phantom: int
    organ: Organ
    truth: int
    """Index of ``Level``."""
    found: int
    shares: tuple[float, ...]
    """Probabilities of the levels."""
    conspicuity: Conspicuity | None = None
    """Of its lesions, where it is Metastasis in truth."""


@dataclass(frozen=True, slots=True)
class PhantomResult:
    """What a model made of one phantom; volumes in mL."""

    phantom: int
    story: str
    scanner: str
    dice: float
    drawn_ml: float
    truth_ml: float
    organ_agreement: float
    """Share of body voxels with the right organ label."""
    observations: tuple[Observation, ...]


def judge_trials(model: LoadedModel, many: Iterable[Trial]) -> Iterable[PhantomResult]:
    """One result per phantom, each computed when it is asked for."""
    for trial in many:
        yield judge_trial(model, trial)


def judge_trial(model: LoadedModel, trial: Trial) -> PhantomResult:
    """The model's findings on one phantom against its truth."""
    images = trial.images(with_pet=model.card.kind == "petct")
    prediction = placed(model, images, predict(model, images))
    findings = findings_of(model, images, prediction)
    if findings.tumour is None or findings.overlay is None:
        raise ValueError("findings of a prediction have a tumour part")
    drawn = findings.overlay.labels() > 0
    voxel_ml = images.voxel_volume_mm3 / 1000.0
    body = trial.torso.organs != Organ.AIR
    return PhantomResult(
        phantom=trial.index,
        story=trial.story.value,
        scanner=trial.scanner,
        dice=dice_of(drawn, trial.torso.lesions),
        drawn_ml=float(np.count_nonzero(drawn)) * voxel_ml,
        truth_ml=float(np.count_nonzero(trial.torso.lesions)) * voxel_ml,
        organ_agreement=float((prediction.organs == trial.torso.organs)[body].mean()),
        observations=_observations(trial, findings),
    )


def _observations(trial: Trial, findings: Findings) -> tuple[Observation, ...]:
    truth = trial.truth()
    named = {organ_name(organ): organ for organ in Organ}
    regions = findings.tumour.regions if findings.tumour is not None else ()
    found = {named[region.region]: region for region in regions}
    unseen = (1.0, 0.0, 0.0, 0.0)
    return tuple(
        Observation(
            trial.index,
            organ,
            LEVELS.index(truth.get(organ, Level.NEGATIVE)),
            LEVELS.index(found[organ].level) if organ in found else NEGATIVE,
            tuple(share / PPM for share in found[organ].probabilities_ppm)
            if organ in found
            else unseen,
            conspicuity_of(trial.torso, organ) if truth.get(organ) is Level.METASTASIS else None,
        )
        for organ in sorted({*truth, *found})
    )


def confusion_of(observations: Iterable[Observation]) -> Counts:
    """Counts [truth, found] of the four levels."""
    pairs = [(one.truth, one.found) for one in observations]
    truth, found = np.asarray(pairs, dtype=np.int64).reshape(-1, 2).T
    return confusion_matrix(truth, found, len(LEVELS))


def phantom_summary(results: list[PhantomResult], model: LoadedModel) -> dict[str, Any]:
    """The document of `medquorum ai evaluate --phantoms --json`."""
    everything = [one for result in results for one in result.observations]
    truth = np.asarray([one.truth for one in everything])
    found = np.asarray([one.found for one in everything])
    shares = np.asarray([one.shares for one in everything])
    counts = confusion_of(everything)
    organs = sorted({one.organ for one in everything})
    errors = np.asarray([one.drawn_ml - one.truth_ml for one in results])
    return {
        "phantoms": len(results),
        "synthetic": True,
        "model": f"{model.card.name} {model.card.version}",
        "model_digest": model.card.digest.hex(),
        "levels": [level.value for level in LEVELS],
        "confusion": counts.tolist(),
        "confusion_per_organ": {
            organ_name(organ): confusion_of(
                one for one in everything if one.organ is organ
            ).tolist()
            for organ in organs
        },
        "quadratic_kappa": _kappa_by_phantom(results),
        "sensitivity": {
            level.value: _share((found == index)[truth == index])
            for index, level in enumerate(LEVELS)
        },
        "any_tumour_found_where_metastasis": _share((found != NEGATIVE)[truth == METASTASIS]),
        "metastasis_by_conspicuity": conspicuity_tables(
            Shown(one.conspicuity, one.found == METASTASIS, one.found != NEGATIVE)
            for one in everything
            if one.conspicuity is not None
        ),
        "false_tumour": {
            "physiologic_hot": false_alarms(everything, hot=True),
            "other_organs": false_alarms(everything, hot=False),
        },
        "calibration_error": {
            level.value: round(expected_calibration_error(shares[:, index], truth == index), DIGITS)
            for index, level in enumerate(LEVELS)
        },
        "mean_dice": _share(np.asarray([one.dice for one in results if one.truth_ml > 0.0])),
        "organ_agreement": _share(np.asarray([one.organ_agreement for one in results])),
        "volume_bias_ml": {
            "mean": round(float(errors.mean()), 2),
            "limits_of_agreement": [
                round(float(errors.mean() + sign * 1.96 * errors.std()), 2) for sign in (-1, 1)
            ],
        },
        "cases": [_case(one) for one in results],
        "not_for_clinical_use": True,
    }


def _case(result: PhantomResult) -> dict[str, Any]:
    return {
        "phantom": result.phantom,
        "story": result.story,
        "scanner": result.scanner,
        "dice": round(result.dice, DIGITS),
        "drawn_ml": round(result.drawn_ml, 2),
        "truth_ml": round(result.truth_ml, 2),
        "wrong": {
            organ_name(one.organ): f"{LEVELS[one.truth].value} called {LEVELS[one.found].value}"
            for one in result.observations
            if one.truth != one.found
        },
    }


def false_alarms(observations: Iterable[Observation], *, hot: bool) -> dict[str, Any]:
    """Organs without tumour that are called other than Negative."""
    chosen = [
        one.found != NEGATIVE
        for one in observations
        if one.truth == NEGATIVE and (one.organ in PHYSIOLOGIC_HOT) is hot
    ]
    return {"organs": len(chosen), "called": sum(chosen), "share": _share(np.asarray(chosen))}


def _kappa_by_phantom(results: list[PhantomResult]) -> dict[str, float]:
    """Kappa over all organs with a 95 % interval over phantoms."""

    def kappa(rows: npt.NDArray[np.int64]) -> float:
        return quadratic_kappa(
            confusion_of(one for row in rows for one in results[int(row)].observations)
        )

    found = bootstrap_interval(kappa, np.arange(len(results)))
    return {
        "estimate": round(found.estimate, DIGITS),
        "low": round(found.low, DIGITS),
        "high": round(found.high, DIGITS),
    }


def _share(values: npt.NDArray[Any]) -> float | None:
    return round(float(values.mean()), DIGITS) if len(values) else None
