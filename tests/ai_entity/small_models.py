"""ONNX graphs of a few nodes, for tests that spoil them."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
OPSET = [helper.make_opsetid("", 17)]


def model_of(
    nodes: list[onnx.NodeProto],
    weights: dict[str, np.ndarray] | None = None,
    shapes: tuple[list[object], list[object]] = (["n", 6], ["n", 1]),
) -> onnx.ModelProto:
    """``x`` to ``y`` through ``nodes``."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", FLOAT, shapes[0])],
        [helper.make_tensor_value_info("y", FLOAT, shapes[1])],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=OPSET, ir_version=8)


def honest() -> onnx.ModelProto:
    """A sum of six numbers."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["t"]),
        helper.make_node("Sigmoid", ["t"], ["y"]),
    ]
    return model_of(nodes, {"w": np.full((6, 1), 0.1, np.float32)})
