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

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.limits import MAX_MODEL_BYTES, MAX_MODEL_NESTING, MAX_MODEL_NODES

STANDARD_DOMAINS: Final = (b"", b"ai.onnx")
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

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
NODE: Final = {1: "", 2: "", 3: "", 4: "", 5: "attribute", 6: "", 7: "domain", 9: ""}
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
TENSOR: Final = {
    1: "",
    2: "",
    4: "",
    5: "",
    6: "",
    7: "",
    8: "",
    9: "",
    10: "",
    11: "",
    12: "",
    16: "",
}
"""Without 13 external_data; 14 data_location is allowed only as 0."""
OPSET: Final = {1: "domain", 2: ""}
DATA_LOCATION: Final = 14
EXTERNAL_DATA: Final = 13
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
        raise _malformed("the file carries the mark of onnxruntime's own format")
    walk = _Walk()
    graphs = 0
    for number, wire, value in _fields(memoryview(content)):
        if number == FUNCTIONS:
            raise ModelError(Reason.FORBIDDEN_OPERATOR, "the model defines local functions")
        kind = _allowed(MODEL, number, "model")
        if kind == "graph":
            graphs += 1
            _graph(_bytes(value, wire), walk, 0)
        elif kind == "opset":
            _opset(_bytes(value, wire))
        elif kind == "metadata":
            _metadata(_bytes(value, wire))
    if graphs != 1:
        raise _malformed("the model has not exactly one graph")
    return ModelPorts(tuple(walk.inputs), tuple(walk.outputs))


def _graph(message: memoryview, walk: _Walk, depth: int) -> None:
    if depth > MAX_MODEL_NESTING:
        raise _malformed(f"graphs are nested deeper than {MAX_MODEL_NESTING}")
    initialised: set[str] = set()
    for number, wire, value in _fields(message):
        if number == SPARSE_IN_GRAPH:
            raise ModelError(Reason.EXTERNAL_TENSOR, "the model has sparse initialisers")
        kind = _allowed(GRAPH, number, "graph")
        if kind == "node":
            _node(_bytes(value, wire), walk, depth)
        elif kind == "tensor":
            initialised.add(_tensor(_bytes(value, wire)))
        elif kind in ("input", "output") and depth == 0:
            port = _port(_bytes(value, wire))
            (walk.inputs if kind == "input" else walk.outputs).append(port)
    if depth == 0:
        walk.inputs = [port for port in walk.inputs if port.name not in initialised]


def _node(message: memoryview, walk: _Walk, depth: int) -> None:
    walk.nodes += 1
    if walk.nodes > MAX_MODEL_NODES:
        raise _malformed(f"more than {MAX_MODEL_NODES} nodes")
    for number, wire, value in _fields(message):
        kind = _allowed(NODE, number, "node")
        if kind == "domain":
            _standard(_bytes(value, wire))
        elif kind == "attribute":
            _attribute(_bytes(value, wire), walk, depth)


def _attribute(message: memoryview, walk: _Walk, depth: int) -> None:
    for number, wire, value in _fields(message):
        if number in SPARSE_IN_ATTRIBUTE:
            raise ModelError(Reason.EXTERNAL_TENSOR, "a node carries a sparse tensor")
        kind = _allowed(ATTRIBUTE, number, "attribute")
        if kind == "tensor":
            _tensor(_bytes(value, wire))
        elif kind == "graph":
            _graph(_bytes(value, wire), walk, depth + 1)


def _tensor(message: memoryview) -> str:
    """The tensor's name, after refusing anything outside this file."""
    name = ""
    for number, wire, value in _fields(message):
        if number == EXTERNAL_DATA or (number == DATA_LOCATION and value != 0):
            raise ModelError(
                Reason.EXTERNAL_TENSOR, "a tensor points outside the file; save the model in one"
            )
        if number != DATA_LOCATION:
            _allowed(TENSOR, number, "tensor")
        if number == 8:
            name = _text(value, wire)
    return name


def _opset(message: memoryview) -> None:
    for number, wire, value in _fields(message):
        if _allowed(OPSET, number, "opset") == "domain":
            _standard(_bytes(value, wire))


def _metadata(message: memoryview) -> None:
    """StringStringEntryProto: 1 key, 2 value."""
    for number, wire, value in _fields(message):
        if number == 1 and _text(value, wire) == SETTINGS_KEY:
            raise _malformed("the model carries settings for onnxruntime's session")


def _standard(domain: memoryview) -> None:
    if bytes(domain) not in STANDARD_DOMAINS:
        raise ModelError(
            Reason.FORBIDDEN_OPERATOR, "the model uses operators outside the standard ONNX set"
        )


def _port(message: memoryview) -> Port:
    """ValueInfoProto: 1 name, 2 type -> 1 tensor_type -> (1 elem_type, 2 shape -> 1 dim)."""
    name, element_type = "", 0
    shape: list[int | None] = []
    for number, wire, value in _fields(message):
        if number == 1:
            name = _text(value, wire)
        elif number == 2:
            for inner, inner_wire, tensor in _fields(_bytes(value, wire)):
                if inner != 1:
                    raise ModelError(Reason.WRONG_SHAPE, "a port is not a dense tensor")
                element_type, shape = _tensor_type(_bytes(tensor, inner_wire))
    return Port(name, element_type, tuple(shape))


def _tensor_type(message: memoryview) -> tuple[int, list[int | None]]:
    element_type = 0
    shape: list[int | None] = []
    for number, wire, value in _fields(message):
        if number == 1 and isinstance(value, int):
            element_type = value
        elif number == 2:
            shape = [
                _dimension(_bytes(size, size_wire))
                for inner, size_wire, size in _fields(_bytes(value, wire))
                if inner == 1
            ]
    return element_type, shape


def _dimension(message: memoryview) -> int | None:
    sizes = [value for number, _, value in _fields(message) if number == 1]
    return sizes[-1] if sizes and isinstance(sizes[-1], int) else None


def _fields(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """(field number, wire type, value) of one message, strictly."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise _malformed("a field number is out of range")
        if wire == VARINT:
            value, place = _varint(message, place)
            yield number, wire, value
            continue
        if wire == LENGTH:
            size, place = _varint(message, place)
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
        else:
            raise _malformed("a wire type is not allowed")
        if size > len(message) - place:
            raise _malformed("a length passes the end of the file")
        yield number, wire, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for count in range(10):
        if place + count >= len(message):
            break
        byte = message[place + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            if value >> 64 or (byte == 0 and count > 0):
                break
            return value, place + count + 1
    raise _malformed("a number is cut short or not minimal")


def _allowed(table: dict[int, str], number: int, where: str) -> str:
    if number not in table:
        raise _malformed(f"field {number} is not allowed in a {where}")
    return table[number]


def _bytes(value: int | memoryview, wire: int) -> memoryview:
    if isinstance(value, int) or wire != LENGTH:
        raise _malformed("a message field is not length-delimited")
    return value


def _text(value: int | memoryview, wire: int) -> str:
    try:
        return bytes(_bytes(value, wire)).decode()
    except UnicodeDecodeError as error:
        raise _malformed("a name is not UTF-8") from error


def _malformed(what: str) -> ModelError:
    return ModelError(Reason.MALFORMED_MODEL, what)
