"""Canonical bytes: one value, one encoding (R-CAN1 to R-CAN5).

MessagePack in shortest form with sorted map keys. Decoding walks the value once for what
MessagePack allows and we do not (floats, NFD text, unsorted keys, depth), then packs it again
and compares: whatever is not byte-identical never existed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgpack

from medquorum.ledger.errors import CodecError
from medquorum.ledger.limits import RECORD, CodecLimits

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**64 - 1
_SCALARS: Final = frozenset({bytes, str, int, bool, type(None)})


def encode(value: object, limits: CodecLimits = RECORD) -> bytes:
    """Encode a value of {None, bool, int, str, bytes, list or tuple, dict} canonically.

    Raises CodecError naming the rule when the value has no canonical form or breaks a limit.
    """
    packed: bytes = msgpack.packb(_ordered(value, limits, limits.depth), use_bin_type=True)
    if len(packed) > limits.total:
        raise CodecError(f"R-CAN3: {len(packed)} bytes encoded, at most {limits.total}")
    return packed


def decode(encoded: bytes, limits: CodecLimits = RECORD) -> Any:
    """Decode canonical bytes; every other byte string raises CodecError."""
    if len(encoded) > limits.total:
        raise CodecError(f"R-CAN3: {len(encoded)} bytes, at most {limits.total}")
    try:
        value = msgpack.unpackb(
            encoded,
            raw=False,
            strict_map_key=True,
            max_str_len=limits.text,
            max_bin_len=limits.binary,
            max_array_len=limits.entries,
            max_map_len=limits.map_entries,
            max_ext_len=0,
        )
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise CodecError(
            f"R-CAN2: not MessagePack within limits ({type(error).__name__})"
        ) from None
    _check(value, limits, limits.depth)
    if msgpack.packb(value, use_bin_type=True) != encoded:
        raise CodecError("R-CAN4: not in canonical form")
    return value


def _ordered(value: Any, limits: CodecLimits, depth: int) -> object:
    """The value with sorted keys and lists, checked on the way down.

    Code points order text as UTF-8 bytes do, so keys are compared as they are.
    """
    kind = type(value)
    if kind is bytes and len(value) <= limits.binary:
        return value
    if kind in _SCALARS:
        _check_scalar(value, limits)
        return value
    if kind is dict or isinstance(value, Mapping):
        _check_container(len(value), limits.map_entries, depth)
        longest = limits.text
        for key in value:
            if type(key) is str and len(key) <= longest and key.isascii():
                continue  # every name of a schema; anything else is looked at closely
            if not isinstance(key, str):
                raise CodecError("R-CAN1: a map key is not text")
            _check_text(key, limits)
        below = depth - 1
        return {key: _ordered(value[key], limits, below) for key in sorted(value)}
    if isinstance(value, list | tuple):
        _check_container(len(value), limits.entries, depth)
        below = depth - 1
        return [_ordered(entry, limits, below) for entry in value]
    _check_scalar(value, limits)
    return value


def _check(value: object, limits: CodecLimits, depth: int) -> None:
    """Refuse what MessagePack can carry and R-CAN1 and R-CAN2 do not allow."""
    if isinstance(value, dict):
        _check_container(len(value), limits.map_entries, depth)
        previous: str | None = None
        for key, entry in value.items():
            if not isinstance(key, str):
                raise CodecError("R-CAN1: a map key is not text")
            _check_text(key, limits)
            if previous is not None and key <= previous:
                raise CodecError("R-CAN2: map keys are not in ascending order")
            previous = key
            _check(entry, limits, depth - 1)
    elif isinstance(value, list):
        _check_container(len(value), limits.entries, depth)
        for entry in value:
            _check(entry, limits, depth - 1)
    else:
        _check_scalar(value, limits)


def _check_container(length: int, longest: int, depth: int) -> None:
    if depth <= 0:
        raise CodecError("R-CAN3: nested too deep")
    if length > longest:
        raise CodecError(f"R-CAN3: {length} entries, at most {longest}")


def _check_scalar(value: object, limits: CodecLimits) -> None:
    """One scalar against R-CAN1 and R-CAN3; the kinds that are met most come first."""
    if isinstance(value, bytes):
        if len(value) > limits.binary:
            raise CodecError(f"R-CAN3: {len(value)} bytes in a field, at most {limits.binary}")
    elif isinstance(value, str):
        _check_text(value, limits)
    elif isinstance(value, int):
        if not INT_MIN <= value <= INT_MAX:
            raise CodecError("R-CAN1: integer out of range")
    elif value is not None:
        raise CodecError(f"R-CAN1: {type(value).__name__} has no canonical form")


def _check_text(value: str, limits: CodecLimits) -> None:
    if value.isascii():
        size = len(value)
    else:
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            raise CodecError("R-CAN1: text is not valid UTF-8") from None
        if not unicodedata.is_normalized("NFC", value):
            raise CodecError("R-CAN1: text is not in normal form C")
    if size > limits.text:
        raise CodecError(f"R-CAN3: {size} bytes of text, at most {limits.text}")


def fields(value: object, names: Sequence[str], what: str) -> dict[str, Any]:
    """The value as a map with exactly these fields (R-CAN5), else CodecError naming `what`."""
    if not isinstance(value, dict) or value.keys() != set(names):
        raise CodecError(f"R-CAN5: {what} has not exactly the fields of its rule")
    return value
