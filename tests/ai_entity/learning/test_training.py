"""`ai train`: a refitted head learns what doctors said, and its card tells on what."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from medquorum.ai_entity.commands import app
from medquorum.ai_entity.fracture.radiograph import Radiograph, radiograph_of
from medquorum.ai_entity.learning import training_run
from medquorum.ai_entity.learning.edges_head import fit_near
from medquorum.ai_entity.learning.fracture_learning import FractureEyes, film_of, hold_out_films
from medquorum.ai_entity.learning.lessons import StudyKind
from medquorum.ai_entity.learning.member_models import (
    add_candidate,
    current_digests,
    own_folder,
    settle,
)
from medquorum.ai_entity.learning.training_run import (
    Recipe,
    Trained,
    TrainingRefused,
    train_candidate,
)
from medquorum.ai_entity.learning.training_set import (
    Split,
    TrainingSet,
    read_training_set,
    write_arrays,
    write_manifest,
)
from medquorum.ai_entity.phantom.long_bone import make_long_bone
from medquorum.ai_entity.registry import Registry

KIND = StudyKind.FRACTURE
NETWORK = "ab" * 32


def make_set(
    folder: Path, count: int, truth: Callable[[int], bool], label: Callable[[int], bool]
) -> TrainingSet:
    """Phantom films in a training set; every fourth patient is held out."""
    samples = []
    for number in range(count):
        pixels = make_long_bone(90_000 + number, truth(number)).pixels[::2, ::2]
        grey = (pixels.astype(np.uint32) * 65_535 // 4_095).astype(np.uint16)
        field = np.asarray([0, grey.shape[0], 0, grey.shape[1]], dtype=np.int32)
        identity = hashlib.sha256(bytes([number])).hexdigest()
        split = Split.HOLD_OUT if number % 4 == 3 else Split.TRAINING
        samples.append(
            {
                "identity": identity,
                "kind": "fracture",
                "split": split.value,
                "label": {"fracture": int(label(number)), "pixel_um": 1_000},
                "arrays": write_arrays(folder, identity, {"grey": grey, "field": field}),
                "patient": hashlib.sha256(b"p" + bytes([number])).hexdigest(),
                "author": "human" if number % 3 == 0 else "machine",
            }
        )
    about = {"networks": [{"network": NETWORK}], "excluded": {}}
    write_manifest(folder, samples, about)
    return read_training_set(folder)


def long_bones(count: int) -> Iterator[tuple[str, Radiograph, bool]]:
    for number in range(count):
        pixels = make_long_bone(70_001 + number, not odd(number)).pixels[::2, ::2]
        yield f"long bone {number}", radiograph_of(pixels.astype(np.float32), None), not odd(number)


def odd(number: int) -> bool:
    return bool(number % 2)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A member's own folder in which the rule decides alone."""
    folder = own_folder(tmp_path_factory.mktemp("models"))
    registry = json.loads((folder / "registry.json").read_text())
    for entry in registry["models"].values():
        if entry["kind"] == "fracture":
            entry["current"] = entry["founding"] = entry["file"] == "fracture_rule_based.onnx"
    (folder / "registry.json").write_text(json.dumps(registry))
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    return make_set(tmp_path_factory.mktemp("set"), 12, odd, odd)


@pytest.fixture(scope="module")
def trained(source: TrainingSet, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    out = tmp_path_factory.mktemp("candidates") / "one"
    return train_candidate(source, KIND, models, out, Recipe(1, hold_out=8), tell=lambda _: None)


def test_a_candidate_comes_with_card_list_and_gate(
    trained: Trained, source: TrainingSet, models: Path
) -> None:
    card = json.loads((trained.folder / "card.json").read_text())
    model, listed = (
        (trained.folder / name).read_bytes() for name in ("model.onnx", "training.json")
    )
    assert card["sha256"] == hashlib.sha256(model).hexdigest()
    assert card["training_sha256"] == hashlib.sha256(listed).hexdigest()
    assert json.loads(listed)["training_set"] == source.digest.hex()
    parent = current_digests(models)["fracture"]
    assert (card["continues_sha256"], json.loads(listed)["continues_model"]) == (parent, parent)
    assert card["sha256"] != parent
    gate = card["gate"]
    assert (gate["phantoms"]["cases"], gate["ledger_patients"]["cases"]) == (8, 3)
    assert "9 validated studies of 9 patients from 1 verified ledger" in card["trained_on"]
    assert "3 with a doctor's own report" in card["trained_on"]
    assert gate["passed"], gate


def test_the_candidate_runs_where_it_is_registered(
    trained: Trained, models: Path, tmp_path: Path
) -> None:
    mine = own_folder(tmp_path / "mine", models)
    wanted = add_candidate(mine, trained.folder)
    settle(mine, frozenset({wanted.digest.hex()}))
    registry = Registry(mine)
    assert registry.digest_of("fracture") == wanted.digest
    model = registry.load(wanted.digest)
    assert (model.card.kind, model.card.training_digest) == ("fracture", wanted.training_digest)
    before = Registry(models).load(Registry(models).digest_of("fracture"))
    vector = np.asarray([[1.0, 1.0, 0.5, 0.5, 4.0, 3.0]], dtype=np.float32)
    assert model.run(vector)[0, 0] != before.run(vector)[0, 0]


def test_wrong_labels_do_not_pass_the_gate(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged on films that the rule can read, or there is nothing to lose."""
    monkeypatch.setattr(training_run, "hold_out_films", long_bones)
    source = make_set(tmp_path / "set", 12, odd, lambda number: not odd(number))
    recipe = Recipe(1, prior_films=0.1, hold_out=8)
    found = train_candidate(source, KIND, models, tmp_path / "out", recipe, tell=lambda _: None)
    assert not found.gate.passed
    assert found.gate.phantoms is not None
    assert found.gate.phantoms.candidate < found.gate.phantoms.current
    assert not json.loads((tmp_path / "out" / "card.json").read_text())["gate"]["passed"]


def test_too_little_and_one_sided_sets_are_refused(models: Path, tmp_path: Path) -> None:
    few = make_set(tmp_path / "few", 4, odd, odd)
    with pytest.raises(TrainingRefused, match="8 are needed"):
        train_candidate(few, KIND, models, tmp_path / "a", Recipe(1), tell=lambda _: None)
    same = make_set(tmp_path / "same", 12, odd, lambda _: True)
    with pytest.raises(TrainingRefused, match="with and without a fracture"):
        train_candidate(same, KIND, models, tmp_path / "b", Recipe(1), tell=lambda _: None)


def test_a_sample_is_seen_as_the_pipeline_sees_its_film(source: TrainingSet) -> None:
    sample = source.of(KIND, Split.TRAINING)[0]
    film = film_of(source.arrays(sample), sample)
    assert film.grey.shape == (320, 320)
    assert (film.grey.min() >= 0.0, film.grey.max() <= 1.0) == (True, True)
    assert film.exposed.all()
    assert film.pixel_mm == 1.0


def test_the_hold_out_is_fixed() -> None:
    first, again = ([film.grey for _, film, _ in hold_out_films(2)] for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert [fractured for _, _, fractured in hold_out_films(4)] == [False, True, False, True]


def test_a_weak_prior_follows_the_films_and_a_strong_one_the_shipped_weights() -> None:
    rng = np.random.default_rng(5)
    features = np.abs(rng.normal(size=(200, 6)))
    labels = features[:, 0] > features[:, 1]
    before = np.asarray([0.2, 1.0, 0.1, 0.1, 0.1, 0.1, -1.0])
    strong, weak = (fit_near(features, labels, before, prior) for prior in (1e6, 0.01))
    assert np.allclose(strong, before, atol=1e-3)
    assert weak[0] > 1.0
    assert weak[1] == 0.0, "weights are not negative"
    for broken in ((features[:, :5], labels), (features, labels[:10]), (features, labels | True)):
        with pytest.raises(ValueError, match="films"):
            fit_near(*broken, before, 1.0)
    with pytest.raises(ValueError, match="positive"):
        fit_near(features, labels, before, 0.0)


def test_the_eyes_give_the_model_in_use_its_own_probability(
    source: TrainingSet, models: Path
) -> None:
    eyes = FractureEyes(models)
    sample = source.of(KIND, Split.TRAINING)[1]
    seen = eyes.look(film_of(source.arrays(sample), sample), True, "p", False)
    expected = float(eyes.rule.run(seen.measures[None])[0, 0])
    assert eyes.shipped().probability(seen) == pytest.approx(expected, abs=0.0006)
    assert eyes.shipped().card["sha256"] == eyes.reported.card.digest.hex()


def run(*words: Any) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


def test_the_commands_tell_what_was_made(source: TrainingSet, models: Path, tmp_path: Path) -> None:
    out = tmp_path / "candidate"
    words = ("train", "--dataset", source.folder, "--kind", "fracture", "--out", out)
    code, told, _ = run(*words, "--models", models, "--hold-out", 8)
    assert code == 0
    assert "Gate PASSED" in told
    assert "phantoms (synthetic): 8 cases" in told
    assert "Not for clinical use" in told
    code, told, _ = run("card", out, "--json")
    assert (code, json.loads(told)["kind"]) == (0, "fracture")
    assert run(*words)[0] == 2
    assert run("card", tmp_path)[0] == 4
    code, _, said = run("train", "--dataset", tmp_path, "--kind", "ct", "--out", tmp_path / "x")
    assert (code, "no manifest.json" in said) == (1, True)
    assert run("train", "--dataset", tmp_path, "--kind", "mr", "--out", tmp_path / "x")[0] == 2


def test_fine_tuning_a_fitted_voxel_model_is_refused_in_words(models: Path, tmp_path: Path) -> None:
    grid = np.zeros((8, 8, 8))
    samples = []
    for number in range(8):
        identity = f"{number:064x}"
        arrays = {"hu": grid.astype(np.int16), "mask": grid.astype(np.uint8)}
        samples.append(
            {
                "identity": identity,
                "kind": "ct",
                "split": "training",
                "label": {"tumour_voxels": 0, "affine_nm": [4_000_000, 0, 0, 0] * 3},
                "arrays": write_arrays(tmp_path / "set", identity, arrays),
                "patient": identity,
                "author": "human",
            }
        )
    write_manifest(tmp_path / "set", samples, {"networks": [{"network": NETWORK}]})
    baselines = own_folder(tmp_path / "baselines", models)
    registry = json.loads((baselines / "registry.json").read_text())
    for entry in registry["models"].values():
        if entry["kind"] == "ct":
            entry["current"] = entry["file"] == "ct_baseline.onnx"
    (baselines / "registry.json").write_text(json.dumps(registry))
    source = read_training_set(tmp_path / "set")
    with pytest.raises(TrainingRefused, match="fitted voxel model"):
        train_candidate(
            source, StudyKind.CT, baselines, tmp_path / "o", Recipe(1), tell=lambda _: None
        )
