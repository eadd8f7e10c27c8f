"""The driver: persist, then send; answers; a failed store ends it (R-SIM10)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from medquorum.consensus.events import DoubleVote, ProposalArrived, VoteArrived
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.reasons import ACCEPT, Ignore, Reason, Reject
from medquorum.ledger.types import Decision, VoterRole
from medquorum.node.desk import DeskError
from medquorum.node.store.errors import StoreFailure
from tests.node.kit import Node, node_of, small_network, until
from tests.node.sealed_bodies import now_fields
from tests.support.network import HOSPITAL, address, registration, vote

NETWORK = small_network(1)
DOCTOR = NETWORK.doctors[0]


def a_registration(patient: str = "patient 1") -> Proposal:
    return registration(NETWORK, patient, **now_fields())


def a_vote(proposal: Proposal, decision: Decision = Decision.APPROVE) -> Any:
    return vote(NETWORK, proposal, DOCTOR, decision, role=VoterRole.ATTENDING)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with node_of(NETWORK, DOCTOR, tmp_path) as opened:
        yield opened


class Gate:
    """A writer that waits to be let through, or fails."""

    def __init__(self, node: Node) -> None:
        self._writer = node.store.writer
        self.open = asyncio.Event()
        self.waiting = 0
        self.failure: StoreFailure | None = None

    async def submit(self, unit: Callable[[Connection], Any]) -> Any:
        self.waiting += 1
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        return await self._writer.submit(unit)

    def submit_nowait(self, unit: Callable[[Connection], Any]) -> asyncio.Future[Any]:
        return asyncio.ensure_future(self.submit(unit))


class GatedStore:
    """A store whose writes pass the gate."""

    def __init__(self, gate: Gate) -> None:
        self.writer = gate


@pytest.fixture
async def gated(tmp_path: Path) -> AsyncIterator[tuple[Node, Gate]]:
    async with node_of(NETWORK, DOCTOR, tmp_path, run=False) as node:
        gate = Gate(node)
        node.driver._store = GatedStore(gate)  # type: ignore[assignment]
        node.running = asyncio.create_task(node.driver.run())
        yield node, gate


async def test_a_verdict_becomes_a_durable_block_by_the_drivers_own_clock(node: Node) -> None:
    proposal = a_registration()
    assert await node.driver.ask(ProposalArrived(proposal, address(HOSPITAL))) == ACCEPT
    assert await node.driver.ask(VoteArrived(a_vote(proposal), None)) == ACCEPT
    await until(lambda: node.driver.durable.n_bc == 1)
    assert await node.rows("blocks") == 1
    assert (await node.queries.proposal(proposal.id.hex())).state == "accepted"


async def test_nothing_is_said_before_it_is_durable(gated: tuple[Node, Gate]) -> None:
    node, gate = gated
    asking = asyncio.create_task(node.driver.ask(ProposalArrived(a_registration(), None)))
    await until(lambda: gate.waiting == 1)
    assert (node.mouth.said, asking.done()) == ([], False)
    gate.open.set()
    assert await asking == ACCEPT
    assert len(node.mouth.said) == 1


async def test_every_word_rests_on_rows_another_connection_sees(tmp_path: Path) -> None:
    async with node_of(NETWORK, DOCTOR, tmp_path) as node:
        counted: list[tuple[int, int]] = []
        engine = node.store.readers._engine

        def count() -> None:
            with engine.connect() as connection:
                rows = [
                    int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())
                    for table in ("proposals", "journal")
                ]
            counted.append((rows[0], rows[1]))

        node.mouth.on_speech = count
        proposal = a_registration()
        await node.driver.ask(ProposalArrived(proposal, None))
        await node.driver.ask(VoteArrived(a_vote(proposal), None))
        await until(lambda: node.driver.durable.n_bc == 1)
        messages = [one for one in node.mouth.said if type(one) is not Proposal]
        assert messages, "ordering spoke"
        assert counted[0][0] == 1
        assert all(journal > 0 for _, journal in counted[2:])


async def test_an_own_vote_is_durable_before_its_receipt(node: Node) -> None:
    proposal = a_registration()
    await node.driver.ask(ProposalArrived(proposal, None))
    assert await node.driver.ask(VoteArrived(a_vote(proposal), None)) == ACCEPT
    assert await node.rows("votes") == 1


async def test_answers_name_what_became_of_each_object(node: Node) -> None:
    proposal = a_registration()
    first, second = await asyncio.gather(
        node.driver.ask(ProposalArrived(proposal, None)),
        node.driver.ask(ProposalArrived(proposal, None)),
    )
    assert (first, second) == (ACCEPT, Ignore(Reason.DUPLICATE))
    unknown = a_vote(a_registration("patient 2"))
    assert await node.driver.ask(VoteArrived(unknown, None)) == Ignore(Reason.UNKNOWN_PROPOSAL)


async def test_a_second_vote_is_refused_and_kept_as_evidence(tmp_path: Path) -> None:
    network = small_network(2)
    async with node_of(network, network.doctors[0], tmp_path) as node:
        seen: list[object] = []
        node.driver.watchers.append(seen.append)
        proposal = registration(network, **now_fields())
        await node.driver.ask(ProposalArrived(proposal, None))
        for decision, answer in (
            (Decision.APPROVE, ACCEPT),
            (Decision.REJECT, Reject(Reason.CONFLICTING_VOTE)),
        ):
            cast = vote(network, proposal, network.doctors[1], decision)
            assert await node.driver.ask(VoteArrived(cast, None)) == answer
        assert await node.rows("evidence") == 1
        assert any(isinstance(effect, DoubleVote) for effect in seen)


async def test_a_failed_store_ends_the_driver_and_everybody_who_waits(
    gated: tuple[Node, Gate],
) -> None:
    node, gate = gated
    gate.failure = StoreFailure("disk full")
    asking = asyncio.create_task(node.driver.ask(ProposalArrived(a_registration(), None)))
    await until(lambda: gate.waiting == 1)
    behind = asyncio.create_task(node.driver.ask(ProposalArrived(a_registration("b"), None)))
    gate.open.set()
    running = node.running
    assert running is not None
    with pytest.raises(StoreFailure, match="disk full"):
        await running
    for waiting in (asking, behind, asyncio.create_task(_ask_late(node))):
        with pytest.raises(DeskError) as stopped:
            await waiting
        assert (stopped.value.status, stopped.value.rule) == (503, "node_stopping")
    assert node.mouth.said == []


async def _ask_late(node: Node) -> object:
    return await node.driver.ask(ProposalArrived(a_registration("c"), None))


async def test_readers_are_told_what_is_durable_only(gated: tuple[Node, Gate]) -> None:
    node, gate = gated
    gate.open.set()
    proposal = a_registration()
    await node.driver.ask(ProposalArrived(proposal, None))
    gate.open.clear()
    before = gate.waiting
    asking = asyncio.create_task(node.driver.ask(VoteArrived(a_vote(proposal), None)))
    await until(lambda: gate.waiting > before)
    while node.state.n_bc == 0:
        gate.open.set()
        await asyncio.sleep(0)
        gate.open.clear()
        await asyncio.sleep(0.005)
    assert (node.driver.durable.n_bc, await node.rows("blocks")) == (0, 0)
    gate.open.set()
    await asking
    await until(lambda: node.driver.durable.n_bc == 1)
    assert await node.rows("blocks") == 1
