"""Where a run keeps what, and what the networks are worth on patients that were nobody's."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medquorum.ai_entity.federated.agreement import Agreement
from medquorum.ai_entity.federated.exchange import Weights
from medquorum.ai_entity.federated.trainer import case_dice, read_images


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one run."""

    root: Path

    @property
    def coordinator(self) -> Path:
        """Agreement, first weights, results."""
        return self.root / "coordinator"

    @property
    def hold_out(self) -> Path:
        """The comparison's images."""
        return self.root / "hold-out"

    @property
    def code(self) -> Path:
        """A link to the package and nothing else."""
        return self.root / "code"

    def trainer(self, index: int) -> Path:
        """Images; opened by this hospital's trainer only."""
        return self.root / f"hospital-{index + 1}" / "trainer"

    def courier(self, index: int) -> Path:
        """Keys and Flower's files."""
        return self.root / f"hospital-{index + 1}" / "courier"

    def gate(self, index: int) -> Path:
        """The socket between both."""
        return self.root / f"hospital-{index + 1}" / "gate" / "socket"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    agreement: Agreement
    federated: Weights
    alone: tuple[Weights, ...]
    history: tuple[dict[str, Any], ...]
    hold_out_dice: dict[str, list[float]]
    """Per network: Dice of every hold-out patient."""
    own_dice: tuple[tuple[float, float], ...]
    """Per hospital on its own held-out patients: alone, federated."""
    seconds: float


def compared(places: Places, agreement: Agreement, started: float) -> Outcome:
    """Read what the processes left, and ask every network about the hold-out."""
    federated = load_weights(places.coordinator / "federated.npz")
    history = json.loads((places.coordinator / "history.json").read_text(encoding="utf-8"))
    folders = [places.trainer(index) for index in range(len(agreement.hospitals))]
    alone = tuple(load_weights(folder / "alone.npz") for folder in folders)
    last = {line["hospital"]: line["dice"] for line in history if "dice" in line}
    own = [
        (json.loads((folder / "alone.json").read_text())["dice"], last.get(index + 1, 0.0))
        for index, folder in enumerate(folders)
    ]
    cases = read_images(places.hold_out).held_out
    networks = {h.name: weights for h, weights in zip(agreement.hospitals, alone, strict=True)}
    networks["federated"] = federated
    dice = {
        name: [round(value, 4) for value in case_dice(agreement, weights, cases)]
        for name, weights in networks.items()
    }
    seconds = time.monotonic() - started
    return Outcome(agreement, federated, alone, tuple(history), dice, tuple(own), seconds)


def load_weights(path: Path) -> Weights:
    """Arrays by name."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
