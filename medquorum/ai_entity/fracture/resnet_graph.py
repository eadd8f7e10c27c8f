"""A ResNet of bottlenecks as an ONNX file, written from arrays: same arrays, same bytes.

Input ``tiles`` float32 [n, 1, h, w] of brightness 0..1; each tile is brought to mean 0 and spread 1
by nodes of the graph. Outputs:

- ``logit`` [n, 1]: log-odds that the tile shows a fracture;
- ``activation`` [n, 1, h', w']: class-activation map (Zhou et al., CVPR 2016); its mean plus the
  head's intercept is the logit, exactly, because pooling and head are both linear;
- ``features`` [n, c]: pooled last features, of which the logit is a linear function.

Kernels are stored in half precision, those of two million numbers and more as bytes with a scale
per output channel, and made float32 by nodes that onnxruntime folds at load: it computes in
float32. The head stays in float32 under the names HEAD_WEIGHT and HEAD_BIAS, so that it can be
replaced.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET: Final = 17
IR_VERSION: Final = 8
HEAD_WEIGHT: Final = "head.weight"
HEAD_BIAS: Final = "head.bias"
BYTES_FROM: Final = 2_000_000
"""Numbers of a kernel from which it is stored in bytes."""

SPREAD_FLOOR: Final = 1e-4
"""Added to the variance of a tile: an empty one stays empty."""

Arrays = Mapping[str, npt.NDArray[np.float32]]
"""``stem``, ``<block>.<1|2|3>`` and ``<block>.short``, each with ``.weight`` and ``.bias``, and the
head; normalisations are folded in."""


class _Writer:
    """Collects nodes and named weights."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        name = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def half(self, name: str, values: npt.NDArray[np.float32]) -> str:
        stored = self.constant(name, values.astype(np.float16))
        return self.node("Cast", [stored], to=TensorProto.FLOAT)

    def byte(self, name: str, values: npt.NDArray[np.float32]) -> str:
        """Whole numbers -127..127 with one scale per output channel."""
        largest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
        scale = np.maximum(largest, 1e-12).astype(np.float32) / np.float32(127.0)
        stored = self.constant(name, np.round(values / scale).astype(np.int8))
        numbers = self.node("Cast", [stored], to=TensorProto.FLOAT)
        return self.node("Mul", [numbers, self.constant(f"{name}.scale", scale)])

    def convolution(self, planes: str, name: str, arrays: Arrays, stride: int) -> str:
        weight = arrays[f"{name}.weight"]
        kernel = weight.shape[-1]
        store = self.byte if weight.size >= BYTES_FROM else self.half
        bias = self.constant(f"{name}.bias", arrays[f"{name}.bias"].astype(np.float32))
        return self.node(
            "Conv",
            [planes, store(f"{name}.weight", weight), bias],
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[kernel // 2] * 4,
        )


def build_resnet(arrays: Arrays, strides: tuple[int, ...]) -> bytes:
    """The file of these arrays; ``strides`` holds one per block."""
    writer = _Writer()
    planes = writer.convolution(_standardised(writer), "stem", arrays, 2)
    planes = writer.node("Relu", [planes])
    planes = writer.node(
        "MaxPool", [planes], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]
    )
    for index, stride in enumerate(strides):
        planes = _bottleneck(writer, planes, index, stride, arrays)
    _head(writer, planes, arrays)
    channels = arrays[HEAD_WEIGHT].size
    shapes: dict[str, list[str | int | None]] = {
        "logit": ["n", 1],
        "activation": ["n", 1, "u", "v"],
        "features": ["n", channels],
    }
    graph = helper.make_graph(
        writer.nodes,
        "medquorum_fracture_resnet",
        [helper.make_tensor_value_info("tiles", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, s) for name, s in shapes.items()],
        writer.weights,
    )
    return sealed_model(graph)


def sealed_model(graph: Any, facts: Mapping[str, str] | None = None) -> bytes:
    """A graph as a checked file; ``facts`` become the model's metadata."""
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="medquorum",
        ir_version=IR_VERSION,
    )
    if facts:
        helper.set_model_props(model, dict(sorted(facts.items())))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _standardised(writer: _Writer) -> str:
    mean = writer.node("ReduceMean", ["tiles"], axes=[2, 3], keepdims=1)
    centred = writer.node("Sub", ["tiles", mean])
    square = writer.node("Mul", [centred, centred])
    variance = writer.node("ReduceMean", [square], axes=[2, 3], keepdims=1)
    floor = writer.constant("spread_floor", np.asarray([SPREAD_FLOOR], dtype=np.float32))
    spread = writer.node("Sqrt", [writer.node("Add", [variance, floor])])
    return writer.node("Div", [centred, spread])


def _bottleneck(writer: _Writer, planes: str, index: int, stride: int, arrays: Arrays) -> str:
    inner = writer.node("Relu", [writer.convolution(planes, f"{index}.1", arrays, 1)])
    inner = writer.node("Relu", [writer.convolution(inner, f"{index}.2", arrays, stride)])
    inner = writer.convolution(inner, f"{index}.3", arrays, 1)
    short = planes
    if f"{index}.short.weight" in arrays:
        short = writer.convolution(planes, f"{index}.short", arrays, stride)
    return writer.node("Relu", [writer.node("Add", [inner, short])])


def _head(writer: _Writer, planes: str, arrays: Arrays) -> None:
    channels = arrays[HEAD_WEIGHT].size
    weight = writer.constant(HEAD_WEIGHT, arrays[HEAD_WEIGHT].reshape(channels, 1))
    bias = writer.constant(HEAD_BIAS, arrays[HEAD_BIAS].reshape(1))
    pooled = writer.node("GlobalAveragePool", [planes])
    features = writer.node("Flatten", [pooled], "features", axis=1)
    writer.node("Add", [writer.node("MatMul", [features, weight]), bias], "logit")
    shape = writer.constant("head.shape", np.asarray([1, channels, 1, 1], dtype=np.int64))
    kernel = writer.node("Reshape", [weight, shape])
    writer.node("Conv", [planes, kernel], "activation", kernel_shape=[1, 1])
