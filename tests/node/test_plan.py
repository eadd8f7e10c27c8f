"""What a round makes durable: which effect becomes which rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from medquorum.consensus.effects import (
    CeaseVoting,
    Commit,
    Convict,
    Effect,
    Halt,
    HaltReason,
    Persist,
)
from medquorum.consensus.events import Accepted, CharterChanged, DoubleVote, Forgotten
from medquorum.consensus.ordering.evidence import Contradiction, VoteEvidence
from medquorum.consensus.ordering.journal import Notarised, Skipped
from medquorum.consensus.pool import Pool
from medquorum.ledger.certificate import Statement, state
from medquorum.ledger.chain import genesis
from medquorum.ledger.keys import Purpose
from medquorum.ledger.reasons import ACCEPT, Reason
from medquorum.ledger.types import BatchHash, Decision, OrderingKind
from medquorum.node.plan import Kept, Plan
from medquorum.node.store.chain_rows import load_batches, load_journal
from medquorum.node.store.clinical_rows import load_proposal, load_votes
from medquorum.node.store.engine import Store, default_storage_url, open_store
from medquorum.node.store.halt_rows import load_halts
from tests.ledger.charter_kit import signer_of
from tests.support.chains import Chain
from tests.support.governed_story import governed
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


async def test_why_ordering_stopped_is_kept_with_what_shows_it(store: Store) -> None:
    chain = chain_of_one()
    _, own = chain.entries[0]
    assert own is not None
    other = replace(own, statement=replace(own.statement, hash=BatchHash(digest("a fork"))))
    forgotten = state(own.statement, 1, NETWORK.id, signer_of(NETWORK.doctors[1], Purpose.CLINICAL))
    await perform(store, Halt(HaltReason.FORK, (own, other)))
    await perform(store, CeaseVoting(forgotten))
    last, first = await store.read(load_halts)
    assert (first.reason, first.vote, first.found_at_us) == ("fork", None, 5_000)
    assert first.certificates == (own.encoded(), other.encoded())
    assert (last.reason, last.certificates, last.vote) == ("ceased_voting", (), forgotten.encoded())


async def test_votes_that_a_new_charter_does_not_count_may_be_cast_again(store: Store) -> None:
    """R-GOV8: the pool has dropped them, so that the store must take the ones cast anew."""
    proposal = registration(NETWORK)
    old, kept = (vote(NETWORK, proposal, NETWORK.doctors[number]) for number in (1, 2))
    pool = Pool()
    assert pool.add_proposal(proposal, genesis(NETWORK.charter)) == ACCEPT
    entry = pool.get(proposal.id)
    assert entry is not None
    memory = Kept(pool)
    before = Plan(5_000, 0)
    before.take([Accepted(proposal), Accepted(old), Accepted(kept)], memory)
    await store.writer.submit(before.write)
    entry.votes = {kept.ballot.voter: kept}
    after = Plan(6_000, 0)
    after.take([CharterChanged(NETWORK.charter)], memory)
    assert not after.empty
    await store.writer.submit(after.write)
    load = partial(load_votes, proposal=proposal.id)
    assert await store.read(load) == [kept]
    again = vote(NETWORK, proposal, NETWORK.doctors[1], Decision.REJECT)
    anew = Plan(7_000, 0)
    anew.take([Accepted(again)], memory)
    await store.writer.submit(anew.write)
    assert set(await store.read(load)) == {kept, again}


async def test_the_journal_of_an_epoch_goes_with_the_batch_that_ended_it(store: Store) -> None:
    story = governed()
    last = next(n for n, entry in enumerate(story.entries) if entry.batch.header.epoch == 1) - 1
    entry = story.entries[last]
    assert entry.certificate is not None
    await perform(store, Persist(Skipped(3), 0), Persist(Skipped(1), 1), log_length=last)
    commit = Commit(entry.batch, entry.certificate, entry.tail)
    await perform(store, commit, log_length=last)
    assert await store.read(partial(load_journal, epoch=0)) == []
    assert [row.slot for row in await store.read(partial(load_journal, epoch=1))] == [1]


async def test_a_tail_is_kept_with_the_certificate_that_closes_it(store: Store) -> None:
    story = governed()
    place, entry = next((n, one) for n, one in enumerate(story.entries) if one.tail)
    assert entry.certificate is not None
    assert entry.certificate.statement.hash == entry.tail[-1].hash
    commit = Commit(entry.batch, entry.certificate, entry.tail)
    await perform(store, commit, log_length=place)
    (kept,) = await store.read(partial(load_batches, first=0, limit=10))
    assert (kept.batch, kept.certificate, kept.tail) == (
        entry.batch,
        entry.certificate,
        entry.tail,
    )
