"""The network's file, and its head refitted from films: what changes and what must not."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from medquorum.ai_entity.errors import ModelError
from medquorum.ai_entity.fracture import resnet_graph
from medquorum.ai_entity.fracture.fused import NETWORK, RULE
from medquorum.ai_entity.fracture.fusion_graph import (
    Fusion,
    build_fusion,
    read_fusion,
    refit_fusion,
)
from medquorum.ai_entity.fracture.resnet_graph import build_resnet
from medquorum.ai_entity.fracture.retrain import retrain_head, training_digest
from medquorum.ai_entity.onnx_wire import inspect_model
from medquorum.ai_entity.registry import open_session
from tests.ai_entity.small_resnet import STRIDES, small_arrays

FILMS = 60


@pytest.fixture(scope="module")
def network() -> bytes:
    return build_resnet(small_arrays(), STRIDES)


@pytest.fixture
def shipped(tmp_path: Path, network: bytes) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(network)
    card = {"sha256": hashlib.sha256(network).hexdigest(), "version": "1.0.0"}
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


def films(network: bytes, separated: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Features of the network for bright-banded and plain tiles."""
    rng = np.random.default_rng(3)
    labels = np.arange(FILMS) % 2 == 1
    tiles = rng.normal(0.5, 0.1, (FILMS, 1, 32, 32)).astype(np.float32)
    if separated:
        tiles[labels, :, 14:17] += 0.6
    return open_session(network).run(["features"], {"tiles": tiles})[0], labels


def logits_of(path: Path, features: np.ndarray) -> np.ndarray:
    stored = {
        one.name: numpy_helper.to_array(one) for one in onnx.load(str(path)).graph.initializer
    }
    return features @ stored["head.weight"][:, 0] + stored["head.bias"][0]


def test_same_arrays_same_bytes_and_a_closed_file(network: bytes) -> None:
    assert build_resnet(small_arrays(), STRIDES) == network
    ports = inspect_model(network)
    assert [port.name for port in (*ports.inputs, *ports.outputs)] == [
        "tiles",
        "logit",
        "activation",
        "features",
    ]


def test_the_logit_is_the_mean_of_the_map_plus_the_intercept(network: bytes) -> None:
    tiles = np.random.default_rng(5).random((3, 1, 48, 64)).astype(np.float32)
    logit, activation, features = open_session(network).run(None, {"tiles": tiles})
    head = small_arrays()
    assert activation.shape[:2] == (3, 1) and features.shape == (3, 16)
    assert logit[:, 0] == pytest.approx(activation.mean(axis=(1, 2, 3)) - 0.3, abs=1e-4)
    assert logit[:, 0] == pytest.approx(features @ head["head.weight"][0] - 0.3, abs=1e-4)


def test_large_kernels_are_stored_as_bytes_and_say_the_same(
    monkeypatch: pytest.MonkeyPatch, network: bytes
) -> None:
    monkeypatch.setattr(resnet_graph, "BYTES_FROM", 100)
    small = build_resnet(small_arrays(), STRIDES)
    assert len(small) < len(network)
    inspect_model(small)
    tiles = np.random.default_rng(7).random((4, 1, 64, 64)).astype(np.float32)
    exact, rounded = (
        open_session(content).run(["logit"], {"tiles": tiles})[0] for content in (network, small)
    )
    assert rounded == pytest.approx(exact, abs=0.05 * float(np.abs(exact).max()))
    assert not np.array_equal(exact, rounded)


def test_brightness_and_contrast_of_a_tile_do_not_matter(network: bytes) -> None:
    tiles = np.random.default_rng(6).random((1, 1, 32, 32)).astype(np.float32)
    session = open_session(network)
    plain = session.run(["logit"], {"tiles": tiles})[0]
    changed = session.run(["logit"], {"tiles": 0.6 * tiles + 0.2})[0]
    assert changed == pytest.approx(plain, rel=5e-3)


def test_a_refitted_head_learns_and_nothing_else_changes(
    shipped: Path, network: bytes, tmp_path: Path
) -> None:
    features, labels = films(network)
    result = retrain_head(shipped, features, labels, 1.0, tmp_path / "new")
    assert result.loss_after < result.loss_before
    found = logits_of(result.model, features)
    assert ((found > 0) == labels).mean() > 0.9
    before, after = onnx.load_from_string(network), onnx.load(str(result.model))
    changed = [
        old.name
        for old, new in zip(before.graph.initializer, after.graph.initializer, strict=True)
        if old != new
    ]
    assert changed == ["head.weight", "head.bias"]
    assert before.graph.node == after.graph.node
    assert result.digest == hashlib.sha256(result.model.read_bytes()).digest()
    card = json.loads(result.card.read_text())
    assert card["sha256"] == result.digest.hex()
    assert card["training_sha256"] == training_digest(features, labels).hex()
    assert card["refitted_head"]["films"] == FILMS
    inspect_model(result.model.read_bytes())


def test_refitting_twice_gives_the_same_bytes(
    shipped: Path, network: bytes, tmp_path: Path
) -> None:
    features, labels = films(network)
    first, second = (
        retrain_head(shipped, features, labels, 5.0, tmp_path / name).model.read_bytes()
        for name in ("a", "b")
    )
    assert first == second


def test_a_strong_prior_keeps_the_shipped_head(
    shipped: Path, network: bytes, tmp_path: Path
) -> None:
    features, labels = films(network)
    moved = [
        retrain_head(shipped, features, labels, strength, tmp_path / str(strength)).moved
        for strength in (0.1, 10.0, 1e7)
    ]
    assert moved[0] > moved[1] > moved[2]
    assert moved[2] < 1e-3


def test_labels_that_say_nothing_cool_the_model(
    shipped: Path, network: bytes, tmp_path: Path
) -> None:
    features, _ = films(network, separated=False)
    labels = np.random.default_rng(8).random(FILMS) < 0.5
    result = retrain_head(shipped, features, labels, 1.0, tmp_path / "new")
    assert result.temperature > 1.0
    assert result.loss_after < 1.2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features": np.zeros((FILMS, 3))}, "features must be"),
        ({"features": np.full((FILMS, 16), np.nan)}, "must be numbers"),
        ({"labels": np.ones(FILMS, bool)}, "with and without"),
        ({"strength": 0.0}, "prior's strength"),
    ],
)
def test_what_does_not_fit_is_refused(
    shipped: Path, network: bytes, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    features, labels = films(network)
    asked = {"features": features, "labels": labels, "strength": 1.0} | change
    with pytest.raises(ValueError, match=words):
        retrain_head(
            shipped, asked["features"], asked["labels"], asked["strength"], tmp_path / "new"
        )


def test_a_file_without_a_head_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fusion.onnx"
    path.write_bytes(build_fusion(Fusion(0.5, 1.0, 0.0, bytes(32), bytes(32))))
    with pytest.raises(ModelError, match="no head"):
        retrain_head(path, np.zeros((4, 16)), np.arange(4) % 2, 1.0, tmp_path)
    path.write_bytes(b"\x00garbage")
    with pytest.raises(ModelError, match="no readable"):
        retrain_head(path, np.zeros((4, 16)), np.arange(4) % 2, 1.0, tmp_path)


def test_a_fusion_names_its_models_inside_its_digest(tmp_path: Path) -> None:
    first = Fusion(0.5, 1.25, -0.25, bytes(32), bytes([1]) * 32, 0.125)
    content = build_fusion(first)
    path = tmp_path / "fusion.onnx"
    path.write_bytes(content)
    assert read_fusion(path) == first
    other = Fusion(0.5, 1.25, -0.25, bytes(32), bytes([2]) * 32, 0.125)
    assert hashlib.sha256(build_fusion(other)).digest() != hashlib.sha256(content).digest()
    session = open_session(content)
    facts = session.get_modelmeta().custom_metadata_map
    assert facts == {RULE: bytes(32).hex(), NETWORK: (bytes([1]) * 32).hex()}
    evidence = np.asarray([[2.0, -1.0], [100.0, 0.0]], dtype=np.float32)
    found = session.run(None, {"evidence": evidence})[0][:, 0]
    assert found == pytest.approx(first.probability(evidence), abs=1e-6)
    capped = 1.0 / (1.0 + np.exp(-(0.5 * 12.0 - 0.25)))
    assert found[1] == pytest.approx(0.125 + 0.875 * capped, abs=1e-6)
    nothing = np.asarray([[-12.0, -12.0]], dtype=np.float32)
    assert session.run(None, {"evidence": nothing})[0][0, 0] == pytest.approx(0.125, abs=1e-5)


def test_a_refitted_network_gets_a_fusion_that_names_it(
    shipped: Path, network: bytes, tmp_path: Path
) -> None:
    fusion = tmp_path / "fusion.onnx"
    fusion.write_bytes(build_fusion(Fusion(0.5, 1.0, 0.0, bytes(32), bytes(32))))
    card = {"sha256": "", "version": "1.0.0", "training_sha256": ""}
    fusion.with_suffix(".json").write_text(json.dumps(card))
    features, labels = films(network)
    head = retrain_head(shipped, features, labels, 1.0, tmp_path / "new")
    fresh = refit_fusion(fusion, head, tmp_path / "new")
    found = read_fusion(fresh)
    assert found.network == head.digest
    assert found.network_weight == pytest.approx(1.0 / head.temperature, rel=1e-5)
    written = json.loads(fresh.with_suffix(".json").read_text())
    assert written["sha256"] == hashlib.sha256(fresh.read_bytes()).hexdigest()
    assert written["parts"]["network"] == head.digest.hex()
