"""R-CAN5: every field of every nested map replaced by what does not belong there, one at a time.

The files stay canonical, so that the refusals come from the rules and not from the codec.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgpack
import pytest

from scripts.independent.canonical import Fault
from scripts.independent.charter import read_charter

from .judging import CHARTER, SIGNATURES, VALID, verdict_on, verdict_on_proof
from .primitives import charter_file, charter_map, enc, joined
from .story import consultation

LEDGER = consultation()
FRAMES = LEDGER.export_frames()
# The announcement, a batch with skip and parent certificates, and its first and last block.
HEIGHT_OF = {0: 0, 4: 3, 5: 3, 7: 5}
MISFITS: tuple[Any, ...] = (
    None, True, -1, 0, 2**64 - 1, "", "é", b"", b"\x80", b"\xff" * 32, [], {}, [None],
    {"votes": []}, [[0, bytes(64)]], {"a": {"b": [1]}},
)  # fmt: skip


def altered(value: Any) -> Iterator[Any]:
    """Every value that differs from `value` in one place, however deep."""
    if isinstance(value, bytes) and len(value) > 64 and 0x80 <= value[0] <= 0x9F:
        yield from (enc(one) for one in altered(msgpack.unpackb(value)))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield {other: value[other] for other in value if other != name}
            yield from ({**value, name: one} for one in (*MISFITS, *altered(inner)))
    elif isinstance(value, list):
        yield from (value[:-1], [*value, *value[-1:]], value[::-1])
        for at, inner in enumerate(value):
            for one in (*MISFITS, *altered(inner)):
                yield [*value[:at], one, *value[at + 1 :]]


def different(encoded: bytes, step: int) -> Iterator[bytes]:
    """Every `step`-th encoding of an altered value that is not the original."""
    every = (enc(one) for one in altered(msgpack.unpackb(encoded)))
    return islice((one for one in every if one != encoded), 0, None, step)


@pytest.mark.parametrize("at", HEIGHT_OF)
def test_a_misfit_in_a_frame_is_found_at_its_height(at: int) -> None:
    for frame in different(FRAMES[at], 3):
        found = verdict_on(joined([*FRAMES[:at], frame, *FRAMES[at + 1 :]]))
        assert found[:2] == ("TAMPERED", HEIGHT_OF[at]), msgpack.unpackb(frame)


def test_a_misfit_in_a_proof_is_found() -> None:
    for proof in different(enc(LEDGER.proof(5)), 5):
        assert verdict_on_proof(msgpack.unpackb(proof)) != VALID


def test_a_misfit_in_a_charter_is_found() -> None:
    for content in different(charter_file(charter_map()), 3):
        with pytest.raises(Fault):
            read_charter(content, SIGNATURES)


def test_a_certificate_left_out_is_no_fault_where_a_later_one_vouches() -> None:
    """R-ORD17: the descendant's certificate makes its ancestors final."""
    sparse = consultation()
    for frame in sparse.frames[:-3]:
        if "certificate" in frame:
            frame["certificate"] = None
    assert verdict_on(joined(sparse.export_frames()), CHARTER) == VALID
