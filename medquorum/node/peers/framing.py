"""Frames: `enc(list of {kind, payload})`, at most 1 MiB (R-NET1).

Packing everything queued for a peer into as few frames as fit is what makes many small votes
cheap: one system call, one TLS record run and one decode for hundreds of messages. A kind is short
ASCII text, so the size of a message inside a frame is known before it is encoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgpack

from medquorum.ledger import canonical
from medquorum.ledger.errors import CodecError
from medquorum.ledger.limits import FRAME
from medquorum.node.peers.errors import FrameError
from medquorum.node.peers.limits import FRAME_BYTES, FRAME_MESSAGES, KIND_LETTERS

_KIND = re.compile(rf"[a-z][a-z0-9_-]{{0,{KIND_LETTERS - 1}}}")
_LIST_HEADER: Final = 3
_FIXED: Final = 1 + 5 + 1 + 8 + 5
"""Map header, key `kind`, the kind's header, key `payload`, the payload's longest header."""
PAYLOAD_BYTES: Final = FRAME_BYTES - 1 - _FIXED - KIND_LETTERS
"""The longest payload that fits in a frame under any kind; a shorter kind leaves room for more."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message on a link: what it is, and its canonical bytes."""

    kind: str
    payload: bytes

    def __post_init__(self) -> None:
        if not _KIND.fullmatch(self.kind):
            raise FrameError(f"R-NET1: a kind is 1 to {KIND_LETTERS} lower-case ASCII letters")
        if self.packed_bytes >= FRAME_BYTES:
            raise FrameError(f"R-NET1: {len(self.payload)} bytes, at most {PAYLOAD_BYTES}")

    def __repr__(self) -> str:
        return f"Message({self.kind}, {len(self.payload)} bytes)"

    @property
    def packed_bytes(self) -> int:
        """At most how many bytes it takes inside a frame."""
        return _FIXED + len(self.kind) + len(self.payload)


def encode_frame(messages: Iterable[Message]) -> bytes:
    """Encode messages that fit in one frame; canonical, since the keys stand in order."""
    listed = [{"kind": message.kind, "payload": message.payload} for message in messages]
    packed: bytes = msgpack.packb(listed, use_bin_type=True)
    if not listed or len(listed) > FRAME_MESSAGES or len(packed) > FRAME_BYTES:
        raise FrameError("R-NET1: a frame has 1 to 1,024 messages and at most 1 MiB")
    return packed


def pack_frames(messages: Iterable[Message]) -> Iterator[bytes]:
    """Encode any number of messages, in order, into as few frames as they fit in."""
    batch: list[Message] = []
    room = FRAME_BYTES - _LIST_HEADER
    for message in messages:
        if batch and (len(batch) == FRAME_MESSAGES or message.packed_bytes > room):
            yield encode_frame(batch)
            batch, room = [], FRAME_BYTES - _LIST_HEADER
        batch.append(message)
        room -= message.packed_bytes
    if batch:
        yield encode_frame(batch)


def decode_frame(frame: bytes) -> tuple[Message, ...]:
    """Read a peer's frame; FrameError unless it is canonical, non-empty and within limits."""
    try:
        listed = canonical.decode(frame, FRAME)
        if not isinstance(listed, list) or not listed:
            raise FrameError("R-NET1: a frame is a list of one message or more")
        return tuple(_message(entry) for entry in listed)
    except CodecError as error:
        raise FrameError(f"R-NET1: {error}") from None


def _message(entry: object) -> Message:
    fields = canonical.fields(entry, ("kind", "payload"), "message")
    kind, payload = fields["kind"], fields["payload"]
    if not isinstance(kind, str) or not isinstance(payload, bytes):
        raise FrameError("R-NET1: a message is a text kind and a payload of bytes")
    return Message(kind, payload)
