"""What is wrong with a field, in words for people; nothing that was sent is repeated.

Names of fields are ours, or such as could be one: a mistyped option is told by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

FAULTS: Final = 8
"""Told at once."""

_NAME: Final = re.compile(r"[A-Za-z_]{1,40}")
_HEX: Final = re.compile(r"\^\[0-9a-f\]\{([0-9]+)\}\$")
_ADDRESS: Final = "^mq"
_OTHER: Final = "is not of the form that /docs describes"

_KINDS: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "int_parsing": "is not a whole number",
    "int_parsing_size": "is too large a number",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "bool_parsing": "is neither true nor false",
    "bool_type": "is neither true nor false",
    "string_type": "is not text",
    "json_invalid": "is not valid JSON",
    "json_type": "is not JSON text",
    "list_type": "is not a list",
    "tuple_type": "is not a list",
    "dict_type": "is not a JSON object",
    "model_type": "is not a JSON object",
    "enum": "is not one of {expected}",
    "literal_error": "is not one of {expected}",
    "greater_than_equal": "is less than {ge}",
    "less_than_equal": "is more than {le}",
    "string_too_long": "is longer than {max_length} characters",
    "string_too_short": "is shorter than {min_length} characters",
    "too_long": "has more than {max_length} entries",
    "too_short": "has fewer than {min_length} entries",
}
"""By pydantic's kind of error; in braces what the schema, never the sender, says."""


def unknown_field(name: str) -> str:
    """That a field is none of ours; its name is told when it has the form of one."""
    return f"there is no field `{name}`" if _NAME.fullmatch(name) else "a field is unknown"


def phrase_faults(error: ValidationError, known: Iterable[str]) -> str:
    """The first faults of a request, one after another."""
    names = frozenset(known)
    faults = [_phrase(each, names) for each in error.errors(include_input=False)]
    return "; ".join(dict.fromkeys(faults[:FAULTS])) + "; see /docs"


def _phrase(fault: ErrorDetails, names: frozenset[str]) -> str:
    if fault["type"] == "extra_forbidden":
        return unknown_field(str(fault["loc"][-1]))
    steps = [
        f"entry {step + 1}" if isinstance(step, int) else step
        for step in fault["loc"]
        if isinstance(step, int) or step in names
    ]
    name, *within = steps or ["the request"]
    place = name + (": " + ", ".join(within) if within else "")
    return f"{place} {_what(fault['type'], fault.get('ctx', {}))}"


def _what(kind: str, limits: Mapping[str, Any]) -> str:
    if kind == "string_pattern_mismatch":
        return _pattern(str(limits["pattern"]))
    return _KINDS.get(kind, _OTHER).format_map(limits)


def _pattern(pattern: str) -> str:
    digits = _HEX.fullmatch(pattern)
    if digits is not None:
        return f"is not {digits[1]} hexadecimal digits in lower case"
    return "is not an address such as mqdoc1…" if pattern.startswith(_ADDRESS) else _OTHER
