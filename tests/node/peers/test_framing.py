"""Frames: canonical lists of messages, packed full, read strictly (R-NET1)."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.ledger import canonical
from medquorum.ledger.limits import FRAME
from medquorum.node.peers.errors import FrameError
from medquorum.node.peers.framing import (
    PAYLOAD_BYTES,
    Message,
    decode_frame,
    encode_frame,
    pack_frames,
)
from medquorum.node.peers.limits import FRAME_BYTES

MESSAGES = st.lists(
    st.builds(Message, st.from_regex(r"[a-z][a-z0-9_-]{0,30}", fullmatch=True), st.binary()),
    min_size=1,
    max_size=30,
)


@given(MESSAGES)
def test_a_frame_is_the_canonical_list_of_its_messages(messages: list[Message]) -> None:
    """R-NET1: the fast encoder gives the bytes of `enc`, and decoding gives the messages back."""
    plain = [{"kind": each.kind, "payload": each.payload} for each in messages]
    frame = encode_frame(messages)
    assert frame == canonical.encode(plain, FRAME)
    assert decode_frame(frame) == tuple(messages)


def test_many_messages_fill_few_frames_in_order() -> None:
    """R-NET1: at most 1 MiB and 1,024 messages a frame, and no frame more than needed."""
    small = [Message("vote", number.to_bytes(4, "big")) for number in range(2_500)]
    large = [Message("batch-body", bytes(400_000)) for _ in range(5)]
    frames = list(pack_frames([*small, *large]))
    assert len(frames) == 3 + 2
    assert all(len(frame) <= FRAME_BYTES for frame in frames)
    assert [each for frame in frames for each in decode_frame(frame)] == [*small, *large]
    assert list(pack_frames([])) == []


def test_the_longest_payload_fits_and_one_byte_more_does_not() -> None:
    """R-NET1: a message that no frame can carry is refused where it is made."""
    longest = Message("k" * 31, bytes(PAYLOAD_BYTES))
    shorter = Message("k", bytes(PAYLOAD_BYTES + 30))
    assert [len(frame) for frame in pack_frames([longest, shorter])] == [FRAME_BYTES] * 2
    assert decode_frame(encode_frame([shorter])) == (shorter,)
    for kind in ("k", "k" * 31):
        with pytest.raises(FrameError, match="at most"):
            Message(kind, bytes(PAYLOAD_BYTES + 32 - len(kind)))
    with pytest.raises(FrameError, match="1 MiB"):
        encode_frame([longest, Message("vote", b"")])


def packed(value: object) -> bytes:
    encoded: bytes = msgpack.packb(value, use_bin_type=True)
    return encoded


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        packed([]),
        packed({"kind": "vote", "payload": b""}),
        packed([{"kind": "vote"}]),
        packed([{"kind": "vote", "payload": "text"}]),
        packed([{"kind": b"vote", "payload": b""}]),
        packed([{"kind": "Vote", "payload": b""}]),
        packed([{"kind": "", "payload": b""}]),
        packed([{"kind": "k" * 32, "payload": b""}]),
        packed([{"payload": b"", "kind": "vote"}]),
        packed([{"extra": 1, "kind": "vote", "payload": b""}]),
        packed([{"kind": "vote", "payload": b""}]) + b"\x00",
        packed([{"kind": "vote", "payload": b""}] * 1_025),
        packed([[[[[[[[[]]]]]]]]]),
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        bytes(FRAME_BYTES + 1),
    ],
)
def test_hostile_frames_are_refused(frame: bytes) -> None:
    """R-NET1, R-CAN3, R-CAN5: not canonical, not of the schema, or beyond a limit."""
    with pytest.raises(FrameError, match="R-NET1"):
        decode_frame(frame)


def test_a_message_does_not_show_its_payload() -> None:
    """No content in a repr, whatever a message carries (R-NET1)."""
    assert repr(Message("vote", b"secret")) == "Message(vote, 6 bytes)"
