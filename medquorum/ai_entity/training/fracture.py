"""Train the fracture network and write all fracture models, with cards, as the entity runs them.

    python -m medquorum.ai_entity.training.fracture --out FOLDER [--work FOLDER] [--stage STAGE]

Stages, each from what the one before left in ``--work``: ``films`` draws the training films (ten
minutes), ``train`` trains for some twenty minutes on one core and goes on from the last checkpoint,
``fit`` calibrates the network and writes it beside the rule (it needs no torch; the rule is the
shipped one of ``baseline.fit_fracture``), ``fuse`` fits the fusion of what ``--out`` holds on films
of several scanners, ``judge`` writes the synthetic hold-out's results into the cards.
"""

import argparse
import json
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from medquorum.ai_entity.fracture.evaluation import FUSED, NETWORK, RULE, evaluate_phantoms
from medquorum.ai_entity.fracture.fused import load_models
from medquorum.ai_entity.phantom.limb_film import Family
from medquorum.ai_entity.registry import MODELS_FOLDER, Registry, register_model
from medquorum.ai_entity.training import fracture_cards as cards
from medquorum.ai_entity.training.fracture_export import (
    CALIBRATION_FILMS,
    VALIDATION_FILMS,
    fit_parts,
    fuse_parts,
    gather,
    network_file,
    to_json,
    write_files,
)
from medquorum.ai_entity.training.fracture_films import read_parts, write_part
from medquorum.ai_entity.training.fracture_loop import FractureRecipe

SEED: Final = 20_261
PARTS: Final = 2
HOLD_OUT_FILMS: Final = 1_000
STAGES: Final = ("films", "train", "fit", "fuse", "judge")
FOLDED: Final = "folded.npz"


def draw(work: Path) -> None:
    """Draw the films that ``work`` does not hold yet."""
    work.mkdir(parents=True, exist_ok=True)
    for part in range(PARTS):
        if not (work / f"films_{part}_of_{PARTS}.npz").exists():
            write_part(work, part, PARTS)


def train(work: Path, recipe: FractureRecipe) -> None:
    """Train from films and checkpoint in ``work``; leaves the folded weights there."""
    import torch

    from medquorum.ai_entity.training.fracture_loop import train_network
    from medquorum.ai_entity.training.fracture_network import FractureNetwork, folded_weights
    from medquorum.ai_entity.training.fracture_tiles import TileSource

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    paths = [work / f"films_{part}_of_{PARTS}.npz" for part in range(PARTS)]
    source = TileSource(read_parts(paths), SEED)
    network = train_network(FractureNetwork(), source, recipe, work, tell=_tell)
    arrays: dict[str, Any] = dict(folded_weights(network))
    np.savez(work / FOLDED, **arrays)


def fit(work: Path, out: Path, recipe: FractureRecipe) -> None:
    """Calibrate the network on films; write and register it and the rule."""
    with np.load(work / FOLDED, allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept.files}
    validation = gather(Family.VALIDATION, VALIDATION_FILMS, network_file(arrays, (1.0, 0.0)))
    fitted = fit_parts(arrays, (MODELS_FOLDER / f"{cards.RULE}.onnx").read_bytes(), validation)
    steps = sum(1 for _ in (work / "losses.jsonl").open())
    write_files(out, cards.part_files(fitted, recipe, steps))
    for stem in (cards.RULE, cards.NETWORK):
        register_model(out, stem, current=False)


def fuse(out: Path) -> None:
    """Fit the fusion of the rule and the network in ``out`` on films; write and register it."""
    rule, network = ((out / f"{stem}.onnx").read_bytes() for stem in (cards.RULE, cards.NETWORK))
    fitted = fuse_parts(rule, network, gather(Family.CALIBRATION, CALIBRATION_FILMS, network))
    trained_on = json.loads((out / f"{cards.NETWORK}.json").read_bytes())["trained_on"]
    training = (out / cards.TRAINING).read_bytes()
    write_files(out, cards.fusion_files(fitted, training, trained_on))
    register_model(out, cards.FUSION, current=True)


def judge(out: Path, count: int) -> None:
    """Evaluate on the hold-out, write ``fracture_hold_out.json`` and the results into the cards."""
    results = evaluate_phantoms(load_models(Registry(out)), count, _tell)
    (out / "fracture_hold_out.json").write_bytes(to_json(results))
    for stem, by in ((cards.RULE, RULE), (cards.NETWORK, NETWORK), (cards.FUSION, FUSED)):
        path = out / f"{stem}.json"
        path.write_bytes(cards.with_hold_out(path.read_bytes(), results, by))
    _tell(json.dumps(results["auroc"]))


def _tell(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of models and cards")
    parser.add_argument("--work", type=Path, default=Path("fracture-training"))
    parser.add_argument("--stage", choices=STAGES, help="one stage only; else all of them")
    parser.add_argument("--steps", type=int, help="end the training after so many steps")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    recipe = FractureRecipe()
    if arguments.steps is not None:
        recipe = recipe.ending_after(arguments.steps)
    stages = STAGES if arguments.stage is None else (arguments.stage,)
    if "films" in stages:
        draw(arguments.work)
    if "train" in stages:
        train(arguments.work, recipe)
    if "fit" in stages:
        fit(arguments.work, arguments.out, recipe)
    if "fuse" in stages:
        fuse(arguments.out)
    if "judge" in stages:
        judge(arguments.out, HOLD_OUT_FILMS)


if __name__ == "__main__":
    main()
