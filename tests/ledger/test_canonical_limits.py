"""Limits are enforced before anything grows (R-CAN3)."""

import resource
import time
import tracemalloc

import pytest

from medquorum.ledger import canonical
from medquorum.ledger.errors import CodecError
from medquorum.ledger.limits import CHARTER, FRAME, RECORD, CodecLimits


def nested(depth: int) -> object:
    """`[[…]]` of that depth."""
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def test_depth_eight_passes_and_nine_is_refused() -> None:
    """R-CAN3: a scalar has depth 0, `[1]` depth 1."""
    assert canonical.decode(canonical.encode(nested(8))) == nested(8)
    with pytest.raises(CodecError, match="R-CAN3"):
        canonical.encode(nested(9))
    with pytest.raises(CodecError, match="R-CAN3"):
        canonical.decode(b"\x91" * 9 + b"\x01")
    with pytest.raises(CodecError, match="R-CAN3"):
        canonical.decode(b"\x81\xa1a" * 9 + b"\x01")


AT_LIMIT = {
    "text": "x" * 4_096,
    "text in bytes, not letters": "é" * 2_048,
    "bytes": bytes(65_536),
    "list": [0] * 1_024,
    "map": {str(key): None for key in range(64)},
}
BEYOND = {
    "text": "x" * 4_097,
    "text in bytes, not letters": "é" * 2_049,
    "bytes": bytes(65_537),
    "list": [0] * 1_025,
    "map": {str(key): None for key in range(65)},
    "key": {"x" * 4_097: 1},
    "total": [bytes(65_536)] * 4,
}


@pytest.mark.parametrize("value", AT_LIMIT.values(), ids=AT_LIMIT.keys())
def test_values_at_the_limit_pass(value: object) -> None:
    """R-CAN3: the limit itself is allowed."""
    assert canonical.decode(canonical.encode(value)) == value


@pytest.mark.parametrize("value", BEYOND.values(), ids=BEYOND.keys())
def test_values_beyond_a_limit_are_refused_both_ways(value: object) -> None:
    """R-CAN3: one more is refused when encoding and when decoding."""
    with pytest.raises(CodecError, match="R-CAN3"):
        canonical.encode(value)
    wide = CodecLimits(10**7, 10**7, 10**7, 10**7, 10**7, 8)
    with pytest.raises(CodecError, match=r"R-CAN[23]"):
        canonical.decode(canonical.encode(value, wide))


def test_limits_are_those_of_the_rule() -> None:
    """R-CAN3: the numbers themselves."""
    assert CodecLimits(262_144, 4_096, 65_536, 1_024, 64, 8) == RECORD
    assert CodecLimits(1_048_576, 4_096, 1_048_576, 1_024, 64, 8) == FRAME
    assert (CHARTER.total, CHARTER.entries, CHARTER.text) == (67_108_864, 10_000, 4_096)


BOMBS = {
    "list of 2^32-1": b"\xdd\xff\xff\xff\xff",
    "map of 2^32-1": b"\xdf\xff\xff\xff\xff",
    "bytes of 2^32-1": b"\xc6\xff\xff\xff\xff",
    "text of 2^32-1": b"\xdb\xff\xff\xff\xff",
    "hundred thousand lists deep": b"\x91" * 100_000 + b"\x01",
    "wide lists in wide lists": (b"\xdc\x04\x00" * 6) + b"\x80" * 200_000,
    "full lists of empty maps": b"\xdc\x00\xf0" + (b"\xdc\x04\x00" + b"\x80" * 1_024) * 240,
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_cost_little(bomb: bytes) -> None:
    """R-CAN3: a short input never becomes large or slow, whether refused or not."""
    tracemalloc.start()
    started = time.process_time()
    try:
        canonical.decode(bomb)
    except CodecError as error:
        assert "R-CAN" in str(error)
    finally:
        seconds = time.process_time() - started
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 64 * 1024**2
    assert seconds < 5


def test_longer_inputs_are_refused_unread() -> None:
    """R-CAN3: beyond the total nothing is parsed."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CodecError, match="R-CAN3"):
        canonical.decode(b"\xdd" + bytes(RECORD.total))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
