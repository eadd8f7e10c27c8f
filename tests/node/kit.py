"""One node without a network: real store, bodies, replica and driver; peers and holders are played.

Members, keys and chains are those of `tests.support`; bodies are sealed for real.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medquorum.consensus.messages import Message
from medquorum.consensus.replica import Replica
from medquorum.ledger.body import PartDescriptor
from medquorum.ledger.ceremony import parse_charter_file
from medquorum.ledger.chain import ChainState
from medquorum.ledger.charter import Charter
from medquorum.ledger.keys import Address, Purpose, public_key
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.reasons import Judgement
from medquorum.ledger.types import RecordId
from medquorum.ledger.vote import Vote
from medquorum.ledger.wrap import Wrap
from medquorum.node.bodies import Bodies, BodyState
from medquorum.node.body_store import BodyStore, open_local_bodies
from medquorum.node.driver import Driver
from medquorum.node.happenings import Happenings
from medquorum.node.histories import Histories
from medquorum.node.issuer import Issuer
from medquorum.node.keystore import Keystore, KeystorePublic
from medquorum.node.membership import Membership
from medquorum.node.peers.errors import BodyUnavailable
from medquorum.node.queries import Queries
from medquorum.node.recipients import reads_body
from medquorum.node.service import body_watcher
from medquorum.node.startup import (
    History,
    charters_of,
    claim_store,
    remember,
    remember_bodies,
)
from medquorum.node.store.chain_rows import FinalBatch, append_batches
from medquorum.node.store.dialects import parse_storage_url, reader_engine
from medquorum.node.store.engine import Store, default_storage_url, open_store
from medquorum.node.submissions import Submissions
from medquorum.node.verifier import CachedVerifier
from medquorum.node.voting import Voting
from tests.ledger.charter_kit import address_of_name, leaf, private_key, signer_of
from tests.ledger.governance_kit import new_leaf
from tests.node.sealed_bodies import Sealed
from tests.support.chains import Chain
from tests.support.governed import Governed
from tests.support.network import INSTITUTIONS, Network, make_network

PATIENCE_S = 20.0
NODE_KEYS = (Purpose.CONSENSUS, Purpose.ENCRYPTION, Purpose.TLS)


async def until(condition: Callable[[], object]) -> None:
    """Let the loop work until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  (what changes has no event to wait for)
            await asyncio.sleep(0.005)


# --- the node -------------------------------------------------------------------------------


@dataclass
class Mouth:
    """Notes what the driver says."""

    said: list[object] = field(default_factory=list)
    refusals: list[tuple[object, Judgement]] = field(default_factory=list)
    on_speech: Callable[[], None] = lambda: None

    def send(self, to: Address, message: Message) -> None:
        self.on_speech()
        self.said.append(message)

    def broadcast(self, message: Message) -> None:
        self.on_speech()
        self.said.append(message)

    def relay(self, record: Proposal | Vote) -> None:
        self.on_speech()
        self.said.append(record)

    def charter_changed(self, charter: Charter) -> None:
        self.on_speech()
        self.said.append(charter)

    def refused(self, record: Proposal | Vote, judgement: Judgement) -> None:
        self.refusals.append((record, judgement))


@dataclass
class Holders:
    """Plays the fetcher: who offers which body, and who was asked."""

    chunks: BodyStore
    offers: dict[Address, Sealed] = field(default_factory=dict)
    wraps: dict[Address, Sequence[Wrap]] = field(default_factory=dict)
    """Instead of all wraps."""
    asked: list[tuple[Address, ...]] = field(default_factory=list)
    durable: list[RecordId] = field(default_factory=list)

    async def fetch_body(
        self,
        record: RecordId,
        descriptors: Sequence[PartDescriptor],
        holders: Sequence[Address],
        progress: object = None,
        *,
        manifest_needed: bool = False,
    ) -> tuple[bytes, ...]:
        self.asked.append(tuple(holders))
        missing = False
        for part in descriptors:
            held = await self.chunks.has_chunks(record, part.name)
            missing |= len(held) < part.chunks
        if not missing and not manifest_needed:
            return ()
        for holder in holders:
            offer = self.offers.get(holder)
            if offer is not None and offer.record == record:
                for (part_name, index), sealed in offer.chunks.items():
                    if index not in await self.chunks.has_chunks(record, part_name):
                        await self.chunks.put_chunk(record, part_name, index, sealed)
                await self.chunks.make_durable(record)
                self.durable.append(record)
                given = self.wraps.get(holder, offer.wraps)
                return tuple(wrap.encoded() for wrap in given)
        raise BodyUnavailable("nobody has it")


@dataclass
class Node:
    """The rooms of one running node."""

    network: Network
    name: str
    home: Path
    store: Store
    chunks: BodyStore
    driver: Driver
    bodies: Bodies
    holders: Holders
    mouth: Mouth
    news: Happenings
    histories: Histories
    membership: Membership
    complaints: list[Any] = field(default_factory=list)
    fatal: list[BaseException] = field(default_factory=list)
    running: asyncio.Task[None] | None = None

    @property
    def address(self) -> Address:
        return address_of_name(self.name)

    @property
    def state(self) -> ChainState:
        return self.driver.replica.state

    @property
    def submissions(self) -> Submissions:
        sign = signer_of(self.name, Purpose.CLINICAL) if self.name in INSTITUTIONS else None
        return Submissions(self.driver, self.bodies, self.chunks, Issuer(self.address, sign))

    @property
    def voting(self) -> Voting:
        return Voting(self.driver, self.store, self.bodies, self.address)

    @property
    def queries(self) -> Queries:
        return Queries(self.driver, self.store, self.bodies, self.histories, self.address)

    async def put(self, sealed: Sealed) -> None:
        """Put the chunks as a doctor's own machine does."""
        for (part, index), chunk in sealed.chunks.items():
            await self.submissions.put_chunk(sealed.record, part, index, chunk)

    def stored_files(self) -> set[Path]:
        """Every chunk file on disk."""
        return {path for path in (self.home / "bodies").rglob("*") if path.is_file()}

    async def rows(self, table: str) -> int:
        """How many rows a table has, as another connection sees it."""
        query = f"SELECT count(*) FROM {table}"
        return await self.store.read(
            lambda connection: int(connection.exec_driver_sql(query).scalar_one())
        )

    def opened(self, sealed: Sealed) -> bool:
        return self.bodies.state_of(sealed.proposal) is BodyState.OPENED


def keep_chain(connection: Any, chain: Chain | Governed) -> None:
    """Write a chain as if this node had seen it grow."""
    if isinstance(chain, Governed):
        entries = [(one.batch, one.certificate, one.tail) for one in chain.entries]
    else:
        entries = [(batch, own, ()) for batch, own in chain.entries]
    finals = [
        FinalBatch(index, batch, own, 1_000_000 + index, tail)
        for index, (batch, own, tail) in enumerate(entries)
    ]
    append_batches(connection, finals)


def membership_of(network: Network, name: str, label: str | None = None) -> Membership:
    """A member with the keys of its node; consensus, encryption and TLS keys of another label."""
    is_institution = name in INSTITUTIONS
    keys = {purpose: private_key(label or name, purpose) for purpose in NODE_KEYS}
    if is_institution:
        keys[Purpose.CLINICAL] = private_key(name, Purpose.CLINICAL)
    keys[Purpose.POLICY] = private_key(name, Purpose.POLICY)
    points = {purpose.value: public_key(key).hex() for purpose, key in keys.items()}
    shown = leaf(name) if label is None else new_leaf(label)
    public = KeystorePublic(address_of_name(name), points, shown)
    named = {purpose.value: key for purpose, key in keys.items()}
    if label is not None:
        named["encryption-1"] = private_key(name, Purpose.ENCRYPTION)
    charter_file = parse_charter_file(network.charter_file())
    return Membership(charter_file, address_of_name(name), Keystore(public, named))


@asynccontextmanager
async def node_of(
    network: Network,
    name: str,
    home: Path,
    chain: Chain | Governed | None = None,
    *,
    run: bool = True,
    label: str | None = None,
) -> AsyncIterator[Node]:
    """A node from what its home holds; `chain` fills an empty one, `label` names newer keys."""
    store = open_store(home, default_storage_url(home))
    chunks = open_local_bodies(home / "bodies")
    engine = reader_engine(parse_storage_url(default_storage_url(home)), connections=1)
    verifier = CachedVerifier()
    if chain is not None:
        await store.writer.submit(lambda connection: keep_chain(connection, chain))
    founding, own = network.charter, address_of_name(name)
    membership = membership_of(network, name, label)
    await store.writer.submit(lambda connection: claim_store(connection, founding, own))
    remembered = await store.read(lambda connection: remember(connection, founding))
    charters = await store.read(lambda connection: charters_of(connection, remembered.state))
    mouth, news = Mouth(), Happenings()
    replica = Replica(remembered, membership.seat_of, verifier, History(engine))
    driver = Driver(replica, store, mouth, verifier, charters)
    bodies, holders = Bodies(charters, membership.opener(), store, chunks, news), Holders(chunks)
    node = Node(
        network,
        name,
        home,
        store,
        chunks,
        driver,
        bodies,
        holders,
        mouth,
        news,
        Histories(charters, store, bodies),
        membership,
    )
    bodies.fetcher = holders  # type: ignore[assignment]  # plays its one method
    bodies.holders = lambda: tuple(holders.offers)
    bodies.complain, bodies.fatal = node.complaints.append, node.fatal.append
    for body in await store.read(
        lambda connection: remember_bodies(
            connection, lambda one: reads_body(charters, one.core, own)
        )
    ):
        bodies.remember(body.proposal, body.state, body.wraps, final=body.final)
    driver.watchers.append(body_watcher(charters, bodies, own))
    if run:
        node.running = asyncio.create_task(driver.run())
    try:
        yield node
    finally:
        if node.running is not None:
            node.running.cancel()
            await asyncio.gather(node.running, return_exceptions=True)
        await bodies.close()
        await chunks.close()
        engine.dispose()
        verifier.close()
        await store.close()


def small_network(doctors: int = 1) -> Network:
    """With one doctor her node alone is the quorum: blocks become final in one process."""
    return make_network(doctors)
