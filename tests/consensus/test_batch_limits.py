"""A batch keeps to the charter's count, the protocol's size and the seal (R-ORD8, R-ORD16)."""

from dataclasses import replace

import pytest

from medquorum.consensus import composition
from medquorum.consensus.composition import body_agrees, compose, seal_holds
from medquorum.consensus.pool import Candidate
from medquorum.ledger import batch as batch_records
from medquorum.ledger.batch import ENTRY_BYTES, Batch, room_beside
from medquorum.ledger.chain import ChainState
from medquorum.ledger.limits import BATCH_BODY_BYTES
from medquorum.ledger.reasons import ACCEPT, Reason, Reject
from medquorum.ledger.types import OrderingKind
from tests.consensus.batches import after, ct, forced, judged
from tests.support.chains import Chain, Place, certificate, make_batch
from tests.support.network import (
    START_MS,
    Network,
    candidate,
    make_network,
    registration,
)


def crowd(network: Network, view: ChainState, patients: int) -> list[Candidate]:
    """Registrations of many patients."""
    return [
        candidate(network, registration(network, f"patient {number}"), view)
        for number in range(100, 100 + patients)
    ]


def forced_empty(chain: Chain) -> Batch:
    """The first batch of a chain, with nothing in it."""
    return make_batch(chain.network, chain.state, [], Place())


def test_no_more_blocks_than_the_charter_says() -> None:
    """R-CHA2, R-ORD8: batch_blocks binds leader and judges."""
    chain = Chain(make_network(1, batch_blocks=2))
    decided = crowd(chain.network, chain.state, 3)
    contents = compose(decided, chain.state, 2, START_MS, BATCH_BODY_BYTES)
    assert [block.proposal for block in contents.blocks] == [one.proposal for one in decided[:2]]
    three = compose(decided, chain.state, 3, START_MS, BATCH_BODY_BYTES)
    batch = forced(chain, zip(three.blocks, three.witnesses, strict=True))
    assert judged(chain, batch) == Reject(Reason.BAD_HEADER)


def test_a_body_has_at_most_its_bytes(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-ORD8: the size of the encoded body, exactly."""
    batch = after(chain, ct(chain))
    charter = chain.network.charter
    size = len(batch.body_encoded())
    assert size < BATCH_BODY_BYTES
    monkeypatch.setattr(composition, "BATCH_BODY_BYTES", size)
    assert body_agrees(batch, charter)
    monkeypatch.setattr(composition, "BATCH_BODY_BYTES", size - 1)
    assert not body_agrees(batch, charter)
    assert judged(chain, batch) == Reject(Reason.BAD_HEADER)


def test_compose_keeps_to_the_room_it_is_given(chain: Chain) -> None:
    """R-ORD8: to the byte."""
    image = ct(chain)
    (block,) = compose([image], chain.state, 256, START_MS + 1, BATCH_BODY_BYTES).blocks
    size = len(block.encoded()) + len(image.witness.encoded()) + 2 * ENTRY_BYTES
    assert compose([image], chain.state, 256, START_MS + 1, size).blocks == (block,)
    assert compose([image], chain.state, 256, START_MS + 1, size - 1).blocks == ()


def test_a_batch_after_many_skipped_slots_is_smaller_and_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """R-ORD8: what its certificates take, the blocks leave; nobody refuses a leader's batch."""
    limit = 16_384
    monkeypatch.setattr(batch_records, "BATCH_BODY_BYTES", limit)
    monkeypatch.setattr(composition, "BATCH_BODY_BYTES", limit)
    chain = Chain(make_network())
    decided = crowd(chain.network, chain.state, 10)
    counts = []
    for skipped in (0, 8, 16, 24, 32, 40, 48):
        place = Place(slot=skipped + 1, time_ms=START_MS)
        batch = make_batch(chain.network, chain.state, decided, place)
        assert room_beside(batch.justification) >= 0
        assert judged(chain, batch) == ACCEPT
        assert len(batch.body_encoded()) <= limit
        counts.append(len(batch.blocks))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] >= 5
    assert counts[-1] < counts[0] // 2
    many = [certificate(chain.network, OrderingKind.SKIP, slot) for slot in range(1, 80)]
    assert room_beside(many) < 0


@pytest.mark.parametrize("size", [0, 15, 16, 255, 256, 257, 1_000])
def test_the_room_beside_certificates_is_never_too_much(size: int) -> None:
    """R-ORD8: whatever header the length of a list or an entry needs."""
    chain = Chain(make_network(1))
    skip = certificate(chain.network, OrderingKind.SKIP, 1)
    taken = len(replace(forced_empty(chain), justification=(skip,) * size).body_encoded())
    assert BATCH_BODY_BYTES - taken >= room_beside((skip,) * size)
    assert room_beside((skip,) * 1_025) < 0


@pytest.mark.parametrize(
    ("leading", "nonce", "bits", "holds"),
    [
        (b"\xff", 0, 0, True),
        (b"\x00", 1, 0, False),
        (b"\x00\x00\xff", 7, 16, True),
        (b"\x00\x01\xff", 7, 16, False),
        (b"\x01", 0, 7, True),
        (b"\x01", 0, 8, False),
    ],
)
def test_the_seal_is_there_exactly_when_asked_for(
    leading: bytes, nonce: int, bits: int, holds: bool
) -> None:
    """R-ORD16."""
    assert seal_holds(leading.ljust(32, b"\xff"), nonce, bits) is holds
