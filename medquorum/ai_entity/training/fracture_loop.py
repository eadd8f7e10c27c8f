"""The training of the fracture network: steps, learning rate, checkpoints that resume.

AdamW with a warm-up and a cosine to zero; first smaller tiles, then full ones (progressive
resizing), convolutions in bfloat16 where the processor has it. Two cores train it in about forty
minutes, of which this uses one.
"""

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from medquorum.ai_entity.training.fracture_network import FractureNetwork
from medquorum.ai_entity.training.fracture_tiles import TileSource

NORM_LIMIT: Final = 2.0


@dataclass(frozen=True, slots=True)
class Phase:
    """Steps with tiles of one size."""

    pixels: int
    tiles: int
    steps: int


@dataclass(frozen=True, slots=True)
class FractureRecipe:
    """Everything that decides the weights, besides the films."""

    phases: tuple[Phase, ...] = (Phase(64, 32, 300), Phase(96, 20, 1_200))
    rate: float = 1e-3
    decay: float = 0.05
    warm_up: int = 100
    checkpoint_every: int = 250
    half_precision: bool = True
    """bfloat16 convolutions; False is slower and the same on every processor."""

    @property
    def steps(self) -> int:
        """Of all phases."""
        return sum(phase.steps for phase in self.phases)

    def phase_of(self, step: int) -> Phase:
        """The phase that a step belongs to."""
        for phase in self.phases:
            if step < phase.steps:
                return phase
            step -= phase.steps
        raise ValueError("the recipe has fewer steps")

    def rate_at(self, step: int) -> float:
        """Learning rate of a step."""
        if step < self.warm_up:
            return self.rate * (step + 1) / self.warm_up
        share = (step - self.warm_up) / max(self.steps - self.warm_up, 1)
        return self.rate * 0.5 * (1.0 + math.cos(math.pi * share))


def make_optimiser(network: nn.Module, recipe: FractureRecipe) -> torch.optim.AdamW:
    """Weight decay on kernels, not on normalisations and biases."""
    kernels = [weight for weight in network.parameters() if weight.ndim > 1]
    others = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups = [
        {"params": kernels, "weight_decay": recipe.decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.rate)


def train_network(
    network: FractureNetwork,
    source: TileSource,
    recipe: FractureRecipe,
    folder: Path,
    tell: Callable[[str], None] = print,
) -> FractureNetwork:
    """Train ``network`` from where ``folder``'s checkpoint left it; writes ``losses.jsonl``."""
    network.to(memory_format=torch.channels_last)
    optimiser = make_optimiser(network, recipe)
    checkpoint = folder / "checkpoint.pt"
    step = _resume(network, optimiser, checkpoint)
    network.train()
    while step < recipe.steps:
        phase = recipe.phase_of(step)
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate_at(step)
        batch = source.batch(step, phase.tiles, phase.pixels)
        loss, right = _step(network, optimiser, batch.tiles, batch.labels, recipe.half_precision)
        step += 1
        with (folder / "losses.jsonl").open("a") as log:
            log.write(json.dumps({"step": step, "loss": loss, "right": right}) + "\n")
        if step % 50 == 0:
            tell(f"step {step} of {recipe.steps}, loss {loss:.3f}, cpu {time.process_time():.0f} s")
        if step % recipe.checkpoint_every == 0 or step == recipe.steps:
            _keep(network, optimiser, checkpoint, step)
    (folder / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1) + "\n")
    return network.eval()


def _step(
    network: FractureNetwork,
    optimiser: torch.optim.AdamW,
    tiles: np.ndarray,
    labels: np.ndarray,
    half_precision: bool,
) -> tuple[float, float]:
    """Loss and share of right answers of one step."""
    inputs = torch.from_numpy(tiles).to(memory_format=torch.channels_last)
    truth = torch.from_numpy(labels)
    with torch.autocast("cpu", torch.bfloat16, enabled=half_precision):
        logits = network(inputs)
    loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), truth)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), NORM_LIMIT)
    optimiser.step()
    right = float(((logits > 0) == (truth > 0.5)).float().mean())
    return float(loss.detach()), right


def _keep(network: FractureNetwork, optimiser: torch.optim.AdamW, path: Path, step: int) -> None:
    partial = path.with_suffix(".partial")
    state = {"step": step, "network": network.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save(state, partial)
    os.replace(partial, path)


def _resume(network: FractureNetwork, optimiser: torch.optim.AdamW, path: Path) -> int:
    """The step to go on with; 0 without a checkpoint."""
    if not path.exists():
        return 0
    kept = torch.load(path, weights_only=True)
    network.load_state_dict(kept["network"])
    optimiser.load_state_dict(kept["optimiser"])
    return int(kept["step"])
