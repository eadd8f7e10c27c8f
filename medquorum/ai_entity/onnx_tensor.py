"""A tensor inside a model file: closed, of plain numbers, and exactly as large as it says.

Field numbers: TensorProto of onnx/onnx.proto (ONNX 1.23). External data in any spelling is refused;
so are sizes whose product passes the file's own limit, before anybody multiplies them in 64 bits.
"""

from typing import Final

from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.limits import MAX_MODEL_BYTES, MAX_TYPED_ELEMENTS
from medquorum.ai_entity.protobuf_wire import (
    allowed,
    fields_of,
    malformed,
    octets_of,
    read_varint,
    text_of,
)

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
DIMENSIONS: Final = 1
ELEMENT_TYPE: Final = 2
NAME: Final = 8
RAW: Final = 9
EXTERNAL_DATA: Final = 13
DATA_LOCATION: Final = 14
ELEMENT_BYTES: Final = {
    1: 4,
    2: 1,
    3: 1,
    4: 2,
    5: 2,
    6: 4,
    7: 8,
    9: 1,
    10: 2,
    11: 8,
    12: 4,
    13: 8,
    16: 2,
}
"""TensorProto.DataType -> bytes per element; texts, complex and packed numbers are not weights."""


def check_tensor(message: memoryview) -> str:
    """The tensor's name. Raises ModelError for bytes outside this file or sizes that are not so."""
    names: list[str] = []
    types: list[int] = []
    raw: list[memoryview] = []
    sides: list[int] = []
    for number, wire, value in fields_of(message):
        if number == EXTERNAL_DATA or (number == DATA_LOCATION and value != 0):
            raise ModelError(
                Reason.EXTERNAL_TENSOR, "a tensor points outside the file; save the model in one"
            )
        if number != DATA_LOCATION:
            allowed(TENSOR, number, "tensor")
        if number == NAME:
            names.append(text_of(value, wire))
        elif number == ELEMENT_TYPE and isinstance(value, int):
            types.append(value)
        elif number == RAW:
            raw.append(octets_of(value, wire))
        elif number == DIMENSIONS:
            sides += [value] if isinstance(value, int) else _packed(octets_of(value, wire))
    if len(names) > 1 or len(types) != 1 or len(raw) > 1:
        raise malformed("a tensor has two names, types or contents, or no type")
    _check_size(sides, types[0], raw)
    return names[0] if names else ""


def _check_size(sides: list[int], element_type: int, raw: list[memoryview]) -> None:
    if element_type not in ELEMENT_BYTES:
        raise malformed("a tensor's elements are not plain numbers")
    elements = 1
    for side in sides:
        elements *= side
    if max(sides, default=0) > MAX_MODEL_BYTES or elements > MAX_MODEL_BYTES:
        raise malformed("a tensor says that it is larger than any model")
    if raw and len(raw[0]) != elements * ELEMENT_BYTES[element_type]:
        raise malformed("a tensor's content is not as long as its sizes say")
    if not raw and elements > MAX_TYPED_ELEMENTS:
        raise malformed(f"a tensor of over {MAX_TYPED_ELEMENTS} elements without raw content")


def _packed(message: memoryview) -> list[int]:
    numbers = []
    place = 0
    while place < len(message):
        number, place = read_varint(message, place)
        numbers.append(number)
    return numbers
