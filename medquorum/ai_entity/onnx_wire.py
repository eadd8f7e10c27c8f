"""Is this ONNX file closed and standard? Asked of its bytes, before any session exists.

onnxruntime follows external tensors (dense, and through sparse initialisers even when the model is
given as bytes) and loads custom operators; both would run or read what no digest covers. So the
protobuf is walked here with a grammar of what is *allowed*: every field not in the table below is
refused, and with it external data, sparse tensors, local functions, training graphs and unknown
fields. No protobuf library takes part, so there is no second opinion about what the bytes mean:
varints must be minimal, lengths exact, groups are refused, and repeated occurrences are all
visited.

Field numbers: onnx/onnx.proto (ONNX 1.23, IR version 13).
"""

from dataclasses import dataclass, field
from typing import Final

from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.limits import MAX_MODEL_BYTES, MAX_MODEL_NESTING, MAX_MODEL_NODES
from medquorum.ai_entity.onnx_operators import OPERATORS
from medquorum.ai_entity.onnx_tensor import check_tensor
from medquorum.ai_entity.protobuf_wire import (
    allowed,
    fields_of,
    malformed,
    octets_of,
    text_of,
)

STANDARD_DOMAINS: Final = (b"", b"ai.onnx")
CONTROL_FLOW: Final = frozenset({"If", "Loop", "Scan", "SequenceMap"})
"""A loop can be endless, and what a branch holds is checked but seldom run by a test."""

MODEL: Final = {1: "", 2: "", 3: "", 4: "", 5: "", 6: "", 7: "graph", 8: "opset", 14: "metadata"}
GRAPH: Final = {
    1: "node",
    2: "",
    5: "tensor",
    10: "",
    11: "input",
    12: "output",
    13: "",
    16: "",
}
NODE: Final = {1: "", 2: "made", 3: "", 4: "type", 5: "attribute", 6: "", 7: "domain", 9: ""}
ATTRIBUTE: Final = {
    1: "",
    2: "",
    3: "",
    4: "",
    5: "tensor",
    6: "graph",
    7: "",
    8: "",
    9: "",
    10: "tensor",
    11: "graph",
    13: "",
    20: "",
}
OPSET: Final = {1: "domain", 2: ""}
SPARSE_IN_GRAPH: Final = 15
SPARSE_IN_ATTRIBUTE: Final = (22, 23)
FUNCTIONS: Final = 25
ORT_FORMAT_MARK: Final = b"ORTM"
"""onnxruntime would read such a file as a flatbuffer, whatever its protobuf reading says."""
SETTINGS_KEY: Final = "ort_config"
"""Metadata under this name can change a session's options."""


@dataclass(frozen=True, slots=True)
class Port:
    """A graph input or output: its name, element type and shape (None: any size)."""

    name: str
    element_type: int
    shape: tuple[int | None, ...]


@dataclass(slots=True)
class _Walk:
    nodes: int = 0
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ModelPorts:
    """What a model takes and gives."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def inspect_model(content: bytes) -> ModelPorts:
    """The ports of a closed, standard model. Raises ModelError for every other file."""
    if len(content) > MAX_MODEL_BYTES:
        raise ModelError(Reason.OVERSIZE, f"a model larger than {MAX_MODEL_BYTES} bytes")
    if content[4:8] == ORT_FORMAT_MARK:
        raise malformed("the file carries the mark of onnxruntime's own format")
    walk = _Walk()
    graphs = 0
    for number, wire, value in fields_of(memoryview(content)):
        if number == FUNCTIONS:
            raise ModelError(Reason.FORBIDDEN_OPERATOR, "the model defines local functions")
        kind = allowed(MODEL, number, "model")
        if kind == "graph":
            graphs += 1
            _graph(octets_of(value, wire), walk, 0)
        elif kind == "opset":
            _opset(octets_of(value, wire))
        elif kind == "metadata":
            _metadata(octets_of(value, wire))
    if graphs != 1:
        raise malformed("the model has not exactly one graph")
    return ModelPorts(tuple(walk.inputs), tuple(walk.outputs))


@dataclass(slots=True)
class _Names:
    """What a graph gives names to; which of two values of one name is meant is nobody's guess."""

    weights: set[str] = field(default_factory=set)
    results: set[str] = field(default_factory=set)

    def check(self) -> None:
        if self.results & self.weights:
            raise malformed("a name stands for a weight and for a result")


def _graph(message: memoryview, walk: _Walk, depth: int) -> None:
    if depth > MAX_MODEL_NESTING:
        raise malformed(f"graphs are nested deeper than {MAX_MODEL_NESTING}")
    names = _Names()
    for number, wire, value in fields_of(message):
        if number == SPARSE_IN_GRAPH:
            raise ModelError(Reason.EXTERNAL_TENSOR, "the model has sparse initialisers")
        kind = allowed(GRAPH, number, "graph")
        if kind == "node":
            for name in _node(octets_of(value, wire), walk, depth):
                _once(names.results, name)
        elif kind == "tensor":
            _once(names.weights, check_tensor(octets_of(value, wire)))
        elif kind in ("input", "output") and depth == 0:
            port = _port(octets_of(value, wire))
            (walk.inputs if kind == "input" else walk.outputs).append(port)
    names.check()
    if depth == 0:
        for port in walk.inputs:
            _once(names.results, port.name)
        walk.inputs = [port for port in walk.inputs if port.name not in names.weights]


def _once(names: set[str], name: str) -> None:
    if name in names:
        raise malformed("two values have the same name")
    names.add(name)


def _node(message: memoryview, walk: _Walk, depth: int) -> list[str]:
    """The names of the node's results."""
    walk.nodes += 1
    if walk.nodes > MAX_MODEL_NODES:
        raise malformed(f"more than {MAX_MODEL_NODES} nodes")
    made, operators = [], []
    for number, wire, value in fields_of(message):
        kind = allowed(NODE, number, "node")
        if kind == "domain":
            _standard(octets_of(value, wire))
        elif kind == "attribute":
            _attribute(octets_of(value, wire), walk, depth)
        elif kind == "type":
            operators.append(text_of(value, wire))
        elif kind == "made":
            made.append(text_of(value, wire))
    if len(operators) != 1:
        raise malformed("a node has not exactly one operator")
    if operators[0] in CONTROL_FLOW:
        raise ModelError(
            Reason.FORBIDDEN_OPERATOR,
            f"the model decides or repeats by itself ({operators[0]}); export it unrolled",
        )
    if operators[0] not in OPERATORS:
        raise _foreign()
    return [name for name in made if name]


def _attribute(message: memoryview, walk: _Walk, depth: int) -> None:
    for number, wire, value in fields_of(message):
        if number in SPARSE_IN_ATTRIBUTE:
            raise ModelError(Reason.EXTERNAL_TENSOR, "a node carries a sparse tensor")
        kind = allowed(ATTRIBUTE, number, "attribute")
        if kind == "tensor":
            check_tensor(octets_of(value, wire))
        elif kind == "graph":
            _graph(octets_of(value, wire), walk, depth + 1)


def _opset(message: memoryview) -> None:
    for number, wire, value in fields_of(message):
        if allowed(OPSET, number, "opset") == "domain":
            _standard(octets_of(value, wire))


def _metadata(message: memoryview) -> None:
    """StringStringEntryProto: 1 key, 2 value."""
    for number, wire, value in fields_of(message):
        if number == 1 and text_of(value, wire) == SETTINGS_KEY:
            raise malformed("the model carries settings for onnxruntime's session")


def _standard(domain: memoryview) -> None:
    if bytes(domain) not in STANDARD_DOMAINS:
        raise _foreign()


def _foreign() -> ModelError:
    return ModelError(
        Reason.FORBIDDEN_OPERATOR, "the model uses operators outside the standard ONNX set"
    )


def _port(message: memoryview) -> Port:
    """ValueInfoProto: 1 name, 2 type -> 1 tensor_type -> (1 elem_type, 2 shape -> 1 dim)."""
    name, element_type = "", 0
    shape: list[int | None] = []
    for number, wire, value in fields_of(message):
        if number == 1:
            name = text_of(value, wire)
        elif number == 2:
            for inner, inner_wire, tensor in fields_of(octets_of(value, wire)):
                if inner != 1:
                    raise ModelError(Reason.WRONG_SHAPE, "a port is not a dense tensor")
                element_type, shape = _tensor_type(octets_of(tensor, inner_wire))
    return Port(name, element_type, tuple(shape))


def _tensor_type(message: memoryview) -> tuple[int, list[int | None]]:
    element_type = 0
    shape: list[int | None] = []
    for number, wire, value in fields_of(message):
        if number == 1 and isinstance(value, int):
            element_type = value
        elif number == 2:
            shape = [
                _dimension(octets_of(size, size_wire))
                for inner, size_wire, size in fields_of(octets_of(value, wire))
                if inner == 1
            ]
    return element_type, shape


def _dimension(message: memoryview) -> int | None:
    sizes = [value for number, _, value in fields_of(message) if number == 1]
    return sizes[-1] if sizes and isinstance(sizes[-1], int) else None
