"""The desk of a kit node that holds the record's histories, behind the real API.

Only peers are missing, so blocks are those the kit lets happen, and nothing new becomes final.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import update

from medquorum.consensus.events import ProposalArrived
from medquorum.ledger.keys import Purpose
from medquorum.ledger.types import BlockType, PartName
from medquorum.node.consents import Consents
from medquorum.node.dossiers import NodeDossiers
from medquorum.node.governance_desk import NodeGovernance
from medquorum.node.governance_records import GovernanceRecords
from medquorum.node.histories import Histories
from medquorum.node.issuer import Issuer
from medquorum.node.reading import Reading
from medquorum.node.statistics import Statistics
from medquorum.node.store.clinical_rows import insert_proposals, insert_votes
from medquorum.node.store.schema import BATCHES
from medquorum.node.structured_parts import encode_structured
from medquorum.node.views import PeerView, StatusView
from tests.ledger.charter_kit import signer_of
from tests.node.kit import Node, node_of
from tests.node.record_kit import BEGAN_MS, DOCTOR, NETWORK, RESULTS, Record, grown
from tests.node.sealed_bodies import Sealed, seal
from tests.support.network import INSTITUTIONS, LABORATORY, address, propose, votes


class KitDesk:
    """A desk over the rooms of a kit node, as the front desk is over those of a running one."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.charter_file = node.membership.charter_file
        charters, own = node.driver.charters, node.address
        histories = Histories(charters, node.store, node.bodies)
        records, queries = GovernanceRecords(node.store), node.queries
        sign = signer_of(node.name, Purpose.CLINICAL) if node.name in INSTITUTIONS else None
        self.consents = Consents(node.store, charters, own, lambda: node.state)
        self.reading = Reading(node.bodies, self.consents)
        self.governance = NodeGovernance(node.driver, records, Issuer(own, sign))
        self.dossiers = NodeDossiers(self.charter_file, queries, self.reading, histories)
        self.statistics = Statistics(node.store, queries, records)
        self.submit = node.submissions.submit
        self.accept_sealed = node.submissions.accept_sealed
        self.put_chunk = node.submissions.put_chunk
        self.vote = node.voting.vote
        self.read_part = self.reading.read_part
        self.permits = self.reading.permits
        self.events = node.news.follow
        self.queries = queries

    def __getattr__(self, name: str) -> Any:
        return getattr(self.queries, name)

    @property
    def charter(self) -> Any:
        return self.node.driver.charters.current

    async def proposal_bytes(self, identifier: str) -> bytes:
        return (await self.queries.row(identifier)).proposal.encoded()

    def holds(self, record: bytes) -> bool:
        return self.node.bodies.proposal(record) is not None  # type: ignore[arg-type]

    def status(self) -> StatusView:
        """As of a node whose peers are away."""
        state, member = self.node.state, self.charter.member(self.node.address)
        peers = tuple(
            PeerView(one.name, one.role.value, one.address_text, index % 3 != 0, None)
            for index, one in enumerate(self.charter.members)
            if one.address != self.node.address
        )
        return StatusView(
            name=member.name,
            role=member.role.value,
            address=member.address_text,
            network=state.network.hex(),
            network_name=self.charter.name,
            charter_version=self.charter.version,
            doctors=len(self.charter.doctors),
            quorum=self.charter.quorum,
            mode=self.charter.ordering.mode.value,
            n_bc=state.n_bc,
            tip_hash=state.tip.hex(),
            patients=state.patients,
            epoch=0,
            slot=self.node.driver.replica.ordering.current_slot,
            final_slot=self.node.driver.replica.ordering.final_slot,
            leader=self.charter.doctors[0].name,
            open_proposals=len(self.node.driver.replica.pool),
            peers=peers,
            ready=False,
            not_ready=("1 doctors' nodes are linked, ordering needs 3",),
            ordering="ordering",
        )


@asynccontextmanager
async def record_desk(home: Path, name: str = DOCTOR) -> AsyncIterator[KitDesk]:
    """The desk of one member's node, which has opened what it may read; one proposal is open."""
    record = grown()
    async with node_of(NETWORK, name, home, record.chain) as node:
        await _remember(node, record.bodies)
        await _open_proposal(node, record)
        yield KitDesk(node)


async def _remember(node: Node, bodies: Sequence[Sealed]) -> None:
    """Bodies with their chunks, and when proposals and votes came."""
    for index, sealed in enumerate(bodies):
        core = sealed.proposal.core
        cast = votes(NETWORK, sealed.proposal, node.state)
        await node.store.writer.submit(partial(_arrive, index=index, sealed=sealed, cast=cast))
        if address(node.name) in {wrap.recipient for wrap in sealed.wraps}:
            for (part, chunk), octets in sealed.chunks.items():
                await node.chunks.put_chunk(core.record, part.value, chunk, octets)
            await node.chunks.make_durable(core.record)
            await node.bodies.adopt(sealed.proposal, sealed.wraps)


def _arrive(connection: Any, index: int, sealed: Sealed, cast: Sequence[Any]) -> None:
    """A proposal, an hour's voting or so, and its batch as this node saw them come."""
    issued_us = sealed.proposal.core.issued_at_ms * 1_000
    voted_us = issued_us + (20 + 37 * (index * 5 % 11)) * 60_000_000
    insert_proposals(connection, [sealed.proposal], issued_us + 1_000_000, "accepted")
    insert_votes(connection, cast, voted_us)
    final = update(BATCHES).where(BATCHES.c.first_nbc == index + 1)
    connection.execute(final.values(finalised_at_us=voted_us + 900_000))


async def _open_proposal(node: Node, record: Record) -> None:
    drafted = propose(NETWORK, record.chain.view, BlockType.TEST_RESULT, 2)
    content = {"collected_at_ms": BEGAN_MS, "specimen": "blood", "results": RESULTS}
    parts = {PartName.TEST_RES: encode_structured(PartName.TEST_RES, content)}
    sealed = seal(NETWORK, drafted, parts, LABORATORY)
    node.holders.offers[sealed.proposal.core.issuer] = sealed
    await node.driver.ask(ProposalArrived(sealed.proposal, None))
