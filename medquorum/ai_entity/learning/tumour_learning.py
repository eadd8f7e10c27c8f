"""Fine-tune the tumour network in use on approved masks, and judge it on a hold-out it never saw.

Training needs torch (extra ``train``); judging runs both models as a hospital would. The hold-out
is the ledger's held-out studies and phantom torsos of seeds and a scanner that no training uses.
The card keeps the parent's temperature and threshold: they are not fitted again.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.case_archive import axial
from medquorum.ai_entity.learning.candidate import (
    Lineage,
    finished_card,
    training_list,
    write_candidate,
)
from medquorum.ai_entity.learning.fracture_learning import renamed
from medquorum.ai_entity.learning.gate import HeldOutCase, judge
from medquorum.ai_entity.learning.lessons import StudyKind
from medquorum.ai_entity.learning.member_models import files_of
from medquorum.ai_entity.learning.training_set import Array, Sample, Split, TrainingSet
from medquorum.ai_entity.model_card import MULTITASK
from medquorum.ai_entity.overlay import NM_PER_MM
from medquorum.ai_entity.registry import LoadedModel, Registry
from medquorum.ai_entity.tumour.grid import GRID_STEP_MM, GridImages

if TYPE_CHECKING:
    from medquorum.ai_entity.learning.training_run import Recipe, Tell, Trained

HOLD_OUT_BODIES: Final = 8

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class HeldOutBody:
    """One case of the gate."""

    name: str
    synthetic: bool
    images: GridImages
    mask: Mask


def train_tumour(
    source: TrainingSet,
    kind: StudyKind,
    models: Path,
    out: Path,
    recipe: "Recipe",
    *,
    tell: "Tell",
) -> "Trained":
    """Fine-tune the current tumour model of a kind. Raises TrainingRefused, ModelError."""
    from medquorum.ai_entity.learning.training_run import Trained, TrainingRefused, with_step

    registry = Registry(models)
    parent = registry.load(registry.digest_of(kind.value))
    if parent.card.form != MULTITASK:
        raise TrainingRefused(
            "the model in use is a fitted voxel model, which is not fine-tuned; make a multitask "
            "network current"
        )
    path, card_path = files_of(models, parent.card.digest)
    cases = [_triple(source.arrays(one)) for one in source.of(kind, Split.TRAINING)]
    with_step(tell, f"fine-tuning on {len(cases)} studies for {recipe.steps} steps")
    content = _fine_tuned(path, cases, recipe)
    card = _card(json.loads(card_path.read_bytes()), content)
    lineage = Lineage(
        kind,
        parent.card.digest.hex(),
        parent.card.training_digest.hex(),
        f"fine-tuning of every member for {recipe.steps} step(s)",
        len(cases),
    )
    with_step(tell, "judging both models on the hold-out")
    candidate = _opened(models, content, card)
    bodies = HOLD_OUT_BODIES if recipe.hold_out is None else recipe.hold_out
    judged = [
        HeldOutCase(
            one.name,
            one.synthetic,
            dice_of(parent, one.images, one.mask),
            dice_of(candidate, one.images, one.mask),
        )
        for one in _held_out(source, kind, bodies)
    ]
    gate = judge(judged, kind)
    finished = finished_card(card, source, lineage, gate)
    write_candidate(out, content, finished, training_list(source, lineage), {})
    return Trained(out, finished, gate)


def _fine_tuned(path: Path, cases: list[Any], recipe: "Recipe") -> bytes:
    from medquorum.ai_entity.learning.training_run import TrainingRefused

    try:
        from medquorum.ai_entity.training.tumour_fine_tune import fine_tune
    except ImportError as absent:
        raise TrainingRefused(
            f"fine-tuning a tumour network needs {(absent.name or 'torch').partition('.')[0]}, "
            "which is not installed; install medquorum[train]"
        ) from None
    with tempfile.TemporaryDirectory(prefix="medquorum-fine-tune-") as folder:
        try:
            made = fine_tune(path, cases, recipe.steps, recipe.seed, Path(folder) / "model.onnx")
        except ValueError as error:
            raise TrainingRefused(f"the network cannot be fine-tuned: {error}") from None
        return made.read_bytes()


def _triple(arrays: Mapping[str, Array]) -> tuple[Any, Any, Mask]:
    """HU, SUV or None, mask of a sample."""
    return arrays["hu"].astype(np.float32), arrays.get("suv"), arrays["mask"] > 0


def _card(parent: Mapping[str, Any], content: bytes) -> dict[str, Any]:
    kept = "Temperature and threshold are those of the model it continues; not fitted again."
    limits = [one for one in parent["limits"] if one != kept]
    return {**renamed(parent, content), "limits": [*limits, kept]}


def _opened(models: Path, content: bytes, card: Mapping[str, Any]) -> LoadedModel:
    """The candidate as the registry would open it, with what its card attaches."""
    with tempfile.TemporaryDirectory(prefix="medquorum-candidate-") as name:
        folder = Path(name)
        for file in models.glob("*.json"):
            shutil.copyfile(file, folder / file.name)
        digest = hashlib.sha256(content).hexdigest()
        (folder / "candidate.onnx").write_bytes(content)
        (folder / "candidate-card.json").write_text(json.dumps(card))
        entry = {
            "file": "candidate.onnx",
            "card": "candidate-card.json",
            "kind": card["kind"],
            "current": True,
        }
        (folder / "registry.json").write_text(json.dumps({"models": {digest: entry}}))
        return Registry(folder).load(bytes.fromhex(digest))


def dice_of(model: LoadedModel, images: GridImages, mask: Mask) -> float:
    """Dice of what the model reports against a mask; 1 where both are empty, 0 for an abstention
    where there is tumour."""
    from medquorum.ai_entity.tumour.pipeline import analyse_with

    findings = analyse_with(model, images)
    seen = np.zeros(mask.shape, dtype=np.bool_)
    if findings.overlay is not None:
        seen = findings.overlay.labels() > 0
    together = int(seen.sum()) + int(mask.sum())
    return 1.0 if together == 0 else 2.0 * int((seen & mask).sum()) / together


def _held_out(source: TrainingSet, kind: StudyKind, bodies: int) -> Iterator[HeldOutBody]:
    for sample in source.of(kind, Split.HOLD_OUT):
        arrays = source.arrays(sample)
        patient = str(sample.facts["patient"])
        yield HeldOutBody(patient, False, images_of(arrays, sample), arrays["mask"] > 0)
    for number in range(bodies):
        yield _phantom(number, kind)


def images_of(arrays: Mapping[str, Array], sample: Sample) -> GridImages:
    """A sample as the pipelines take it."""
    affine = np.eye(4)
    numbers = np.asarray(sample.facts["label"]["affine_nm"], dtype=np.float64)
    affine[:3] = numbers.reshape(3, 4) / NM_PER_MM
    return GridImages(arrays["hu"].astype(np.float32), arrays.get("suv"), affine)


def _phantom(number: int, kind: StudyKind) -> HeldOutBody:
    from medquorum.ai_entity.phantom.growths import Story
    from medquorum.ai_entity.phantom.scanner import SHIFTED, Family, family_seed
    from medquorum.ai_entity.phantom.whole_body import TorsoPlan, make_torso

    stories = tuple(Story)
    plan = TorsoPlan(stories[number % len(stories)], GRID_STEP_MM, SHIFTED[number % len(SHIFTED)])
    made = make_torso(family_seed(Family.HOLD_OUT, number), plan)
    suv = made.suv if kind is StudyKind.PETCT else None
    images = GridImages(made.hu, suv, axial(made.spacing_zyx_mm))
    return HeldOutBody(f"phantom torso {number}", True, images, made.lesions)
