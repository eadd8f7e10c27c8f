"""Canonical bytes: one value, one encoding (R-CAN1, R-CAN2, R-CAN4, R-CAN5)."""

import struct
import unicodedata
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.ledger import canonical
from medquorum.ledger.errors import CodecError

HOSTILE = {
    "wide integer: uint8 for 1": "cc01",
    "wide integer: uint64 for 1": "cf0000000000000001",
    "wide negative: int8 for -1": "d0ff",
    "signed form of a positive: int16 300": "d1012c",
    "unsorted keys": "82a16202a16101",
    "duplicate key": "82a16101a16102",
    "float32": "ca3f800000",
    "float64": "cb3ff0000000000000",
    "not a number": "cb7ff8000000000000",
    "str8 for a fixstr": "d90161",
    "str16 for a fixstr": "da000161",
    "map16 for a fixmap": "de0001a16101",
    "array16 for a fixarray": "dc000101",
    "bin16 for bin8": "c5000101",
    "extension": "d40100",
    "empty extension": "c70001",
    "timestamp": "d6ff00000000",
    "trailing byte": "01c0",
    "integer key": "810101",
    "bytes key": "81c4016101",
    "none as a key": "81c001",
    "list as a key": "819001",
    "invalid UTF-8": "a1ff",
    "surrogate in UTF-8": "a3eda080",
    "overlong UTF-8": "a2c080",
    "invalid UTF-8 in a key": "81a1ff01",
    "truncated": "82a161",
    "truncated length": "db0000",
    "reserved byte": "c1",
    "nothing": "",
    "not normalised: e and combining acute": "a365cc81",
    "not normalised key": "81a365cc8101",
}


@pytest.mark.parametrize("encoded", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_encoding_is_refused(encoded: str) -> None:
    """R-CAN1, R-CAN2, R-CAN4: what has another form never existed."""
    with pytest.raises(CodecError, match=r"R-CAN[124]"):
        canonical.decode(bytes.fromhex(encoded))


def _head(short: int, count: int, limit: int, wide: tuple[tuple[int, str], ...]) -> bytes:
    if count < limit:
        return bytes([short | count])
    for marker, form in wide:
        if count < 1 << 8 * struct.calcsize(form):
            return bytes([marker]) + struct.pack(form, count)
    raise AssertionError(count)


def _naive_integer(value: int) -> bytes:
    if 0 <= value < 128 or -32 <= value < 0:
        return struct.pack("b" if value < 0 else "B", value)
    forms = ((0xCC, ">B"), (0xCD, ">H"), (0xCE, ">I"), (0xCF, ">Q"))
    if value < 0:
        forms = ((0xD0, ">b"), (0xD1, ">h"), (0xD2, ">i"), (0xD3, ">q"))
    for marker, form in forms:
        try:
            return bytes([marker]) + struct.pack(form, value)
        except struct.error:
            continue
    raise AssertionError(value)


def naive_encode(value: Any) -> bytes:
    """MessagePack from its specification, shortest forms, keys sorted by bytes (R-CAN2)."""
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return _naive_integer(value)
    if isinstance(value, str):
        text = value.encode()
        wide = ((0xD9, ">B"), (0xDA, ">H"), (0xDB, ">I"))
        return _head(0xA0, len(text), 32, wide) + text
    if isinstance(value, bytes):
        wide = ((0xC4, ">B"), (0xC5, ">H"), (0xC6, ">I"))
        return _head(0, len(value), 0, wide) + value
    if isinstance(value, list):
        head = _head(0x90, len(value), 16, ((0xDC, ">H"), (0xDD, ">I")))
        return head + b"".join(map(naive_encode, value))
    pairs = sorted((key.encode(), entry) for key, entry in value.items())
    head = _head(0x80, len(pairs), 16, ((0xDE, ">H"), (0xDF, ">I")))
    return head + b"".join(naive_encode(k.decode()) + naive_encode(v) for k, v in pairs)


def normal_text(longest: int) -> st.SearchStrategy[str]:
    """Text in normal form C; surrogates are left out by hypothesis itself."""
    return st.text(max_size=longest).map(lambda text: unicodedata.normalize("NFC", text))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(canonical.INT_MIN, canonical.INT_MAX)
    | normal_text(40)
    | st.binary(max_size=300)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=20) | st.dictionaries(normal_text(12), inner, max_size=20)
    ),
    max_leaves=40,
)


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


@given(VALUES.filter(lambda value: _depth(value) <= 8))
def test_round_trip_equals_the_naive_twin(value: object) -> None:
    """R-CAN2: the same bytes as an encoder written from the specification, and back."""
    encoded = canonical.encode(value)
    assert encoded == naive_encode(value)
    assert canonical.decode(encoded) == value


@given(st.binary(max_size=64))
def test_arbitrary_bytes_are_refused_or_canonical(encoded: bytes) -> None:
    """R-CAN4: no exception but CodecError, and nothing accepted that encodes otherwise."""
    try:
        value = canonical.decode(encoded)
    except CodecError:
        return
    assert naive_encode(value) == encoded


@given(VALUES.filter(lambda value: _depth(value) <= 8), st.data())
def test_a_changed_byte_is_refused_or_another_value(value: object, choose: st.DataObject) -> None:
    """R-CAN4: two byte strings never decode to one value."""
    encoded = bytearray(canonical.encode(value))
    position = choose.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= choose.draw(st.integers(1, 255))
    try:
        changed = canonical.decode(bytes(encoded))
    except CodecError:
        return
    assert canonical.encode(changed) == bytes(encoded)
    assert canonical.encode(changed) != canonical.encode(value)


@pytest.mark.parametrize("value", [1.0, float("nan"), {1, 2}, bytearray(1), object(), {"k": 0.5}])
def test_values_without_canonical_form_are_refused(value: object) -> None:
    """R-CAN1: no floats, sets or look-alikes."""
    with pytest.raises(CodecError, match="R-CAN1"):
        canonical.encode(value)


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1])
def test_integers_out_of_range_are_refused(value: int) -> None:
    """R-CAN1: integers from -2^63 to 2^64-1."""
    with pytest.raises(CodecError, match="R-CAN1: integer"):
        canonical.encode(value)


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), 0, -1, 127, 128, -32, -33])
def test_integers_at_the_edges_pass(value: int) -> None:
    """R-CAN1: the edges themselves are values."""
    assert canonical.decode(canonical.encode(value)) == value


@pytest.mark.parametrize("text", ["e\u0301", "\ud800", {"e\u0301": 1}, {1: 1}, {b"k": 1}])
def test_text_and_keys_are_normalised_valid_text(text: object) -> None:
    """R-CAN1: NFC and valid UTF-8, keys are text."""
    with pytest.raises(CodecError, match="R-CAN1"):
        canonical.encode(text)


def test_keys_are_sorted_by_their_bytes() -> None:
    """R-CAN2: UTF-8 order, in which U+10000 comes after U+FFFD, not before as in UTF-16."""
    encoded = canonical.encode({"\U00010000": 1, "\ufffd": 2, "b": 3, "aa": 4, "a": 5})
    assert list(msgpack.unpackb(encoded)) == ["a", "aa", "b", "\ufffd", "\U00010000"]


@pytest.mark.parametrize("value", [{"a": 1}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 2}, [], None])
def test_maps_have_exactly_their_fields(value: object) -> None:
    """R-CAN5: a missing, further or other field is refused."""
    with pytest.raises(CodecError, match="R-CAN5: sample"):
        canonical.fields(value, ("a", "b"), "sample")
