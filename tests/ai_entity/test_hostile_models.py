"""Models made to read, run, allocate or deceive: refused by their bytes, before a session."""

from collections.abc import Callable

import onnx
import pytest
from onnx import TensorProto, helper

from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.limits import MAX_MODEL_NESTING, MAX_MODEL_NODES
from medquorum.ai_entity.onnx_wire import inspect_model
from tests.ai_entity.small_models import FLOAT, OPSET, honest

Change = Callable[[onnx.ModelProto], None]


def branch(nodes: list[onnx.NodeProto]) -> onnx.GraphProto:
    output = helper.make_tensor_value_info("inner", FLOAT, None)
    return helper.make_graph(nodes, "inside", [], [output])


def if_node(model: onnx.ModelProto) -> None:
    inside = branch([helper.make_node("Identity", ["x"], ["inner"])])
    node = helper.make_node("If", ["c"], ["z"], then_branch=inside, else_branch=inside)
    model.graph.node.append(node)


def loop_without_end(model: onnx.ModelProto) -> None:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["again"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("again", TensorProto.BOOL, [])],
    )
    model.graph.node.append(helper.make_node("Loop", ["", "c"], [], body=body))


def scan(model: onnx.ModelProto) -> None:
    inside = branch([helper.make_node("Identity", ["x"], ["inner"])])
    model.graph.node.append(helper.make_node("Scan", ["x"], ["z"], body=inside, num_scan_inputs=1))


def sequence_map(model: onnx.ModelProto) -> None:
    inside = branch([helper.make_node("Identity", ["x"], ["inner"])])
    model.graph.node.append(helper.make_node("SequenceMap", ["x"], ["z"], body=inside))


def standard_operator_as_function(model: onnx.ModelProto) -> None:
    evil = helper.make_function(
        "", "Sigmoid", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])], OPSET
    )
    model.functions.append(evil)


def custom_domain(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "ai.onnx.contrib"


def classic_learning_domain(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))


def external_deep_inside(model: onnx.ModelProto) -> None:
    weight = TensorProto(name="deep", data_type=FLOAT, dims=[1])
    weight.external_data.add(key="location", value="/etc/passwd")
    weight.data_location = TensorProto.EXTERNAL
    inside = branch([helper.make_node("Constant", [], ["inner"], value=weight)])
    for _ in range(3):
        inside = branch(
            [helper.make_node("If", ["c"], ["inner"], then_branch=inside, else_branch=inside)]
        )
    model.graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=inside))


def external_in_list_of_tensors(model: onnx.ModelProto) -> None:
    weight = TensorProto(name="w2", data_type=FLOAT, dims=[1])
    weight.external_data.add(key="location", value="w.bin")
    attribute = onnx.AttributeProto(name="values", type=onnx.AttributeProto.TENSORS)
    attribute.tensors.append(weight)
    model.graph.node[0].attribute.append(attribute)


def sparse_attribute(model: onnx.ModelProto) -> None:
    attribute = onnx.AttributeProto(name="value", type=onnx.AttributeProto.SPARSE_TENSOR)
    attribute.sparse_tensor.dims.append(1)
    model.graph.node[0].attribute.append(attribute)


def nested_too_deep(model: onnx.ModelProto) -> None:
    inside = branch([helper.make_node("Identity", ["x"], ["inner"])])
    for _ in range(MAX_MODEL_NESTING + 1):
        inside = branch([helper.make_node("If", ["c"], ["inner"], then_branch=inside)])
    model.graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=inside))


def too_many_nodes(model: onnx.ModelProto) -> None:
    node = helper.make_node("Identity", ["x"], [""])
    model.graph.node.extend([node] * MAX_MODEL_NODES)


def sides_that_overflow(model: onnx.ModelProto) -> None:
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend([1 << 32, 1 << 32])


def negative_side(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[0] = -6


def content_shorter_than_its_sides(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[0] = 7


def large_without_raw_content(model: onnx.ModelProto) -> None:
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.float_data.append(1.0)
    weight.dims[0] = 1 << 24


def texts_as_weights(model: onnx.ModelProto) -> None:
    weight = TensorProto(name="s", data_type=TensorProto.STRING, dims=[1])
    weight.string_data.append(b"x")
    model.graph.initializer.append(weight)


def weight_twice(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(model.graph.initializer[0])


def result_twice(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Neg", ["t"], ["t"]))


def result_named_like_a_weight(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Neg", ["t"], ["w"]))


def result_named_like_the_input(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Neg", ["t"], ["x"]))


def session_settings(model: onnx.ModelProto) -> None:
    model.metadata_props.add(key="ort_config", value='{"session_options": {}}')


MALFORMED, FORBIDDEN, EXTERNAL = (
    Reason.MALFORMED_MODEL,
    Reason.FORBIDDEN_OPERATOR,
    Reason.EXTERNAL_TENSOR,
)
HOSTILE: list[tuple[Change, Reason, str]] = [
    (if_node, FORBIDDEN, "unrolled"),
    (loop_without_end, FORBIDDEN, "Loop"),
    (scan, FORBIDDEN, "Scan"),
    (sequence_map, FORBIDDEN, "SequenceMap"),
    (standard_operator_as_function, FORBIDDEN, "local functions"),
    (custom_domain, FORBIDDEN, "outside the standard"),
    (classic_learning_domain, FORBIDDEN, "outside the standard"),
    (external_deep_inside, EXTERNAL, "outside the file"),
    (external_in_list_of_tensors, EXTERNAL, "outside the file"),
    (sparse_attribute, EXTERNAL, "sparse"),
    (nested_too_deep, MALFORMED, "nested deeper"),
    (too_many_nodes, MALFORMED, "nodes"),
    (sides_that_overflow, MALFORMED, "larger than any model"),
    (negative_side, MALFORMED, "larger than any model"),
    (content_shorter_than_its_sides, MALFORMED, "not as long"),
    (large_without_raw_content, MALFORMED, "without raw content"),
    (texts_as_weights, MALFORMED, "plain numbers"),
    (weight_twice, MALFORMED, "the same name"),
    (result_twice, MALFORMED, "the same name"),
    (result_named_like_a_weight, MALFORMED, "a weight and for a result"),
    (result_named_like_the_input, MALFORMED, "the same name"),
    (session_settings, MALFORMED, "session"),
]


def test_the_honest_model_is_not_refused() -> None:
    ports = inspect_model(honest().SerializeToString())
    assert [port.name for port in (*ports.inputs, *ports.outputs)] == ["x", "y"]


@pytest.mark.parametrize(
    ("change", "reason", "words"), HOSTILE, ids=[change.__name__ for change, *_ in HOSTILE]
)
def test_hostile_bytes(change: Change, reason: Reason, words: str) -> None:
    model = honest()
    change(model)
    with pytest.raises(ModelError) as caught:
        inspect_model(model.SerializeToString())
    assert caught.value.reason is reason
    assert words in caught.value.message


def test_a_second_operator_hidden_behind_the_first_is_seen() -> None:
    """Protobuf lets the last of two occurrences win; here both are refused."""
    node = b"\x22\x07Sigmoid\x22\x04Loop"
    graph = b"\x0a" + bytes([len(node)]) + node
    with pytest.raises(ModelError) as caught:
        inspect_model(b"\x3a" + bytes([len(graph)]) + graph)
    assert "exactly one operator" in caught.value.message
