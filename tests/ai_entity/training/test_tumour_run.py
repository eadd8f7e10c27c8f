"""The whole command on four small patients: files that load, and a second run that only reads."""

import json
from pathlib import Path

import numpy as np
import pytest

from medquorum.ai_entity.case_archive import CaseArchive, case_digest
from medquorum.ai_entity.model_card import read_card
from medquorum.ai_entity.onnx_wire import inspect_model
from medquorum.ai_entity.registry import check_ports
from medquorum.ai_entity.training import tumour_run
from medquorum.ai_entity.training.network import Inputs
from medquorum.ai_entity.training.training_case import real_case
from medquorum.ai_entity.training.tumour import train
from medquorum.ai_entity.training.tumour_run import TumourRun
from tests.ai_entity.training.small_cases import SIDE, ball, ball_case, ball_phantom

pytestmark = pytest.mark.train


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    parts: dict[str, np.ndarray] = {}
    for seed in range(4):
        hu, suv, lesion = ball_case("any", seed).stacked
        parts |= {
            f"P{seed}_suv": suv.astype(np.float16),
            f"P{seed}_ct": hu.astype(np.int16),
            f"P{seed}_gtv": lesion > 0.5,
            f"P{seed}_spacing_zyx": np.asarray([4.0, 4.0, 4.0], dtype=np.float32),
        }
    path = tmp_path / "cases.npz"
    np.savez(path, allow_pickle=False, **parts)
    return path


@pytest.fixture
def run(tmp_path: Path, archive: Path) -> TumourRun:
    ball_phantom(tmp_path, 0)
    return TumourRun(
        inputs=Inputs.PETCT,
        archive=archive,
        out=tmp_path / "out",
        phantoms=tmp_path,
        folds=2,
        torso_count=1,
        body_count=1,
        pretrain_steps=2,
        fold_steps=(2, 1),
        whole_body_steps=(1, 2),
        side=16,
    )


def test_the_command_leaves_a_model_that_the_registry_accepts(
    run: TumourRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = train(run)
    content = path.read_bytes()
    document = json.loads(path.with_suffix(".json").read_text())
    card = read_card(path.with_suffix(".json").read_bytes(), bytes.fromhex(document["sha256"]))
    check_ports(inspect_model(content), card)
    assert card.multitask is not None
    assert card.multitask.window == (16, 16, 16)
    assert (card.multitask.members, card.multitask.whole_body) == (3, 2)
    folds = json.loads((run.out / "tumour_folds.json").read_text())
    digests = {case.name: case_digest(case) for case in CaseArchive(run.archive)}
    assert folds["cases"] == digests
    results = json.loads((run.out / "tumour_petct_results.json").read_text())
    held = {fold["member"]: fold["held_out"] for fold in folds["folds"]}
    assert {n: row["member"] for n, row in results["cases"].items()} == {
        name: member for member, names in held.items() for name in names
    }

    def never(*_: object) -> None:
        raise AssertionError("a finished stage was trained again")

    monkeypatch.setattr("medquorum.ai_entity.training.loop.one_step", never)
    assert train(run).read_bytes() == content


def test_no_fold_is_handed_a_patient_that_it_holds_out(
    run: TumourRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    material = tumour_run.read_material(run)
    handed: list[set[str]] = []
    trained = tumour_run.train_stage

    def watched(path, network, recipe, cases, tell):  # type: ignore[no-untyped-def]
        handed.append({case.name for case in cases[0]})
        return trained(path, network, recipe, cases, tell)

    monkeypatch.setattr(tumour_run, "train_stage", watched)
    common = tumour_run.pretrain(run, material, lambda _: None)
    tumour_run.train_members(run, material, common, lambda _: None)
    assert handed[0] == set()
    rounds = (*material.folds.held_out[:1] * 2, *material.folds.held_out[1:] * 2)
    for seen, held in zip(handed[1:], rounds, strict=True):
        assert seen == {"P0", "P1", "P2", "P3"} - set(held)


def test_a_contour_becomes_a_share_of_each_voxel(archive: Path) -> None:
    case = next(iter(CaseArchive(archive)))
    ready = real_case(case)
    assert ready.shape == (SIDE, SIDE, SIDE)
    assert ready.read((slice(None),) * 3)[2].sum() == ball((12, 11, 13), 6.0).sum()
    assert ready.read_organs((slice(None),) * 3) is None


def test_the_network_for_whole_bodies_sees_no_patient(
    run: TumourRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed = []
    trained = tumour_run.train_stage

    def watched(path, network, recipe, cases, tell):  # type: ignore[no-untyped-def]
        handed.append((path.stem, len(cases[0]), recipe.phantom_drawing.pasted_share > 0.0))
        return trained(path, network, recipe, cases, tell)

    monkeypatch.setattr(tumour_run, "train_stage", watched)
    material = tumour_run.read_material(run)
    common = tumour_run.pretrain(run, material, lambda _: None)
    assert tumour_run.train_whole_body(run, material, common, lambda _: None) is not None
    assert handed == [
        ("pretrained", 0, False),
        ("whole_body_round_1", 0, True),
        ("whole_body_round_2", 0, True),
    ]
