"""Models run only by their digest, closed and standard; hostile files never reach a session."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from medquorum.ai_entity import registry as registry_module
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.onnx_operators import OPERATORS
from medquorum.ai_entity.onnx_wire import CONTROL_FLOW, inspect_model
from medquorum.ai_entity.registry import MODELS_FOLDER, Registry, check_ports

Change = Callable[[onnx.ModelProto], None]
STEM = "fracture_rule_based"


def shipped() -> onnx.ModelProto:
    return onnx.load_from_string((MODELS_FOLDER / f"{STEM}.onnx").read_bytes())


def registered(folder: Path, content: bytes, digest: bytes | None = None) -> Registry:
    """A registry whose only model is ``content``."""
    named = hashlib.sha256(content).hexdigest() if digest is None else digest.hex()
    (folder / "model.onnx").write_bytes(content)
    card = json.loads((MODELS_FOLDER / f"{STEM}.json").read_text())
    card["sha256"] = named
    (folder / "card.json").write_text(json.dumps(card))
    entry = {"file": "model.onnx", "card": "card.json", "kind": "fracture", "current": True}
    (folder / "registry.json").write_text(json.dumps({"models": {named: entry}}))
    return Registry(folder)


@pytest.mark.parametrize("kind", ["petct", "ct", "fracture"])
def test_shipped_models_load_and_their_cards_belong_to_them(kind: str) -> None:
    shelf = Registry()
    model = shelf.load(shelf.digest_of(kind))
    assert model.card.kind == kind
    assert any("Not for clinical use" in limit for limit in model.card.limits)
    told = (*MODELS_FOLDER.glob("*_training.json"), *MODELS_FOLDER.glob("*_folds.json"))
    cards = {hashlib.sha256(path.read_bytes()).digest() for path in told}
    assert model.card.training_digest in cards


def test_older_models_stay_listed_and_run_by_their_digest() -> None:
    listed = json.loads((MODELS_FOLDER / "registry.json").read_text())["models"]
    for stem in ("petct_baseline", "ct_baseline", "fracture_rule_based"):
        digest = hashlib.sha256((MODELS_FOLDER / f"{stem}.onnx").read_bytes())
        assert listed[digest.hexdigest()]["card"] == f"{stem}.json"
        assert Registry().load(digest.digest()).card.form in ("voxels", "edges")
    for kind in ("petct", "ct", "fracture"):
        assert sum(one["current"] for one in listed.values() if one["kind"] == kind) == 1


def test_onnx_agrees_with_the_own_walker_about_the_shipped_models() -> None:
    for path in sorted(MODELS_FOLDER.glob("*.onnx")):
        graph = onnx.load_from_string(path.read_bytes()).graph
        ports = inspect_model(path.read_bytes())
        assert [port.name for port in ports.inputs] == [value.name for value in graph.input]
        assert [port.name for port in ports.outputs] == [value.name for value in graph.output]


def test_the_operators_that_may_be_named_are_those_of_the_standard() -> None:
    schemas = onnx.defs.get_all_schemas_with_history()
    standard = {one.name for one in schemas if one.domain == ""}
    assert standard - OPERATORS == CONTROL_FLOW
    assert standard >= OPERATORS


def external_dense(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="w.bin")


def external_without_flag(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].external_data.add(key="location", value="w.bin")


def external_sparse(model: onnx.ModelProto) -> None:
    values = numpy_helper.from_array(np.ones(1, np.float32), "sparse")
    values.ClearField("raw_data")
    values.data_location = TensorProto.EXTERNAL
    values.external_data.add(key="location", value="w.bin")
    indices = numpy_helper.from_array(np.zeros(1, np.int64), "indices")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [6]))


def external_in_attribute(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.ones(6, np.float32), "inside")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="w.bin")
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


def external_in_subgraph(model: onnx.ModelProto) -> None:
    inner = onnx.GraphProto(name="inner")
    external = inner.initializer.add(name="deep", data_type=1, dims=[1])
    external.external_data.add(key="location", value="w.bin")
    node = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    model.graph.node.append(node)


def custom_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.evil"


def unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "Gemm2"


def custom_opset(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def local_function(model: onnx.ModelProto) -> None:
    model.functions.append(onnx.FunctionProto(name="f", domain="local"))


def training_graph(model: onnx.ModelProto) -> None:
    model.training_info.add()


def session_settings(model: onnx.ModelProto) -> None:
    model.metadata_props.add(key="ort_config", value='{"session_options": {}}')


def function_called(model: onnx.ModelProto) -> None:
    model.functions.append(helper.make_function("", "f", ["x"], ["y"], [], []))
    model.graph.node[0].overload = "x"


def device_annotation(model: onnx.ModelProto) -> None:
    model.graph.quantization_annotation.add(tensor_name="t0")
    model.configuration.add(name="elsewhere", num_devices=2)


def wrong_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 7


def wrong_type(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def second_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("t0", TensorProto.FLOAT, ["n", 1]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (external_dense, Reason.EXTERNAL_TENSOR),
        (external_without_flag, Reason.EXTERNAL_TENSOR),
        (external_sparse, Reason.EXTERNAL_TENSOR),
        (external_in_attribute, Reason.EXTERNAL_TENSOR),
        (external_in_subgraph, Reason.EXTERNAL_TENSOR),
        (custom_operator, Reason.FORBIDDEN_OPERATOR),
        (unknown_operator, Reason.FORBIDDEN_OPERATOR),
        (custom_opset, Reason.FORBIDDEN_OPERATOR),
        (local_function, Reason.FORBIDDEN_OPERATOR),
        (training_graph, Reason.MALFORMED_MODEL),
        (session_settings, Reason.MALFORMED_MODEL),
        (function_called, Reason.MALFORMED_MODEL),
        (device_annotation, Reason.MALFORMED_MODEL),
        (wrong_input, Reason.WRONG_SHAPE),
        (wrong_type, Reason.WRONG_SHAPE),
        (second_output, Reason.WRONG_SHAPE),
    ],
)
def test_hostile_models_are_refused_before_a_session(
    change: Change, reason: Reason, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "open_session", lambda *_: pytest.fail("a session"))
    model = shipped()
    change(model)
    content = model.SerializeToString()
    with pytest.raises(ModelError) as caught:
        registered(tmp_path, content).load(hashlib.sha256(content).digest())
    assert caught.value.reason is reason


def test_a_flipped_byte_is_a_digest_mismatch(tmp_path: Path) -> None:
    content = bytearray((MODELS_FOLDER / f"{STEM}.onnx").read_bytes())
    digest = hashlib.sha256(content).digest()
    content[len(content) // 2] ^= 1
    with pytest.raises(ModelError) as caught:
        registered(tmp_path, bytes(content), digest).load(digest)
    assert caught.value.reason is Reason.DIGEST_MISMATCH


def test_an_unlisted_model_does_not_run() -> None:
    with pytest.raises(ModelError) as caught:
        Registry().load(bytes(32))
    assert caught.value.reason is Reason.UNKNOWN_MODEL


def test_every_cut_of_a_model_is_refused() -> None:
    content = (MODELS_FOLDER / f"{STEM}.onnx").read_bytes()
    card = Registry().load(hashlib.sha256(content).digest()).card
    for end in range(0, len(content) - 1, 7):
        with pytest.raises(ModelError):
            check_ports(inspect_model(content[:end]), card)


@pytest.mark.parametrize(
    "content",
    [
        b"\x08\x07" * 2 + b"ORTM" + bytes(40),
        b"\x88\x00\x07",
        b"\x0b\x0c",
        b"\x3a\xff\xff\xff\xff\x0f",
        b"\x38\x01",
        b"\xf8\x07\x01",
        b"\xff" * 11,
    ],
)
def test_bytes_that_are_no_strict_protobuf(content: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        inspect_model(content)
    assert caught.value.reason is Reason.MALFORMED_MODEL


def test_a_registry_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    shutil.copytree(MODELS_FOLDER, tmp_path / "models")
    path = tmp_path / "models" / "registry.json"
    path.write_text(path.read_text().replace(f"{STEM}.onnx", f"../{STEM}.onnx"))
    with pytest.raises(ModelError) as caught:
        Registry(tmp_path / "models")
    assert caught.value.reason is Reason.MALFORMED_MODEL
