"""Training steps: losses, the schedule, averaged weights, and a training that resumes exactly.

Lesion: cross-entropy plus soft Dice (Milletari 2016) per patch, over known voxels. Organs:
cross-entropy with rare organs weighted up, on phantom patches only. AdamW with a warm-up and a
cosine to zero; an exponential average of the weights is what is kept. Every draw comes from
(seed, step, place), so that the checkpoint needs weights, averages and moments and nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from medquorum.ai_entity.training.network import TumourNetwork
from medquorum.ai_entity.training.patches import PLAIN, Batch, Drawing, draw_patch, stack_patches
from medquorum.ai_entity.training.training_case import TrainingCase

DICE_SMOOTHING: Final = 20.0
"""Voxels: keeps the overlap of patches without a lesion defined."""
ORGAN_WEIGHTS: Final = (0.3, 0.6, 0.6, 1.0, 0.7, 1.2, 1.2, 1.0, 1.5, 1.5, 1.5, 1.2, 1.5, 1.2, 1.5)
"""By label: what fills the body counts less than what is small."""
CLIP_NORM: Final = 5.0
HALF_FROM_SIDE: Final = 48
"""Smaller patches train in float32: at 2 voxels a side in the deepest level, the bfloat16 weight
gradient of torch 2.13 on CPUs reads memory that nobody wrote, and now and then is NaN."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one training goes."""

    steps: int
    seed: int
    side: int = 48
    patches: int = 1
    phantom_share: float = 0.22
    drawing: Drawing = PLAIN
    """Of real cases."""
    phantom_drawing: Drawing = PLAIN
    learning_rate: float = 2e-3
    warm_up: int = 50
    weight_decay: float = 1e-2
    average: float = 0.995
    organ_weight: float = 0.5
    half_precision: bool = True
    """bfloat16 in the convolutions: twice as fast on CPUs that have it. Its sums differ in their
    last bits from run to run; only without it are two runs equal bit by bit."""


@dataclass(slots=True)
class Progress:
    """Where a training stands; everything a resumed process needs besides the recipe."""

    network: TumourNetwork
    average: dict[str, Tensor]
    optimiser: torch.optim.AdamW
    step: int = 0
    losses: list[float] = field(default_factory=list)
    """Of the latest steps, for telling."""


def begin(network: TumourNetwork, recipe: Recipe) -> Progress:
    """A training at its first step."""
    optimiser = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, eps=1e-6
    )
    average = {name: part.detach().clone() for name, part in network.state_dict().items()}
    return Progress(network, average, optimiser)


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear over the warm-up, then half a cosine to zero."""
    if step < recipe.warm_up:
        return recipe.learning_rate * (step + 1) / recipe.warm_up
    done = (step - recipe.warm_up) / max(recipe.steps - recipe.warm_up, 1)
    return recipe.learning_rate * 0.5 * (1.0 + float(np.cos(np.pi * min(done, 1.0))))


def draw_batch(
    recipe: Recipe,
    step: int,
    real: Sequence[TrainingCase],
    phantoms: Sequence[TrainingCase],
    channels: int,
) -> Batch:
    """The patches of a step; the same for the same recipe and step."""
    patches = []
    for place in range(recipe.patches):
        rng = np.random.default_rng((recipe.seed, step, place))
        from_phantom = not real or (len(phantoms) > 0 and rng.random() < recipe.phantom_share)
        cases = phantoms if from_phantom else real
        case = cases[int(rng.integers(len(cases)))]
        drawing = recipe.phantom_drawing if from_phantom else recipe.drawing
        patches.append(draw_patch(case, recipe.side, rng, drawing))
    return stack_patches(patches, channels)


def lesion_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy plus soft Dice loss per patch, over known voxels."""
    entropy = functional.binary_cross_entropy_with_logits(logits, batch.lesion, reduction="none")
    known = batch.known
    axes = (1, 2, 3, 4)
    cross = (entropy * known).sum(axes) / known.sum(axes).clamp(min=1.0)
    share = torch.sigmoid(logits) * known
    truth = batch.lesion * known
    overlap = 2.0 * (share * truth).sum(axes) + DICE_SMOOTHING
    dice = overlap / (share.sum(axes) + truth.sum(axes) + DICE_SMOOTHING)
    return (cross + 1.0 - dice).mean()


def organ_loss(logits: Tensor, organs: Tensor) -> Tensor:
    """Weighted cross-entropy over voxels whose organ is known; 0 where none is."""
    if not bool((organs >= 0).any()):
        return logits.sum() * 0.0
    weights = torch.tensor(ORGAN_WEIGHTS, dtype=logits.dtype)
    return functional.cross_entropy(logits, organs, weight=weights, ignore_index=-1)


def one_step(progress: Progress, batch: Batch, recipe: Recipe) -> float:
    """Forward, backward, update, average. The loss."""
    network = progress.network
    for group in progress.optimiser.param_groups:
        group["lr"] = learning_rate(recipe, progress.step)
    network.train()
    half = recipe.half_precision and recipe.side >= HALF_FROM_SIDE
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        lesion, organs = network(batch.images)
    loss = lesion_loss(lesion.float(), batch)
    loss = loss + recipe.organ_weight * organ_loss(organs.float(), batch.organs)
    progress.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
    progress.optimiser.step()
    keep = min(recipe.average, (1.0 + progress.step) / (10.0 + progress.step))
    with torch.no_grad():
        for name, part in network.state_dict().items():
            progress.average[name].lerp_(part, 1.0 - keep)
    progress.step += 1
    value = float(loss.detach())
    progress.losses = [*progress.losses[-49:], value]
    return value


def advance(
    progress: Progress,
    recipe: Recipe,
    cases: tuple[Sequence[TrainingCase], Sequence[TrainingCase]],
    after_step: Callable[[Progress], None] | None = None,
) -> Progress:
    """All remaining steps on (real, phantom) cases; ``after_step`` may tell and keep."""
    real, phantoms = cases
    channels = progress.network.inputs.channels
    while progress.step < recipe.steps:
        batch = draw_batch(recipe, progress.step, real, phantoms, channels)
        one_step(progress, batch, recipe)
        if after_step is not None:
            after_step(progress)
    return progress


def averaged(progress: Progress) -> TumourNetwork:
    """A network with the averaged weights, ready to be asked."""
    network = TumourNetwork(progress.network.inputs, progress.network.widths)
    network.load_state_dict(progress.average)
    return network.eval()


def train_steps(
    network: TumourNetwork, cases: Sequence[TrainingCase], steps: int, seed: int
) -> float:
    """``steps`` steps of ``network`` in place on ``cases``, phantoms or not; the mean loss.

    A plain piece of training: for a hospital's round in federated
    training, and for continuing a shipped network. The same arguments give the same weights.
    """
    if steps < 1 or not cases:
        raise ValueError("training needs at least one step and one case")
    recipe = Recipe(
        steps=steps,
        seed=seed,
        learning_rate=5e-4,
        warm_up=min(10, steps),
        half_precision=False,
    )
    real = [case for case in cases if not case.is_phantom]
    phantoms = [case for case in cases if case.is_phantom]
    progress = begin(network, recipe)
    losses: list[float] = []
    advance(progress, recipe, (real, phantoms), lambda now: losses.append(now.losses[-1]))
    network.load_state_dict(progress.average)
    network.eval()
    return float(np.mean(losses))
