"""The wire form of ordering messages: R-NET1, R-CAN3 to R-CAN6."""

import pytest

from medquorum.consensus.messages import (
    KINDS,
    Ask,
    BatchBody,
    CertificateMessage,
    GetBatch,
    Message,
    OrderingVoteMessage,
    Status,
    Sync,
    decode_message,
    encode_message,
)
from medquorum.consensus.ordering.compact import CompactEntry, compact_of, voters_of
from medquorum.ledger import canonical
from medquorum.ledger.block import Witness
from medquorum.ledger.errors import CodecError
from medquorum.ledger.types import Decision, Outcome
from medquorum.ledger.vote import Ballot, cast
from tests.consensus.ordering import toy
from tests.consensus.ordering.bench import (
    FINAL,
    NOTAR,
    SKIP,
    batch,
    certificate,
    proposal,
    vote,
)

BATCH = batch(3, [1, 2], skipped=(1, 2))
FINALITY = certificate(FINAL, 3, BATCH.hash)
EVERY_MESSAGE: list[Message] = [
    proposal(BATCH),
    OrderingVoteMessage(vote(NOTAR, 3, BATCH.hash, 1)),
    CertificateMessage(FINALITY),
    Status(0, 7, 9, (vote(SKIP, 10, None, 2),), (FINALITY,)),
    Ask(5),
    Sync(4, BATCH, FINALITY),
    Sync(4, BATCH, None),
    Sync(4, BATCH, FINALITY, (BATCH, BATCH)),
    Status(2, 7, 0, asks=True),
    Status(2, 7, 0, shows=True),
    GetBatch(BATCH.hash),
    BatchBody(BATCH),
]


@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=lambda one: type(one).__name__)
def test_every_message_survives_the_wire(message: Message) -> None:
    kind, payload = encode_message(message)
    assert kind in KINDS
    again = decode_message(kind, payload)
    assert again == message
    assert encode_message(again) == (kind, payload)


@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=lambda one: type(one).__name__)
def test_nothing_else_is_read(message: Message) -> None:
    """R-CAN4, R-CAN5: longer, shorter, of another kind."""
    kind, payload = encode_message(message)
    others = [one for one in KINDS if one != kind]
    for wrong_kind, wrong in (
        (kind, payload + b"\x00"),
        (kind, payload[:-1]),
        (kind, b""),
        ("prophecy", payload),
        *((other, payload) for other in others),
    ):
        with pytest.raises(CodecError):
            decode_message(wrong_kind, wrong)


def test_the_hash_of_a_proposal_is_its_headers() -> None:
    """R-ORD7."""
    message = proposal(BATCH)
    assert (message.hash, message.header) == (BATCH.hash, BATCH.header)


@pytest.mark.parametrize(
    "kind, value",
    [
        ("ask", {"log_length": -1}),
        ("ask", {"log_length": 1, "more": 1}),
        ("ask", {"log_length": True}),
        ("get-batch", {"hash": b"short"}),
        (
            "status",
            {
                "certificates": [FINALITY.encoded()] * 33,
                "epoch": 0,
                "final_slot": 0,
                "log_length": 0,
                "votes": [],
            },
        ),
    ],
)
def test_limits_hold(kind: str, value: dict[str, object]) -> None:
    """R-CAN3, R-CAN5."""
    with pytest.raises(CodecError):
        decode_message(kind, canonical.encode(value))


def test_the_bitmap_names_the_witness_by_number() -> None:
    """R-SIM5: bit i of the map is doctor i."""
    doctors = toy.doctors(10)
    (block, _) = BATCH.blocks
    votes = tuple(
        cast(
            Ballot(block.header.proposal, doctors[number], Decision.APPROVE),
            toy.NETWORK,
            toy.toy_signer(number),
        )
        for number in (0, 3, 9)
    )
    (entry,) = compact_of([block], [Witness(votes)], doctors)
    assert entry == CompactEntry(block.header.proposal, bytes([0b1001, 0b10]), Outcome.ACCEPTED)
    assert voters_of(entry) == (0, 3, 9)
    (stranger,) = compact_of([block], [Witness(votes)], doctors[:3])
    assert voters_of(stranger) == (0,)
