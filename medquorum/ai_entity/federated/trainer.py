"""A hospital's part: a few steps from the network of all, and what that is worth here.

Stateless between rounds: the weights come in, some steps of ``training.loop`` are made on this
hospital's own patients, the weights go out shortened to the agreed length. The draws depend on
seed, hospital and step, so that the same round gives the same weights.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from medquorum.ai_entity.case_archive import CaseArchive, ReferenceCase, case_digest
from medquorum.ai_entity.federated.agreement import Agreement, WeightShape, training_set_digest
from medquorum.ai_entity.federated.exchange import Weights, check_weights, shortened
from medquorum.ai_entity.model_card import Multitask
from medquorum.ai_entity.training.loop import Recipe, begin, draw_batch, one_step
from medquorum.ai_entity.training.network import Inputs, TumourNetwork
from medquorum.ai_entity.training.training_case import TrainingCase, real_case
from medquorum.ai_entity.tumour.grid import Volume
from medquorum.ai_entity.tumour.windows import run_windows

IMAGES_FILE: Final = "cases.npz"
SPLIT_FILE: Final = "split.json"
LEARNING_RATE: Final = 2e-3
OVERLAP: Final = 0.25
"""Share of a window that the next one covers again."""


@dataclass(frozen=True, slots=True)
class Images:
    """A hospital's cases, or the coordinator's."""

    training: tuple[TrainingCase, ...]
    held_out: tuple[TrainingCase, ...]
    training_set_sha256: str


def read_images(folder: Path) -> Images:
    """``cases.npz`` and ``split.json`` ({"train": names, "held_out": names}) of one folder.

    Raises CaseArchiveError or ValueError when they do not fit each other.
    """
    split = json.loads((folder / SPLIT_FILE).read_text(encoding="utf-8"))
    known = {case.name: _read(case) for case in CaseArchive(folder / IMAGES_FILE)}
    named = [*split["train"], *split["held_out"]]
    if sorted(named) != sorted(known):
        raise ValueError("split.json must name every case of cases.npz exactly once")
    digests = [known[name][1] for name in split["train"]]
    return Images(
        tuple(known[name][0] for name in split["train"]),
        tuple(known[name][0] for name in split["held_out"]),
        training_set_digest(digests),
    )


def _read(case: ReferenceCase) -> tuple[TrainingCase, str]:
    return real_case(case), case_digest(case)


def network_of(agreement: Agreement) -> TumourNetwork:
    """The agreed network with the first weights of the agreed seed."""
    torch.manual_seed(agreement.seed)
    return TumourNetwork(Inputs(agreement.inputs), agreement.widths)


def weights_of(network: TumourNetwork) -> Weights:
    """Its arrays by name."""
    return {name: part.detach().numpy().copy() for name, part in network.state_dict().items()}


def shapes_of(network: TumourNetwork) -> tuple[WeightShape, ...]:
    """Names and shapes for an agreement."""
    return tuple(WeightShape(name, array.shape) for name, array in weights_of(network).items())


def with_weights(agreement: Agreement, weights: Weights) -> TumourNetwork:
    """The agreed network holding these weights. Raises ExchangeRefused."""
    network = network_of(agreement)
    checked = check_weights(agreement, weights)
    network.load_state_dict({name: torch.tensor(part) for name, part in checked.items()})
    return network


@dataclass(frozen=True, slots=True)
class Trained:
    """After one round at one hospital."""

    weights: Weights
    loss: float
    """Mean over the round's steps."""


class Trainer:
    """One hospital's images and the agreed way to train on them."""

    def __init__(self, agreement: Agreement, index: int, images: Images) -> None:
        """``index`` counts the agreement's hospitals from 0. Raises ValueError for other images."""
        hospital = agreement.hospitals[index]
        if images.training_set_sha256 != hospital.training_set_sha256:
            raise ValueError("these images are not the training set of the agreement")
        if len(images.training) != hospital.patients:
            raise ValueError("the agreement counts other patients than these")
        self.agreement = agreement
        self.index = index
        self._images = images

    def train(self, weights: Weights, round_number: int) -> Trained:
        """The agreed steps from ``weights``; round 1 is the first. Raises ExchangeRefused."""
        agreement = self.agreement
        progress = begin(with_weights(agreement, weights), self._recipe())
        progress.step = (round_number - 1) * agreement.steps
        losses = []
        while progress.step < round_number * agreement.steps:
            batch = draw_batch(
                self._recipe(),
                progress.step,
                self._images.training,
                (),
                Inputs(agreement.inputs).channels,
            )
            losses.append(one_step(progress, batch, self._recipe()))
        after = shortened(agreement, weights, weights_of(progress.network))
        return Trained(after, float(np.mean(losses)))

    def dice(self, weights: Weights) -> float:
        """Mean Dice on this hospital's held-out patients."""
        return mean_dice(self.agreement, weights, self._images.held_out)

    @property
    def held_out_patients(self) -> int:
        """How many that mean is over."""
        return len(self._images.held_out)

    def _recipe(self) -> Recipe:
        agreement = self.agreement
        return Recipe(
            steps=agreement.rounds * agreement.steps,
            seed=agreement.seed * 1_000 + self.index,
            side=agreement.side,
            warm_up=min(10, agreement.steps),
            learning_rate=LEARNING_RATE,
        )


def case_dice(agreement: Agreement, weights: Weights, cases: Sequence[TrainingCase]) -> list[float]:
    """Dice of the network's lesion with each case's contour, on the 4 mm grid."""
    network = with_weights(agreement, weights).eval()
    return [_dice(agreement, network, case) for case in cases]


def mean_dice(agreement: Agreement, weights: Weights, cases: Sequence[TrainingCase]) -> float:
    """Mean over cases."""
    return float(np.mean(case_dice(agreement, weights, cases)))


def _dice(agreement: Agreement, network: TumourNetwork, case: TrainingCase) -> float:
    parts = case.read((slice(None), slice(None), slice(None)))
    images, share = parts[: Inputs(agreement.inputs).channels], parts[2]
    found = _lesion_logits(network, images, agreement.side) > 0.0
    contour = share >= 0.5
    both = int(found.sum()) + int(contour.sum())
    return 2.0 * int((found & contour).sum()) / both if both else 1.0


def _lesion_logits(network: TumourNetwork, images: Volume, side: int) -> Volume:
    def ask(windows: Volume) -> tuple[Volume, ...]:
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            lesion, organs = network(torch.from_numpy(windows))
        return lesion.float().numpy(), organs.float().numpy()

    plan = Multitask((side, side, side), OVERLAP, 1.0, 1, None, None)
    return run_windows(ask, images, plan).lesion
