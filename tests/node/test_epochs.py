"""A node across epochs: what it keeps, serves, remembers, and how it follows (R-GOV8, R-EXP1)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from medquorum.consensus.events import (
    CharterChanged,
    OrderingArrived,
    PeerConnected,
    ProposalArrived,
    VoteArrived,
)
from medquorum.consensus.messages import Ask, Status, Sync
from medquorum.consensus.proofs import check_proof
from medquorum.consensus.verification import verify_export
from medquorum.ledger.change import Change, RotateKey, SetAbsenceRule
from medquorum.ledger.charter import AbsenceRule, Charter
from medquorum.ledger.governance import Act, Amendment
from medquorum.ledger.keys import Purpose
from medquorum.ledger.proposal import GovernanceIssue, Proposal, governance_core, issue
from medquorum.ledger.reasons import ACCEPT
from medquorum.ledger.types import RecordId, VoterRole
from medquorum.node.archive import export_frames, prove
from medquorum.node.membership import MemberStanding
from medquorum.node.store.chain_rows import load_journal
from tests.ledger.charter_kit import signer_of
from tests.ledger.governance_kit import rekeyed
from tests.node.kit import Node, node_of, until
from tests.node.sealed_bodies import clock_ms, now_fields
from tests.support.governed import Governed
from tests.support.governed_story import NEW, governed
from tests.support.network import (
    HOSPITAL,
    LABORATORY,
    Network,
    address,
    digest,
    make_network,
    registration,
    vote,
)

STORY = governed()
FOUNDING = STORY.network
SECOND = FOUNDING.doctors[1]
NEW_KEYS = "the second doctor's next key"


def amendment(network: Network, base: int, *changes: Change) -> Proposal:
    """A signed amendment by the hospital that holds now."""
    return signed_act(network, Amendment(base, changes), HOSPITAL)


def signed_act(network: Network, act: Act, issuer: str) -> Proposal:
    """An act that holds now."""
    asked = GovernanceIssue(
        network=network.id,
        issuer=address(issuer),
        record=RecordId(digest(f"act of {issuer}")),
        issued_at_ms=clock_ms(),
        expires_at_ms=clock_ms() + 86_400_000,
    )
    return issue(governance_core(act, asked), signer_of(issuer, Purpose.CLINICAL))


# --- what is stored and served --------------------------------------------------------------


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Node]:
    async with node_of(FOUNDING, LABORATORY, tmp_path, STORY, run=False) as node:
        yield node


async def test_the_ledger_of_many_epochs_is_the_same_after_the_start(keeper: Node) -> None:
    state = keeper.state
    assert (state.n_bc, state.tip, state.absences) == (
        STORY.state.n_bc,
        STORY.state.tip,
        STORY.state.absences,
    )
    assert state.charters == STORY.state.charters
    replica = keeper.driver.replica
    assert (replica.epoch, replica.ordering.final_slot) == (STORY.state.charter.version, STORY.slot)


async def test_it_knows_since_when_each_charter_was_in_force(keeper: Node) -> None:
    charters = keeper.driver.charters
    assert charters.at(0) == charters.founding == FOUNDING.charter
    for entry in STORY.entries:
        header = entry.batch.header
        judged_by = charters.at(header.time_ms - 1)
        assert judged_by.version == header.epoch
    assert charters.at(2**53) == charters.current


async def test_its_export_is_byte_for_byte_the_story_with_its_tails(keeper: Node) -> None:
    frames = [frame async for frame in export_frames(keeper.store, FOUNDING.id)]
    assert frames == STORY.export()
    outcome = verify_export(frames, FOUNDING.charter)
    assert (outcome.valid, outcome.blocks) == (True, STORY.state.n_bc), outcome.reason


@pytest.mark.parametrize("n_bc", range(1, STORY.state.n_bc + 1))
async def test_every_block_of_every_epoch_is_proven(tmp_path: Path, n_bc: int) -> None:
    async with node_of(FOUNDING, LABORATORY, tmp_path, STORY, run=False) as keeper:
        versions = keeper.driver.charters.versions
        proof = await keeper.store.read(partial(prove, n_bc=n_bc, charters=versions))
        encoded = await keeper.queries.proof(n_bc)
    assert proof is not None
    expected = STORY.proof(n_bc)
    assert set(proof.registry) == set(expected.registry)
    assert (proof.epochs, proof.headers) == (expected.epochs, expected.headers)
    outcome = check_proof(encoded, FOUNDING.charter)
    assert (outcome.valid, outcome.height) == (True, n_bc), outcome.reason


# --- following -----------------------------------------------------------------------------


async def feed(node: Node, story: Governed) -> None:
    """Play a doctor's node that is ahead: it answers every request with final batches."""
    doctor, answered = address(FOUNDING.doctors[0]), list[Ask]()
    length = len(story.entries)

    def done() -> bool:
        return node.driver.durable.n_bc == story.state.n_bc

    await node.driver.put(PeerConnected(doctor))
    ahead = Status(story.state.charter.version, length, story.slot)
    await node.driver.put(OrderingArrived(ahead, doctor))
    while not done():
        await until(lambda: len(asked(node)) > len(answered) or done())
        for request in asked(node)[len(answered) :]:
            answered.append(request)
            for index, entry in enumerate(story.entries[request.log_length :][:16]):
                place = request.log_length + index
                sync = Sync(place, entry.batch, entry.certificate, entry.tail)
                await node.driver.put(OrderingArrived(sync, doctor))


def asked(node: Node) -> list[Ask]:
    return [one for one in node.mouth.said if isinstance(one, Ask)]


async def test_a_follower_catches_up_through_every_epoch(tmp_path: Path) -> None:
    async with node_of(FOUNDING, LABORATORY, tmp_path / "new") as node:
        changes: list[object] = []
        node.driver.watchers.append(changes.append)
        await feed(node, STORY)
        await until(lambda: node.driver.durable.tip == STORY.state.tip)
        versions = [one.charter.version for one in changes if isinstance(one, CharterChanged)]
        assert versions == list(range(1, STORY.state.charter.version + 1))
        assert [c.version for c in node.mouth.said if isinstance(c, Charter)] == versions
        assert node.driver.charters.versions == STORY.state.charters
        assert await node.rows("tails") == sum(len(entry.tail) for entry in STORY.entries)
        followed = [frame async for frame in export_frames(node.store, FOUNDING.id)]
    assert verify_export(followed, FOUNDING.charter).valid
    assert followed == STORY.export(), "tails and certificates included"
    async with node_of(FOUNDING, LABORATORY, tmp_path / "new", run=False) as again:
        assert again.state.tip == STORY.state.tip
        assert again.driver.charters.versions == STORY.state.charters


async def test_without_its_tail_an_epoch_does_not_end(tmp_path: Path) -> None:
    """The certificate names the last of the tail: without it nothing shows the end is final."""
    first = next(n for n, entry in enumerate(STORY.entries) if entry.tail)
    async with node_of(FOUNDING, LABORATORY, tmp_path) as node:
        doctor = address(FOUNDING.doctors[0])
        await node.driver.put(PeerConnected(doctor))
        ahead = Status(STORY.state.charter.version, len(STORY.entries), STORY.slot)
        await node.driver.put(OrderingArrived(ahead, doctor))
        await until(lambda: asked(node))
        for index, entry in enumerate(STORY.entries[: first + 1]):
            sync = Sync(index, entry.batch, entry.certificate)
            await node.driver.put(OrderingArrived(sync, doctor))
        await until(lambda: node.driver.log_length == first)
        epoch = STORY.entries[first].batch.header.epoch
        assert node.driver.replica.epoch == epoch
        whole = STORY.entries[first]
        sync = Sync(first, whole.batch, whole.certificate, whole.tail)
        await node.driver.put(OrderingArrived(sync, doctor))
        await until(lambda: node.driver.charters.current.version == epoch + 1)


# --- seats and keys ------------------------------------------------------------------------


async def test_a_node_with_rotated_keys_takes_its_seat_when_the_amendment_is_final(
    tmp_path: Path,
) -> None:
    """Its store is empty and the charter file names the old key: it follows until it is current."""
    story = rotation()
    async with node_of(FOUNDING, SECOND, tmp_path, label=NEW_KEYS) as node:
        standing = node.membership.standing
        assert standing(node.driver.charters) is MemberStanding.OTHER_KEYS
        assert not node.driver.replica.ordering.voting
        await feed(node, story)
        await until(lambda: node.driver.charters.current.version == 1)
        assert standing(node.driver.charters) is MemberStanding.IN_FORCE
        seat = node.membership.seat_of(node.state.charter)
        assert seat is not None
        assert seat.number == node.state.charter.doctor_number(address(SECOND))
    async with node_of(FOUNDING, SECOND, tmp_path / "old keys") as outdated:
        await feed(outdated, story)
        await until(lambda: outdated.driver.charters.current.version == 1)
        assert outdated.membership.seat_of(outdated.state.charter) is None
        assert outdated.membership.standing(outdated.driver.charters) is MemberStanding.OTHER_KEYS


def rotation() -> Governed:
    """The second doctor's consensus, encryption and TLS keys are changed by her amendment."""
    story = Governed(FOUNDING)
    member = story.state.charter.member(address(SECOND))
    assert member is not None
    purposes = (Purpose.CONSENSUS, Purpose.ENCRYPTION, Purpose.TLS)
    changed = rekeyed(member, NEW_KEYS, *purposes)
    story.govern(Amendment(0, (RotateKey(changed),)), SECOND)
    story.close()
    return story


async def test_an_admitted_member_joins_with_an_empty_store(tmp_path: Path) -> None:
    async with node_of(FOUNDING, NEW, tmp_path) as node:
        standing = node.membership.standing
        assert standing(node.driver.charters) is MemberStanding.NOT_YET
        assert node.membership.seat_of(node.state.charter) is None
        await feed(node, STORY)
        await until(lambda: node.driver.durable.tip == STORY.state.tip)
        assert standing(node.driver.charters) is MemberStanding.IN_FORCE
        assert node.membership.seat_of(node.state.charter) is not None


async def test_a_revoked_member_reads_on_and_has_no_seat(tmp_path: Path) -> None:
    first = FOUNDING.doctors[0]
    async with node_of(FOUNDING, first, tmp_path, STORY, run=False) as node:
        charters = node.driver.charters
        assert node.membership.standing(charters) is MemberStanding.REVOKED
        assert node.membership.seat_of(charters.current) is None
        assert not node.driver.replica.ordering.voting
        named = charters.member(address(first))
        assert named is not None, "blocks still name her"
        assert (await node.queries.block(1)).n_bc == 1
        assert await node.queries.inbox() == ()


# --- one node through the end of an epoch ----------------------------------------------------


async def test_a_node_ends_an_epoch_restarts_and_goes_on(tmp_path: Path) -> None:
    network = make_network(1)
    doctor = network.doctors[0]
    async with node_of(network, doctor, tmp_path) as node:
        await settle(node, registration(network, "a", **now_fields()), doctor)
        waiting = registration(network, "b", **now_fields())
        assert await node.driver.ask(ProposalArrived(waiting, address(HOSPITAL))) == ACCEPT
        act = amendment(network, 0, SetAbsenceRule(AbsenceRule(10, 5)))
        assert await node.driver.ask(ProposalArrived(act, address(HOSPITAL))) == ACCEPT
        yes = vote(network, act, doctor)
        assert await node.driver.ask(VoteArrived(yes, None)) == ACCEPT
        await until(lambda: node.driver.charters.current.version == 1)
        assert node.driver.charters.current.absence == AbsenceRule(10, 5)
        assert await node.store.read(partial(load_journal, epoch=0)) == []
    async with node_of(network, doctor, tmp_path) as again:
        assert (again.driver.replica.epoch, again.state.charter.absence.max_days) == (1, 10)
        await settle(again, waiting, doctor, known=True)
        assert again.driver.durable.n_bc == 3
        frames = [frame async for frame in export_frames(again.store, network.id)]
        outcome = verify_export(frames, network.charter)
        assert (outcome.valid, outcome.blocks) == (True, 3), outcome.reason


async def settle(node: Node, proposal: Proposal, doctor: str, *, known: bool = False) -> None:
    """Have the one doctor approve a registration, until its block is durable."""
    before = node.driver.durable.n_bc
    if not known:
        await node.driver.ask(ProposalArrived(proposal, address(HOSPITAL)))
    cast = vote(node.network, proposal, doctor, role=VoterRole.ATTENDING)
    assert await node.driver.ask(VoteArrived(cast, None)) == ACCEPT
    await until(lambda: node.driver.durable.n_bc == before + 1)
