"""The training of the fracture network: steps, learning rate, checkpoints that resume.

First the trunk alone learns where in a tile the break is, 64 places of which each has an answer: a
whole ResNet with one answer per tile would need many times the tiles to learn the same edges. Then
the whole network learns tiles, while the trunk goes on with its places. At last it learns from the
whole tiles that look broken to it: a film has forty tiles, and one false alarm is a false film.

AdamW with a warm-up, a plateau and a linear fall to zero, so that an interrupted plateau can be
ended early; convolutions in bfloat16 where the processor has it. Two cores train it in about forty
minutes, of which this uses one.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from medquorum.ai_entity.training.fracture_network import FractureNetwork
from medquorum.ai_entity.training.fracture_tiles import BROKEN_SHARE, TileBatch, TileSource

NORM_LIMIT: Final = 2.0
LOCAL_SHARE: Final = 0.25
"""Weight of the trunk's loss beside the whole network's."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Steps with tiles of one size."""

    pixels: int
    tiles: int
    steps: int
    trunk_only: bool = False
    candidates: int = 0
    """Tiles looked at for a step's hardest whole ones; 0 takes them as they come."""


@dataclass(frozen=True, slots=True)
class FractureRecipe:
    """Everything that decides the weights, besides the films."""

    phases: tuple[Phase, ...] = (
        Phase(64, 48, 450, trunk_only=True),
        Phase(64, 48, 300),
        Phase(64, 48, 300, candidates=112),
    )
    rate: float = 1e-3
    decay: float = 0.05
    warm_up: int = 60
    fall: float = 0.3
    """Share of the steps over which the rate falls to zero, linearly."""
    checkpoint_every: int = 50
    half_precision: bool = True
    """bfloat16 convolutions; False is slower and the same on every processor."""

    @property
    def steps(self) -> int:
        """Of all phases."""
        return sum(phase.steps for phase in self.phases)

    def ending_after(self, steps: int) -> "FractureRecipe":
        """The same with its last phase cut or stretched to this many steps in all."""
        before = sum(phase.steps for phase in self.phases[:-1])
        if steps <= before:
            raise ValueError("the last phase needs a step")
        last = replace(self.phases[-1], steps=steps - before)
        return replace(self, phases=(*self.phases[:-1], last))

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
        left = (self.steps - step) / max(self.fall * self.steps, 1.0)
        return self.rate * min(left, 1.0)


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
        batch = source.batch(step, max(phase.tiles, phase.candidates), phase.pixels)
        if phase.candidates:
            batch = hardest(network, batch, phase.tiles, recipe.half_precision)
        loss, right = _step(network, optimiser, batch, phase.trunk_only, recipe.half_precision)
        step += 1
        with (folder / "losses.jsonl").open("a") as log:
            log.write(json.dumps({"step": step, "loss": loss, "right": right}) + "\n")
        if step % 10 == 0:
            tell(f"step {step} of {recipe.steps}, loss {loss:.3f}, cpu {time.process_time():.0f} s")
        if step % recipe.checkpoint_every == 0 or step == recipe.steps:
            _keep(network, optimiser, checkpoint, step)
    (folder / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1) + "\n")
    return network.eval()


def _step(
    network: FractureNetwork,
    optimiser: torch.optim.AdamW,
    batch: TileBatch,
    trunk_only: bool,
    half_precision: bool,
) -> tuple[float, float]:
    """Loss and share of right answers of one step."""
    inputs = torch.from_numpy(batch.tiles).to(memory_format=torch.channels_last)
    truth = torch.from_numpy(batch.labels)
    with torch.autocast("cpu", torch.bfloat16, enabled=half_precision):
        trunk = network.lower(inputs)
        local = network.local_logits(trunk).float()
        logits = local.amax(dim=(1, 2)) if trunk_only else network.upper(trunk).float()
    loss = local_loss(local, torch.from_numpy(batch.breaks))
    if not trunk_only:
        whole = nn.functional.binary_cross_entropy_with_logits(logits, truth)
        loss = whole + LOCAL_SHARE * loss
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), NORM_LIMIT)
    optimiser.step()
    right = float(((logits > 0.0) == (truth > 0.5)).float().mean())
    return float(loss.detach()), right


def hardest(
    network: FractureNetwork, batch: TileBatch, tiles: int, half_precision: bool
) -> TileBatch:
    """``tiles`` of a batch: broken ones as they come, whole ones that look most broken."""
    broken = np.flatnonzero(batch.labels > 0.5)[: round(BROKEN_SHARE * tiles)]
    whole = np.flatnonzero(batch.labels < 0.5)
    inputs = torch.from_numpy(batch.tiles[whole]).to(memory_format=torch.channels_last)
    network.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half_precision):
        logits = network(inputs).float().numpy()
    network.train()
    order = np.argsort(-logits, kind="stable")[: tiles - len(broken)]
    kept = np.concatenate([broken, whole[order]])
    return TileBatch(batch.tiles[kept], batch.breaks[kept], batch.labels[kept])


def local_loss(logits: Tensor, breaks: Tensor) -> Tensor:
    """Cross-entropy by place, broken and whole places weighing the same; mixed places are left out.

    ``logits`` [n, h, w], ``breaks`` [n, 1, H, W] the share of each pixel that the break covers.
    """
    share = nn.functional.adaptive_avg_pool2d(breaks, list(logits.shape[1:]))[:, 0]
    broken, whole = (share > 0.6).float(), (share < 0.05).float()
    cost = nn.functional.softplus(-logits) * broken / broken.sum().clamp(min=1.0)
    return (cost + nn.functional.softplus(logits) * whole / whole.sum().clamp(min=1.0)).sum()


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
