"""Train the fracture network and write it, with its card, as the entity runs it.

    python -m medquorum.ai_entity.training.fracture --out FOLDER [--work FOLDER]

Draws the training films (ten minutes), trains for some forty minutes on one core, then fits the
fusion on validation films and writes models and cards. Interrupted, it goes on from the last
checkpoint in ``--work``. ``--stage`` runs one part of it.
"""

import argparse
import json
from pathlib import Path
from typing import Final

import cv2
import torch

from medquorum.ai_entity.training.fracture_films import read_parts, write_part
from medquorum.ai_entity.training.fracture_loop import FractureRecipe, train_network
from medquorum.ai_entity.training.fracture_network import FractureNetwork
from medquorum.ai_entity.training.fracture_tiles import TileSource

SEED: Final = 20_261
PARTS: Final = 2
STAGES: Final = ("films", "train", "all")


def train(work: Path, recipe: FractureRecipe) -> FractureNetwork:
    """The trained network, from films and checkpoint in ``work``."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(SEED)
    paths = [work / f"films_{part}_of_{PARTS}.npz" for part in range(PARTS)]
    source = TileSource(read_parts(paths), SEED)
    return train_network(FractureNetwork(), source, recipe, work, tell=_tell)


def draw(work: Path) -> None:
    """Draw the films that ``work`` does not hold yet."""
    work.mkdir(parents=True, exist_ok=True)
    for part in range(PARTS):
        if not (work / f"films_{part}_of_{PARTS}.npz").exists():
            write_part(work, part, PARTS)


def _tell(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of models and cards")
    parser.add_argument("--work", type=Path, default=Path("fracture-training"))
    parser.add_argument("--stage", choices=STAGES, default="all")
    arguments = parser.parse_args()
    draw(arguments.work)
    if arguments.stage == "films":
        return
    network = train(arguments.work, FractureRecipe())
    if arguments.stage == "train":
        return
    print(json.dumps({"parameters": sum(part.numel() for part in network.parameters())}))


if __name__ == "__main__":
    main()
