"""Structured parts as JSON from a form, turned into the canonical bytes of R-CON1 to R-CON4.

The JSON is the map of the rule, field by field; whatever the ledger's own parser refuses is
refused. Text is brought into normal form C first, because keyboards differ and meaning does not.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.contents import (
    parse_medical_report,
    parse_prescription,
    parse_test_results,
    parse_vital_signs,
)
from medquorum.ledger.errors import CodecError
from medquorum.ledger.types import PartName

PARSERS: Final[Mapping[PartName, Callable[[bytes], object]]] = {
    PartName.V_IND: parse_vital_signs,
    PartName.TEST_RES: parse_test_results,
    PartName.M_REPORT: parse_medical_report,
    PartName.PRESC: parse_prescription,
}
"""The parts that have a JSON form. PAT_NAME is built from the registration."""


def encode_structured(part: PartName, fields: object) -> bytes:
    """The canonical plaintext of a structured part; CodecError names the field that is wrong."""
    parse = PARSERS.get(part)
    if parse is None:
        raise CodecError(f"R-CON1: {part.value} has no JSON form; send it as a file")
    encoded = canonical.encode(_normalised(fields))
    parse(encoded)
    return encoded


def encode_structured_json(part: PartName, text: bytes) -> bytes:
    """`encode_structured` of JSON text; CodecError for what is not JSON."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise CodecError(f"R-CON1: {part.value} is not JSON; send the map of its rule") from None
    return encode_structured(part, fields)


def _normalised(value: object, depth: int = 16) -> object:
    if depth == 0:
        raise CodecError("R-CAN3: nested too deep")
    match value:
        case str():
            return unicodedata.normalize("NFC", value)
        case dict():
            return {
                unicodedata.normalize("NFC", str(key)): _normalised(entry, depth - 1)
                for key, entry in value.items()
            }
        case list() | tuple():
            return [_normalised(entry, depth - 1) for entry in value]
        case _:
            return value
