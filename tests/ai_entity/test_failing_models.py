"""Registered models that fail on an image, and registries that lead astray: errors, no crash."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from medquorum.ai_entity.analyse import Analysed, Manner, measure_fracture, measure_tumour
from medquorum.ai_entity.errors import AnalysisError, ModelError, Reason
from medquorum.ai_entity.isolated import ChildLimits
from medquorum.ai_entity.package_images import tibia_radiograph
from medquorum.ai_entity.registry import MODELS_FOLDER, REGISTRY_FILE, Registry
from tests.ai_entity.conftest import PairOnDisk
from tests.ai_entity.small_models import honest, model_of


def shelf_with(folder: Path, kind: str, model: onnx.ModelProto) -> Path:
    """A registry whose current model of ``kind`` is this one, with the shipped baseline's card."""
    content = model.SerializeToString()
    digest = hashlib.sha256(content).hexdigest()
    stem = {"fracture": "fracture_rule_based"}.get(kind, f"{kind}_baseline")
    card = json.loads((MODELS_FOLDER / f"{stem}.json").read_text()) | {"sha256": digest}
    (folder / "card.json").write_text(json.dumps(card))
    (folder / "model.onnx").write_bytes(content)
    entry = {"file": "model.onnx", "card": "card.json", "kind": kind, "current": True}
    (folder / REGISTRY_FILE).write_text(json.dumps({"models": {digest: entry}}))
    return folder


def voxel_model(nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    shapes: tuple[list[object], list[object]] = (
        [1, 2, "z", "y", "x"],
        [1, 1, "z", "y", "x"],
    )
    return model_of(nodes, weights, shapes)


AXIS = {"axis": np.asarray([1], np.int64)}


def not_a_number() -> onnx.ModelProto:
    return voxel_model(
        [
            helper.make_node("ReduceSum", ["x", "axis"], ["s"], keepdims=1),
            helper.make_node("Sub", ["s", "s"], ["n"]),
            helper.make_node("Div", ["n", "n"], ["y"]),
        ],
        AXIS,
    )


def infinite() -> onnx.ModelProto:
    return voxel_model(
        [
            helper.make_node("ReduceSum", ["x", "axis"], ["s"], keepdims=1),
            helper.make_node("Sub", ["s", "s"], ["n"]),
            helper.make_node("Reciprocal", ["n"], ["y"]),
        ],
        AXIS,
    )


def smaller() -> onnx.ModelProto:
    return voxel_model(
        [
            helper.make_node("ReduceSum", ["x", "axis"], ["s"], keepdims=1),
            helper.make_node("MaxPool", ["s"], ["y"], kernel_shape=[2, 2, 2], strides=[2, 2, 2]),
        ],
        AXIS,
    )


def impossible() -> onnx.ModelProto:
    """Fails inside onnxruntime: sides that do not fit each other."""
    return voxel_model(
        [
            helper.make_node("ReduceSum", ["x", "axis"], ["s"], keepdims=1),
            helper.make_node("Add", ["s", "w"], ["y"]),
        ],
        AXIS | {"w": np.ones((1, 1, 1, 3, 5), np.float32)},
    )


def enormous() -> onnx.ModelProto:
    """Asks for terabytes when it runs."""
    return voxel_model(
        [
            helper.make_node("ReduceSum", ["x", "axis"], ["s"], keepdims=1),
            helper.make_node("Tile", ["s", "times"], ["y"]),
        ],
        AXIS | {"times": np.asarray([1, 1, 100, 100, 100], np.int64)},
    )


@pytest.mark.parametrize("make", [not_a_number, infinite, smaller, impossible])
def test_a_model_that_fails_on_an_image_is_a_model_error(
    make: Callable[[], onnx.ModelProto], pair_on_disk: PairOnDisk, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as caught:
        measure_tumour(pair_on_disk.ct, pair_on_disk.pet, shelf_with(tmp_path, "petct", make()))
    assert caught.value.reason is Reason.WRONG_OUTPUT


def test_a_model_that_asks_for_terabytes_is_refused(
    pair_on_disk: PairOnDisk, tmp_path: Path
) -> None:
    with pytest.raises(AnalysisError) as caught:
        measure_tumour(pair_on_disk.ct, pair_on_disk.pet, shelf_with(tmp_path, "petct", enormous()))
    assert caught.value.reason in (Reason.OUT_OF_MEMORY, Reason.WRONG_OUTPUT)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_fracture_model_without_numbers_is_a_model_error(value: float, tmp_path: Path) -> None:
    weight = np.full((6, 1), value, np.float32)
    model = model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": weight})
    with pytest.raises(ModelError) as caught:
        measure_fracture(tibia_radiograph(), shelf_with(tmp_path, "fracture", model))
    assert caught.value.reason is Reason.WRONG_OUTPUT


def test_a_fracture_model_with_another_number_of_rows_is_a_model_error(tmp_path: Path) -> None:
    """Declared ``[n, 6]`` to ``[n, 1]``, gives two rows for one film."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["t"]),
        helper.make_node("Concat", ["t", "t"], ["y"], axis=0),
    ]
    model = model_of(nodes, {"w": np.full((6, 1), 0.1, np.float32)})
    with pytest.raises(ModelError) as caught:
        measure_fracture(tibia_radiograph(), shelf_with(tmp_path, "fracture", model))
    assert caught.value.reason is Reason.WRONG_OUTPUT
    assert "[2, 1]" in caught.value.message


# --- paths -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../x.onnx", "/etc/passwd", "a/b.onnx", "", ".", ".."])
def test_a_registry_names_files_of_its_own_folder_only(name: str, tmp_path: Path) -> None:
    folder = shelf_with(tmp_path, "fracture", honest())
    text = (folder / REGISTRY_FILE).read_text()
    (folder / REGISTRY_FILE).write_text(text.replace('"model.onnx"', json.dumps(name)))
    with pytest.raises(ModelError) as caught:
        Registry(folder)
    assert caught.value.reason is Reason.MALFORMED_MODEL


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop"])
def test_a_model_that_is_no_plain_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    content = honest().SerializeToString()
    folder = shelf_with(tmp_path, "fracture", honest())
    path = folder / "model.onnx"
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)
    with pytest.raises(ModelError) as caught:
        Registry(folder).load(hashlib.sha256(content).digest())
    assert caught.value.reason is Reason.UNKNOWN_MODEL


@pytest.mark.parametrize("content", ["[" * 60_000, "{}", "[]", '{"models": 7}', "\xff"])
def test_a_registry_file_of_nonsense_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / REGISTRY_FILE).write_text(content)
    with pytest.raises(ModelError) as caught:
        Registry(tmp_path)
    assert caught.value.reason is Reason.MALFORMED_MODEL


def test_a_model_within_its_limits_of_memory(
    pair_on_disk: PairOnDisk, analysed_pair: Analysed
) -> None:
    """The shipped model itself passes where 3 GiB are allowed and fails where 150 MiB are."""
    assert analysed_pair.peak_memory_bytes < 3 * 1024**3
    small = Manner(ChildLimits(resident_bytes=150 * 1024 * 1024))
    with pytest.raises(AnalysisError) as caught:
        measure_tumour(pair_on_disk.ct, pair_on_disk.pet, manner=small)
    assert caught.value.reason is Reason.OUT_OF_MEMORY
