"""Protobuf's wire format, read strictly: one reading of every byte, or none.

No protobuf library takes part, so there is no second opinion about what the bytes mean: varints
must be minimal, lengths exact, groups are refused. Whoever walks a message sees every occurrence of
a field and names the fields that it allows.
"""

from collections.abc import Iterator

from medquorum.ai_entity.errors import ModelError, Reason

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


def fields_of(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """(field number, wire type, value) of one message, strictly."""
    place = 0
    while place < len(message):
        tag, place = read_varint(message, place)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise malformed("a field number is out of range")
        if wire == VARINT:
            value, place = read_varint(message, place)
            yield number, wire, value
            continue
        if wire == LENGTH:
            size, place = read_varint(message, place)
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
        else:
            raise malformed("a wire type is not allowed")
        if size > len(message) - place:
            raise malformed("a length passes the end of the file")
        yield number, wire, message[place : place + size]
        place += size


def read_varint(message: memoryview, place: int) -> tuple[int, int]:
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
    raise malformed("a number is cut short or not minimal")


def allowed(table: dict[int, str], number: int, where: str) -> str:
    if number not in table:
        raise malformed(f"field {number} is not allowed in a {where}")
    return table[number]


def octets_of(value: int | memoryview, wire: int) -> memoryview:
    if isinstance(value, int) or wire != LENGTH:
        raise malformed("a message field is not length-delimited")
    return value


def text_of(value: int | memoryview, wire: int) -> str:
    try:
        return bytes(octets_of(value, wire)).decode()
    except UnicodeDecodeError as error:
        raise malformed("a name is not UTF-8") from error


def malformed(what: str) -> ModelError:
    return ModelError(Reason.MALFORMED_MODEL, what)
