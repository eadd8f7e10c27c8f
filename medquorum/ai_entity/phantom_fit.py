"""Fit what stands between a tumour network and its report, on phantoms that trained nothing.

One command, after the network's weights are final: it runs the network over validation phantoms and
writes, beside the model, the file that the card names under ``levels``: where organs lie
(``tumour.organ_atlas``), which voxels and which groups are physiologic (``tumour.voxel_judge``,
``tumour.candidates``) and the probabilities of the four levels (``tumour.level_head``). Bodies for
the atlas are drawn besides, without scanning them. Hold-out phantoms take no part.

    python -m medquorum.ai_entity.phantom_fit --model tumour_petct --phantoms 32
"""

import argparse
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from medquorum.ai_entity.baseline.head import FitPlan, fit_head
from medquorum.ai_entity.findings import Level
from medquorum.ai_entity.phantom.anatomy import draw_anatomy
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.phantom.scanner import Family, family_seed
from medquorum.ai_entity.phantom_trials import Trial, trials
from medquorum.ai_entity.registry import MODELS_FOLDER, LoadedModel, Registry
from medquorum.ai_entity.telling import tell
from medquorum.ai_entity.tumour.candidates import PPM, draw_lesions, judged_features
from medquorum.ai_entity.tumour.grid import GridImages
from medquorum.ai_entity.tumour.inference import Prediction, predict
from medquorum.ai_entity.tumour.lesions import spacing_of_grid
from medquorum.ai_entity.tumour.level_head import (
    FEATURES,
    FORMAT,
    JUDGED,
    LEVELS,
    organ_features,
)
from medquorum.ai_entity.tumour.organ_atlas import AtlasCounter, OrganAtlas, atlas_to_plain
from medquorum.ai_entity.tumour.organ_levels import number_groups
from medquorum.ai_entity.tumour.pipeline import placed
from medquorum.ai_entity.tumour.softmax import Softmax
from medquorum.ai_entity.tumour.softmax_fit import fit_softmax, fit_tempered
from medquorum.ai_entity.tumour.voxel_judge import (
    considered,
    judge_to_plain,
    voxel_features,
)

FIRST_BODY: Final = 500_000
"""Index of the first body drawn for the atlas: far from the phantoms that are scanned."""
EVERY: Final = 8
"""Neighbouring voxels say the same."""
LESION_WEIGHT: Final = 3.0
"""A missed lesion costs more than a false one, which can be deleted."""
UNITS: Final = 32
VOXEL_DECAY: Final = 3e-5
ITERATIONS: Final = 400
TOUCHES: Final = 0.1
"""A group is tumour when at least this share of it is."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One phantom with what the network said."""

    trial: Trial
    images: GridImages
    prediction: Prediction

    def __repr__(self) -> str:
        return f"Seen({self.trial.index})"


def run_network(model: LoadedModel, many: Iterable[Trial]) -> list[Seen]:
    """The network's word on every phantom."""
    found = []
    for trial in many:
        images = trial.images(with_pet=model.card.kind == "petct")
        found.append(Seen(trial, images, predict(model, images)))
        tell(f"phantom {len(found)}: {trial.story.value}")
    return found


def count_atlas(seen: list[Seen], bodies: int) -> OrganAtlas:
    """Places from the phantoms and from ``bodies`` more; densities and words from the phantoms."""
    counter = AtlasCounter()
    for one in seen:
        torso = one.trial.torso
        lesions = torso.lesions.astype(np.uint8)
        counter.add(one.images, torso.organs, one.prediction.organs, lesions)
    for index in range(bodies):
        seed = family_seed(Family.VALIDATION, FIRST_BODY + index)
        anatomy = draw_anatomy(seed, 4.0, index % 5 < 2)
        affine = np.zeros((4, 4))
        affine[[2, 1, 0], [0, 1, 2]] = anatomy.spacing_zyx_mm
        affine[:3, 3], affine[3, 3] = anatomy.origin_mm, 1.0
        counter.add_places(GridImages(anatomy.hu, None, affine), anatomy.organs)
    return counter.atlas()


def placing(model: LoadedModel, stated: dict[str, Any], seen: list[Seen]) -> list[Seen]:
    """The same as a model with this levels file would see them."""
    judging = replace(model, levels=_encoded(stated))
    return [replace(one, prediction=placed(judging, one.images, one.prediction)) for one in seen]


def fit_voxels(seen: list[Seen]) -> dict[str, Any] | None:
    """Tumour or not, from every lesion voxel and every eighth other; None without a lesion."""
    rows, truth = [], []
    for one in seen:
        organs, probability = one.prediction.organs, one.prediction.probability
        where = considered(one.images, organs, probability)
        lesion = one.trial.torso.lesions[where]
        kept = lesion | (np.arange(len(lesion)) % EVERY == 0)
        rows.append(voxel_features(one.images, organs, probability, where)[kept])
        truth.append(lesion[kept])
    labels = np.concatenate(truth)
    if labels.all() or not labels.any():
        return None
    weights = np.where(labels, LESION_WEIGHT, float(EVERY))
    plan = FitPlan(hidden_units=UNITS, weight_decay=VOXEL_DECAY, iterations=ITERATIONS)
    return judge_to_plain(fit_head(np.concatenate(rows), labels, weights, 0.0, plan))


def fit_judge(model: LoadedModel, seen: list[Seen]) -> Softmax | None:
    """Physiologic or tumour, from every group drawn; None where only one of them occurs."""
    rows, truth = [], []
    for one in seen:
        mask = one.prediction.probability >= model.card.threshold_ppm / PPM
        spacing = spacing_of_grid(one.images)
        labels, groups = number_groups(mask, one.prediction.organs, spacing)
        if not groups:
            continue
        rows.append(judged_features(one.images, one.prediction, labels, groups))
        inside = labels > 0
        sizes = np.bincount(labels[inside], minlength=len(groups) + 1)[1:]
        held = np.bincount(labels[inside & one.trial.torso.lesions], minlength=len(groups) + 1)[1:]
        truth.append(held >= TOUCHES * sizes)
    if not rows:
        return None
    classes = np.concatenate(truth).astype(np.int64)
    if len(set(classes.tolist())) < 2:
        return None
    return fit_softmax(np.concatenate(rows), classes, 2)


def fit_levels(draw: Callable[[Seen], Any], seen: list[Seen]) -> Softmax:
    """Levels from the features of every organ as it is drawn."""
    rows, classes, units = [], [], []
    for one in seen:
        drawn, spacing = draw(one), spacing_of_grid(one.images)
        truth = one.trial.truth()
        features = organ_features(drawn, one.prediction.probability, one.prediction.organs, spacing)
        for organ, row in features.items():
            rows.append(row)
            classes.append(LEVELS.index(truth.get(organ, Level.NEGATIVE)))
            units.append(one.trial.index)
    return fit_tempered(np.asarray(rows), np.asarray(classes), np.asarray(units), len(LEVELS))


def fit_file(model: LoadedModel, seen: list[Seen], bodies: int) -> bytes:
    """The content of the ``levels`` file of a model."""
    stated: dict[str, Any] = {
        "format": FORMAT,
        "model_sha256": model.card.digest.hex(),
        "features": list(FEATURES),
        "judged": list(JUDGED),
        "judge": None,
        "voxels": None,
        "atlas": atlas_to_plain(count_atlas(seen, bodies)),
        "levels": Softmax(
            np.zeros(len(FEATURES)), np.ones(len(FEATURES)),
            np.zeros((len(FEATURES), len(LEVELS))), np.zeros(len(LEVELS)),
        ).as_plain(),
        "fitted_on": {
            "family": Family.VALIDATION.value,
            "phantoms": len(seen),
            "bodies_of_the_atlas": bodies,
            "patients": 0,
        },
    }  # fmt: skip
    stated["voxels"] = fit_voxels(placing(model, stated, seen))
    ready = placing(model, stated, seen)
    judge = fit_judge(model, ready)
    stated["judge"] = None if judge is None else judge.as_plain()
    judging = replace(model, levels=_encoded(stated))
    levels = fit_levels(lambda one: draw_lesions(judging, one.images, one.prediction), ready)
    return _encoded(stated | {"levels": levels.as_plain()})


def attach(folder: Path, stem: str, content: bytes) -> None:
    """Write the file and name it on the model's card."""
    name = f"{stem}_levels.json"
    (folder / name).write_bytes(content)
    path = folder / f"{stem}.json"
    card = json.loads(path.read_bytes())
    card["levels"] = {"file": name, "sha256": hashlib.sha256(content).hexdigest()}
    path.write_text(json.dumps(card, indent=1, sort_keys=True) + "\n")


def _encoded(stated: dict[str, Any]) -> bytes:
    return (json.dumps(stated, sort_keys=True) + "\n").encode()


def main() -> None:
    """Fit, write and attach."""
    parser = argparse.ArgumentParser(prog="python -m medquorum.ai_entity.phantom_fit")
    parser.add_argument("--model", required=True, help="stem of the model, like tumour_petct")
    parser.add_argument("--models", type=Path, default=MODELS_FOLDER)
    parser.add_argument("--phantoms", type=int, default=32)
    parser.add_argument("--bodies", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    told = parser.parse_args()
    content = (told.models / f"{told.model}.onnx").read_bytes()
    model = Registry(told.models).load(hashlib.sha256(content).digest(), told.threads)
    seen = run_network(model, trials(Family.VALIDATION, told.phantoms))
    attach(told.models, told.model, fit_file(model, seen, told.bodies))
    tell(f"{told.model}_levels.json written and named on the card; {len(Organ)} organs")


if __name__ == "__main__":
    main()
