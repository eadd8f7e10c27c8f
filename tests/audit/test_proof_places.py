"""A quorum can sign a place that is none: both verifiers of a proof refuse it (R-ORD, R-EXP3)."""

from dataclasses import replace
from typing import Any

import pytest

from medquorum.ledger import merkle
from medquorum.ledger.batch import Batch
from medquorum.ledger.block import place
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.proof import Proof
from medquorum.ledger.types import BatchHash, BlockHash, BlockType, OrderingKind
from tests.audit.test_rejection_proofs import verdict
from tests.support.chains import Chain, Place, certificate, make_batch
from tests.support.network import candidate, digest, make_network, propose, registration

ELSEWHERE = BlockHash(digest("a block of another chain"))


def proved(chain: Chain, batch: Batch, *, empty: dict[str, Any] | None = None) -> Proof:
    """The proof of a batch's only block, an empty batch after it; a quorum signs either."""
    block, witness = batch.blocks[0], batch.witnesses[0]
    known = (chain.blocks[0],) if block.proposal.core.patient else ()
    headers, last = [batch.header], batch.header
    if empty is not None:
        last = replace(
            last,
            slot=last.slot + 1,
            leader=(last.slot + 1) % 4,
            parent_slot=last.slot,
            parent_hash=batch.hash,
            first_nbc=last.first_nbc + 1,
            count=0,
            blocks_root=merkle.root([]),
            witness_root=merkle.root([]),
            time_ms=last.time_ms + 1,
            **empty,
        )
        headers.append(last)
    final = certificate(chain.network, OrderingKind.FINAL, last.slot, last.hash())
    history = tuple((one.header, one.proposal.core) for one in known)
    return Proof(block, witness, 0, (), (), tuple(headers), final, history)


def first_batch(chain: Chain, header: dict[str, Any], block: dict[str, Any]) -> Batch:
    """The first batch, of one registration, with other fields in either header."""
    form = candidate(chain.network, registration(chain.network), chain.state)
    return spoiled(make_batch(chain.network, chain.state, [form], Place()), header, block)


def second_batch(chain: Chain, header: dict[str, Any], block: dict[str, Any]) -> Batch:
    """The second, of one CT of patient 1."""
    chain.stage(registration(chain.network))
    chain.close()
    image = propose(chain.network, chain.state, BlockType.CT)
    decided = candidate(chain.network, image, chain.state)
    where = Place(2, 1, chain.hash, chain.time_ms)
    return spoiled(make_batch(chain.network, chain.state, [decided], where), header, block)


def spoiled(batch: Batch, header: dict[str, Any], block: dict[str, Any]) -> Batch:
    """Everything else follows from the changes."""
    only = place(replace(batch.blocks[0].header, **block), batch.blocks[0].proposal)
    root = merkle.root([only.encoded()])
    fitting = replace(batch.header, blocks_root=root, last_block_hash=only.hash)
    return Batch(replace(fitting, **header), (only,), batch.witnesses, batch.justification)


@pytest.mark.parametrize(
    ("header", "block"),
    [
        ({}, {}),
        ({"time_ms": 0}, {}),
        ({"parent_hash": BatchHash(digest("a batch"))}, {}),
        ({"first_nbc": 2}, {"n_bc": 2}),
        ({"last_block_hash": ELSEWHERE}, {}),
        ({}, {"hprevious": ELSEWHERE}),
        ({}, {"n_pb": 0}),
        ({}, {"n_pa": 2}),
        ({}, {"hpatient": ELSEWHERE}),
    ],
)
def test_the_first_block_has_the_first_place(header: dict[str, Any], block: dict[str, Any]) -> None:
    """R-ORD2, R-ORD3, R-ORD7, R-ORD9, R-ORD13."""
    chain = Chain(make_network())
    proof = proved(chain, first_batch(chain, header, block))
    assert verdict(chain, proof) is (not header and not block)


@pytest.mark.parametrize(
    ("header", "block"),
    [
        ({}, {}),
        ({"last_block_hash": ELSEWHERE}, {}),
        ({}, {"n_pb": 2}),
        ({}, {"n_pa": 3}),
        ({}, {"hpatient": BlockHash(ZERO)}),
    ],
)
def test_a_later_block_has_its_patients_next_place(
    header: dict[str, Any], block: dict[str, Any]
) -> None:
    """R-ORD3, R-ORD7."""
    chain = Chain(make_network())
    proof = proved(chain, second_batch(chain, header, block))
    assert verdict(chain, proof) is (not header and not block)


@pytest.mark.parametrize(
    ("changes", "valid"), [({}, True), ({"last_block_hash": ELSEWHERE}, False)]
)
def test_an_empty_batch_on_the_way_adds_no_block(changes: dict[str, Any], valid: bool) -> None:
    """R-ORD7."""
    chain = Chain(make_network())
    proof = proved(chain, second_batch(chain, {}, {}), empty=changes)
    assert verdict(chain, proof) is valid
