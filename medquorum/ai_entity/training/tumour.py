"""Train the tumour network with cross-validation by patient, and write model, card and results.

    python -m medquorum.ai_entity.training.tumour --petct FILE.npz --inputs petct --out FOLDER

``--inputs ct`` trains the network for CT alone. The command resumes where it was stopped: run it
again with the same arguments. One core is used; both kinds may run side by side and share the
folder of ``--phantoms``. ``FOLDER`` then holds ``tumour_petct.onnx``, its card ``.json``,
``tumour_petct_results.json`` (every patient, held out) and ``tumour_folds.json``.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import torch

from medquorum.ai_entity.training.export import Ensemble, export_ensemble
from medquorum.ai_entity.training.network import Inputs
from medquorum.ai_entity.training.tumour_card import card, stem, write_json
from medquorum.ai_entity.training.tumour_recipe import BODIES, FOLDS, TORSOS
from medquorum.ai_entity.training.tumour_results import measured
from medquorum.ai_entity.training.tumour_run import (
    FOLDS_FILE,
    TumourRun,
    held_out_logits,
    pretrain,
    read_material,
    train_companions,
    train_members,
    train_whole_body,
)


def train(run: TumourRun) -> Path:
    """Everything of one kind; the ONNX file."""
    torch.set_num_threads(1)
    run.out.mkdir(parents=True, exist_ok=True)
    begun = time.process_time()
    material = read_material(run)
    shutil.copyfile(run.out / "folds.json", run.out / FOLDS_FILE)
    common = pretrain(run, material, _tell)
    members = train_members(run, material, common, _tell)
    companions = train_companions(run, material, _tell)
    whole_body = train_whole_body(run, material, common, _tell)
    ensemble = Ensemble(members, whole_body, companions)
    logits = held_out_logits(run, material, ensemble, _tell)
    np.savez(run.out / "held_out_logits.npz", allow_pickle=False, **logits)
    results = measured(material.folds, material.reference, logits)
    path = run.out / f"{stem(run.inputs)}.onnx"
    content = export_ensemble(ensemble, path)
    write_json(run.out / f"{stem(run.inputs)}_results.json", results)
    write_json(path.with_suffix(".json"), card(run, content, results, run.out / FOLDS_FILE))
    dice = results["together"]["mean_dice"]
    _tell(f"mean Dice {dice[0]:.3f} ({dice[1]:.3f} to {dice[2]:.3f}) on patients not seen")
    _tell(f"{(time.process_time() - begun) / 60:.0f} core-minutes in this process; {path}")
    return path


def _tell(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--petct", type=Path, required=True, help="archive of real cases (.npz)")
    parser.add_argument("--inputs", choices=[one.value for one in Inputs], required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints and results")
    parser.add_argument("--phantoms", type=Path, help="folder of phantoms (default: in --out)")
    parser.add_argument("--torsos", type=int, default=TORSOS, help="of members for CT alone")
    parser.add_argument("--bodies", type=int, default=BODIES, help="phantoms of all others")
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--pretrain-steps", type=int)
    parser.add_argument("--steps", type=int, nargs="+", help="per fold, a number per round")
    parser.add_argument("--whole-body-steps", type=int, nargs="*", help="a number per round")
    given = parser.parse_args()
    whole_body = given.whole_body_steps
    train(
        TumourRun(
            inputs=Inputs(given.inputs),
            archive=given.petct,
            out=given.out,
            phantoms=given.phantoms or given.out / "phantoms",
            folds=given.folds,
            torso_count=given.torsos,
            body_count=given.bodies,
            pretrain_steps=given.pretrain_steps,
            fold_steps=None if given.steps is None else tuple(given.steps),
            whole_body_steps=None if whole_body is None else tuple(whole_body),
        )
    )


if __name__ == "__main__":
    main()
