"""What a round makes durable: which effect becomes which rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from medquorum.consensus.effects import Commit, Convict, Effect, Persist
from medquorum.consensus.events import Accepted, DoubleVote, Forgotten
from medquorum.consensus.ordering.evidence import Contradiction, VoteEvidence
from medquorum.consensus.ordering.journal import Notarised, Skipped
from medquorum.consensus.pool import Pool
from medquorum.ledger.certificate import Statement, state
from medquorum.ledger.keys import Purpose
from medquorum.ledger.reasons import Reason
from medquorum.ledger.types import BatchHash, Decision, OrderingKind
from medquorum.node.plan import Kept, Plan
from medquorum.node.store.chain_rows import load_batches, load_journal
from medquorum.node.store.clinical_rows import load_proposal, load_votes
from medquorum.node.store.engine import Store, default_storage_url, open_store
from tests.ledger.charter_kit import signer_of
from tests.support.chains import Chain
from tests.support.network import digest, make_network, registration, vote, votes

NETWORK = make_network()
DOCTORS = tuple(doctor.address for doctor in NETWORK.charter.doctors)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(tmp_path, default_storage_url(tmp_path))
    yield opened
    await opened.close()


async def perform(store: Store, *effects: object, log_length: int = 0) -> Plan:
    plan = Plan(5_000, log_length)
    plan.take(effects, Kept(Pool()))  # type: ignore[arg-type]
    await store.writer.submit(plan.write)
    return plan


def chain_of_one() -> Chain:
    chain = Chain(NETWORK)
    chain.stage(registration(NETWORK))
    chain.close()
    return chain


async def test_nothing_durable_makes_an_empty_plan() -> None:
    plan = Plan(0, 0)
    plan.take((), Kept(Pool()))
    assert plan.empty


async def test_an_accepted_object_is_open_until_its_block(store: Store) -> None:
    proposal = registration(NETWORK)
    first = vote(NETWORK, proposal, NETWORK.doctors[1])
    await perform(store, Accepted(proposal), Accepted(first))
    row = await store.read(lambda connection: load_proposal(connection, proposal.id))
    assert row is not None
    assert (row.proposal, row.state, row.reason, row.received_at_us) == (
        proposal,
        "open",
        None,
        5_000,
    )
    assert await store.read(lambda connection: load_votes(connection, proposal.id)) == [first]


async def test_a_block_keeps_a_proposal_and_votes_that_never_arrived(store: Store) -> None:
    chain = chain_of_one()
    batch, own = chain.entries[0]
    assert own is not None
    await perform(store, Commit(batch, own))
    proposal = batch.blocks[0].proposal
    row = await store.read(lambda connection: load_proposal(connection, proposal.id))
    assert row is not None
    assert row.state == "accepted"
    kept = await store.read(lambda connection: load_votes(connection, proposal.id))
    assert kept == list(batch.witnesses[0].votes)


async def test_the_first_vote_of_a_doctor_stays(store: Store) -> None:
    proposal = registration(NETWORK)
    first = vote(NETWORK, proposal, NETWORK.doctors[1])
    other = vote(NETWORK, proposal, NETWORK.doctors[1], Decision.REJECT)
    await perform(store, Accepted(proposal), Accepted(first))
    await perform(store, Accepted(other))
    assert await store.read(lambda connection: load_votes(connection, proposal.id)) == [first]


async def test_a_batch_keeps_a_certificate_of_its_own_only(store: Store) -> None:
    chain = Chain(NETWORK)
    chain.stage(registration(NETWORK))
    chain.close(final=False)
    chain.stage(registration(NETWORK, "patient 2"))
    chain.close()
    (first, _), (second, own) = chain.entries
    assert own is not None
    await perform(store, Commit(first, own), Commit(second, own))
    finals = await store.read(lambda connection: load_batches(connection, 0, 10))
    assert [(one.log_index, one.batch, one.certificate) for one in finals] == [
        (0, first, None),
        (1, second, own),
    ]


async def test_the_journal_of_final_slots_is_forgotten_and_the_rest_kept(store: Store) -> None:
    chain = chain_of_one()
    batch, own = chain.entries[0]
    assert own is not None
    old, same, later = Skipped(0), Notarised(1, batch.hash), Skipped(2)
    await perform(store, Persist(old, 0), Persist(same, 0), Persist(later, 0))
    await perform(store, Commit(batch, own))
    kept = await store.read(partial(load_journal, epoch=0))
    assert [(row.slot, row.kind) for row in kept] == [(1, "notarised"), (2, "skipped")]


@pytest.mark.parametrize(
    ("reason", "state"), [(Reason.EXPIRED, "expired"), (Reason.STALE_POSITION, "stale")]
)
async def test_what_is_forgotten_is_closed_with_its_reason(
    store: Store, reason: Reason, state: str
) -> None:
    proposal = registration(NETWORK)
    await perform(store, Accepted(proposal))
    await perform(store, Forgotten(proposal.id, reason))
    row = await store.read(lambda connection: load_proposal(connection, proposal.id))
    assert row is not None
    assert (row.state, row.reason) == (state, reason.value)


async def test_both_originals_of_a_contradiction_are_kept(store: Store) -> None:
    proposal = registration(NETWORK)
    pair = tuple(
        vote(NETWORK, proposal, NETWORK.doctors[2], decision)
        for decision in (Decision.APPROVE, Decision.REJECT)
    )
    signed = [
        state(
            Statement(0, 4, OrderingKind.NOTAR, BatchHash(digest(label))),
            1,
            NETWORK.id,
            signer_of(NETWORK.doctors[1], Purpose.CONSENSUS),
        )
        for label in ("one", "another")
    ]
    evidence = VoteEvidence(Contradiction.TWO_NOTARS, 1, 4, signed[0], signed[1])
    effects: tuple[Effect | DoubleVote, ...] = (DoubleVote(*pair), Convict(evidence, DOCTORS[1]))
    await perform(store, *effects)
    query = "SELECT kind, culprit, first, second FROM evidence ORDER BY sequence"
    rows = await store.read(lambda connection: connection.exec_driver_sql(query).all())
    assert [tuple(row) for row in rows] == [
        ("double_vote", DOCTORS[2], pair[0].encoded(), pair[1].encoded()),
        ("two_notars", DOCTORS[1], signed[0].encoded(), signed[1].encoded()),
    ]


async def test_two_proposals_of_one_record_are_both_kept(store: Store) -> None:
    first = registration(NETWORK)
    second = registration(NETWORK, "patient 2", record=first.core.record)
    await perform(store, Accepted(first), Accepted(second))
    chain = Chain(NETWORK)
    cast = votes(NETWORK, second, chain.view)
    await perform(store, *(Accepted(one) for one in cast))
    for proposal in (first, second):
        row = await store.read(partial(load_proposal, identifier=proposal.id))
        assert row is not None
        assert row.proposal == proposal
