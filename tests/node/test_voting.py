"""A doctor's vote at her own node: what only that node can refuse (R-VOT3 to R-VOT5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medquorum.consensus.events import ProposalArrived
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.reasons import ACCEPT
from medquorum.ledger.types import Decision, VoterRole
from medquorum.ledger.vote import parse_vote
from medquorum.node.bodies import BodyState
from medquorum.node.desk import DeskError, VoteReceipt
from medquorum.node.driver import now_ms
from medquorum.node.store.clinical_rows import insert_proposals, settle_proposals
from tests.ledger.charter_kit import address_of_name
from tests.node.kit import Node, node_of, until
from tests.node.sealed_bodies import Sealed, sealed_registration
from tests.support.network import HOSPITAL, make_network, vote

NETWORK = make_network()
ATTENDING, PEER = NETWORK.doctors[:2]
ISSUER = address_of_name(HOSPITAL)


@pytest.fixture
async def attending(tmp_path: Path) -> AsyncIterator[Node]:
    async with node_of(NETWORK, ATTENDING, tmp_path) as node:
        yield node


async def known(node: Node, *, opened: bool = True) -> Sealed:
    """A registration this node knows, with its body opened or not to be had."""
    sealed = sealed_registration(NETWORK)
    if opened:
        node.holders.offers[ISSUER] = sealed
    assert await node.driver.ask(ProposalArrived(sealed.proposal, ISSUER)) == ACCEPT
    if opened:
        await until(lambda: node.opened(sealed))
    return sealed


def ballot(
    proposal: Proposal,
    decision: Decision = Decision.APPROVE,
    doctor: str = ATTENDING,
    **fields: Any,
) -> bytes:
    role = VoterRole.ATTENDING if doctor == ATTENDING else VoterRole.PEER
    return vote(NETWORK, proposal, doctor, decision, **{"role": role, **fields}).encoded()


async def refusal(node: Node, encoded: bytes) -> tuple[int, str]:
    votes = await node.rows("votes")
    with pytest.raises(DeskError) as refused:
        await node.voting.vote(encoded)
    assert await node.rows("votes") == votes
    return refused.value.status, refused.value.rule


async def test_a_receipt_names_a_durable_vote(attending: Node) -> None:
    sealed = await known(attending)
    receipt = await attending.voting.vote(ballot(sealed.proposal))
    assert receipt.proposal == sealed.proposal.id.hex()
    cast = vote(NETWORK, sealed.proposal, ATTENDING, role=VoterRole.ATTENDING)
    assert receipt.vote == cast.ballot.digest(NETWORK.id).hex()
    assert await attending.rows("votes") == 1


async def test_an_approval_waits_until_the_body_is_opened(attending: Node) -> None:
    sealed = await known(attending, opened=False)
    assert await refusal(attending, ballot(sealed.proposal)) == (409, "body_not_opened")
    attending.holders.offers[ISSUER] = sealed
    attending.bodies.peer_linked()
    await until(lambda: attending.opened(sealed))
    await attending.voting.vote(ballot(sealed.proposal))


@pytest.mark.parametrize("decision", [Decision.REJECT, Decision.ABSTAIN])
async def test_other_words_need_no_body(attending: Node, decision: Decision) -> None:
    sealed = await known(attending, opened=False)
    await attending.voting.vote(ballot(sealed.proposal, decision))
    assert await attending.rows("votes") == 1


async def test_a_body_that_did_not_open_is_not_approved(attending: Node) -> None:
    sealed = sealed_registration(NETWORK)
    attending.holders.offers[ISSUER] = sealed
    attending.holders.wraps[ISSUER] = sealed.without_wrap(ATTENDING)
    await attending.driver.ask(ProposalArrived(sealed.proposal, ISSUER))
    failed = BodyState.FAILED
    await until(lambda: attending.bodies.state_of(sealed.proposal) is failed)
    assert await refusal(attending, ballot(sealed.proposal)) == (409, "body_not_opened")


async def test_the_body_of_another_proposal_counts_for_nothing(attending: Node) -> None:
    sealed = await known(attending)
    other = sealed_registration(NETWORK, "patient 2", record=sealed.record)
    assert await attending.driver.ask(ProposalArrived(other.proposal, ISSUER)) == ACCEPT
    assert await refusal(attending, ballot(other.proposal)) == (409, "body_not_opened")
    inbox = {view.id: view.body for view in await attending.queries.inbox()}
    assert inbox == {sealed.proposal.id.hex(): "opened", other.proposal.id.hex(): "none"}


async def test_what_is_not_durable_yet_does_not_wait_in_the_inbox(attending: Node) -> None:
    sealed = await known(attending)
    arriving = sealed_registration(NETWORK, "patient 2").proposal
    attending.driver.replica.step(ProposalArrived(arriving, ISSUER), now_ms())
    assert attending.driver.replica.pool.get(arriving.id) is not None
    assert [view.id for view in await attending.queries.inbox()] == [sealed.proposal.id.hex()]


async def test_the_role_must_be_the_doctors(attending: Node, tmp_path: Path) -> None:
    sealed = await known(attending)
    as_peer = ballot(sealed.proposal, role=VoterRole.PEER)
    assert await refusal(attending, as_peer) == (409, "wrong_voter_role")
    as_delegate = ballot(sealed.proposal, role=VoterRole.DELEGATE)
    assert await refusal(attending, as_delegate) == (409, "wrong_voter_role")
    async with node_of(NETWORK, PEER, tmp_path / "peer") as peer:
        seen = await known(peer)
        claimed = ballot(seen.proposal, doctor=PEER, role=VoterRole.ATTENDING)
        assert await refusal(peer, claimed) == (409, "wrong_voter_role")
        await peer.voting.vote(ballot(seen.proposal, doctor=PEER))


async def test_a_vote_whose_answer_was_lost_is_acknowledged_again(tmp_path: Path) -> None:
    async with node_of(NETWORK, ATTENDING, tmp_path) as attending:
        sealed = await known(attending)
        first = await attending.voting.vote(ballot(sealed.proposal))
        again = await attending.voting.vote(ballot(sealed.proposal))
        assert again.vote == first.vote
        assert again.accepted_at_us <= first.accepted_at_us, "when it was kept, not when asked"
        assert await attending.voting.vote(ballot(sealed.proposal)) == again
    async with node_of(NETWORK, ATTENDING, tmp_path) as restarted:
        assert await restarted.voting.vote(ballot(sealed.proposal)) == again


async def test_a_signature_that_is_not_hers_is_not_acknowledged_after_hers(
    attending: Node,
) -> None:
    sealed = await known(attending)
    encoded = ballot(sealed.proposal)
    await attending.voting.vote(encoded)
    forged = replace(parse_vote(encoded), signature=bytes(63) + b"\x01")
    assert (await refusal(attending, forged.encoded()))[0] in (400, 409)


async def test_a_second_vote_is_refused(attending: Node) -> None:
    sealed = await known(attending)
    await attending.voting.vote(ballot(sealed.proposal))
    other = ballot(sealed.proposal, Decision.REJECT)
    assert await refusal(attending, other) == (409, "conflicting_vote")
    assert await attending.rows("evidence") == 0, "she did not send it to anybody"


async def test_another_doctors_vote_belongs_to_her_node(attending: Node) -> None:
    sealed = await known(attending)
    foreign = ballot(sealed.proposal, doctor=PEER)
    assert await refusal(attending, foreign) == (403, "not_this_doctor")


@pytest.mark.parametrize(
    ("spoil", "answer"),
    [
        (lambda encoded: encoded[:-1], (400, "malformed")),
        (lambda encoded: b"", (400, "malformed")),
    ],
)
async def test_what_is_no_vote_is_refused(attending: Node, spoil: Any, answer: object) -> None:
    sealed = await known(attending)
    assert await refusal(attending, spoil(ballot(sealed.proposal))) == answer


async def test_a_signature_of_another_key_is_refused(attending: Node) -> None:
    sealed = await known(attending)
    foreign = vote(NETWORK, sealed.proposal, PEER, role=VoterRole.ATTENDING)
    mine = vote(NETWORK, sealed.proposal, ATTENDING, role=VoterRole.ATTENDING)
    forged = type(mine)(mine.ballot, foreign.signature, mine.bundle).encoded()
    assert await refusal(attending, forged) == (400, "bad_signature")


async def test_unknown_and_decided_proposals_are_told_apart(tmp_path: Path) -> None:
    network = make_network(1)
    doctor = network.doctors[0]
    async with node_of(network, doctor, tmp_path) as node:
        sealed = sealed_registration(network)
        node.holders.offers[ISSUER] = sealed
        cast = vote(network, sealed.proposal, doctor, role=VoterRole.ATTENDING).encoded()
        assert await refusal(node, cast) == (404, "unknown_proposal")
        await node.driver.ask(ProposalArrived(sealed.proposal, ISSUER))
        await until(lambda: node.opened(sealed))
        await node.voting.vote(cast)
        await until(lambda: node.driver.durable.n_bc == 1)
        other = vote(network, sealed.proposal, doctor, Decision.REJECT, role=VoterRole.ATTENDING)
        assert await refusal(node, other.encoded()) == (409, "already_decided")
        assert (await node.voting.vote(cast)).proposal == sealed.proposal.id.hex(), "it counts"


async def test_a_vote_that_its_block_overtook_is_not_called_known(tmp_path: Path) -> None:
    network = make_network(1)
    doctor = network.doctors[0]
    async with node_of(network, doctor, tmp_path) as node:
        sealed = sealed_registration(network)
        node.holders.offers[ISSUER] = sealed
        await node.driver.ask(ProposalArrived(sealed.proposal, ISSUER))
        await until(lambda: node.opened(sealed))
        deciding, late = (
            vote(network, sealed.proposal, doctor, decision, role=VoterRole.ATTENDING).encoded()
            for decision in (Decision.APPROVE, Decision.REJECT)
        )
        first, second = await asyncio.gather(
            node.voting.vote(deciding), node.voting.vote(late), return_exceptions=True
        )
        assert isinstance(first, VoteReceipt)
        assert isinstance(second, DeskError)
        assert (second.status, second.rule) == (409, "already_decided")
        assert await node.rows("votes") == 1


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        ("stale", "stale_position", "history has moved on"),
        ("expired", "expired", "lifetime ended"),
        ("stale", "patient_mismatch", "no longer holds"),
    ],
)
async def test_a_lapsed_proposal_says_why_it_takes_no_vote(
    attending: Node, state: str, reason: str, words: str
) -> None:
    proposal = sealed_registration(NETWORK).proposal

    def keep(connection: Any) -> None:
        insert_proposals(connection, [proposal], 1)
        settle_proposals(connection, [(proposal.id, state, reason)])

    await attending.store.writer.submit(keep)
    assert await refusal(attending, ballot(proposal)) == (409, reason)
    with pytest.raises(DeskError) as refused:
        await attending.voting.vote(ballot(proposal))
    assert words in refused.value.advice


async def test_the_twin_of_a_registration_that_was_decided_has_lapsed(tmp_path: Path) -> None:
    network = make_network(1)
    doctor = network.doctors[0]
    async with node_of(network, doctor, tmp_path) as node:
        first, twin = sealed_registration(network), sealed_registration(network)
        node.holders.offers[ISSUER] = first
        for sealed in (first, twin):
            assert await node.driver.ask(ProposalArrived(sealed.proposal, ISSUER)) == ACCEPT
        await until(lambda: node.opened(first))
        cast = vote(network, first.proposal, doctor, role=VoterRole.ATTENDING).encoded()
        await node.voting.vote(cast)
        await until(lambda: node.driver.durable.n_bc == 1)
        late = vote(network, twin.proposal, doctor, Decision.REJECT, role=VoterRole.ATTENDING)
        assert await refusal(node, late.encoded()) == (409, "bad_registration")
