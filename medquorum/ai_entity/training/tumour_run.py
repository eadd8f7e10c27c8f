"""From an archive to five members: pretrain on phantoms, then one fine-tuning per fold.

Every fold starts from the weights that saw phantoms only, never from another fold, and never reads
a patient that it holds out. Each stage leaves a checkpoint a minute; a run that was stopped goes on
where it was, with the patches that it would have drawn. Members are rounded to float16, as
they are shipped, before anything is measured on them.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from medquorum.ai_entity.case_archive import CaseArchive, ReferenceCase, case_digest
from medquorum.ai_entity.model_card import Multitask
from medquorum.ai_entity.training.checkpoint import read_checkpoint, write_checkpoint
from medquorum.ai_entity.training.export import Ensemble, read_members
from medquorum.ai_entity.training.folds import Folds
from medquorum.ai_entity.training.loop import Progress, Recipe, advance, averaged, begin
from medquorum.ai_entity.training.network import Inputs, TumourNetwork
from medquorum.ai_entity.training.phantom_cases import make_phantoms
from medquorum.ai_entity.training.rounding import rounded
from medquorum.ai_entity.training.training_case import (
    TrainingCase,
    phantom_case,
    real_case,
)
from medquorum.ai_entity.tumour.grid import Volume, common_grid
from medquorum.ai_entity.tumour.windows import run_windows

FOLDS_FILE: Final = "tumour_folds.json"
SEED: Final = 4
SIDE: Final = 48
"""Voxels of 4 mm: windows of 19 cm."""
OVERLAP: Final = 0.25
FOLDS: Final = 5
PHANTOMS: Final = 140
PRETRAIN_STEPS: Final = {Inputs.PETCT: (3_600, 2_000), Inputs.CT: (3_000,)}
FOLD_STEPS: Final = {Inputs.PETCT: (2_700,), Inputs.CT: (2_400,)}
"""Per round; every further round restarts the learning rate from the averaged weights
(Loshchilov and Hutter, ICLR 2017)."""
PASTED_SHARE: Final = 0.6
"""Of phantom patches, from the second round of pretraining on and in the folds that follow one;
a network pretrained in one round sees the phantoms' own lesions only."""
LEARNING_RATE: Final = 2e-3
FOLD_AVERAGE: Final = 0.997
CHECKPOINT_S: Final = 60.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TumourRun:
    """What to train, on what, where to keep it."""

    inputs: Inputs
    archive: Path
    out: Path
    phantoms: Path
    """Folder of the phantom files; may be shared by runs."""
    pretrain_steps: tuple[int, ...]
    """Per round, like those of a fold."""
    fold_steps: tuple[int, ...]
    folds: int = FOLDS
    phantom_count: int = PHANTOMS
    seed: int = SEED
    side: int = SIDE
    companions: Path | None = None
    """The network for CT alone (ONNX, its folds beside it) that joins one for PET and CT."""

    def stage(self, name: str) -> Path:
        """The checkpoint of a stage."""
        return self.out / f"{name}.npz"


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that a run reads."""

    folds: Folds
    reference: Mapping[str, ReferenceCase]
    real: Mapping[str, TrainingCase]
    phantoms: tuple[TrainingCase, ...]


def read_material(run: TumourRun) -> Material:
    """The cases, and their folds written to ``out/folds.json`` before anything is trained."""
    reference = {case.name: case for case in CaseArchive(run.archive)}
    folds = Folds.split(
        {name: case_digest(case) for name, case in reference.items()}, run.folds, run.seed
    )
    folds.write(run.out / "folds.json")
    files = make_phantoms(run.phantoms, run.phantom_count, for_ct_alone=run.inputs is Inputs.CT)
    return Material(
        folds,
        reference,
        {name: real_case(case) for name, case in reference.items()},
        tuple(phantom_case(path) for path in files),
    )


def train_members(run: TumourRun, material: Material, tell: Tell) -> list[TumourNetwork]:
    """All members, rounded to float16, in the order of the folds."""
    torch.manual_seed(run.seed)
    common = TumourNetwork(run.inputs)
    for turn, steps in enumerate(run.pretrain_steps):
        stage = run.stage("pretrained" + (f"_round_{turn + 1}" if turn else ""))
        recipe = Recipe(
            steps,
            1_000 + turn,
            run.side,
            pasted_share=PASTED_SHARE if turn else 0.0,
            learning_rate=LEARNING_RATE,
        )
        common = train_stage(stage, common, recipe, ([], material.phantoms), tell)
    members = []
    for member in range(run.folds):
        network = TumourNetwork(run.inputs)
        network.load_state_dict(common.state_dict())
        seen = [material.real[name] for name in material.folds.trained_on(member)]
        for turn, steps in enumerate(run.fold_steps):
            stage = run.stage(f"fold_{member}" + (f"_round_{turn + 1}" if turn else ""))
            recipe = _fold_recipe(run, steps, 2_000 * (turn + 1) + member)
            network = train_stage(stage, network, recipe, (seen, material.phantoms), tell)
        members.append(rounded(network))
    return members


def _fold_recipe(run: TumourRun, steps: int, seed: int) -> Recipe:
    return Recipe(
        steps,
        seed,
        run.side,
        pasted_share=PASTED_SHARE if len(run.pretrain_steps) > 1 else 0.0,
        learning_rate=LEARNING_RATE,
        average=FOLD_AVERAGE,
    )


def train_stage(
    path: Path,
    network: TumourNetwork,
    recipe: Recipe,
    cases: tuple[list[TrainingCase], tuple[TrainingCase, ...]],
    tell: Tell,
) -> TumourNetwork:
    """One training with its checkpoint in ``path``, resumed where it stands; averaged weights."""
    progress = begin(network, recipe)
    if path.exists():
        read_checkpoint(path, progress)
    first, begun = progress.step, time.monotonic()
    kept = begun

    def after(now: Progress) -> None:
        nonlocal kept
        if time.monotonic() - kept < CHECKPOINT_S and now.step < recipe.steps:
            return
        kept = time.monotonic()
        write_checkpoint(path, now)
        pace = (kept - begun) / (now.step - first)
        tell(
            f"{path.stem}: step {now.step} of {recipe.steps}, loss {np.mean(now.losses):.3f}, "
            f"{pace:.2f} s per step, {pace * (recipe.steps - now.step) / 60:.1f} min left"
        )

    advance(progress, recipe, cases, after)
    return averaged(progress)


def held_out_logits(
    run: TumourRun, material: Material, ensemble: Ensemble, tell: Tell
) -> dict[str, Volume]:
    """Per patient the lesion logits [z,y,x] on the 4 mm grid of the member that has not seen it."""
    logits = {}
    for member, names in enumerate(material.folds.held_out):
        alone = ensemble.only(member)
        for name in names:
            logits[name] = case_logits(alone, run.inputs, material.reference[name], run.side)
        tell(f"member {member}: {len(names)} patients that it has not seen")
    return logits


def case_logits(
    network: nn.Module, inputs: Inputs, case: ReferenceCase, side: int = SIDE
) -> Volume:
    """Lesion logits [z,y,x] of a case on its 4 mm grid, window by window as in inference."""
    images = common_grid(case.ct, case.pet)
    channels = [images.hu]
    if inputs is Inputs.PETCT and images.suv is not None:
        channels.append(images.suv)
    plan = Multitask((side, side, side), OVERLAP, 1.0, 1, None, None)

    def ask(windows: Volume) -> tuple[Volume, ...]:
        with torch.no_grad():
            lesion, organs = network(torch.from_numpy(windows))
        return lesion.numpy(), organs.numpy()

    return run_windows(ask, np.stack(channels), plan).lesion


def companions_of(run: TumourRun, folds: Folds) -> list[TumourNetwork]:
    """The companions named by the run; none where it names none.

    Raises ValueError when they were not trained on the same folds: a patient would be judged by a
    network that has seen it.
    """
    if run.companions is None:
        return []
    stated = Folds.read(run.companions.with_name(FOLDS_FILE))
    if stated != folds:
        raise ValueError("companions must hold out the same patients; train them on this archive")
    return read_members(run.companions)
