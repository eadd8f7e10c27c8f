"""A batch keeps to the charter's count, the protocol's size and the seal (R-ORD8, R-ORD16)."""

import pytest

from medquorum.consensus import composition
from medquorum.consensus.composition import body_agrees, compose, seal_holds
from medquorum.consensus.pool import Candidate
from medquorum.ledger.chain import ChainState
from medquorum.ledger.limits import BATCH_BODY_BYTES
from medquorum.ledger.reasons import Reason, Reject
from tests.consensus.batches import after, ct, forced, judged
from tests.support.chains import Chain
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


def test_no_more_blocks_than_the_charter_says() -> None:
    """R-CHA2, R-ORD8: batch_blocks binds leader and judges."""
    chain = Chain(make_network(1, batch_blocks=2))
    decided = crowd(chain.network, chain.state, 3)
    contents = compose(decided, chain.state, 2, START_MS)
    assert [block.proposal for block in contents.blocks] == [one.proposal for one in decided[:2]]
    three = compose(decided, chain.state, 3, START_MS)
    batch = forced(chain, zip(three.blocks, three.witnesses, strict=True))
    assert judged(chain, batch) == Reject(Reason.BAD_HEADER)


def test_a_body_has_at_most_its_bytes(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-ORD8: the size of the encoded body, exactly; compose leaves room for certificates."""
    batch = after(chain, ct(chain))
    charter = chain.network.charter
    size = len(batch.body_encoded())
    assert size < BATCH_BODY_BYTES
    monkeypatch.setattr(composition, "BATCH_BODY_BYTES", size)
    assert body_agrees(batch, charter)
    monkeypatch.setattr(composition, "BATCH_BODY_BYTES", size - 1)
    assert not body_agrees(batch, charter)
    assert judged(chain, batch) == Reject(Reason.BAD_HEADER)
    assert compose([ct(chain)], chain.state, 256, START_MS + 1).blocks == ()


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
