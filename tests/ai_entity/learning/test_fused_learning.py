"""A fusion's network gets its head refitted; what was judged is what the files do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medquorum.ai_entity.fracture.edges import find_edges, suspicious_contours
from medquorum.ai_entity.fracture.fused import fuse, load_models, look_at_tiles, rule_logit
from medquorum.ai_entity.fracture.fusion_graph import Fusion, build_fusion
from medquorum.ai_entity.fracture.resnet_graph import build_resnet
from medquorum.ai_entity.fracture.scoring import measure
from medquorum.ai_entity.learning.fracture_learning import (
    FilmEvidence,
    FractureEyes,
    film_of,
    read_head,
    strongest,
)
from medquorum.ai_entity.learning.member_models import (
    add_candidate,
    current_digests,
    own_folder,
    settle,
)
from medquorum.ai_entity.learning.training_run import Recipe, train_candidate
from medquorum.ai_entity.learning.training_set import Split, TrainingSet
from medquorum.ai_entity.model_ports import TILE_FEATURES
from medquorum.ai_entity.registry import MODELS_FOLDER, Registry
from tests.ai_entity.learning.test_training import KIND, make_set, odd
from tests.ai_entity.small_resnet import STRIDES, small_arrays

RULE_STEM = "fracture_rule_based"


def register(folder: Path, stem: str, content: bytes, form: str, *, current: bool = False) -> str:
    """Write model and card, and the entry of the registry; the digest."""
    digest = hashlib.sha256(content).hexdigest()
    card = {
        "name": stem,
        "version": "1.0.0",
        "kind": "fracture",
        "form": form,
        "sha256": digest,
        "training_sha256": "11" * 32,
        "threshold_ppm": 500_000,
        "limits": ["Not for clinical use: made in a test."],
    }
    (folder / f"{stem}.onnx").write_bytes(content)
    (folder / f"{stem}.json").write_text(json.dumps(card))
    path = folder / "registry.json"
    registry = json.loads(path.read_text()) if path.exists() else {"models": {}}
    entry = {"file": f"{stem}.onnx", "card": f"{stem}.json", "kind": "fracture", "current": current}
    registry["models"][digest] = entry
    path.write_text(json.dumps(registry))
    return digest


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rule, a small untrained network and their fusion."""
    shipped = tmp_path_factory.mktemp("shipped")
    arrays = small_arrays(channels=TILE_FEATURES)
    arrays["head.weight"] /= 60.0
    rule = register(shipped, "rule", (MODELS_FOLDER / f"{RULE_STEM}.onnx").read_bytes(), "edges")
    network = register(shipped, "network", build_resnet(arrays, STRIDES), "tiles")
    fusion = Fusion(0.5, 0.8, -0.2, bytes.fromhex(rule), bytes.fromhex(network))
    register(shipped, "fusion", build_fusion(fusion), "fusion", current=True)
    return own_folder(tmp_path_factory.mktemp("mine"), shipped)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    return make_set(tmp_path_factory.mktemp("set"), 12, odd, odd)


RECIPE = Recipe(1, prior_films=0.5, hold_out=8)


@pytest.fixture(scope="module")
def candidate(models: Path, source: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained candidate."""
    out = tmp_path_factory.mktemp("candidates") / "one"
    train_candidate(source, KIND, models, out, RECIPE, tell=lambda _: None)
    return out


def files_say(folder: Path, film: Any) -> float:
    """What the registered files make of a film, run as the entity runs them."""
    found = load_models(Registry(folder))
    assert found.network is not None
    maps = find_edges(film)
    rule = rule_logit(found, measure(maps, suspicious_contours(maps)))
    return fuse(found, rule, look_at_tiles(film, found.network).logit).fused


def evidence(eyes: FractureEyes, source: TrainingSet) -> tuple[list[Any], list[FilmEvidence]]:
    films, seen = [], []
    for sample in source.of(KIND, Split.TRAINING)[:3]:
        films.append(film_of(source.arrays(sample), sample))
        seen.append(eyes.look(films[-1], True, "p", False))
    return films, seen


def test_the_candidates_files_do_what_was_judged(
    models: Path, source: TrainingSet, candidate: Path, tmp_path: Path
) -> None:
    eyes = FractureEyes(models)
    films, seen = evidence(eyes, source)
    shipped = eyes.shipped()
    for film, one in zip(films, seen, strict=True):
        assert shipped.probability(one) == pytest.approx(files_say(models, film), abs=0.002)

    assert {one.name for one in candidate.iterdir()} == {
        *("model.onnx", "card.json", "training.json", "network.onnx", "network.json")
    }
    mine = own_folder(tmp_path / "mine", models)
    wanted = add_candidate(mine, candidate)
    assert current_digests(mine) == current_digests(models), "not yet"
    settle(mine, frozenset({wanted.digest.hex()}))
    assert Registry(mine).digest_of("fracture") == wanted.digest
    card = json.loads((candidate / "card.json").read_text())
    assert card["sha256"] == wanted.digest.hex()

    refitted = eyes.refitted(
        [
            eyes.look(
                film_of(source.arrays(one), one), bool(one.facts["label"]["fracture"]), "", False
            )
            for one in source.of(KIND, Split.TRAINING)
        ],
        RECIPE.prior_films,
    )
    assert hashlib.sha256(refitted.model).digest() == wanted.digest, "the same films, the same file"
    for film, one in zip(films, seen, strict=True):
        assert refitted.probability(one) == pytest.approx(files_say(mine, film), abs=0.002)
    moved = [refitted.probability(one) - shipped.probability(one) for one in seen]
    assert max(abs(step) for step in moved) > 0.01


def test_few_films_take_the_strongest_prior_that_is_as_good() -> None:
    losses = {30.0: 0.60, 1_000.0: 0.62, 10_000.0: 0.70}
    assert strongest(losses, 16) == 10_000.0, "with few films the difference is chance"
    assert strongest(losses, 100) == 1_000.0
    assert strongest(losses, 10_000) == 30.0


def test_only_the_head_of_the_network_changes(models: Path, candidate: Path) -> None:
    old, new = (folder / "network.onnx" for folder in (models, candidate))
    before, after = read_head(old.read_bytes()), read_head(new.read_bytes())
    assert not np.allclose(before.weight, after.weight)
    assert len(old.read_bytes()) == len(new.read_bytes())
