"""The network for whole bodies can be asked alone: the members beside it are then not run."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from medquorum.ai_entity import registry
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.model_output import open_session
from medquorum.ai_entity.onnx_outputs import with_outputs
from medquorum.ai_entity.onnx_wire import inspect_model
from medquorum.ai_entity.registry import Registry
from medquorum.ai_entity.registry_file import pin_cards
from medquorum.ai_entity.tumour import inference
from medquorum.ai_entity.tumour.grid import GridImages
from tests.ai_entity.small_network import small_network, write_network

IMAGES = np.random.default_rng(1).normal(0.0, 100.0, (2, 2, 16, 16, 16)).astype(np.float32)


def with_third_port(model: onnx.ModelProto, *, members_fail: bool = False) -> onnx.ModelProto:
    """The last member also under ``whole_body``; the way to ``lesion`` may fail when it is run."""
    graph = model.graph
    for name, numbers in (("last", [2]), ("end", [3]), ("channel", [1])):
        graph.initializer.append(numpy_helper.from_array(np.array(numbers), name))
    graph.node[0].output[0] = "all"
    graph.node.append(helper.make_node("Slice", ["all", "last", "end", "channel"], ["whole_body"]))
    if members_fail:
        graph.initializer.append(numpy_helper.from_array(np.array([7] * 5), "nowhere"))
        graph.node.append(helper.make_node("Reshape", ["all", "nowhere"], ["bent"]))
    graph.node.append(helper.make_node("Identity", ["bent" if members_fail else "all"], ["lesion"]))
    sides = ["n", 1, "z", "y", "x"]
    graph.output.append(helper.make_tensor_value_info("whole_body", TensorProto.FLOAT, sides))
    return model


def registered(folder: Path, model: onnx.ModelProto) -> bytes:
    """A model of two members and one for whole bodies."""
    return write_network(folder, model, "petct", members=3, whole_body_member=2)


def test_the_member_for_whole_bodies_says_the_same_alone(tmp_path: Path) -> None:
    digest = registered(tmp_path, with_third_port(small_network("petct", members=3)))
    model = Registry(tmp_path).load(digest)
    together, alone = model.run_all(IMAGES), model.run_whole_body(IMAGES)
    assert [one.shape[1] for one in together] == [3, 15]
    assert np.array_equal(together[0][:, 2:], alone[0])
    assert np.array_equal(together[1], alone[1])


def test_nobody_else_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = with_third_port(small_network("petct", members=3), members_fail=True)
    digest = registered(tmp_path, broken)
    model = Registry(tmp_path).load(digest)
    images = GridImages(IMAGES[0, 0], IMAGES[0, 1], np.diag([4.0, 4.0, 4.0, 1.0]))
    monkeypatch.setattr(inference, "lung_box", lambda *_: "lungs are in view")
    assert inference.predict(model, images).probability.shape == (16, 16, 16)
    monkeypatch.setattr(inference, "lung_box", lambda *_: None)
    with pytest.raises(ModelError) as caught:
        inference.predict(model, images)
    assert caught.value.reason is Reason.WRONG_OUTPUT


def test_a_network_that_nobody_asks_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = registered(tmp_path, with_third_port(small_network("petct", members=3)))
    opened: list[int] = []

    def open_counted(content: bytes, *arguments: int, **named: bool) -> object:
        opened.append(len(content))
        return open_session(content, *arguments, **named)

    monkeypatch.setattr(registry, "open_session", open_counted)
    model = Registry(tmp_path).load(digest)
    assert opened == []
    for _ in range(2):
        model.run_whole_body(IMAGES)
        assert len(opened) == 1
    model.run_all(IMAGES)
    assert len(opened) == 2


def test_its_own_temperature_divides_its_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = registered(tmp_path, with_third_port(small_network("petct", members=3)))
    images = GridImages(IMAGES[0, 0], IMAGES[0, 1], np.diag([4.0, 4.0, 4.0, 1.0]))
    monkeypatch.setattr(inference, "lung_box", lambda *_: "lungs are in view")
    sharp = inference.predict(Registry(tmp_path).load(digest), images).probability
    card = json.loads((tmp_path / "network.json").read_text())
    softer = card | {"whole_body_temperature_ppm": 50_000_000}
    (tmp_path / "network.json").write_text(json.dumps(softer))
    pin_cards(tmp_path)
    soft = inference.predict(Registry(tmp_path).load(digest), images).probability
    assert np.abs(soft - 0.5).mean() < np.abs(sharp - 0.5).mean() - 0.1
    monkeypatch.setattr(inference, "lung_box", lambda *_: None)
    assert inference.predict(Registry(tmp_path).load(digest), images).probability.max() == 1.0


def test_a_third_port_without_such_a_member_is_refused(tmp_path: Path) -> None:
    model = with_third_port(small_network("petct", members=3))
    digest = write_network(tmp_path, model, "petct", members=3)
    with pytest.raises(ModelError) as caught:
        Registry(tmp_path).load(digest)
    assert caught.value.reason is Reason.WRONG_SHAPE


def test_a_copy_gives_what_is_asked_for_and_nothing_else_changes() -> None:
    content = with_third_port(small_network("petct", members=3)).SerializeToString()
    assert with_outputs(content, {"lesion", "organs", "whole_body"}) == content
    copy = with_outputs(content, {"organs"})
    assert [port.name for port in inspect_model(copy).outputs] == ["organs"]
    organs = open_session(content).run(["organs"], {"images": IMAGES})[0]
    assert np.array_equal(open_session(copy).run(None, {"images": IMAGES})[0], organs)
    with pytest.raises(ModelError, match="asked for"):
        with_outputs(content, {"organs", "levels"})
