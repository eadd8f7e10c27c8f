"""A feature bank and a fitted head as one ONNX graph.

Input ``image`` float32 [1,c,z,y,x] (channels as in the bank), output ``probability`` float32
[1,1,z,y,x]. Only standard operators of opset 17, every weight inside the file. Needs the ``onnx``
package, which fitting has and inference has not.
"""

from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from medquorum.ai_entity.baseline.feature_bank import (
    STD_FLOOR,
    BaseMap,
    FeatureBank,
    gaussian_kernel,
    kernel_radius,
)
from medquorum.ai_entity.baseline.head import Head

OPSET: Final = 17
IR_VERSION: Final = 8
"""Read by every onnxruntime since 1.12."""


class GraphWriter:
    """Collects nodes and weights under names that count up: same input, same bytes."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def weight(self, values: Any, dtype: type = np.float32) -> str:
        """Store a constant and return its name."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        """Append a node with one output and return the output's name."""
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def model(self, name: str, inputs: list[Any], output: tuple[str, Any]) -> bytes:
        """The serialised model whose output is renamed to ``output[0]``'s declared value info."""
        last, info = output
        self.nodes.append(helper.make_node("Identity", [last], [info.name]))
        graph = helper.make_graph(self.nodes, name, inputs, [info], self.weights)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="medquorum",
            ir_version=IR_VERSION,
        )
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))


def _base(writer: GraphWriter, base: BaseMap) -> str:
    index = [base.channel]
    plane = writer.node(
        "Slice",
        [
            "image",
            writer.weight(index, np.int64),
            writer.weight([base.channel + 1], np.int64),
            writer.weight([1], np.int64),
        ],
    )
    scaled = writer.node("Mul", [plane, writer.weight([base.scale])])
    moved = writer.node("Add", [scaled, writer.weight([base.offset])])
    clipped = writer.node("Clip", [moved, writer.weight(base.low), writer.weight(base.high)])
    if not base.logarithm:
        return clipped
    return writer.node("Log", [writer.node("Add", [clipped, writer.weight([1.0])])])


def _blur(writer: GraphWriter, planes: str, count: int, sigma: float) -> str:
    """Depthwise separable Gaussian of [1,count,z,y,x]."""
    kernel, reach = gaussian_kernel(sigma), kernel_radius(sigma)
    for axis in range(3):
        shape, pads = [1, 1, 1], [0, 0, 0, 0, 0, 0]
        shape[axis] = len(kernel)
        pads[axis] = pads[axis + 3] = reach
        stacked = np.broadcast_to(kernel.reshape(1, 1, *shape), (count, 1, *shape))
        planes = writer.node(
            "Conv", [planes, writer.weight(stacked)], group=count, kernel_shape=shape, pads=pads
        )
    return planes


def _channels(writer: GraphWriter, planes: str, start: int, stop: int) -> str:
    bounds = [writer.weight([edge], np.int64) for edge in (start, stop, 1)]
    return writer.node("Slice", [planes, *bounds])


def _features(writer: GraphWriter, bank: FeatureBank) -> str:
    ordered = sorted(bank.base_maps, key=lambda base: not base.with_spread)
    if list(bank.base_maps) != ordered:
        raise ValueError("maps with a spread come first, so that one slice takes them")
    count = len(bank.base_maps)
    spread = sum(base.with_spread for base in bank.base_maps)
    bases = writer.node("Concat", [_base(writer, base) for base in bank.base_maps], axis=1)
    leading = _channels(writer, bases, 0, spread)
    squares = writer.node("Mul", [leading, leading])
    both = writer.node("Concat", [bases, squares], axis=1)
    means, spreads = [], []
    for sigma in bank.sigmas_voxels:
        blurred = _blur(writer, both, count + spread, sigma)
        mean = _channels(writer, blurred, 0, count)
        head = _channels(writer, mean, 0, spread)
        variance = writer.node(
            "Sub",
            [_channels(writer, blurred, count, count + spread), writer.node("Mul", [head, head])],
        )
        floored = writer.node("Relu", [variance])
        spreads.append(
            writer.node("Sqrt", [writer.node("Add", [floored, writer.weight([STD_FLOOR])])])
        )
        means.append(mean)
    return writer.node("Concat", [bases, *means, *spreads], axis=1)


def build_voxel_model(bank: FeatureBank, head: Head) -> bytes:
    """The ONNX file of ``bank`` under ``head``."""
    writer = GraphWriter()
    features = _features(writer, bank)
    weights = (head.w1 / head.scale[:, None]).T
    bias = head.b1 - (head.mean / head.scale) @ head.w1
    hidden = writer.node(
        "Conv", [features, writer.weight(weights[:, :, None, None, None]), writer.weight(bias)]
    )
    active = writer.node("Tanh", [hidden])
    final = head.w2[None, :, None, None, None]
    logit = writer.node("Conv", [active, writer.weight(final), writer.weight([head.b2])])
    probability = writer.node("Sigmoid", [logit])
    sides = ["z", "y", "x"]
    image = helper.make_tensor_value_info(
        "image", TensorProto.FLOAT, [1, len(bank.channels), *sides]
    )
    output = helper.make_tensor_value_info("probability", TensorProto.FLOAT, [1, 1, *sides])
    return writer.model(f"medquorum_{bank.name}", [image], (probability, output))
