"""Checkpoints of a training as plain arrays: no pickle, replaced atomically.

An uncompressed .npz: ``step``, ``weight/<name>``, ``average/<name>`` and AdamW's two moments per
parameter. Reading one never runs code.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medquorum.ai_entity.training.loop import Progress


def write_checkpoint(path: Path, progress: Progress) -> None:
    """Everything a resumed training needs besides its recipe."""
    arrays: dict[str, Any] = {
        "step": np.asarray(progress.step),
        "losses": np.asarray(progress.losses),
    }
    for name, part in progress.network.state_dict().items():
        arrays[f"weight/{name}"] = part.numpy()
        arrays[f"average/{name}"] = progress.average[name].numpy()
    for name, parameter in progress.network.named_parameters():
        moments = progress.optimiser.state.get(parameter, {})
        for key in ("exp_avg", "exp_avg_sq"):
            if key in moments:
                arrays[f"{key}/{name}"] = moments[key].numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with fresh.open("wb") as stream:
        np.savez(stream, **arrays)
    fresh.replace(path)


def read_checkpoint(path: Path, progress: Progress) -> None:
    """Continue ``progress`` from a checkpoint. Raises ValueError when it is of another network."""
    with np.load(path, allow_pickle=False) as arrays:
        weights = progress.network.state_dict()
        if {f"weight/{name}" for name in weights} - set(arrays.files):
            raise ValueError("this checkpoint belongs to another network; choose another folder")
        progress.step = int(arrays["step"])
        progress.losses = [float(loss) for loss in arrays["losses"]]
        progress.network.load_state_dict(
            {name: torch.from_numpy(arrays[f"weight/{name}"]) for name in weights}
        )
        progress.average = {name: torch.from_numpy(arrays[f"average/{name}"]) for name in weights}
        for name, parameter in progress.network.named_parameters():
            if f"exp_avg/{name}" in arrays.files:
                progress.optimiser.state[parameter] = {
                    "step": torch.tensor(float(progress.step)),
                    "exp_avg": torch.from_numpy(arrays[f"exp_avg/{name}"]),
                    "exp_avg_sq": torch.from_numpy(arrays[f"exp_avg_sq/{name}"]),
                }
