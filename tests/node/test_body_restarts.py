"""Bodies on their way at a stop are taken up again; refused ones stay refused (R-BOD8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from medquorum.consensus.events import ProposalArrived
from medquorum.node.bodies import BodyState
from tests.node.kit import node_of
from tests.node.sealed_bodies import sealed_registration
from tests.node.test_bodies import DOCTOR, ISSUER, NETWORK, a_node, settled


@pytest.mark.parametrize("stopped_after", ["proposal", "chunks", "wraps"])
async def test_a_stop_on_the_way_is_taken_up_again(tmp_path: Path, stopped_after: str) -> None:
    sealed = sealed_registration(NETWORK)
    async with node_of(NETWORK, DOCTOR, tmp_path) as node:
        await node.driver.ask(ProposalArrived(sealed.proposal, ISSUER))
        if stopped_after != "proposal":
            for (part, index), chunk in sealed.chunks.items():
                await node.chunks.put_chunk(sealed.record, part, index, chunk)
        if stopped_after == "wraps":
            body = node.bodies._bodies[sealed.record]
            await node.bodies._save(body, BodyState.HELD, None, sealed.wraps)
        assert not node.opened(sealed)
    async with a_node(tmp_path) as again:
        assert [one.id for one in again.bodies.unfinished()] == [sealed.proposal.id]
        if stopped_after != "wraps":
            again.holders.offers[ISSUER] = sealed
        for proposal in again.bodies.unfinished():
            again.bodies.want(proposal)
        assert await settled(again, sealed) is BodyState.OPENED
    async with a_node(tmp_path) as third:
        assert (third.opened(sealed), third.bodies.unfinished()) == (True, ())


async def test_a_failed_body_stays_failed_after_a_restart(tmp_path: Path) -> None:
    sealed = sealed_registration(NETWORK)
    async with node_of(NETWORK, DOCTOR, tmp_path) as node:
        node.holders.offers[ISSUER] = sealed
        node.holders.wraps[ISSUER] = sealed.without_wrap(DOCTOR)
        await node.driver.ask(ProposalArrived(sealed.proposal, ISSUER))
        assert await settled(node, sealed) is BodyState.FAILED
    async with a_node(tmp_path) as again:
        assert again.bodies.state_of(sealed.proposal) is BodyState.FAILED
        assert again.bodies.unfinished() == ()
