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
from medquorum.ai_entity.training.tumour_results import measured
from medquorum.ai_entity.training.tumour_run import (
    FOLD_STEPS,
    FOLDS,
    FOLDS_FILE,
    PHANTOMS,
    PRETRAIN_STEPS,
    TumourRun,
    companions_of,
    held_out_logits,
    read_material,
    train_members,
)


def train(run: TumourRun) -> Path:
    """Everything of one kind; the ONNX file."""
    torch.set_num_threads(1)
    run.out.mkdir(parents=True, exist_ok=True)
    begun = time.process_time()
    material = read_material(run)
    shutil.copyfile(run.out / "folds.json", run.out / FOLDS_FILE)
    companions = companions_of(run, material.folds)
    ensemble = Ensemble(train_members(run, material, _tell), companions)
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
    parser.add_argument("--phantom-count", type=int, default=PHANTOMS)
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--pretrain-steps", type=int, nargs="+", help="on phantoms, per round")
    parser.add_argument("--steps", type=int, nargs="+", help="per fold, a number per round")
    parser.add_argument(
        "--companions", type=Path, help="tumour_ct.onnx of an earlier run: joins PET + CT"
    )
    given = parser.parse_args()
    inputs = Inputs(given.inputs)
    train(
        TumourRun(
            inputs=inputs,
            archive=given.petct,
            out=given.out,
            phantoms=given.phantoms or given.out / "phantoms",
            folds=given.folds,
            phantom_count=given.phantom_count,
            pretrain_steps=tuple(given.pretrain_steps or PRETRAIN_STEPS[inputs]),
            fold_steps=tuple(given.steps or FOLD_STEPS[inputs]),
            companions=given.companions,
        )
    )


if __name__ == "__main__":
    main()
