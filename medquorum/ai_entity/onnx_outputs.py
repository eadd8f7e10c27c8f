"""A model that gives some of its outputs only, and holds only what these need.

A file may hold several networks, each with its port; whoever asks one of them should not wait for
the others, and onnxruntime runs every node it is given. So the other outputs, and the nodes and
weights that then serve nothing, are left out of a copy of the checked bytes: the file, and the
digest over it, stay what they are.
"""

from collections.abc import Collection
from typing import Final

from medquorum.ai_entity.protobuf_wire import (
    FIXED32,
    FIXED64,
    VARINT,
    fields_of,
    malformed,
    octets_of,
    text_of,
)

Field = tuple[int, int, int | memoryview]
"""Number, wire type, value."""

GRAPH: Final = 7
"""Of a model."""
NODE: Final = 1
WEIGHT: Final = 5
OUTPUT: Final = 12
"""Of a graph."""
NODE_TAKES: Final = 1
NODE_GIVES: Final = 2
WEIGHT_NAME: Final = 8
PORT_NAME: Final = 1


def with_outputs(content: bytes, names: Collection[str]) -> bytes:
    """A copy of an inspected ONNX file whose graph gives these outputs, in the file's order.

    Raises ModelError where the file does not give one of them.
    """
    written = bytearray()
    for number, wire, value in fields_of(memoryview(content)):
        if number == GRAPH:
            value = memoryview(_graph_with(octets_of(value, wire), names))
        _write(written, number, wire, value)
    return bytes(written)


def _graph_with(graph: memoryview, names: Collection[str]) -> bytes:
    fields = list(fields_of(graph))
    given = {name for one in fields if one[0] == OUTPUT for name in _texts(one, PORT_NAME)}
    if not given.issuperset(names):
        raise malformed("the model does not give an output that is asked for")
    needed = set(names)
    places = reversed(range(len(fields)))
    left_out = {
        place
        for place in places
        if fields[place][0] == NODE and not _is_needed(fields[place], needed)
    }
    written = bytearray()
    for place, field in enumerate(fields):
        if field[0] == WEIGHT:
            kept = not needed.isdisjoint(_texts(field, WEIGHT_NAME))
        elif field[0] == OUTPUT:
            kept = not set(names).isdisjoint(_texts(field, PORT_NAME))
        else:
            kept = place not in left_out
        if kept:
            _write(written, *field)
    return bytes(written)


def _is_needed(node: Field, needed: set[str]) -> bool:
    """Whether something needs what this node gives; what it takes is then needed too.

    Asked from the last node to the first: a graph's nodes are sorted.
    """
    if needed.isdisjoint(_texts(node, NODE_GIVES)):
        return False
    needed.update(_texts(node, NODE_TAKES))
    return True


def _texts(field: Field, number: int) -> list[str]:
    """The strings of one number in a message field."""
    _, wire, value = field
    return [
        text_of(inner, inner_wire)
        for found, inner_wire, inner in fields_of(octets_of(value, wire))
        if found == number
    ]


def _write(written: bytearray, number: int, wire: int, value: int | memoryview) -> None:
    _write_varint(written, number << 3 | wire)
    if isinstance(value, int):
        if wire != VARINT:
            raise malformed("a number is stored in another way")
        _write_varint(written, value)
        return
    if wire not in (FIXED32, FIXED64):
        _write_varint(written, len(value))
    written += value


def _write_varint(written: bytearray, value: int) -> None:
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
