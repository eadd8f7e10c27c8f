"""Exports and proofs from the store, judged by the offline verifiers (R-EXP1 to R-EXP3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from medquorum.consensus.proofs import check_proof
from medquorum.consensus.verification import verify_export
from medquorum.ledger.proof import Proof
from medquorum.ledger.types import BlockType, Outcome
from medquorum.node.archive import export_frames, export_head, patient_blocks, prove
from medquorum.node.store.chain_rows import log_length
from medquorum.node.store.engine import Store, default_storage_url, open_store
from tests.node.kit import keep_chain
from tests.support import chains
from tests.support.chains import Chain, grow
from tests.support.network import make_network, propose, registration

CHAIN = grow()
NETWORK = CHAIN.network
CHARTERS = (NETWORK.charter,)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(tmp_path, default_storage_url(tmp_path))
    yield opened
    await opened.close()


async def kept(store: Store, chain: Chain) -> None:
    await store.writer.submit(lambda connection: keep_chain(connection, chain))


async def exported(store: Store) -> list[bytes]:
    return [frame async for frame in export_frames(store, NETWORK.id)]


async def test_an_export_is_byte_for_byte_the_chain(store: Store) -> None:
    await kept(store, CHAIN)
    frames = await exported(store)
    assert frames == chains.export_frames(CHAIN)
    outcome = verify_export(frames, NETWORK.charter)
    assert (outcome.valid, outcome.blocks) == (True, CHAIN.state.n_bc), outcome.reason


async def test_an_empty_chain_has_an_export_too(store: Store) -> None:
    outcome = verify_export(await exported(store), NETWORK.charter)
    assert (outcome.valid, outcome.blocks) == (True, 0), outcome.reason


async def test_an_export_ends_with_a_batch_that_has_its_own_certificate(store: Store) -> None:
    chain = Chain(NETWORK)
    chain.stage(registration(NETWORK))
    chain.close()
    chain.stage(registration(NETWORK, "patient 2"))
    chain.close(final=False)
    await kept(store, chain)
    head, length = await store.read(lambda connection: export_head(connection, NETWORK.id))
    assert (head.tip_n_bc, head.tip_hash, length) == (1, chain.entries[0][0].hash, 1)
    outcome = verify_export(await exported(store), NETWORK.charter)
    assert (outcome.valid, outcome.blocks) == (True, 1), outcome.reason
    assert await store.read(lambda connection: prove(connection, 2, CHARTERS)) is None


async def test_an_export_of_many_pages_has_no_seam(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medquorum.node.archive.PAGE", 2)
    await kept(store, CHAIN)
    assert await exported(store) == chains.export_frames(CHAIN)


@pytest.mark.parametrize("n_bc", range(1, CHAIN.state.n_bc + 1))
async def test_every_block_has_a_proof(store: Store, n_bc: int) -> None:
    await kept(store, CHAIN)
    proof = await store.read(lambda connection: prove(connection, n_bc, CHARTERS))
    assert isinstance(proof, Proof)
    assert proof == chains.make_proof(CHAIN, n_bc)
    outcome = check_proof(proof.encoded(), NETWORK.charter)
    assert (outcome.valid, outcome.height) == (True, n_bc), outcome.reason


@pytest.mark.parametrize("n_bc", [0, CHAIN.state.n_bc + 1])
async def test_no_block_has_no_proof(store: Store, n_bc: int) -> None:
    await kept(store, CHAIN)
    assert await store.read(lambda connection: prove(connection, n_bc, CHARTERS)) is None


async def test_a_rejected_block_is_proven_from_what_its_issuer_had_seen(store: Store) -> None:
    chain = Chain(NETWORK)
    first = chain.stage(registration(NETWORK))
    chain.close()
    late = propose(NETWORK, chain.view, BlockType.PRESCRIPTION, seen_head=first.hash)
    chain.stage(propose(NETWORK, chain.view, BlockType.CT))
    chain.close()
    rejected = chain.stage(late, outcome=Outcome.REJECTED)
    chain.close()
    await kept(store, chain)
    n_bc = rejected.header.n_bc
    proof = await store.read(lambda connection: prove(connection, n_bc, CHARTERS))
    assert proof is not None
    outcome = check_proof(proof.encoded(), NETWORK.charter)
    assert (outcome.valid, outcome.height) == (True, n_bc), outcome.reason


async def test_a_patients_blocks_are_the_accepted_ones_in_order(store: Store) -> None:
    await kept(store, CHAIN)
    for patient in (1, 2):
        blocks = await store.read(partial(patient_blocks, patient=patient))
        assert [block.header.n_pa for block in blocks] == list(range(1, len(blocks) + 1))
        assert {block.header.n_pb for block in blocks} == {patient}
    assert await store.read(log_length) == len(CHAIN.entries)


async def test_a_proof_says_nothing_under_another_charter(store: Store) -> None:
    await kept(store, CHAIN)
    proof = await store.read(lambda connection: prove(connection, 1, CHARTERS))
    assert proof is not None
    assert not check_proof(proof.encoded(), make_network(5).charter).valid
