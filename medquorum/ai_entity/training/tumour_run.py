"""From an archive to five members, their companions, and one network more.

Members: pretrain on phantoms, then fine-tune per fold in rounds. Companions are the members of a
run for CT alone on the same folds. The network for whole bodies sees phantoms only, more kinds of
them and for longer: in one network the two spoil each other.

Every fold starts from the weights that saw phantoms only, never from another fold, and never reads
a patient that it holds out. Each stage leaves a checkpoint a minute; a run that was stopped goes on
where it was, with the patches that it would have drawn. Members are rounded to float16, as
they are shipped, before anything is measured on them.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from medquorum.ai_entity.case_archive import CaseArchive, ReferenceCase, case_digest
from medquorum.ai_entity.model_card import Multitask
from medquorum.ai_entity.training.checkpoint import read_checkpoint, write_checkpoint
from medquorum.ai_entity.training.export import Ensemble
from medquorum.ai_entity.training.folds import Folds
from medquorum.ai_entity.training.loop import Progress, Recipe, advance, averaged, begin
from medquorum.ai_entity.training.network import Inputs, TumourNetwork
from medquorum.ai_entity.training.phantom_cases import (
    Body,
    body_of,
    make_phantoms,
    make_torsos,
)
from medquorum.ai_entity.training.rounding import rounded
from medquorum.ai_entity.training.training_case import (
    TrainingCase,
    phantom_case,
    real_case,
)
from medquorum.ai_entity.training.tumour_recipe import (
    BODIES,
    FOLD_STEPS,
    FOLDS,
    MIRRORS,
    MORE_BODIES,
    OVERLAP,
    PRETRAIN_STEPS,
    SEED,
    SIDE,
    TORSOS,
    WHOLE_BODY_STEPS,
    fold_recipe,
    pretraining,
    whole_body_recipe,
)
from medquorum.ai_entity.tumour.grid import Volume, common_grid
from medquorum.ai_entity.tumour.mirrors import mirrored
from medquorum.ai_entity.tumour.windows import run_windows

FOLDS_FILE: Final = "tumour_folds.json"
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
    folds: int = FOLDS
    torso_count: int = TORSOS
    body_count: int = BODIES
    pretrain_steps: int | None = None
    """None: what its kind has by default."""
    fold_steps: tuple[int, ...] | None = None
    """Per round; None: what its kind has by default."""
    whole_body_steps: tuple[int, ...] | None = None
    """Of the network for whole bodies; None: what its kind has by default, () for none."""
    seed: int = SEED
    side: int = SIDE

    more_bodies: tuple[int, ...] = MORE_BODIES
    """By round of whole bodies from the third on; the first two have ``body_count``."""

    @property
    def first_steps(self) -> int:
        """The steps on phantoms that come before all others."""
        given = self.pretrain_steps
        return PRETRAIN_STEPS[self.inputs] if given is None else given

    @property
    def fold_rounds(self) -> tuple[int, ...]:
        """The steps of every round of a member."""
        return FOLD_STEPS[self.inputs] if self.fold_steps is None else self.fold_steps

    def of_companions(self) -> "TumourRun":
        """The run for CT alone whose members stand beside those of this one."""
        fewer = None if self.fold_steps is None else self.fold_steps[:1]
        return replace(
            self, inputs=Inputs.CT, out=self.out / "ct", fold_steps=fewer, whole_body_steps=()
        )

    @property
    def whole_body_rounds(self) -> tuple[int, ...]:
        """The steps of every round."""
        given = self.whole_body_steps
        return WHOLE_BODY_STEPS[self.inputs] if given is None else given

    def bodies_of(self, turn: int) -> int:
        """How many bodies a round of whole bodies is shown."""
        if turn < 2:
            return self.body_count
        return self.more_bodies[min(turn - 2, len(self.more_bodies) - 1)]

    def stage(self, name: str) -> Path:
        """The checkpoint of a stage."""
        return self.out / f"{name}.npz"


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that a run reads."""

    folds: Folds
    reference: Mapping[str, ReferenceCase]
    real: Mapping[str, TrainingCase]
    torsos: tuple[TrainingCase, ...]
    bodies: tuple[TrainingCase, ...]
    limbs: tuple[TrainingCase, ...]
    """Those of the bodies that are limbs."""
    whole: tuple[tuple[TrainingCase, ...], ...] = ()
    """By round of whole bodies: the bodies and more."""


def read_material(run: TumourRun) -> Material:
    """The cases, and their folds written to ``out/folds.json`` before anything is trained."""
    reference = {case.name: case for case in CaseArchive(run.archive)}
    folds = Folds.split(
        {name: case_digest(case) for name, case in reference.items()}, run.folds, run.seed
    )
    folds.write(run.out / "folds.json")
    alone, rounds = run.inputs is Inputs.CT, len(run.whole_body_rounds)
    torsos = make_torsos(run.phantoms, run.torso_count if alone else 0)
    counts = [run.bodies_of(turn) for turn in range(rounds)]
    count = max([run.body_count, *counts])
    made = make_phantoms(run.phantoms, count, for_ct_alone=alone, torsos_after=run.body_count)
    every = {index: phantom_case(path) for index, path in made}
    bodies = {index: case for index, case in every.items() if index < run.body_count}
    return Material(
        folds,
        reference,
        {name: real_case(case) for name, case in reference.items()},
        tuple(phantom_case(path) for path in torsos),
        tuple(bodies.values()),
        tuple(case for index, case in bodies.items() if body_of(index) is Body.LIMB),
        tuple(tuple(case for index, case in every.items() if index < shown) for shown in counts),
    )


def pretrain(run: TumourRun, material: Material, tell: Tell) -> TumourNetwork:
    """What every member begins with: phantoms only, all bodies or, for CT alone, torsos."""
    torch.manual_seed(run.seed)
    shown = material.bodies if run.inputs is Inputs.PETCT else material.torsos
    start = TumourNetwork(run.inputs)
    return train_stage(
        run.stage("pretrained"),
        start,
        pretraining(run.inputs, run.first_steps, run.side),
        ([], shown),
        tell,
    )


def train_members(
    run: TumourRun, material: Material, common: TumourNetwork, tell: Tell
) -> list[TumourNetwork]:
    """All members, rounded as they are shipped, in the order of the folds.

    For CT alone patients are mixed with torsos; for PET and CT with limbs only: whole bodies are
    the business of another network, healthy limbs theirs.
    """
    mixed = material.limbs if run.inputs is Inputs.PETCT else material.torsos
    members = []
    for member in range(run.folds):
        network = TumourNetwork(run.inputs)
        network.load_state_dict(common.state_dict())
        seen = [material.real[name] for name in material.folds.trained_on(member)]
        for turn, steps in enumerate(run.fold_rounds):
            stage = run.stage(f"fold_{member}" + (f"_round_{turn + 1}" if turn else ""))
            recipe = fold_recipe(run.inputs, steps, (turn, member), run.side)
            network = train_stage(stage, network, recipe, (seen, mixed), tell)
        members.append(rounded(network))
    return members


def train_companions(run: TumourRun, material: Material, tell: Tell) -> list[TumourNetwork]:
    """For PET and CT: the members of a run for CT alone, on the same folds, beside this one's."""
    if run.inputs is not Inputs.PETCT:
        return []
    beside = run.of_companions()
    beside.out.mkdir(parents=True, exist_ok=True)
    own = read_material(beside)
    if own.folds != material.folds:
        raise ValueError("companions need the folds of their members")
    return train_members(beside, own, pretrain(beside, own, tell), tell)


def train_whole_body(
    run: TumourRun, material: Material, common: TumourNetwork, tell: Tell
) -> TumourNetwork | None:
    """The network for whole bodies, from phantoms only and rounded; None where it has no rounds."""
    torch.manual_seed(run.seed)
    network = TumourNetwork(run.inputs)
    if run.inputs is Inputs.PETCT:
        network.load_state_dict(common.state_dict())
    for turn, steps in enumerate(run.whole_body_rounds):
        recipe = whole_body_recipe(run.inputs, steps, turn, run.side)
        stage = run.stage(f"whole_body_round_{turn + 1}")
        network = train_stage(stage, network, recipe, ([], material.whole[turn]), tell)
    return rounded(network) if run.whole_body_rounds else None


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
        asked = ensemble.member(member)
        for name in names:
            logits[name] = case_logits(asked, material.reference[name], run.side)
        tell(f"member {member}: {len(names)} patients that it has not seen")
    return logits


def case_logits(ensemble: Ensemble, case: ReferenceCase, side: int = SIDE) -> Volume:
    """Lesion logits [z,y,x] of a case on its 4 mm grid, window by window as in inference."""
    images = common_grid(case.ct, case.pet)
    channels = [images.hu]
    if ensemble.inputs is Inputs.PETCT and images.suv is not None:
        channels.append(images.suv)
    plan = Multitask((side, side, side), OVERLAP, 1.0, 1, None, None)

    def ask(windows: Volume) -> tuple[Volume, ...]:
        with torch.no_grad():
            lesion, organs = ensemble(torch.from_numpy(windows))
        return lesion.numpy(), organs.numpy()

    return run_windows(mirrored(ask, MIRRORS), np.stack(channels), plan).lesion
