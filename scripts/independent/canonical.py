"""Canonical bytes: strict decoding under limits, encoding, and typed reading of maps.

Carries out R-CAN1 to R-CAN6. Every refusal is a `Fault` that names the rule it breaks.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, cast

import msgpack

Value: TypeAlias = "bool | int | str | bytes | list[Value] | dict[str, Value] | None"

INTEGER_MAX: Final = 2**64 - 1
NUMBER_MAX: Final = 2**53
TIME_MAX_MS: Final = NUMBER_MAX


class Fault(Exception):
    """A rule of the protocol is broken. `rule` is its number, `reason` says how, in words."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(f"{reason} ({rule})")
        self.rule = rule
        self.reason = reason


class Tampered(Exception):
    """The first fault of a file and its height (N BC)."""

    def __init__(self, height: int, fault: Fault) -> None:
        super().__init__(f"height {height}: {fault}")
        self.height = height
        self.rule = fault.rule
        self.reason = fault.reason


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes and entries, as R-CAN3 lists them."""

    total: int
    binary: int
    entries: int
    text: int = 4_096
    fields: int = 64
    depth: int = 8


RECORD: Final = Limits(total=262_144, binary=65_536, entries=1_024)
FRAME: Final = Limits(total=1_048_576, binary=1_048_576, entries=1_024)
CHARTER: Final = Limits(total=67_108_864, binary=65_536, entries=10_000)
# The file holds the whole charter as one byte string, which must be as long as a charter may be.
CHARTER_FILE: Final = replace(CHARTER, binary=CHARTER.total)


def encode(value: Value) -> bytes:
    """Return `enc(value)` (R-CAN2)."""
    return cast(bytes, msgpack.packb(_sorted(value), use_bin_type=True))


def _sorted(value: Value) -> Value:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_sorted(entry) for entry in value]
    return value


def decode(encoded: bytes, limits: Limits) -> Value:
    """Return the value whose canonical bytes are `encoded`; raise `Fault` for anything else."""
    if len(encoded) > limits.total:
        raise Fault("R-CAN3", f"{len(encoded)} bytes are more than the {limits.total} allowed")
    try:
        value = msgpack.unpackb(
            encoded,
            raw=False,
            strict_map_key=True,
            max_str_len=limits.text,
            max_bin_len=limits.binary,
            max_array_len=limits.entries,
            max_map_len=limits.fields,
            max_ext_len=0,
        )
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as error:
        raise _undecodable(str(error)) from None
    _inspect(value, limits.depth)
    if msgpack.packb(value, use_bin_type=True) != encoded:
        raise Fault("R-CAN4", "bytes that are not canonical")
    return cast(Value, value)


def _undecodable(message: str) -> Fault:
    if "exceeds max_ext_len" in message:
        return Fault("R-CAN1", "an extension type, which does not exist here")
    if "exceeds max" in message:
        return Fault("R-CAN3", "a length beyond its limit")
    return Fault("R-CAN2", "bytes that are not MessagePack")


def _inspect(value: object, depth_left: int) -> None:
    kind = type(value)
    if kind is bytes or kind is int or kind is bool or value is None:
        return
    if kind is str:
        _inspect_text(cast(str, value))
        return
    if depth_left == 0:
        raise Fault("R-CAN3", "a value nested too deep")
    if kind is list:
        for entry in cast("list[object]", value):
            _inspect(entry, depth_left - 1)
    elif kind is dict:
        _inspect_map(cast("dict[object, object]", value), depth_left - 1)
    else:
        raise Fault("R-CAN1", "a value of a type that does not exist here")


def _inspect_map(fields: dict[object, object], depth_left: int) -> None:
    previous: str | None = None
    for name, value in fields.items():
        if not isinstance(name, str):
            raise Fault("R-CAN1", "a map whose key is not text")
        _inspect_text(name)
        # Code points and their UTF-8 bytes sort alike.
        if previous is not None and name <= previous:
            raise Fault("R-CAN2", "a map whose keys do not ascend")
        previous = name
        _inspect(value, depth_left)


def _inspect_text(text: str) -> None:
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        raise Fault("R-CAN1", "text that is not in normal form C")


class Fields:
    """One map of the protocol, read field by field with type, length and range (R-CAN5)."""

    __slots__ = ("_values", "_what")

    def __init__(self, value: Value, what: str, names: Iterable[str]) -> None:
        self._what = what
        if not isinstance(value, dict):
            raise Fault("R-CAN5", f"{what} is not a map")
        if value.keys() != set(names):
            raise Fault("R-CAN5", f"{what} has missing or unknown fields")
        self._values = value

    def _refuse(self, name: str, wanted: str) -> Fault:
        return Fault("R-CAN5", f"{self._what}: field {name} is not {wanted}")

    def value(self, name: str) -> Value:
        """Return the field as it is."""
        return self._values[name]

    def is_none(self, name: str) -> bool:
        """Tell whether the field holds none."""
        return self._values[name] is None

    def binary(self, name: str, length: int | None = None) -> bytes:
        """Return a byte string, of exactly `length` bytes where one is given."""
        value = self._values[name]
        if not isinstance(value, bytes) or (length is not None and len(value) != length):
            raise self._refuse(name, "bytes" if length is None else f"{length} bytes")
        return value

    def optional_binary(self, name: str, length: int | None = None) -> bytes | None:
        """Return a byte string or none."""
        return None if self.is_none(name) else self.binary(name, length)

    def integer(self, name: str, low: int = 0, high: int = INTEGER_MAX) -> int:
        """Return an integer between `low` and `high`, both included."""
        value = self._values[name]
        if type(value) is not int or not low <= value <= high:
            raise self._refuse(name, f"an integer from {low} to {high}")
        return value

    def optional_integer(self, name: str, low: int = 0, high: int = INTEGER_MAX) -> int | None:
        """Return an integer between `low` and `high`, or none."""
        return None if self.is_none(name) else self.integer(name, low, high)

    def boolean(self, name: str) -> bool:
        """Return a truth value."""
        value = self._values[name]
        if not isinstance(value, bool):
            raise self._refuse(name, "a truth value")
        return value

    def text(self, name: str, longest: int | None = None) -> str:
        """Return text, of at most `longest` characters where a number is given."""
        value = self._values[name]
        if not isinstance(value, str) or (longest is not None and len(value) > longest):
            raise self._refuse(name, "text" if longest is None else f"text up to {longest}")
        return value

    def choice(self, name: str, allowed: Iterable[str]) -> str:
        """Return text that is one of `allowed`."""
        text = self.text(name)
        if text not in allowed:
            raise self._refuse(name, "one of the words defined for it")
        return text

    def entries(self, name: str) -> list[Value]:
        """Return a list."""
        value = self._values[name]
        if not isinstance(value, list):
            raise self._refuse(name, "a list")
        return value

    def binaries(self, name: str, length: int | None = None) -> tuple[bytes, ...]:
        """Return a list of byte strings, of exactly `length` bytes each where one is given."""
        found: list[bytes] = []
        for entry in self.entries(name):
            if not isinstance(entry, bytes) or (length is not None and len(entry) != length):
                raise self._refuse(name, "a list of byte strings of the right length")
            found.append(entry)
        return tuple(found)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        found: list[str] = []
        for entry in self.entries(name):
            if not isinstance(entry, str):
                raise self._refuse(name, "a list of texts")
            found.append(entry)
        return tuple(found)
