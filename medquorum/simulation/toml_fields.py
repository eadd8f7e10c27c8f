"""A frozen dataclass from a TOML table, by the types of its fields; every fault names its key."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from medquorum.simulation.scenario import ScenarioError

Part = TypeVar("Part")

_IN_MS: Final = {"_ms": 1, "_s": 1_000, "_min": 60_000, "_h": 3_600_000}
"""Endings a key of a time may have, and what they are in ms."""
LONGEST_LIST: Final = 64
"""Entries of a list in a table, such as regions."""
_FROM_PATH: Final = "name"
"""The field that a file does not set: it is the file's own name."""


@dataclass(frozen=True, slots=True)
class _Key:
    """A field of a dataclass that a key stands for, and what its number is multiplied by."""

    field: str
    factor: int


def part_of_table(kind: type[Part], table: object, path: str) -> Part:
    """An instance of this dataclass; ScenarioError with the key's dotted path when it is wrong."""
    if not isinstance(table, dict):
        raise ScenarioError(f"{path}: must be a table, [{path}]")
    keys = _keys(kind)
    types = get_type_hints(kind)
    values: dict[str, Any] = {}
    for name, value in table.items():
        where = f"{path}.{name}" if path else name
        if name not in keys:
            raise ScenarioError(_unknown(name, where, kind, keys))
        key = keys[name]
        if key.field in values:
            raise ScenarioError(f"{where}: {key.field} is given twice, in two units; keep one")
        values[key.field] = _read(types[key.field], value, where, key.factor)
    try:
        return kind(**values)
    except ScenarioError as error:
        prefix = "" if not path or str(error).startswith(path) else f"{path}: "
        raise ScenarioError(f"{prefix}{error}") from None


def _keys(kind: type[Any]) -> dict[str, _Key]:
    keys: dict[str, _Key] = {}
    for field in fields(kind):
        if field.name == _FROM_PATH:
            continue
        keys[field.name] = _Key(field.name, 1)
        if field.name.endswith("_ms") and not get_origin(get_type_hints(kind)[field.name]):
            stem = field.name.removesuffix("_ms")
            keys |= {stem + ending: _Key(field.name, _IN_MS[ending]) for ending in _IN_MS}
    return keys


def _unknown(name: str, where: str, kind: type[Any], keys: Mapping[str, _Key]) -> str:
    allowed = sorted(field.name for field in fields(kind) if field.name != _FROM_PATH)
    near = difflib.get_close_matches(name, keys, n=1)
    hint = f"; did you mean {near[0]}?" if near else "."
    times = " (a key in _ms may end in _s, _min or _h)" if "_ms " in " ".join(allowed) else ""
    return f"{where}: unknown key{hint} Allowed here: {', '.join(allowed)}{times}"


def _read(kind: Any, value: Any, where: str, factor: int) -> Any:
    if isinstance(kind, type) and get_origin(kind) is None:
        if is_dataclass(kind):
            return part_of_table(kind, value, where)
        if issubclass(kind, StrEnum):
            return _choice(kind, value, where)
        if kind in _PLAIN:
            return _PLAIN[kind](value, where, factor)
    if get_origin(kind) in {tuple, frozenset}:
        return _listed(kind, value, where, factor)
    raise TypeError(f"{where}: scenarios have no fields of {kind}")


def _listed(kind: Any, value: Any, where: str, factor: int) -> Any:
    """A list as a tuple or a set; the word "all" stands for every member of a closed set."""
    inner = get_args(kind)[0]
    closed = isinstance(inner, type) and issubclass(inner, StrEnum)
    if closed and value == "all":
        return frozenset(inner)
    if not isinstance(value, list) or len(value) > LONGEST_LIST:
        word = ', or the word "all"' if closed else ""
        raise ScenarioError(f"{where}: must be a list of at most {LONGEST_LIST} values{word}")
    read = [
        _read(inner, one, f"{where}[{place}]", factor) for place, one in enumerate(value, start=1)
    ]
    return frozenset(read) if get_origin(kind) is frozenset else tuple(read)


def _choice(kind: type[StrEnum], value: Any, where: str) -> StrEnum:
    allowed = [member.value for member in kind]
    if isinstance(value, str) and value in allowed:
        return kind(value)
    near = difflib.get_close_matches(str(value), allowed, n=1)
    hint = f"; did you mean {near[0]}?" if near else ";"
    raise ScenarioError(
        f"{where}: {value!r:.60} is unknown{hint} It is one of {', '.join(allowed)}"
    )


def _whole(value: Any, where: str, factor: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ScenarioError(f"{where}: must be a whole number")
    scaled = value * factor
    if not math.isfinite(scaled) or scaled != int(scaled):
        unit = " of milliseconds" if factor > 1 else ""
        raise ScenarioError(f"{where}: must be a whole number{unit}")
    return int(scaled)


def _number(value: Any, where: str, factor: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ScenarioError(f"{where}: must be a number")
    return float(value * factor)


def _flag(value: Any, where: str, factor: int) -> bool:
    if not isinstance(value, bool):
        raise ScenarioError(f"{where}: must be true or false")
    return value


def _text(value: Any, where: str, factor: int) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 64:
        raise ScenarioError(f"{where}: must be text of 1 to 64 characters")
    return value


_PLAIN: Final[Mapping[type, Callable[[Any, str, int], Any]]] = {
    int: _whole,
    float: _number,
    bool: _flag,
    str: _text,
}
