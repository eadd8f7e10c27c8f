"""How an instruction and its answer pass the gate, a socket of the local machine.

A frame: four bytes length of the head, the head (JSON, at most 4 KiB), and weights or nothing, as
the head's kind says. The length of the weights follows from the agreement; no frame names its own.
"""

import json
import socket
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from medquorum.ai_entity.federated.agreement import Agreement
from medquorum.ai_entity.federated.exchange import (
    WEIGHT_TYPE,
    ExchangeRefused,
    Refusal,
    Weights,
    pack_weights,
    unpack_weights,
)

HEAD_BYTES: Final = 4_096


class Kind(StrEnum):
    """What a frame is."""

    TRAIN = "train"
    EVALUATE = "evaluate"
    TRAINED = "trained"
    EVALUATED = "evaluated"
    REFUSED = "refused"


WITH_WEIGHTS: Final = frozenset({Kind.TRAIN, Kind.EVALUATE, Kind.TRAINED})


@dataclass(frozen=True, slots=True)
class Frame:
    """One instruction or one answer."""

    kind: Kind
    told: dict[str, Any]
    """Numbers and, in a refusal, a sentence; in an instruction the round and the agreement."""
    weights: Weights | None = None


def encode_frame(agreement: Agreement, frame: Frame) -> bytes:
    """The frame's bytes. Raises ExchangeRefused for weights that may not pass."""
    head = json.dumps({"kind": frame.kind.value, "told": frame.told}).encode()
    if len(head) > HEAD_BYTES:
        raise ExchangeRefused(Refusal.MALFORMED, f"a head of more than {HEAD_BYTES} bytes")
    body = b""
    if frame.kind in WITH_WEIGHTS:
        if frame.weights is None:
            raise ExchangeRefused(Refusal.WRONG_NAMES, f"{frame.kind} needs weights")
        body = pack_weights(agreement, frame.weights)
    return len(head).to_bytes(4, "big") + head + body


def read_frame(agreement: Agreement, connection: socket.socket) -> Frame:
    """The next frame. Raises ExchangeRefused; the connection cannot be used after that."""
    length = int.from_bytes(_exactly(connection, 4), "big")
    if length > HEAD_BYTES:
        raise ExchangeRefused(Refusal.MALFORMED, f"a head of more than {HEAD_BYTES} bytes")
    try:
        head = json.loads(_exactly(connection, length))
        kind, told = Kind(head["kind"]), dict(head["told"])
    except (ValueError, KeyError, TypeError) as error:
        raise ExchangeRefused(Refusal.MALFORMED, "the head is no instruction") from error
    if set(head) != {"kind", "told"}:
        raise ExchangeRefused(Refusal.MALFORMED, "the head holds more than kind and numbers")
    weights = None
    if kind in WITH_WEIGHTS:
        size = agreement.numbers * WEIGHT_TYPE.itemsize
        weights = unpack_weights(agreement, _exactly(connection, size))
    return Frame(kind, told, weights)


def send_frame(agreement: Agreement, connection: socket.socket, frame: Frame) -> None:
    """Send all of it."""
    connection.sendall(encode_frame(agreement, frame))


def _exactly(connection: socket.socket, count: int) -> bytes:
    pieces, missing = [], count
    while missing:
        piece = connection.recv(min(missing, 1 << 20))
        if not piece:
            raise ExchangeRefused(Refusal.MALFORMED, "the other side ended within a frame")
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
