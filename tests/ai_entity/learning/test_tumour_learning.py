"""A tumour network is continued on approved masks, judged as a hospital would run it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from medquorum.ai_entity.case_archive import axial
from medquorum.ai_entity.learning import training_run
from medquorum.ai_entity.learning.lessons import StudyKind
from medquorum.ai_entity.learning.member_models import add_candidate, own_folder, settle
from medquorum.ai_entity.learning.training_run import Recipe, TrainingRefused, train_candidate
from medquorum.ai_entity.learning.training_set import (
    TrainingSet,
    read_training_set,
    write_arrays,
    write_manifest,
)
from medquorum.ai_entity.learning.tumour_learning import dice_of
from medquorum.ai_entity.registry import Registry
from medquorum.ai_entity.tumour.grid import GridImages

pytestmark = pytest.mark.train

KIND = StudyKind.PETCT
SIDE = 24


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small multitask network of two members, current for PET with CT."""
    from medquorum.ai_entity.training.export import export_members
    from medquorum.ai_entity.training.tumour_run import rounded
    from tests.ai_entity.training.small_cases import small_network

    shipped = tmp_path_factory.mktemp("shipped")
    path = shipped / "network.onnx"
    export_members([rounded(small_network(seed=seed)) for seed in (1, 2)], path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    card = {
        "name": "small network",
        "version": "0.1",
        "kind": "petct",
        "form": "multitask",
        "sha256": digest,
        "training_sha256": "22" * 32,
        "threshold_ppm": 500_000,
        "temperature_ppm": 1_000_000,
        "window": [24, 24, 24],
        "overlap": 0.5,
        "members": 2,
        "limits": ["Not for clinical use: made in a test."],
    }
    (shipped / "network.json").write_text(json.dumps(card))
    entry = {"file": "network.onnx", "card": "network.json", "kind": "petct", "current": True}
    (shipped / "registry.json").write_text(json.dumps({"models": {digest: entry}}))
    return own_folder(tmp_path_factory.mktemp("mine"), shipped)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    """Eight patients to train on and eight held out, each a hot ball in a limb."""
    from tests.ai_entity.training.small_cases import ball_case

    folder, samples = tmp_path_factory.mktemp("set"), []
    affine = [round(one * 1e6) for one in axial((4.0, 4.0, 4.0))[:3].ravel()]
    for number in range(16):
        hu, suv, lesion = ball_case(f"case {number}", number).stacked
        identity = hashlib.sha256(bytes([number])).hexdigest()
        arrays = {
            "hu": hu.astype(np.int16),
            "suv": suv.astype(np.float32),
            "mask": (lesion > 0.5).astype(np.uint8),
        }
        samples.append(
            {
                "identity": identity,
                "kind": KIND.value,
                "split": "hold_out" if number >= 8 else "training",
                "label": {"tumour_voxels": int(arrays["mask"].sum()), "affine_nm": affine},
                "arrays": write_arrays(folder, identity, arrays),
                "patient": identity,
                "author": "machine",
            }
        )
    write_manifest(folder, samples, {"networks": [{"network": "ab" * 32}]})
    return read_training_set(folder)


def test_fine_tuning_makes_a_candidate_that_runs(
    models: Path, source: TrainingSet, tmp_path: Path
) -> None:
    recipe = Recipe(steps=1, hold_out=0)
    out = tmp_path / "candidate"
    trained = train_candidate(source, KIND, models, out, recipe, tell=lambda _: None)
    card = json.loads((out / "card.json").read_text())
    assert card["gate"]["ledger_patients"]["cases"] == 8
    assert card["gate"]["phantoms"] is None
    assert (
        "fine-tuning of every member for 1 step(s) on 8 of 8 validated studies"
        in (card["trained_on"])
    )
    assert any("not fitted again" in limit for limit in card["limits"])
    mine = own_folder(tmp_path / "mine", models)
    wanted = add_candidate(mine, out)
    settle(mine, frozenset({wanted.digest.hex()}))
    model = Registry(mine).load(wanted.digest)
    assert (model.card.kind, trained.card["members"]) == ("petct", 2)


def test_without_torch_the_command_says_what_to_install(
    models: Path, source: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "medquorum.ai_entity.training.tumour_fine_tune"
    monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(TrainingRefused, match=r"install medquorum\[train\]"):
        train_candidate(source, KIND, models, tmp_path / "out", Recipe(1), tell=lambda _: None)
    assert training_run.MIN_SAMPLES == 8


def test_dice_counts_an_empty_pair_as_agreement(models: Path) -> None:
    model = Registry(models).load(Registry(models).digest_of("petct"))
    air = np.full((SIDE,) * 3, -1000.0, dtype=np.float32)
    images = GridImages(air, np.zeros_like(air), axial((4.0, 4.0, 4.0)))
    empty = np.zeros(air.shape, dtype=np.bool_)
    assert dice_of(model, images, empty) == 1.0, "an abstention draws nothing"
    assert dice_of(model, images, ~empty) == 0.0
