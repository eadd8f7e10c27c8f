"""Typed readers of canonical maps: every field's type and length is checked once (R-CAN5)."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from medquorum.ledger import canonical
from medquorum.ledger.errors import CodecError
from medquorum.ledger.limits import RECORD, CodecLimits

Closed = TypeVar("Closed", bound=StrEnum)
Value = TypeVar("Value")


class Reader:
    """Reads the fields of one map that must have exactly the given names."""

    __slots__ = ("_fields", "_what")

    def __init__(self, value: object, names: tuple[str, ...], what: str) -> None:
        self._fields: dict[str, Any] = canonical.fields(value, names, what)
        self._what = what

    def _fail(self, name: str, expected: str) -> CodecError:
        return CodecError(f"R-CAN5: {self._what}.{name} is not {expected}")

    def integer(self, name: str, low: int = 0, high: int = canonical.INT_MAX) -> int:
        """An int within [low, high]."""
        value = self._fields[name]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._fail(name, f"an integer from {low} to {high}")
        return value

    def text(self, name: str, longest: int = 200, shortest: int = 0) -> str:
        """A str of a bounded number of characters."""
        value = self._fields[name]
        if not isinstance(value, str) or not shortest <= len(value) <= longest:
            raise self._fail(name, f"text of {shortest} to {longest} characters")
        return value

    def octets(self, name: str, length: int) -> bytes:
        """Bytes of an exact length."""
        value = self._fields[name]
        if not isinstance(value, bytes) or len(value) != length:
            raise self._fail(name, f"{length} bytes")
        return value

    def opaque(self, name: str, longest: int) -> bytes:
        """Bytes of at most this length."""
        value = self._fields[name]
        if not isinstance(value, bytes) or len(value) > longest:
            raise self._fail(name, f"at most {longest} bytes")
        return value

    def closed(self, name: str, kinds: type[Closed]) -> Closed:
        """A member of a closed set."""
        value = self._fields[name]
        try:
            return kinds(value)
        except ValueError:
            expected = "one of " + ", ".join(kind.value for kind in kinds)
            raise self._fail(name, expected) from None

    def flag(self, name: str) -> bool:
        """A bool."""
        value = self._fields[name]
        if not isinstance(value, bool):
            raise self._fail(name, "true or false")
        return value

    def listed(self, name: str, longest: int, each: Callable[[object], Value]) -> tuple[Value, ...]:
        """A list of at most `longest` entries, each read by `each`."""
        value = self._fields[name]
        if not isinstance(value, list) or len(value) > longest:
            raise self._fail(name, f"a list of at most {longest}")
        return tuple(each(entry) for entry in value)

    def nested(self, name: str, each: Callable[[object], Value]) -> Value:
        """A map (or anything) read by `each`."""
        return each(self._fields[name])

    def optional(self, name: str, each: Callable[[str], Value]) -> Value | None:
        """None, or what `each` reads under this name."""
        return None if self._fields[name] is None else each(name)


def octets_of(length: int, what: str) -> Callable[[object], bytes]:
    """A reader of list entries that are bytes of an exact length."""

    def read(value: object) -> bytes:
        if not isinstance(value, bytes) or len(value) != length:
            raise CodecError(f"R-CAN5: {what} is not {length} bytes")
        return value

    return read


def opaque_of(longest: int, what: str) -> Callable[[object], bytes]:
    """A reader of list entries that are bytes of a bounded length."""

    def read(value: object) -> bytes:
        if not isinstance(value, bytes) or len(value) > longest:
            raise CodecError(f"R-CAN5: {what} is not at most {longest} bytes")
        return value

    return read


def decoded(encoded: bytes, limits: CodecLimits = RECORD) -> object:
    """Canonical decode with the static type `object`, for a Reader."""
    value: object = canonical.decode(encoded, limits)
    return value
