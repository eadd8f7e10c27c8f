"""Instructions and answers at the gate: whole, bounded, and nothing beside them."""

import json
import socket
import threading

import numpy as np
import pytest

from medquorum.ai_entity.federated.exchange import ExchangeRefused, Refusal
from medquorum.ai_entity.federated.frames import HEAD_BYTES, Frame, Kind, encode_frame, read_frame
from tests.ai_entity.federated.agreements import small_agreement, small_weights

AGREEMENT = small_agreement()


def received(octets: bytes) -> Frame:
    near, far = socket.socketpair()
    with near, far:
        near.settimeout(10)

        def send() -> None:
            far.sendall(octets)
            far.close()

        sender = threading.Thread(target=send)
        sender.start()
        try:
            return read_frame(AGREEMENT, near)
        finally:
            sender.join(10)


def head(document: object) -> bytes:
    octets = json.dumps(document).encode()
    return len(octets).to_bytes(4, "big") + octets


def test_an_instruction_comes_as_it_was_sent() -> None:
    sent = Frame(Kind.TRAIN, {"round": 1, "agreement": AGREEMENT.digest}, small_weights())
    octets = encode_frame(AGREEMENT, sent)
    got = received(octets)
    assert (got.kind, got.told) == (sent.kind, sent.told)
    assert got.weights is not None
    assert all(np.array_equal(got.weights[name], small_weights()[name]) for name in got.weights)
    assert len(octets) <= 4 + HEAD_BYTES + 4 * AGREEMENT.numbers


def test_an_evaluation_brings_no_weights_back() -> None:
    octets = encode_frame(AGREEMENT, Frame(Kind.EVALUATED, {"dice": 0.5}))
    assert received(octets).weights is None
    assert len(octets) < 4 + HEAD_BYTES


@pytest.mark.parametrize(
    ("octets", "refusal"),
    [
        (b"", Refusal.MALFORMED),
        (b"\x00\x00", Refusal.MALFORMED),
        (b"\xff\xff\xff\xff", Refusal.MALFORMED),
        ((HEAD_BYTES + 1).to_bytes(4, "big") + bytes(HEAD_BYTES + 1), Refusal.MALFORMED),
        (b"\x00\x00\x00\x04ABCD", Refusal.MALFORMED),
        (head([]), Refusal.MALFORMED),
        (head({"kind": "delete", "told": {}}), Refusal.MALFORMED),
        (head({"kind": "evaluated", "told": {}, "pixels": [1]}), Refusal.MALFORMED),
        (head({"kind": "train", "told": {}}), Refusal.MALFORMED),
        (head({"kind": "train", "told": {}}) + bytes(31), Refusal.MALFORMED),
        (
            head({"kind": "train", "told": {}}) + np.full(8, np.nan, "<f4").tobytes(),
            Refusal.NOT_FINITE,
        ),
    ],
)
def test_bytes_that_are_no_frame_are_refused(octets: bytes, refusal: Refusal) -> None:
    with pytest.raises(ExchangeRefused) as caught:
        received(octets)
    assert caught.value.refusal is refusal


def test_weights_that_may_not_pass_are_not_sent() -> None:
    frame = Frame(Kind.TRAINED, {}, {**small_weights(), "image": np.zeros((9, 9, 9), np.float32)})
    with pytest.raises(ExchangeRefused) as caught:
        encode_frame(AGREEMENT, frame)
    assert caught.value.refusal is Refusal.WRONG_NAMES


def test_a_head_with_too_much_in_it_is_not_sent() -> None:
    with pytest.raises(ExchangeRefused) as caught:
        encode_frame(AGREEMENT, Frame(Kind.EVALUATED, {"note": "x" * HEAD_BYTES}))
    assert caught.value.refusal is Refusal.MALFORMED
