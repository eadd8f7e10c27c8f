"""Train the fracture network and write all fracture models, with cards, as the entity runs them.

    python -m medquorum.ai_entity.training.fracture --out FOLDER [--work FOLDER] [--stage STAGE]

Stages, each from what the one before left in ``--work``: ``films`` draws the training films (ten
minutes), ``train`` trains for some twenty minutes on one core and goes on from the last checkpoint,
``fit`` fits calibration and fusion on films and writes models, cards and registry entries (it needs
no torch; the rule is the shipped one of ``baseline.fit_fracture``), ``judge`` writes the synthetic
hold-out's results into the cards.
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
    VALIDATION_FILMS,
    fit_all,
    gather,
    network_file,
    to_json,
    write_files,
)
from medquorum.ai_entity.training.fracture_films import read_parts, write_part
from medquorum.ai_entity.training.fracture_loop import FractureRecipe

SEED: Final = 20_261
PARTS: Final = 2
HOLD_OUT_FILMS: Final = 360
STAGES: Final = ("films", "train", "fit", "judge")
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
    """Fit on films, write and register the models."""
    with np.load(work / FOLDED, allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept.files}
    raw = network_file(arrays, (1.0, 0.0))
    validation = gather(Family.VALIDATION, VALIDATION_FILMS, raw)
    fitted = fit_all(arrays, (MODELS_FOLDER / f"{cards.RULE}.onnx").read_bytes(), validation)
    steps = sum(1 for _ in (work / "losses.jsonl").open())
    write_files(out, cards.card_files(fitted, recipe, steps))
    for stem in (cards.RULE, cards.NETWORK, cards.FUSION):
        register_model(out, stem, current=stem == cards.FUSION)


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
    if "judge" in stages:
        judge(arguments.out, HOLD_OUT_FILMS)


if __name__ == "__main__":
    main()
