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
from medquorum.consensus.events import Accepted, CharterChanged, Effect
from medquorum.consensus.replica import Remembered, Replica
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.node.account_records import OPERATOR_TOKEN
from medquorum.node.accounts import Accounts, adopt_operator_token
from medquorum.node.api.application import create_app, start_listener
from medquorum.node.auto_rules import Inspection
from medquorum.node.auto_votes import AutoVotes
from medquorum.node.bodies import Bodies
from medquorum.node.body_store import BodyStore, open_body_store
from medquorum.node.charters import Charters
from medquorum.node.config import NodeConfig
from medquorum.node.consents import Consents
from medquorum.node.dossiers import NodeDossiers
from medquorum.node.driver import Driver, Watcher
from medquorum.node.front_desk import FrontDesk, Rooms
from medquorum.node.governance_desk import NodeGovernance
from medquorum.node.governance_records import GovernanceRecords
from medquorum.node.happenings import Happenings
from medquorum.node.histories import Histories
from medquorum.node.intake.gate import ImageGate
from medquorum.node.issuer import Issuer
from medquorum.node.logs import configure_logs
from medquorum.node.membership import EXPLAINED, Membership, MemberStanding
from medquorum.node.network import PeerNetwork
from medquorum.node.peers.dialling import client_session
from medquorum.node.peers.directory import NodeIdentity, directory_of
from medquorum.node.peers.hub import Hub
from medquorum.node.peers.hub_settings import HubSettings
from medquorum.node.peers.serving import BodyServer
from medquorum.node.peers.transfer import BodyFetcher
from medquorum.node.queries import Queries
from medquorum.node.reading import Reading
from medquorum.node.recipients import reads_body
from medquorum.node.startup import (
    History,
    charters_of,
    claim_store,
    load_membership,
    orphaned_records,
    remember,
    remember_bodies,
)
from medquorum.node.statistics import Statistics
from medquorum.node.store.accounts import StoredAccounts
from medquorum.node.store.dialects import parse_storage_url, reader_engine
from medquorum.node.store.engine import Store, open_store
from medquorum.node.store.series_rows import StoredSeries
from medquorum.node.submissions import Submissions
from medquorum.node.verifier import CachedVerifier
from medquorum.node.voting import Voting

_LOG = structlog.get_logger("service")


def run(config: NodeConfig) -> None:
    """Run a node until SIGTERM or SIGINT; StartError, StoreError and OSError say why it cannot."""
    configure_logs(config.logs.level)
    membership = load_membership(config)
    store = open_store(config.home, config.storage_url)
    asyncio.run(_serve(config, membership, store))


@dataclass(slots=True)
class _Parts:
    """What is made before the node listens."""

    membership: Membership
    driver: Driver
    network: PeerNetwork
    bodies: Bodies
    chunks: BodyStore
    news: Happenings
    auto_votes: AutoVotes | None = None


async def _serve(config: NodeConfig, membership: Membership, store: Store) -> None:
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        parts = await _assemble(config, membership, store, stack)
        hub = await stack.enter_async_context(_hub(config, membership, parts))
        session = await stack.enter_async_context(client_session())
        parts.bodies.fetcher = BodyFetcher(hub, parts.chunks, session)
        parts.bodies.holders = hub.connected
        stack.push_async_callback(parts.bodies.close)
        desk = _desk(store, parts, hub)
        await _serve_api(config, desk, store, stack)
        _vote_by_policies(config, parts, stack)
        for proposal in parts.bodies.unfinished():
            parts.bodies.want(proposal)
        gc.collect()
        gc.freeze()  # what was made to start stays: later collections need not walk it
        _LOG.info("node_started", member=membership.own.hex())
        await _until_stopped(parts)
    _LOG.info("node_stopped")


async def _assemble(
    config: NodeConfig, membership: Membership, store: Store, stack: AsyncExitStack
) -> _Parts:
    founding, own = membership.founding, membership.own
    engine = reader_engine(parse_storage_url(config.storage_url), connections=1)
    stack.callback(engine.dispose)
    verifier = CachedVerifier()
    stack.callback(verifier.close)

    await store.writer.submit(lambda connection: claim_store(connection, founding, own))

    def read(connection: Connection) -> tuple[Remembered, Charters]:
        remembered = remember(connection, founding)
        return remembered, charters_of(connection, remembered.state)

    remembered, charters = await store.read(read)
    replica = Replica(remembered, membership.seat_of, verifier, History(engine))
    news = Happenings()
    network = PeerNetwork(charters, own, news)
    stack.callback(network.close)
    driver = Driver(replica, store, network, verifier, charters)
    driver.watchers.append(network.settled)
    chunks = open_body_store(config.bodies_url)
    stack.push_async_callback(chunks.close)
    bodies = Bodies(charters, membership.opener(), store, chunks, news)
    bodies.complain, network.on_link = network.complain, bodies.peer_linked
    for orphan in await store.read(orphaned_records):
        await bodies.forget(orphan)
    for body in await store.read(
        lambda connection: remember_bodies(
            connection, lambda one: reads_body(charters, one.core, own)
        )
    ):
        bodies.remember(body.proposal, body.state, body.wraps, final=body.final)
    return _Parts(membership, driver, network, bodies, chunks, news)


def _hub(config: NodeConfig, membership: Membership, parts: _Parts) -> Hub:
    identity = NodeIdentity(
        membership.own,
        membership.leaf,
        membership.keystore.private_key("tls"),
        membership.signer("consensus"),
    )
    listen = config.p2p.listen
    settings = HubSettings(
        host=listen.host,
        port=listen.port,
        routes=BodyServer(parts.chunks, parts.bodies).routes(),
    )
    directory = directory_of(parts.driver.charters.current, membership.founding.network_id)
    hub = Hub(identity, directory, parts.network, settings)
    parts.network.attach(parts.driver, hub)
    _heed_standing(membership, parts.driver.charters, hub)
    parts.driver.watchers.append(_standing_watcher(membership, parts.driver.charters, hub))
    return hub


def _standing_watcher(membership: Membership, charters: Charters, hub: Hub) -> Watcher:
    """Say what a new charter means for this node, and stop dialling where nobody answers."""

    def watch(effect: Effect) -> None:
        if isinstance(effect, CharterChanged):
            _LOG.info("charter_changed", version=effect.charter.version)
            _heed_standing(membership, charters, hub)

    return watch


def _heed_standing(membership: Membership, charters: Charters, hub: Hub) -> None:
    standing, version = membership.standing(charters), charters.current.version
    hub.dials = standing is not MemberStanding.REVOKED
    if standing in EXPLAINED:
        _LOG.warning("member_standing", status=standing.value, version=version)


def _desk(store: Store, parts: _Parts, hub: Hub) -> FrontDesk:
    membership, charters = parts.membership, parts.driver.charters
    own = membership.own
    histories = Histories(charters, store, parts.bodies)
    issuer = Issuer(own, membership.issuing_signer())
    queries = Queries(parts.driver, store, parts.bodies, histories, own)
    consents = Consents(store, charters, own, lambda: parts.driver.replica.state)
    reading, governance = Reading(parts.bodies, consents), GovernanceRecords(store)
    rooms = Rooms(
        driver=parts.driver,
        queries=queries,
        submissions=Submissions(parts.driver, parts.bodies, parts.chunks, issuer),
        voting=Voting(parts.driver, store, parts.bodies, own),
        bodies=parts.bodies,
        reading=reading,
        dossiers=NodeDossiers(membership.charter_file, queries, reading, histories),
        statistics=Statistics(store, queries, governance),
        store=store,
        news=parts.news,
        hub=hub,
        governance=NodeGovernance(parts.driver, governance, issuer),
    )
    parts.driver.watchers.append(body_watcher(charters, parts.bodies, own))
    return FrontDesk(membership, rooms)


def body_watcher(charters: Charters, bodies: Bodies, own: Address) -> Watcher:
    """Fetch the body of everything this node is to read.

    Of open proposals as they arrive; of blocks as well, because a node that was away hears of
    what was decided meanwhile by its batches only.
    """

    def watch(effect: Effect) -> None:
        match effect:
            case Accepted(Proposal() as proposal):
                if proposal.core.issuer != own and reads_body(charters, proposal.core, own):
                    bodies.want(proposal)
            case Commit(batch):
                for block in batch.blocks:
                    if reads_body(charters, block.proposal.core, own):
                        bodies.want(block.proposal, final=True)
            case _:
                pass

    return watch


def _vote_by_policies(config: NodeConfig, parts: _Parts, stack: AsyncExitStack) -> None:
    """Let the policies of node.toml vote, if it names any (R-VER4)."""
    hand, policies = parts.membership.policy_hand(), config.auto_votes.policies
    if hand is None or not policies:
        return
    inspection = Inspection(parts.bodies, ImageGate(), config.home / "spool")
    parts.auto_votes = AutoVotes(parts.driver, parts.bodies, hand, policies, inspection)
    stack.push_async_callback(parts.auto_votes.close)


async def _serve_api(
    config: NodeConfig, desk: FrontDesk, store: Store, stack: AsyncExitStack
) -> None:
    accounts = Accounts(StoredAccounts(store))
    stack.push_async_callback(accounts.close)
    token = config.home / OPERATOR_TOKEN
    if token.exists():
        await adopt_operator_token(accounts, token)
    app = create_app(
        desk,
        accounts,
        spool=config.home / "spool",
        public_origin=config.api.origin,
        idle_lock_ms=config.api.idle_lock_minutes * 60_000,
        trusted_proxies=config.api.trusted_proxies,
        series=StoredSeries(store),
    )
    runner = await start_listener(app, config.api.listen.host, config.api.listen.port)
    stack.push_async_callback(runner.cleanup)


async def _until_stopped(parts: _Parts) -> None:
    """Drive the replica until a signal; a failure of the driver or of a fetch ends the node."""
    loop = asyncio.get_running_loop()
    stop, failed = asyncio.Event(), loop.create_future()

    def fail(error: BaseException) -> None:
        if not failed.done():
            failed.set_exception(error)

    parts.bodies.fatal = parts.network.fatal = fail
    if parts.auto_votes is not None:
        parts.auto_votes.fatal = fail
        parts.auto_votes.start()
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
