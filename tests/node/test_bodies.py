"""Bodies: fetched, opened, checked; refused with a complaint; resumed after a stop (R-BOD4-8)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from medquorum.ledger.complaint import Grievance, verify_complaint
from medquorum.ledger.keys import Purpose, public_key
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.types import BlockType, PartName
from medquorum.node.bodies import BodyState
from medquorum.node.store.errors import StoreFailure
from medquorum.node.views import EventView
from tests.ledger.charter_kit import address_of_name, private_key
from tests.node.kit import Node, node_of, until
from tests.node.sealed_bodies import Sealed, clock_ms, now_fields, seal, sealed_registration
from tests.support.chains import Chain
from tests.support.network import HOSPITAL, LABORATORY, digest, make_network, registration

NETWORK = make_network()
DOCTOR, OTHER = NETWORK.doctors[:2]
ISSUER = address_of_name(HOSPITAL)


@asynccontextmanager
async def a_node(home: Path, name: str = DOCTOR) -> AsyncIterator[Node]:
    async with node_of(NETWORK, name, home, run=False) as node:
        yield node


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with a_node(tmp_path) as opened:
        yield opened


async def settled(node: Node, sealed: Sealed) -> BodyState:
    ended = (BodyState.OPENED, BodyState.FAILED)
    await until(lambda: node.bodies.state_of(sealed.proposal) in ended)
    return node.bodies.state_of(sealed.proposal)


def with_content(sealed: Sealed, part: PartName, content: bytes) -> Sealed:
    """The same keys and roots, another commitment: what a dishonest issuer would send."""
    parts = tuple(
        replace(one, commitment=digest("another plaintext")) if one.name is part else one
        for one in sealed.proposal.core.parts
    )
    return replace(sealed, proposal=replace_parts(sealed.proposal, parts))


def replace_parts(proposal: Proposal, parts: tuple[object, ...]) -> Proposal:
    record = proposal.core.record
    return registration(NETWORK, record=record, parts=parts, **now_fields())


async def test_a_body_is_fetched_opened_and_served_with_its_wraps(node: Node) -> None:
    sealed = sealed_registration(NETWORK)
    node.holders.offers[ISSUER] = sealed
    assert node.bodies.held(sealed.record) is None
    node.bodies.want(sealed.proposal)
    assert await settled(node, sealed) is BodyState.OPENED
    assert node.holders.durable == [sealed.record]
    held = node.bodies.held(sealed.record)
    assert held is not None
    assert set(held.wraps) == {wrap.encoded() for wrap in sealed.wraps}
    assert node.bodies.entitled(address_of_name(OTHER), sealed.record)
    assert not node.bodies.entitled(address_of_name(LABORATORY), sealed.record)
    read = [piece async for piece in node.bodies.read(sealed.record, PartName.V_IND)]
    assert b"".join(read) == b"vital signs"
    assert [event.detail async for event in first(node, 1)] == [{"state": "opened"}]


async def first(node: Node, count: int) -> AsyncIterator[EventView]:
    follower = node.news.follow(0)
    for _ in range(count):
        yield await anext(follower)


async def test_no_such_part_is_a_lookup_error(node: Node) -> None:
    sealed = sealed_registration(NETWORK)
    node.holders.offers[ISSUER] = sealed
    node.bodies.want(sealed.proposal)
    await settled(node, sealed)
    for record, part in (
        (sealed.record, PartName.IMG_CT),
        (digest("another record"), PartName.V_IND),
    ):
        with pytest.raises(LookupError):
            await anext(node.bodies.read(record, part))  # type: ignore[arg-type]


@pytest.mark.parametrize("case", ["no wrap", "another's key", "commitment", "chunk"])
async def test_what_does_not_open_fails_with_a_signed_complaint(node: Node, case: str) -> None:
    sealed = sealed_registration(NETWORK)
    reason, part = Grievance.WRAP, PartName.PAT_NAME
    if case == "no wrap":
        node.holders.wraps[ISSUER] = sealed.without_wrap(DOCTOR)
    elif case == "another's key":
        node.bodies._opening._opener = replace(
            node.bodies._opener, private_key=private_key(OTHER, Purpose.ENCRYPTION)
        )
    elif case == "commitment":
        sealed = with_content(sealed, PartName.V_IND, b"")
        reason, part = Grievance.COMMITMENT, PartName.V_IND
    else:
        sealed = sealed_under_another_key(sealed)
        reason = Grievance.CHUNK
    node.holders.offers[ISSUER] = sealed
    node.bodies.want(sealed.proposal)
    assert await settled(node, sealed) is BodyState.FAILED
    await until(lambda: node.complaints)
    complaint = node.complaints[0]
    assert (complaint.reason, complaint.part) == (reason, part)
    assert complaint.proposal == sealed.proposal.id
    key = public_key(private_key(DOCTOR, Purpose.CONSENSUS))
    assert verify_complaint(NETWORK.id, complaint, key)
    assert node.bodies.held(sealed.record) is None
    assert node.bodies.unfinished() == ()


def sealed_under_another_key(sealed: Sealed) -> Sealed:
    """Chunks that are those of the signed roots, but of other keys than the wraps give."""
    other = sealed_registration(NETWORK)
    name = PartName.PAT_NAME
    chunks = dict(sealed.chunks) | {
        key: chunk for key, chunk in other.chunks.items() if key[0] is name
    }
    theirs = {part.name: part for part in other.proposal.core.parts}
    parts = tuple(
        theirs[part.name] if part.name is name else part for part in sealed.proposal.core.parts
    )
    return replace(sealed, chunks=chunks, proposal=replace_parts(sealed.proposal, parts))


async def test_a_holder_that_keeps_the_wrap_back_is_not_believed(node: Node) -> None:
    sealed = sealed_registration(NETWORK)
    other = address_of_name(OTHER)
    node.holders.offers[other] = sealed
    node.holders.wraps[other] = sealed.without_wrap(DOCTOR)
    node.bodies.want(sealed.proposal)
    await until(lambda: len(node.holders.asked) >= 2)
    assert (node.bodies.state_of(sealed.proposal), node.complaints) == (BodyState.FETCHING, [])
    node.holders.offers[ISSUER] = sealed
    node.bodies.peer_linked()
    assert await settled(node, sealed) is BodyState.OPENED


async def test_wraps_of_another_grantor_are_not_kept(node: Node) -> None:
    sealed, foreign = sealed_registration(NETWORK), sealed_registration(NETWORK)
    node.holders.offers[ISSUER] = sealed
    node.holders.wraps[ISSUER] = (*foreign.wraps, *sealed.wraps)
    node.bodies.want(sealed.proposal)
    assert await settled(node, sealed) is BodyState.OPENED
    assert await node.rows("wraps") == len(sealed.wraps)


async def test_only_recipients_are_asked_and_the_issuer_first(node: Node) -> None:
    sealed = sealed_registration(NETWORK)
    linked = [address_of_name(name) for name in (LABORATORY, OTHER)]
    node.bodies.holders = lambda: (*linked, ISSUER)
    node.bodies.want(sealed.proposal)
    await until(lambda: len(node.holders.asked) >= 2)
    assert node.holders.asked[:2] == [(ISSUER,), (address_of_name(OTHER),)]


async def test_chunks_damaged_here_are_fetched_again_and_blame_nobody(node: Node) -> None:
    sealed = sealed_registration(NETWORK)
    node.holders.offers[ISSUER] = sealed
    for (part, index), chunk in sealed.chunks.items():
        await node.chunks.put_chunk(sealed.record, part, index, bytes(len(chunk)))
    node.bodies.want(sealed.proposal)
    assert await settled(node, sealed) is BodyState.OPENED
    assert node.complaints == []


async def test_a_body_damaged_after_opening_is_not_read_as_if_whole(node: Node) -> None:
    from medquorum.node.body_store import BodyStoreFailure

    sealed = sealed_registration(NETWORK)
    node.holders.offers[ISSUER] = sealed
    node.bodies.want(sealed.proposal)
    await settled(node, sealed)
    chunk = sealed.chunks[PartName.V_IND, 0]
    await node.chunks.put_chunk(sealed.record, "V_IND", 0, chunk[:-1] + bytes([chunk[-1] ^ 1]))
    with pytest.raises(BodyStoreFailure):
        _ = [piece async for piece in node.bodies.read(sealed.record, PartName.V_IND)]


async def test_a_record_named_twice_belongs_to_the_first(node: Node) -> None:
    sealed = sealed_registration(NETWORK)
    thief = sealed_registration(NETWORK, "patient 2", record=sealed.record)
    node.holders.offers[ISSUER] = sealed
    node.bodies.want(sealed.proposal)
    await settled(node, sealed)
    node.bodies.want(thief.proposal)
    assert node.bodies.state_of(thief.proposal) is BodyState.NONE
    assert node.opened(sealed)


async def test_a_block_takes_its_record_back(node: Node) -> None:
    sealed = sealed_registration(NETWORK)
    thief = sealed_registration(NETWORK, "patient 2", record=sealed.record)
    node.holders.offers[ISSUER] = thief
    node.bodies.want(thief.proposal)
    await until(lambda: node.bodies.state_of(sealed.proposal) is not BodyState.FETCHING)
    node.holders.offers[ISSUER] = sealed
    node.bodies.want(sealed.proposal, final=True)
    assert await settled(node, sealed) is BodyState.OPENED
    assert node.bodies.state_of(thief.proposal) is BodyState.NONE


async def test_what_was_decided_while_away_is_fetched_from_its_block(tmp_path: Path) -> None:
    network = NETWORK
    sealed = sealed_registration(network, issued_at_ms=1, expires_at_ms=8_640_000)
    chain = Chain(network, time_ms=1_000)
    chain.stage(sealed.proposal)
    batch = chain.close()
    async with node_of(network, DOCTOR, tmp_path, run=False) as node:
        from medquorum.consensus.effects import Commit

        own = chain.entries[0][1]
        assert own is not None
        node.holders.offers[ISSUER] = sealed
        for watch in node.driver.watchers:
            watch(Commit(batch, own))
        assert await settled(node, sealed) is BodyState.OPENED, "though its lifetime is over"


async def test_an_expired_proposals_body_is_given_up(node: Node) -> None:
    sealed = sealed_registration(NETWORK, issued_at_ms=1, expires_at_ms=clock_ms() - 1)
    node.bodies.want(sealed.proposal)
    await until(lambda: node.bodies.state_of(sealed.proposal) is BodyState.ANNOUNCED)
    assert node.holders.asked == []


async def test_wanting_twice_fetches_once(node: Node) -> None:
    sealed = sealed_registration(NETWORK)
    node.holders.offers[ISSUER] = sealed
    node.bodies.want(sealed.proposal)
    node.bodies.want(sealed.proposal, final=True)
    await settled(node, sealed)
    node.bodies.want(sealed.proposal, final=True)
    assert len(node.holders.asked) == 1


async def test_a_failed_store_is_not_retried_but_told(node: Node) -> None:
    sealed = sealed_registration(NETWORK)
    node.holders.offers[ISSUER] = sealed
    await node.store.writer.close()
    node.bodies.want(sealed.proposal)
    await until(lambda: node.fatal)
    assert isinstance(node.fatal[0], StoreFailure)


async def test_the_ai_entity_is_given_images_and_no_forms(tmp_path: Path) -> None:
    from medquorum.node.recipients import is_recipient
    from tests.support.network import AI_ENTITY, RADIOLOGIST, propose

    chain = Chain(NETWORK)
    chain.stage(registration(NETWORK))
    image = propose(NETWORK, chain.view, BlockType.CT)
    sealed = seal(NETWORK, image, {PartName.IMG_CT: b"pixels"}, RADIOLOGIST)
    ai = address_of_name(AI_ENTITY)
    assert is_recipient(NETWORK.charter, sealed.proposal.core, ai)
    assert not is_recipient(NETWORK.charter, registration(NETWORK).core, ai)
    recipients = {wrap.recipient for wrap in sealed.wraps}
    assert recipients >= {ai, *(address_of_name(name) for name in NETWORK.doctors)}
    assert address_of_name(LABORATORY) not in recipients
