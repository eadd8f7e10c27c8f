"""The composition of a running node: store, replica, peers, bodies, desk, API.

One event loop, one TaskGroup; whatever fails for good ends the whole node.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection

from medquorum.consensus.effects import Commit
from medquorum.consensus.replica import Accepted, Effect, Remembered, Replica
from medquorum.ledger.charter import Charter
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.node.account_records import OPERATOR_TOKEN
from medquorum.node.accounts import Accounts, adopt_operator_token
from medquorum.node.api.application import create_app, start_listener
from medquorum.node.bodies import Bodies, Opener
from medquorum.node.body_store import BodyStore, open_body_store
from medquorum.node.config import NodeConfig
from medquorum.node.driver import Driver, Watcher
from medquorum.node.front_desk import FrontDesk, Rooms
from medquorum.node.happenings import Happenings
from medquorum.node.histories import Histories
from medquorum.node.logs import configure_logs
from medquorum.node.network import PeerNetwork
from medquorum.node.peers.dialling import client_session
from medquorum.node.peers.directory import NodeIdentity, directory_of
from medquorum.node.peers.hub import Hub
from medquorum.node.peers.hub_settings import HubSettings
from medquorum.node.peers.serving import BodyServer
from medquorum.node.peers.transfer import BodyFetcher
from medquorum.node.queries import Queries
from medquorum.node.recipients import is_recipient
from medquorum.node.startup import (
    History,
    Membership,
    claim_store,
    load_membership,
    orphaned_records,
    remember,
    remember_bodies,
)
from medquorum.node.store.accounts import StoredAccounts
from medquorum.node.store.dialects import parse_storage_url, reader_engine
from medquorum.node.store.engine import Store, open_store
from medquorum.node.submissions import Issuer, Submissions
from medquorum.node.verifier import CachedVerifier
from medquorum.node.voting import Voting

_LOG = structlog.get_logger("service")


def run(config: NodeConfig) -> None:
    """Run a node until SIGTERM or SIGINT; StartError, StoreError and OSError say why it cannot."""
    configure_logs(config.logs.level)
    membership = load_membership(config)
    store = open_store(config.home, config.storage_url)
    asyncio.run(_serve(config, membership, store))


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is made before the node listens."""

    driver: Driver
    network: PeerNetwork
    bodies: Bodies
    chunks: BodyStore
    news: Happenings


async def _serve(config: NodeConfig, membership: Membership, store: Store) -> None:
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        parts = await _assemble(config, membership, store, stack)
        hub = await stack.enter_async_context(_hub(config, membership, parts))
        session = await stack.enter_async_context(client_session())
        parts.bodies.fetcher = BodyFetcher(hub, parts.chunks, session)
        parts.bodies.holders = hub.connected
        stack.push_async_callback(parts.bodies.close)
        desk = _desk(membership, store, parts, hub)
        await _serve_api(config, desk, store, stack)
        for proposal in parts.bodies.unfinished():
            parts.bodies.want(proposal)
        gc.collect()
        gc.freeze()  # what was made to start stays: later collections need not walk it
        _LOG.info("node_started", member=membership.member.address.hex())
        await _until_stopped(parts)
    _LOG.info("node_stopped")


async def _assemble(
    config: NodeConfig, membership: Membership, store: Store, stack: AsyncExitStack
) -> _Parts:
    charter, own = membership.charter, membership.member.address
    engine = reader_engine(parse_storage_url(config.storage_url), connections=1)
    stack.callback(engine.dispose)
    verifier = CachedVerifier()
    stack.callback(verifier.close)

    await store.writer.submit(lambda connection: claim_store(connection, charter, own))

    def read(connection: Connection) -> Remembered:
        return remember(connection, charter)

    replica = Replica(await store.read(read), membership.seat(), verifier, History(engine))
    news = Happenings()
    network = PeerNetwork(charter, own, news)
    stack.callback(network.close)
    driver = Driver(replica, store, network, verifier)
    driver.watchers.append(network.settled)
    chunks = open_body_store(config.bodies_url)
    stack.push_async_callback(chunks.close)
    opener = Opener(
        own, membership.keystore.private_key("encryption"), membership.signer("consensus")
    )
    bodies = Bodies(charter, opener, store, chunks, news)
    bodies.complain, network.on_link = network.complain, bodies.peer_linked
    for orphan in await store.read(orphaned_records):
        await bodies.forget(orphan)
    for body in await store.read(
        lambda connection: remember_bodies(
            connection, lambda one: is_recipient(charter, one.core, own)
        )
    ):
        bodies.remember(body.proposal, body.state, body.wraps, final=body.final)
    return _Parts(driver, network, bodies, chunks, news)


def _hub(config: NodeConfig, membership: Membership, parts: _Parts) -> Hub:
    certificate = membership.member.tls_certificate
    identity = NodeIdentity(
        membership.member.address,
        certificate,
        membership.keystore.private_key("tls"),
        membership.signer("consensus"),
    )
    listen = config.p2p.listen
    settings = HubSettings(
        host=listen.host,
        port=listen.port,
        routes=BodyServer(parts.chunks, parts.bodies).routes(),
    )
    directory = directory_of(membership.charter, membership.charter.network_id)
    hub = Hub(identity, directory, parts.network, settings)
    parts.network.attach(parts.driver, hub)
    return hub


def _desk(membership: Membership, store: Store, parts: _Parts, hub: Hub) -> FrontDesk:
    charter, own = membership.charter, membership.member.address
    histories = Histories(charter, store, parts.bodies)
    rooms = Rooms(
        driver=parts.driver,
        queries=Queries(parts.driver, store, parts.bodies, histories, own),
        submissions=Submissions(
            parts.driver, parts.bodies, parts.chunks, Issuer(own, membership.issuing_signer())
        ),
        voting=Voting(parts.driver, store, parts.bodies, own),
        bodies=parts.bodies,
        store=store,
        news=parts.news,
        hub=hub,
    )
    parts.driver.watchers.append(body_watcher(membership.charter, parts.bodies, own))
    return FrontDesk(membership.charter_file, own, rooms)


def body_watcher(charter: Charter, bodies: Bodies, own: Address) -> Watcher:
    """Fetch the body of everything this node is to read.

    Of open proposals as they arrive; of blocks as well, because a node that was away hears of
    what was decided meanwhile by its batches only.
    """

    def watch(effect: Effect) -> None:
        match effect:
            case Accepted(Proposal() as proposal):
                if proposal.core.issuer != own and is_recipient(charter, proposal.core, own):
                    bodies.want(proposal)
            case Commit(batch, _):
                for block in batch.blocks:
                    if is_recipient(charter, block.proposal.core, own):
                        bodies.want(block.proposal, final=True)
            case _:
                pass

    return watch


async def _serve_api(
    config: NodeConfig, desk: FrontDesk, store: Store, stack: AsyncExitStack
) -> None:
    accounts = Accounts(StoredAccounts(store))
    stack.push_async_callback(accounts.close)
    token = config.home / OPERATOR_TOKEN
    if token.exists():
        await adopt_operator_token(accounts, token)
    app = create_app(desk, accounts, spool=config.home / "spool", public_origin=config.api.origin)
    runner = await start_listener(app, config.api.listen.host, config.api.listen.port)
    stack.push_async_callback(runner.cleanup)


async def _until_stopped(parts: _Parts) -> None:
    """Drive the replica until a signal; a failure of the driver or of a fetch ends the node."""
    loop = asyncio.get_running_loop()
    stop, failed = asyncio.Event(), loop.create_future()

    def fail(error: BaseException) -> None:
        if not failed.done():
            failed.set_exception(error)

    parts.bodies.fatal = fail
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    driving = asyncio.create_task(parts.driver.run())
    stopping = asyncio.create_task(stop.wait())
    waiting: set[asyncio.Future[Any]] = {driving, stopping, failed}
    done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()
